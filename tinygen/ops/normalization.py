"""Batch norm and layer norm.

With m the mean and v the biased variance of a channel over the batch and all positions, r = (v + eps) ** -1/2 and
xhat = (x - m) r, batch norm is y = xhat w + b (Ioffe & Szegedy 2015). For n elements a channel and g the gradient of y:

    db = sum g        dw = sum g xhat        dx = w r (g - db / n - xhat dw / n)

The three share the two sums, so they are one joint formula. It is written twice: on arrays, as a per-channel affine map of
g and x in two passes over the memory, from the statistics that the forward kept; and on Tensors, from x itself, so that a
second derivative sees how the statistics depend on x.
"""
import contextlib
import math

from ..autograd import Tensor, primitive
from ..backend import xp
from ..kernels import moments as kernels
from ..kernels.layout import logical
from .elementwise import sqrt
from .reduction import mean, sum_
from .shaping import as_array, reshape


_observing = True


@contextlib.contextmanager
def frozen_statistics():
    """`with frozen_statistics():` batch norm in training mode leaves running statistics alone (gradient checks, penalties)."""
    global _observing
    before, _observing = _observing, False
    try:
        yield
    finally:
        _observing = before


def _along_channels(v, x):
    """A per-channel vector (C,) in a shape that broadcasts against x (N, C, ...)."""
    return reshape(v, shape=(1, -1) + (1,) * (x.ndim - 2))


def _like(rows, x):
    """(rows, C) back in the shape of x, channels last."""
    return rows if x.ndim == 2 else logical(rows.reshape(x.shape[0], *x.shape[2:], x.shape[1]))


def _batch_norm_vjp(wanted, g, y, x, w, b, *, eps, observe, aux):
    if isinstance(g, Tensor):
        axes = (0, *range(2, x.ndim))
        n = x.size // x.shape[1]
        centred = x - mean(x, axis=axes, keepdims=True)
        r = 1.0 / sqrt(mean(centred * centred, axis=axes, keepdims=True) + eps)
        xhat = centred * r
        db, dw = sum_(g, axis=axes, keepdims=True), sum_(g * xhat, axis=axes, keepdims=True)
        dx = _along_channels(w, x) * r * (g - db * (1.0 / n) - xhat * dw * (1.0 / n))
        return dx, reshape(dw, shape=w.shape), reshape(db, shape=b.shape)
    average, r = aux
    rows, gs = kernels.as_rows(x), kernels.as_rows(g)
    n = len(rows)
    db, centred = kernels.products(rows, gs, average)
    dw, from_g, from_x, shift = kernels.normalizer_gradient(average, r, w, db, centred, n)
    dx = None
    if wanted[0]:
        dx = _like(kernels.affine(xp(x).empty_like(rows), (from_g, gs), (from_x, rows), shift=shift), x)
    return dx, dw, db


@primitive(joint=_batch_norm_vjp, aux=True)
def _batch_norm(x, w, b, *, eps, observe):
    rows = kernels.as_rows(x)
    average, variance = kernels.moments(rows)
    if observe is not None:
        observe(average, variance, len(rows))
    r, scale, shift = kernels.normalizer(average, variance, w, b, eps)
    y = kernels.affine(xp(x).empty_like(rows), (scale, rows), shift=shift)
    return _like(y, x), (average, r)


@primitive(lambda g, y, x, a, b: channel_affine(g, a, xp(as_array(b)).zeros_like(as_array(b))),
           lambda g, y, x, a, b: sum_(g * x, axis=(0, *range(2, x.ndim))),
           lambda g, y, x, a, b: sum_(g, axis=(0, *range(2, x.ndim))))
def channel_affine(x, a, b):
    """x (N, C, ...) * a (C,) + b (C,), channel by channel: batch norm with fixed statistics."""
    rows = kernels.as_rows(x)
    return _like(kernels.affine(xp(x).empty_like(rows), (a, rows), shift=b), x)


def _check_float(function, x):
    if x.dtype.kind != "f":
        raise TypeError(f"{function}: x {x.shape} is {x.dtype}; a mean and a variance need floats: x.to(np.float32)")


def batch_norm(x, weight, bias, running_mean=None, running_var=None, *, training=True, eps=1e-5, observe=None):
    """(x - m) / sqrt(v + eps) * weight + bias for each channel of x (N, C) or (N, C, H, W).

    training: m and v are the mean and biased variance of this batch, and `observe(m, v, count)` is called with them as
    arrays (a layer keeps its running statistics so). Otherwise m and v are running_mean and running_var, (C,).
    """
    if x.ndim not in (2, 4):
        raise ValueError(f"batch_norm: x {x.shape} has {x.ndim} axes; the layouts are (N, C) and (N, C, H, W)")
    _check_float("batch_norm", x)
    for name, v in (("weight", weight), ("bias", bias), ("running_mean", running_mean), ("running_var", running_var)):
        if v is not None and v.shape != (x.shape[1],):
            raise ValueError(f"batch_norm: {name} {v.shape} does not fit x {x.shape}; expected ({x.shape[1]},) for its channels")
        if name in ("weight", "bias") and v.dtype != x.dtype:       # before a layer takes statistics of another type
            raise TypeError(f"batch_norm: x {x.shape} is {x.dtype}, {name} is {v.dtype}; convert one, as with x.to(np.{v.dtype})")
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: training=False needs running_mean and running_var")
        a = weight / sqrt(as_array(running_var) + eps)
        return channel_affine(x, a, bias - a * as_array(running_mean))
    if x.size // max(1, x.shape[1]) < 2:
        raise ValueError(f"batch_norm: x {x.shape} has {x.size // max(1, x.shape[1])} value a channel; training needs at least "
                         "2 to have a variance: use a larger batch, or eval mode")
    return _batch_norm(x, weight, bias, eps=eps, observe=observe if _observing else None)


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x - m) / sqrt(v + eps) * weight + bias with m and v over the last axes, of shape `normalized_shape` (Ba et al. 2016)."""
    shape = tuple(normalized_shape) if hasattr(normalized_shape, "__len__") else (normalized_shape,)
    if x.shape[-len(shape):] != shape or not math.prod(shape):
        raise ValueError(f"layer_norm: the last axes of x {x.shape} are not normalized_shape {shape}")
    _check_float("layer_norm", x)
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    centred = x - mean(x, axis=axes, keepdims=True)
    y = centred / sqrt(mean(centred * centred, axis=axes, keepdims=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias
