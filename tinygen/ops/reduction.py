"""Operations that sum, average or compare along axes. `axis` is an integer, a tuple, or None for all."""
import math

import numpy as np

from ..autograd import primitive
from ..backend import xp
from ..kernels.moments import reduced
from .elementwise import exp
from .shaping import as_array, broadcast_to, reshape


def _axes(x, axis):
    """The axes reduced over, as a sorted tuple of non-negative integers."""
    if axis is None:
        return tuple(range(x.ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    for a in axes:
        if not isinstance(a, (int, np.integer)):
            raise TypeError(f"axis {axis!r} is not an integer, a tuple of integers, or None")
        if not -x.ndim <= a < x.ndim:
            raise ValueError(f"axis {a} is out of range for shape {x.shape}")
    return tuple(sorted(a % x.ndim for a in axes))


def expand(g, x, axis):
    """g, reduced from x's shape over `axis`, with the reduced axes back as length 1."""
    axes = _axes(x, axis)
    return reshape(g, shape=tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def _count(x, axis):
    return math.prod(x.shape[i] for i in _axes(x, axis))


def _check_some(name, x, axis):
    """Raise where a reduction that has no value for nothing is asked for one."""
    if not x.size and not _count(x, axis):
        raise ValueError(f"{name}: there is no element over axis {axis} of shape {x.shape}; give it a non-empty batch")


@primitive(lambda g, y, x, axis, keepdims: broadcast_to(expand(g, x, axis), shape=x.shape))
def sum_(x, *, axis=None, keepdims=False):
    """The sum over `axis`."""
    return reduced(x, "sum", _axes(x, axis), keepdims)


@primitive(lambda g, y, x, axis, keepdims: broadcast_to(expand(g, x, axis) * (1.0 / _count(x, axis)), shape=x.shape))
def mean(x, *, axis=None, keepdims=False):
    """The mean over `axis`."""
    _check_some("mean", x, axis)
    return reduced(x, "mean", _axes(x, axis), keepdims)


def var(x, axis=None, keepdims=False, ddof=0):
    """The variance over `axis`, divided by the count minus `ddof`."""
    n = _count(x, axis) - ddof
    if n <= 0:
        raise ValueError(f"var: axis {axis} of shape {x.shape} has {n + ddof} elements; ddof={ddof} needs more")
    centred = x - mean(x, axis=axis, keepdims=True)
    return sum_(centred * centred, axis=axis, keepdims=keepdims) * (1.0 / n)


@primitive(None, None)
def _winners(x, y, *, axis):
    """Which elements of x attain the extremum y over `axis`, divided by how many do."""
    mask = (x == y.reshape(expand(y, x, axis).shape)).astype(x.dtype)
    return mask / mask.sum(axis=_axes(x, axis), keepdims=True)


@primitive(lambda g, y, x, axis, keepdims: expand(g, x, axis) * _winners(x, y, axis=axis))
def max_(x, *, axis=None, keepdims=False):
    """The largest element over `axis`; elements that tie share the gradient equally."""
    _check_some("max", x, axis)
    return x.max(axis=_axes(x, axis), keepdims=keepdims)


@primitive(lambda g, y, x, axis, keepdims: expand(g, x, axis) * _winners(x, y, axis=axis))
def min_(x, *, axis=None, keepdims=False):
    """The smallest element over `axis`; elements that tie share the gradient equally."""
    _check_some("min", x, axis)
    return x.min(axis=_axes(x, axis), keepdims=keepdims)


@primitive(lambda g, y, x, axis, keepdims: expand(g, x, axis) * exp(x - expand(y, x, axis)))
def logsumexp(x, *, axis=None, keepdims=False):
    """log(sum(exp(x))) over `axis`, without overflow; -inf where all elements are."""
    _check_some("logsumexp", x, axis)
    m, axes = xp(x), _axes(x, axis)
    top = x.max(axis=axes, keepdims=True)
    top = m.where(m.isfinite(top), top, 0.0)
    total = m.exp(x - top).sum(axis=axes, keepdims=True)
    y = _log(m, total) + top
    return y if keepdims else y.reshape([n for i, n in enumerate(x.shape) if i not in axes])


def _log(m, total):
    """log(total) that gives -inf for 0 without a warning, and NaN for NaN."""
    zero = total == 0
    return m.where(zero, -np.inf, m.log(m.where(zero, 1.0, total))).astype(total.dtype)


def _softmax_vjp(g, y, x, axis):
    gy = g * y
    return gy - y * sum_(gy, axis=axis, keepdims=True)


@primitive(_softmax_vjp)
def softmax(x, *, axis=-1):
    """exp(x) / sum(exp(x)) over `axis`."""
    _check_some("softmax", x, axis)
    e = xp(x).exp(x - x.max(axis=_axes(x, axis), keepdims=True))
    return e / e.sum(axis=_axes(x, axis), keepdims=True)


@primitive(lambda g, y, x, axis: g - exp(y) * sum_(g, axis=axis, keepdims=True))
def log_softmax(x, *, axis=-1):
    """x - logsumexp(x) over `axis`: log-probabilities from logits."""
    _check_some("log_softmax", x, axis)
    x = x - x.max(axis=_axes(x, axis), keepdims=True)           # first: large logits would round the difference
    return x - logsumexp(x, axis=axis, keepdims=True)


def argmax(x, axis=None):
    """The position of the largest element over `axis`, a plain integer array (there is no gradient)."""
    return as_array(x).argmax(axis=axis)
