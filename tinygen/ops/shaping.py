"""Operations that move, repeat or add up elements, in adjoint pairs: each is the gradient of its partner.

    broadcast_to / sum_to    pad / getitem    getitem / scatter    reshape, transpose, flip: each undone by another of its kind
"""
import math

import numpy as np

from ..autograd import Tensor, primitive
from ..backend import device_of, host, is_array, to, xp
from ..kernels.layout import channels_last, logical
from ..kernels.moments import reduced

# ---- stretching and summing -----------------------------------------------------------------------------------------------


@primitive(lambda g, y, x, shape: broadcast_to(g, shape=x.shape))
def sum_to(x, *, shape):
    """x summed over the axes along which an array of `shape` would be stretched to x's shape."""
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1)
    return reduced(x, "sum", axes, True).reshape(shape)


@primitive(lambda g, y, x, shape: sum_to(g, shape=x.shape))
def broadcast_to(x, *, shape):
    """x stretched to `shape` by NumPy's rules; a read-only view."""
    try:
        return xp(x).broadcast_to(x, shape)
    except ValueError:
        raise ValueError(f"broadcast_to: x {x.shape} does not stretch to {shape}; compared from the last axis, a length of x "
                         "must be equal, or 1") from None


@primitive(lambda g, y, x, target: convert(g, target=device_of(x) if isinstance(target, str) else x.dtype))
def convert(x, *, target):
    """x on another device ("cpu", "cuda") or with another float dtype."""
    return to(x, target) if isinstance(target, str) else x.astype(target)


# ---- reshaping and permuting ---------------------------------------------------------------------------------------------------


@primitive(lambda g, y, x, shape: reshape(g, shape=x.shape))
def reshape(x, *, shape):
    """x with another shape and the same elements in the same (row-major) order; one length may be -1.

    A result of four axes is laid out channels-last at once, since a convolution or a norm comes next.
    """
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    try:
        y = x.reshape(shape)
    except ValueError:
        raise ValueError(f"reshape: x {x.shape} has {x.size} elements, which do not fit shape {shape}") from None
    return logical(channels_last(y)) if y.ndim == 4 and x.ndim != 4 else y


def flatten(x, start_axis=1):
    """x (N, ...) as (N, product of the rest), in row-major order whatever the memory order."""
    return reshape(x, shape=x.shape[:start_axis] + (math.prod(x.shape[start_axis:]),))


@primitive(lambda g, y, x, axes: transpose(g, axes=None if axes is None else tuple(np.argsort([a % x.ndim for a in axes]))))
def transpose(x, *, axes=None):
    """x with its axes permuted (reversed by default); a view."""
    return x.transpose(axes)


@primitive(lambda g, y, x, axis: flip(g, axis=axis))
def flip(x, *, axis):
    """x with the elements along `axis` (an integer or a tuple) in reverse order."""
    return xp(x).flip(x, axis)


# ---- picking and placing -----------------------------------------------------------------------------------------------------------


def _plain_index(index, m, keep_masks=False):
    """An index with masks turned into integers (on the host) and Tensors into their arrays, which go where module m computes.

    keep_masks: leave masks to NumPy, which refuses one of another length.
    """
    parts = []
    for part in index if isinstance(index, tuple) else (index,):
        part = part.data if isinstance(part, Tensor) else np.asarray(part) if isinstance(part, list) else part
        if is_array(part) and part.dtype == bool and not keep_masks:
            parts += [m.asarray(i) for i in np.nonzero(host(part))]
        elif is_array(part) and part.dtype.kind not in "iub":
            raise TypeError(f"getitem: an index array has type {part.dtype}; indices are integers or masks")
        else:
            parts.append(m.asarray(part) if m is not np and isinstance(part, np.ndarray) else part)
    return tuple(parts)


@primitive(lambda g, y, x, index: scatter(g, index=index, shape=x.shape))
def getitem(x, *, index):
    """x[index]: integers, slices, None, ..., integer arrays, boolean masks."""
    return x[_plain_index(index, xp(x), keep_masks=type(x) is np.ndarray)]


@primitive(lambda g, y, x, index, shape: getitem(g, index=index))
def scatter(x, *, index, shape):
    """Zeros of `shape` with x added at [index]; elements that an index array names twice add up."""
    m = xp(x)
    index = _plain_index(index, m)
    y = m.zeros(shape, x.dtype)
    if any(is_array(i) for i in index):
        m.add.at(y, index, x)
    else:
        y[index] = x
    return y


def take(x, indices, axis=0):
    """The slices of x at the integer array `indices` along `axis`; checked on the host, since a GPU would wrap them."""
    return _take("take", x, indices, axis)


def _take(function, x, indices, axis):
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{function}: axis {axis} is out of range for x {x.shape}")
    indices = indices.data if isinstance(indices, Tensor) else indices
    values = host(indices) if is_array(indices) else np.asarray(indices)
    n = x.shape[axis]
    if values.dtype.kind not in "iu":
        raise TypeError(f"{function}: indices {values.shape} have type {values.dtype}; they must be integers")
    if values.size and (values.min() < 0 or values.max() >= n):
        raise ValueError(f"{function}: indices run from {values.min()} to {values.max()}; axis {axis} of {x.shape} allows 0 to {n - 1}")
    return getitem(x, index=(slice(None),) * (axis % x.ndim) + (xp(as_array(x)).asarray(values),))


def embedding(indices, weight):
    """Rows of weight (K, D) for integer indices (N,) or (N, ...) -> (N, ..., D). Raises for indices outside 0..K-1."""
    return _take("embedding", weight, indices, 0)


def one_hot(labels, classes, like):
    """Integer labels (N,) as rows (N, classes) of zeros with a one, with the dtype and device of `like`."""
    values = host(as_array(labels)) if not isinstance(labels, (list, tuple)) else np.asarray(labels)
    if values.dtype.kind not in "iu" or values.ndim != 1:
        raise TypeError(f"one_hot: labels {values.shape} of {values.dtype}; expected integers of shape (N,)")
    if values.size and (values.min() < 0 or values.max() >= classes):
        raise ValueError(f"one_hot: labels run from {values.min()} to {values.max()}; {classes} classes allow 0 to {classes - 1}")
    m = xp(as_array(like))
    rows = np.zeros((len(values), classes), like.dtype)
    rows[np.arange(len(values)), values] = 1
    return rows if m is np else m.asarray(rows)


def as_array(x):
    """The array of a Tensor; an array as it is."""
    return x.data if isinstance(x, Tensor) else x


# ---- padding and joining ------------------------------------------------------------------------------------------------------------


@primitive(lambda g, y, x, widths, value: getitem(g, index=tuple(slice(a, a + n) for (a, _), n in zip(widths, x.shape))))
def pad(x, *, widths, value=0.0):
    """x with `value` around it: widths is ((before, after), ...), one pair an axis."""
    if not isinstance(widths, (tuple, list)) or len(widths) != x.ndim or any(a < 0 or b < 0 for a, b in widths):
        raise ValueError(f"pad: widths {widths} are not {x.ndim} pairs (before, after) of sizes >= 0 for x {x.shape}")
    y = xp(x).full([a + n + b for (a, b), n in zip(widths, x.shape)], value, x.dtype)
    y[tuple(slice(a, a + n) for (a, _), n in zip(widths, x.shape))] = x
    return y


def _part(i, g, y, *xs, axis):
    start = sum(x.shape[axis] for x in xs[:i])
    return getitem(g, index=(slice(None),) * (axis % g.ndim) + (slice(start, start + xs[i].shape[axis]),))


@primitive(each=_part)
def _concatenate(*xs, axis):
    return xp(*xs).concatenate(xs, axis)


def _as_list(function, xs):
    if isinstance(xs, Tensor) or is_array(xs):
        raise TypeError(f"{function}: xs is one {type(xs).__name__}; give a list of them: {function}([x, y])")
    xs = list(xs)
    if not xs:
        raise ValueError(f"{function}: the list is empty")
    return xs


def concatenate(xs, axis=0):
    """The arrays or Tensors of the list `xs` joined along an existing axis; their other axes are equal."""
    xs = _as_list("concatenate", xs)
    if not -xs[0].ndim <= axis < xs[0].ndim:
        raise ValueError(f"concatenate: axis {axis} is out of range for shape {xs[0].shape}")
    axis = axis % xs[0].ndim
    if len({(x.shape[:axis], x.shape[axis + 1:], x.ndim) for x in xs}) > 1:
        raise ValueError(f"concatenate: shapes {[x.shape for x in xs]} differ in more than axis {axis}")
    return _concatenate(*xs, axis=axis)


def stack(xs, axis=0):
    """The arrays or Tensors of the list `xs`, all of one shape, joined along a new axis."""
    xs = _as_list("stack", xs)
    if len({x.shape for x in xs}) != 1:
        raise ValueError(f"stack: shapes {[x.shape for x in xs]}; they must all be of the same shape")
    if not -xs[0].ndim - 1 <= axis <= xs[0].ndim:
        raise ValueError(f"stack: axis {axis} is out of range; arrays of shape {xs[0].shape} allow {-xs[0].ndim - 1} to {xs[0].ndim}")
    axis = axis % (xs[0].ndim + 1)
    shape = xs[0].shape[:axis] + (1,) + xs[0].shape[axis:]
    return concatenate([reshape(x, shape=shape) for x in xs], axis)
