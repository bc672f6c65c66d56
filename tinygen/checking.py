"""gradcheck: does the gradient of a function, of any order, agree with finite differences?"""
import numpy as np

from .autograd import Tensor, grad, no_grad
from .backend import host
from .ops import sum_
from .ops.normalization import frozen_statistics

STEP = 1e-5          # central differences in float64: truncation about 1e-10, rounding about 1e-11, relative


class GradientError(AssertionError):
    """A gradient that does not agree with finite differences."""


class KinkError(GradientError):
    """A point where the function has no derivative: finite differences from the left and the right do not agree."""


def gradcheck(f, inputs, order=2, *, full=False, rtol=1e-5, atol=1e-7, seed=0):
    """Check the gradients of `f(*tensors) -> Tensor` at `inputs`, to `order`, against central differences in float64.

    Each input is moved along a random direction, or, with `full`, element by element. Order 2 checks the gradient of the
    gradient (of <vjp, random directions>, in the inputs and in the incoming gradient), and so on. Returns True.

    inputs: arrays or Tensors, taken as float64. Raises GradientError with the function, the input, the index, the expected
    and the received number; KinkError where f has no derivative; ValueError where f is not deterministic or not finite.
    """
    name = getattr(f, "__name__", type(f).__name__)
    if hasattr(inputs, "dtype"):
        raise TypeError(f"gradcheck: inputs is one {type(inputs).__name__}; give a list of them: gradcheck({name}, [x])")
    xs = [np.array(host(x.data) if isinstance(x, Tensor) else x, np.float64) for x in inputs]
    if order < 1 or not xs:
        raise ValueError(f"gradcheck: order {order} and {len(xs)} inputs; both must be at least 1")
    with frozen_statistics():
        _check(f, name, xs, order, 1, len(xs), full, rtol, atol, np.random.default_rng(seed))
    return True


def _check(f, name, xs, order, level, n_inputs, full, rtol, atol, rng):
    """Check first derivatives of f at xs; then, if order > 1, those of its vector-Jacobian product."""
    def value(arrays):
        with no_grad():
            y = f(*[Tensor(x) for x in arrays])
        if not isinstance(y, Tensor):
            raise TypeError(f"gradcheck: {name} returned a {type(y).__name__}, not a Tensor")
        return y.data

    y = value(xs) if level == 1 else None
    tensors = [Tensor(x, requires_grad=True) for x in xs]
    out = f(*tensors)
    if out.dtype != np.float64:
        raise TypeError(f"gradcheck: {name} returned {out.dtype} for float64 inputs; its constants must be Python floats")
    if not np.isfinite(out.data).all():
        raise ValueError(f"gradcheck: {name} is not finite at these inputs")
    if y is not None and not np.array_equal(y, out.data):
        raise ValueError(f"gradcheck: {name} gave two results for the same inputs; it draws noise: fix the noise outside it")
    g = rng.standard_normal(out.shape)
    received = [t.data for t in grad(out, tensors, grad_output=Tensor(g))]

    def along(i, direction, step):
        """<g, f> with input i moved by step * direction."""
        moved = [x + step * direction if j == i else x for j, x in enumerate(xs)]
        if level == 1:
            return float((value(moved) * g).sum())
        return float((f(*[Tensor(x, requires_grad=True) for x in moved]).data * g).sum())

    for i, x in enumerate(xs):
        if not x.size:
            continue
        where = f"input {i}" if i < n_inputs else f"the gradient passed in at order {i - n_inputs + 1}"
        direction = rng.standard_normal(x.shape)
        slope = _Slope(lambda step: along(i, direction, step))
        if not np.isfinite(received[i]).all():
            index = tuple(int(k) for k in np.argwhere(~np.isfinite(received[i]))[0])
            raise GradientError(f"gradcheck: {name}, order {level}, {where}, index {index}: received {received[i][index]}")
        scale = float(np.abs(received[i] * direction).sum())
        wrong = not abs(float((received[i] * direction).sum()) - slope.value) <= atol + rtol * max(scale, abs(slope.value))
        if wrong or full or slope.bends():
            _element_by_element(f"gradcheck: {name}", f"order {level}, {where}", x, received[i],
                                lambda unit: _Slope(lambda step: along(i, unit, step)), wrong, rtol, atol)

    if order > level:
        for i, t in enumerate(grad(out, tensors, grad_output=Tensor(g), create_graph=True)):
            _same_with_create_graph(f"gradcheck: {name}, order {level}, input {i}", received[i], t.data, rtol, atol)
        directions = [Tensor(rng.standard_normal(x.shape)) for x in xs]

        def vjp(*arguments):
            *points, cotangent = arguments
            slopes = grad(f(*points), points, grad_output=cotangent, create_graph=True)
            return sum((sum_(slope * d) for slope, d in zip(slopes, directions)), Tensor(np.zeros(())))
        _check(vjp, name, [*xs, g], order, level + 1, n_inputs, full, rtol, atol, rng)


def _same_with_create_graph(name, plain, recorded, rtol, atol):
    """A VJP may be written twice, for arrays and for Tensors: the next order is that of the second, so both must agree."""
    excess = np.abs(plain - recorded) - atol - rtol * np.abs(plain).max(initial=0)
    if not (excess <= 0).all():
        index = tuple(int(i) for i in np.unravel_index(np.argmax(excess), plain.shape))
        raise GradientError(f"{name}, index {index}: received {plain[index]:.8g}, and {recorded[index]:.8g} under create_graph")


class _Slope:
    """The derivative of a function of one number at 0, by central differences."""

    def __init__(self, f):
        self.f, self.here = f, f(0.0)
        self.value, self.gap = self._differences(STEP)

    def _differences(self, h):
        """(The central slope, how far the slopes from the right and from the left are apart), with step h."""
        up, down = self.f(h), self.f(-h)
        return (up - down) / (2 * h), abs(up - 2 * self.here + down) / h

    def bends(self):
        """Whether there is no derivative: with a smaller step the two slopes stay apart (a kink), or grow (a jump)."""
        rounding = 1e-13 * abs(self.here) / STEP
        apart, steep = self.gap > 1e-4 * max(1.0, abs(self.value)) + rounding, abs(self.value) > 300
        if not (apart or steep):                                           # as nearly always
            return False
        value, gap = self._differences(STEP / 4)
        return apart and gap > 0.5 * self.gap or abs(value) > 2 * abs(self.value)


def _element_by_element(name, where, x, received, slope_along, wrong, rtol, atol):
    """Compare every element of one gradient; raise for the first kink, for the worst element, or for the direction alone."""
    worst, worst_index, expected = -1.0, None, None
    for index in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[index] = 1
        slope = slope_along(unit)
        if slope.bends():
            raise KinkError(f"{name} has a kink at {where}, index {index}, value {x[index]:.6g}: slopes from the left and from "
                            "the right differ; check at a point away from it")
        excess = abs(float(received[index]) - slope.value) / (atol + rtol * max(abs(slope.value), float(np.abs(received).max())))
        if not excess <= worst:
            worst, worst_index, expected = excess, index, slope.value
    if worst > 1 or wrong:
        found = float(received[worst_index])
        ratio = f"; received / expected = {found / expected:.6g}" if expected else ""
        raise GradientError(f"{name}, {where}, index {worst_index}, value {x[worst_index]:.6g}: expected {expected:.8g} (finite differences), received "
                            f"{found:.8g}, both for a random incoming gradient{ratio}")
