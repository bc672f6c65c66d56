"""How weights start: the schemes of PyTorch, with its names, gains and fans. Drawn on the host, so a seed gives one network.

A weight is (out, in, ...): fan_in = in * kernel positions, fan_out = out * kernel positions.
"""
import math

import numpy as np

from ..autograd import mark_updated
from ..backend import generator, to, xp

_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2)}


def gain(nonlinearity, slope=0.01):
    """The factor that keeps the variance through a nonlinearity: linear, sigmoid, tanh, relu, leaky_relu (with its slope)."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + slope ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"gain: unknown nonlinearity {nonlinearity!r}; known are {', '.join([*_GAINS, 'leaky_relu'])}")
    return _GAINS[nonlinearity]


def fans(shape):
    """(fan_in, fan_out) of a weight (out, in, ...)."""
    if len(shape) < 2:
        raise ValueError(f"fans: a weight {shape} needs at least 2 axes (out, in)")
    positions = math.prod(shape[2:])
    return shape[1] * positions, shape[0] * positions


def _set(parameter, values):
    data = xp(parameter.data).empty_like(parameter.data)                # keeps the order of the memory
    data[...] = to(np.asarray(values, parameter.dtype), parameter.device)
    parameter.data = data
    mark_updated(parameter)
    return parameter


def uniform_(parameter, low, high):
    """U[low, high)."""
    return _set(parameter, generator().uniform(low, high, parameter.shape))


def normal_(parameter, mean=0.0, std=1.0):
    """N(mean, std^2)."""
    return _set(parameter, mean + std * generator().standard_normal(parameter.shape))


def constant_(parameter, value):
    """Every element the same."""
    return _set(parameter, np.full(parameter.shape, value))


def kaiming_uniform_(parameter, a=0.0, nonlinearity="leaky_relu"):
    """U[-b, b], b = gain sqrt(3 / fan_in) (He et al. 2015, Eq. 10); a is the leaky slope, 0 for ReLU."""
    bound = gain(nonlinearity, a) * math.sqrt(3 / fans(parameter.shape)[0])
    return uniform_(parameter, -bound, bound)


def kaiming_normal_(parameter, a=0.0, nonlinearity="leaky_relu"):
    """N(0, gain^2 / fan_in) (He et al. 2015, Eq. 10)."""
    return normal_(parameter, 0.0, gain(nonlinearity, a) / math.sqrt(fans(parameter.shape)[0]))


def xavier_uniform_(parameter, gain=1.0):
    """U[-b, b], b = gain sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, Eq. 16)."""
    bound = gain * math.sqrt(6 / sum(fans(parameter.shape)))
    return uniform_(parameter, -bound, bound)


def xavier_normal_(parameter, gain=1.0):
    """N(0, gain^2 2 / (fan_in + fan_out)) (Glorot & Bengio 2010, Eq. 12)."""
    return normal_(parameter, 0.0, gain * math.sqrt(2 / sum(fans(parameter.shape))))


def default_(weight, bias=None):
    """PyTorch's start of Linear and convolution layers: weight and bias both U[-b, b] with b = 1 / sqrt(fan_in).

    (For the weight this is kaiming_uniform with a = sqrt(5).)
    """
    kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        bound = 1 / math.sqrt(fans(weight.shape)[0])
        uniform_(bias, -bound, bound)
