"""Many small minimisations at once: N functions, each of its own variables, evaluated as one batch.

The gradient of their sum holds the gradient of each in its place. Adam treats every number by itself, so it runs as if each function
were alone. L-BFGS minimises the sum and shares its line searches; each function is divided by its value at the start, so that none
drowns the others, or by a thousandth of the largest where it starts near its minimum: magnified further, its curvature would stop the
search for all. A function whose value at the start is not finite stays there.
"""
from typing import NamedTuple

import numpy as np

from ..autograd import Tensor, enable_grad, grad, mark_updated
from ..backend import host, to
from ..nn import Parameter
from ..optim import Adam, cosine


class Descent(NamedTuple):
    """point (N, ...): for each function the best of the points visited; value (N,) there.

    points (T + 1, N, ...), values (T + 1, N): before every step, and after the last.
    """

    point: np.ndarray
    value: np.ndarray
    points: np.ndarray
    values: np.ndarray


def descend(objective, start, *, method="adam", steps=300, lr=0.1, after=None):
    """Minimise N functions at once from `start` (N, ...), float: a `Descent`, in arrays on the host.

    objective: Tensor (N, ...) -> Tensor (N,), the n-th from the n-th variables alone.    method: "adam", whose learning rate falls from
    lr to 0 along half a cosine, or "lbfgs" (SciPy's L-BFGS-B), which stops earlier where it can go no lower.
    after: array (N, ...) -> array, applied to the variables after every step of Adam.
    Raises ValueError for an unknown method, fewer than 0 steps, a start that L-BFGS cannot take (NaN), or an objective that does not return (N,).
    """
    if method not in METHODS:
        raise ValueError(f"descend: method {method!r} is none of {', '.join(METHODS)}")
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0:
        raise ValueError(f"descend: steps = {steps!r} must be a whole number, 0 or more")
    if after is not None and method != "adam":
        raise ValueError("descend: what changes the variables between two steps breaks the curvature that L-BFGS has gathered; use adam")

    if method == "lbfgs" and not np.isfinite(host(start)).all():
        raise ValueError(f"descend: start {start.shape} holds NaN or infinity, and L-BFGS moves all functions together; leave those rows out")

    def checked(variables):
        values = objective(variables)
        if getattr(values, "shape", None) != (len(start),):
            raise ValueError(f"descend: the objective returned {getattr(values, 'shape', type(values).__name__)} for variables {start.shape}; "
                             f"expected ({len(start)},), one value for each")
        return values

    with enable_grad():
        visited = list(METHODS[method](checked, start, steps, lr, after))
    points, values = (np.stack(part) for part in zip(*visited))
    best = np.where(np.isfinite(values), values, np.inf).argmin(axis=0)
    each = np.arange(len(start))
    return Descent(points[best, each], values[best, each], points, values)


def _adam(objective, start, steps, lr, after):
    """(variables, values) before every step and after the last."""
    variables = Parameter(start.copy())
    optimizer = Adam([variables], lr)
    for step in range(steps):
        values = objective(variables)
        yield host(variables.data).copy(), host(values.data)
        optimizer.lr = cosine(lr, step, steps)
        optimizer.minimize(values.sum())
        if after is not None:
            variables.data[...] = after(variables.data)
            mark_updated(variables)
    yield host(variables.data), host(objective(variables).data)


def _lbfgs(objective, start, steps, lr, after):
    from scipy.optimize import minimize         # takes as long to load as all of tinygen

    device, scale, visited, last = Tensor(start).device, None, [], None

    def value_and_gradient(flat):
        nonlocal scale, last
        variables = Tensor(to(flat.reshape(start.shape).astype(start.dtype), device), requires_grad=True)
        values = objective(variables)
        last = host(variables.data), host(values.data)
        if scale is None:
            sizes = np.where(np.isfinite(last[1]), np.abs(last[1]), np.inf)
            largest = sizes[np.isfinite(sizes)].max(initial=0.0)
            scale = 1.0 / np.maximum(sizes, max(1e-3 * largest, np.finfo(start.dtype).tiny ** 0.5))     # 0 for those that are not finite
            visited.append(last)
        slope, = grad(values, [variables], to(scale.astype(values.dtype), device))
        slope = host(slope.data).reshape(len(start), -1).astype(np.float64)
        left_out = scale == 0
        slope[left_out] = 0
        return float((last[1][~left_out] * scale[~left_out]).sum(dtype=np.float64)), slope.ravel()

    minimize(value_and_gradient, host(start).ravel().astype(np.float64), jac=True, method="L-BFGS-B",
             callback=lambda flat: visited.append(last),
             options={"maxiter": steps, "maxfun": 20 * steps + 1, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-12})
    return visited


METHODS = {"adam": _adam, "lbfgs": _lbfgs}
