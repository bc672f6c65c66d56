"""Derivatives as the answers ask for them: by the engine, and by differences."""
import numpy as np

import tinygen as tg


def gradient(function, *points):
    """[d function / d point, ...] as float64 arrays, at float64 `points`, by the engine."""
    tensors = [tg.tensor(np.asarray(p, np.float64), requires_grad=True) for p in points]
    return [g.numpy() for g in tg.grad(function(*tensors), tensors)]


def central_difference(function, point, step=1e-5):
    """(f(point + step) - f(point - step)) / (2 step), of a function of one number."""
    return (function(point + step) - function(point - step)) / (2 * step)
