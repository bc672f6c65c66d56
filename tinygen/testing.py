"""Property-testing operations: hypothesis strategies for their inputs, and one check that looks at everything.

An operation of your own is tested in three lines:

    @hypothesis.given(testing.arrays())
    def test_swish(x):
        testing.check_op(lambda x: x * tg.sigmoid(x), [x])

Values lie on a grid of sixteenths, so that zeros and equal elements come up often and float32 holds them exactly. Kinks
and ties, where there is no derivative to compare with, are kept away by construction: `away_from`, `distinct`.
"""
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .autograd import Tensor, grad
from .checking import gradcheck

GRID = 1 / 16


# ---- strategies ----------------------------------------------------------------------------------------------------------


def shapes(min_dims=0, max_dims=3, min_side=1, max_side=4):
    """Shapes: tuples of `min_dims` to `max_dims` lengths."""
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side)


def broadcastable(n=2, max_dims=3, max_side=4):
    """Tuples of `n` shapes that fit together by NumPy's broadcasting."""
    return hnp.mutually_broadcastable_shapes(num_shapes=n, max_dims=max_dims, max_side=max_side).map(lambda b: b.input_shapes)


@st.composite
def arrays(draw, shape=None, low=-2.0, high=2.0, away_from=(), gap=0.1, distinct=False, dtype=np.float64):
    """Arrays of numbers in [low, high].

    shape      a tuple, or a strategy of tuples (default: `shapes()`)
    away_from  points that every element keeps a distance of at least `gap` from: the kinks of the operation
    distinct   the elements are evenly spread over the range, in any order: no ties
    """
    shape = draw(shapes() if shape is None else shape) if not isinstance(shape, tuple) else shape
    random = np.random.default_rng(draw(st.integers(0, 2 ** 32 - 1)))
    n = int(np.prod(shape))
    if distinct:
        if away_from:
            raise ValueError("arrays: distinct values are spread over the whole range and cannot also keep away from points")
        return random.permutation(np.linspace(low, high, n + 2)[1:-1]).reshape(shape).astype(dtype)
    grid = np.arange(np.ceil(low / GRID), np.floor(high / GRID) + 1) * GRID
    for point in away_from:
        grid = grid[abs(grid - point) >= gap]
    if not grid.size:
        raise ValueError(f"arrays: between {low} and {high} no sixteenth is {gap} away from {away_from}; widen the range")
    return random.choice(grid, n).reshape(shape).astype(dtype)


def _paddings(largest):
    """An int, a pair, or two pairs; `largest` is the greatest padding along each axis."""
    side = st.integers(0, min(largest))
    along = [st.integers(0, n) for n in largest]
    return st.one_of(side, st.tuples(*along), st.tuples(*(st.tuples(a, a) for a in along)))


@st.composite
def convolutions(draw, transposed=False, max_side=7):
    """(shape of x, shape of w, settings) for conv2d, or conv_transpose2d if `transposed`.

    settings: stride, padding (every way to write it, "same" included), dilation and, if transposed, output_padding.
    """
    batch, inside, out = (draw(st.integers(1, 3)) for _ in range(3))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride, dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3))), draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    span = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    padding = draw(_paddings((2, 2)))                  # also more than a small kernel reaches
    if draw(st.integers(0, 4)) == 0:
        padding, stride = "same", (1, 1)
    totals = [n - 1 for n in span] if padding == "same" else _totals(padding)
    if transposed:                                     # the least H whose output, (H - 1) stride + span - total, is not empty
        least = [max(1, 1 + -((n - 1 - total) // s)) for n, total, s in zip(span, totals, stride)]
    else:                                              # the least H that a window fits in
        least = [max(1, n - total) for n, total in zip(span, totals)]
    x = (batch, inside, *(draw(st.integers(n, max(n, 4 if transposed else max_side))) for n in least))
    settings = dict(stride=_short(draw, stride), padding=padding, dilation=_short(draw, dilation))
    if not transposed:
        return x, (out, inside, *kernel), settings
    settings["output_padding"] = draw(st.tuples(*(st.integers(0, s - 1) for s in stride)))
    return x, (inside, out, *kernel), settings


def _totals(padding):
    """Top plus bottom, and left plus right, of a padding."""
    along = (padding, padding) if isinstance(padding, int) else padding
    return tuple(2 * p if isinstance(p, int) else sum(p) for p in along)


def _short(draw, pair):
    """A pair of equal numbers, sometimes, as one number."""
    return pair[0] if pair[0] == pair[1] and draw(st.booleans()) else pair


@st.composite
def poolings(draw, max_side=7):
    """(shape of x, kernel_size, settings) for max_pool2d and avg_pool2d; settings: stride and padding."""
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = draw(_paddings([k // 2 for k in kernel]))
    least = [max(1, k - total) for k, total in zip(kernel, _totals(padding))]
    x = (*draw(st.tuples(st.integers(1, 2), st.integers(1, 3))), *(draw(st.integers(n, max_side)) for n in least))
    stride = draw(st.none() | st.tuples(st.integers(1, 3), st.integers(1, 3)))
    return x, _short(draw, kernel), dict(stride=stride, padding=padding)


# ---- the check ---------------------------------------------------------------------------------------------------------------


def check_op(op, inputs, *, order=2, reference=None, linear_in=()):
    """Check one operation, without parameters of its own, at one point; raises AssertionError with what is wrong.

    The function `op` takes Tensors (or arrays) and returns one; `inputs` are float64 arrays. Checked are:
    * the values, against `reference(*inputs)` in NumPy, if given
    * that arrays and Tensors give the same, that inputs are left alone, and that float32 stays float32, gradients included
    * the gradients to `order`, against finite differences (0: that there is none to check)
    * for every input number in `linear_in`: the adjoint identity <op(v) - op(0), g> = <v, vjp(g)>
    """
    inputs = [np.asarray(x) for x in inputs]
    before = [x.copy() for x in inputs]
    tensors = [Tensor(x, requires_grad=True) for x in inputs]
    y = op(*tensors)
    assert isinstance(y, Tensor), f"op returned a {type(y).__name__} for Tensors"
    assert y.dtype == np.float64, f"op returned {y.dtype} for float64 inputs"
    plain = op(*inputs)
    assert not isinstance(plain, Tensor), "op returned a Tensor for arrays"
    np.testing.assert_array_equal(np.asarray(plain), y.data, err_msg="arrays and Tensors give different values")
    if reference is not None:
        expected = np.asarray(reference(*inputs))
        assert y.shape == expected.shape, f"op returned shape {y.shape}, the reference {expected.shape}"
        np.testing.assert_allclose(y.data, expected, rtol=1e-9, atol=1e-9, err_msg="op disagrees with its reference")
    _check_float32(op, inputs, y.data, order)
    if order:
        gradcheck(op, inputs, order=order)
    for i in linear_in:
        _check_adjoint(op, inputs, i, y.data)
    for i, (x, kept) in enumerate(zip(inputs, before)):
        assert np.array_equal(x, kept), f"op changed its input {i}"


def _check_float32(op, inputs, expected, order):
    """float32 inputs give a float32 result near that of float64, and float32 gradients of every order."""
    tensors = [Tensor(x.astype(np.float32), requires_grad=True) for x in inputs]
    y = op(*tensors)
    assert y.dtype == np.float32, f"op returned {y.dtype} for float32 inputs"
    np.testing.assert_allclose(y.data, expected, rtol=1e-3, atol=1e-3, err_msg="float32 and float64 disagree")
    total = y.sum()
    for level in range(1, order + 1):
        gradients = grad(total, tensors, create_graph=True)
        for i, (g, x) in enumerate(zip(gradients, tensors)):
            assert g.dtype == np.float32, f"the gradient of order {level} in input {i} is {g.dtype} for float32 inputs"
            assert g.shape == x.shape, f"the gradient of order {level} in input {i} has shape {g.shape} for an input of {x.shape}"
        total = sum(((g * g).sum() for g in gradients), Tensor(np.zeros((), np.float32)))


def _check_adjoint(op, inputs, i, y):
    """<op(v) - op(0), g> = <v, vjp(g)> for input i; and op(2 v) - op(0) = 2 (op(v) - op(0))."""
    at = lambda v: op(*[v if j == i else x for j, x in enumerate(inputs)])
    random, v = np.random.default_rng(0), inputs[i]
    offset = at(np.zeros_like(v))
    np.testing.assert_allclose(at(2 * v) - offset, 2 * (y - offset), rtol=1e-9, atol=1e-9, err_msg=f"not linear in input {i}")
    g = random.standard_normal(y.shape)
    t = Tensor(v, requires_grad=True)
    back, = grad(at(t), [t], grad_output=g)
    np.testing.assert_allclose(((y - offset) * g).sum(), (v * back.data).sum(), rtol=1e-9, atol=1e-9,
                               err_msg=f"the VJP of input {i} is not the adjoint")
