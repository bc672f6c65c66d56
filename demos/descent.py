"""Minimisation with the engine's gradients: what asks for a minimum finds it, rather than quotes it."""
import numpy as np
from scipy.optimize import minimize

import tinygen as tg


def minimise(loss, *starts, iterations=5000):
    """(smallest value, [arrays at it]) of loss(*tensors) -> scalar Tensor, from float64 `starts`, by L-BFGS with gradients from `tg.grad`."""
    starts = [np.asarray(s, np.float64) for s in starts]
    ends = np.cumsum([s.size for s in starts])[:-1]

    def unpack(flat):
        return [part.reshape(s.shape) for part, s in zip(np.split(flat, ends), starts)]

    def value_and_gradient(flat):
        tensors = [tg.tensor(part, requires_grad=True) for part in unpack(flat)]
        value = loss(*tensors)
        return value.item(), np.concatenate([g.numpy().ravel() for g in tg.grad(value, tensors)])

    found = minimize(value_and_gradient, np.concatenate([s.ravel() for s in starts]), jac=True, method="L-BFGS-B",
                     options={"maxiter": iterations, "maxfun": 4 * iterations, "ftol": 1e-15, "gtol": 1e-10, "maxls": 50})
    return float(found.fun), unpack(found.x)
