"""Pooling and upsampling, as adjoint pairs.

    pick / place        an element of each window, and back: max-pooling once the winners are known
    sum_pool / spread   the sum of each window, and back: average pooling, nearest-neighbour upsampling
"""
import functools
import math

import numpy as np

from ..autograd import Tensor, primitive
from ..backend import xp
from ..kernels import pooling as kernels
from ..kernels.convolution import adjoint_padding, out_size
from ..kernels.layout import channels_last, copy_places, logical
from .convolution import _check_image, _check_weight, _conv_transpose2d, pads, pair
from .linear import product
from .shaping import as_array, reshape, transpose


def _pad(x, padding, value):
    """x (N, H, W, C) with `value` around it; x itself where nothing is padded."""
    (t, b), (l, r) = padding
    if not (t or b or l or r):
        return x
    n, h, w, c = x.shape
    y = xp(x).full((n, h + t + b, w + l + r, c), value, x.dtype)
    y[:, t:t + h, l:l + w] = x
    return y


def _crop(x, padding, size):
    (t, _), (l, _) = padding
    return xp(x).ascontiguousarray(x[:, t:t + size[0], l:l + size[1]])


def _sizes(x, kernel, stride, padding):
    return [out_size(n, k, s, p, 1) for n, k, s, p in zip(x.shape[2:], kernel, stride, padding)]


def _geometry(function, x, kernel_size, stride, padding):
    _check_image(function, x)
    if x.dtype.kind != "f":
        raise TypeError(f"{function}: x {x.shape} is {x.dtype}; convert it: x.to(np.float32)")
    kernel = pair(kernel_size, "kernel_size", function)
    stride = kernel if stride is None else pair(stride, "stride", function)
    padding = pads(padding, kernel, stride, (1, 1), function)
    if any(max(p) > k // 2 for p, k in zip(padding, kernel)):
        raise ValueError(f"{function}: padding {padding} is more than half of kernel_size {kernel}")
    if min(_sizes(x, kernel, stride, padding)) < 1:
        raise ValueError(f"{function}: x {x.shape} with padding {padding} is smaller than kernel_size {kernel}")
    return dict(kernel=kernel, stride=stride, padding=padding)


# ---- one element of each window -------------------------------------------------------------------------------------------------------


@primitive(lambda g, y, x, **k: place(g, size=x.shape[2:], **k))
def pick(x, *, which, kernel, stride, padding):
    """Element number `which` (N, C, OH, OW) of each window of x (N, C, H, W)."""
    return logical(kernels.pick(_pad(channels_last(x), padding, 0), channels_last(which), kernel, stride))


@primitive(lambda g, y, x, size, **k: pick(g, **k))
def place(x, *, which, size, kernel, stride, padding):
    """The adjoint of `pick`: every element added at its place in zeros (N, C, *size)."""
    (t, b), (l, r) = padding
    padded = (len(x), size[0] + t + b, size[1] + l + r, x.shape[1])
    return logical(_crop(kernels.place(channels_last(x), channels_last(which), padded, kernel, stride), padding, size))


def _winners(x, *, kernel, stride, padding):
    """(the largest element of each window, its number in the window) of an array x, as (N, C, OH, OW)."""
    padded = _pad(channels_last(x), padding, -np.inf)
    best, which = kernels.winners(padded, kernel, stride, *_sizes(x, kernel, stride, padding))
    return logical(best), logical(which)


@primitive(lambda g, y, x, aux, numbered, **k: place(g, which=_winners(as_array(x), **k)[1] if aux is None else aux, size=x.shape[2:], **k),
           aux=True)
def _max_pool2d(x, *, numbered, kernel, stride, padding):
    """numbered: note where the largest elements are, for the gradient."""
    if numbered or xp(x) is not np:
        return _winners(x, kernel=kernel, stride=stride, padding=padding)
    padded = _pad(channels_last(x), padding, -np.inf)
    return logical(kernels.largest(padded, kernel, stride, *_sizes(x, kernel, stride, padding))), None


def max_pool2d(x, kernel_size, *, stride=None, padding=0):
    """The largest element of each window; x (N, C, H, W) -> (N, C, OH, OW). stride defaults to kernel_size.

    The gradient goes to the largest element, the first of them in row-major order where several are equal.
    """
    return _max_pool2d(x, numbered=isinstance(x, Tensor) and x.requires_grad, **_geometry("max_pool2d", x, kernel_size, stride, padding))


# ---- the sum of each window ---------------------------------------------------------------------------------------------------------------


@primitive(lambda g, y, x, **k: spread(g, size=x.shape[2:], **k))
def sum_pool(x, *, kernel, stride, padding):
    """The sum over each window of x (N, C, H, W), with zeros as padding."""
    taps = kernels.taps_of(_pad(channels_last(x), padding, 0), kernel, stride, *_sizes(x, kernel, stride, padding))
    y = taps[0].copy()
    for tap in taps[1:]:
        y += tap
    return logical(y)


@primitive(lambda g, y, x, size, **k: sum_pool(g, **k))
def spread(x, *, size, kernel, stride, padding):
    """The adjoint of `sum_pool`: every element added to all places of its window, in zeros (N, C, *size)."""
    xs = channels_last(x)
    (t, b), (l, r) = padding
    full = (len(xs), size[0] + t + b, size[1] + l + r, xs.shape[3])
    apart = kernel == stride and all(n * k == f for n, k, f in zip(xs.shape[1:3], kernel, full[1:3]))
    y = (xp(x).empty if apart else xp(x).zeros)(full, x.dtype)
    for tap in kernels.taps_of(y, kernel, stride, *xs.shape[1:3]):
        if apart:
            copy_places(tap, xs)
        else:
            tap += xs
    return logical(_crop(y, padding, size))


def avg_pool2d(x, kernel_size, *, stride=None, padding=0, count_include_pad=True):
    """The mean of each window; x (N, C, H, W) -> (N, C, OH, OW). Padding counts as zeros unless count_include_pad=False."""
    geometry = _geometry("avg_pool2d", x, kernel_size, stride, padding)
    total = sum_pool(x, **geometry)
    if count_include_pad or geometry["padding"] == ((0, 0), (0, 0)):
        return total * (1.0 / (geometry["kernel"][0] * geometry["kernel"][1]))
    ones = xp(as_array(x)).ones((1, 1, *x.shape[2:]), x.dtype)
    return total / sum_pool(ones, **geometry)


# ---- upsampling ------------------------------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=32)
def _interpolation(n, factor, dtype, module):
    """The matrix (n * factor, n) of linear interpolation with half-pixel centres, edges repeated (align_corners=False), on the device of `module`."""
    position = np.clip((np.arange(n * factor) + 0.5) / factor - 0.5, 0, None)
    low = np.minimum(position.astype(int), n - 1)
    high, share = np.minimum(low + 1, n - 1), position - low
    matrix = np.zeros((n * factor, n))
    np.add.at(matrix, (np.arange(n * factor), low), 1 - share)
    np.add.at(matrix, (np.arange(n * factor), high), share)
    return module.asarray(matrix.astype(dtype))


def upsample(x, scale_factor=2, mode="nearest"):
    """x (N, C, H, W) enlarged by an integer factor, or a pair of them: mode "nearest" repeats, "bilinear" interpolates."""
    _check_image("upsample", x)
    factor = pair(scale_factor, "scale_factor", "upsample")
    if mode == "nearest":
        size = tuple(n * f for n, f in zip(x.shape[2:], factor))
        return spread(x, size=size, kernel=factor, stride=factor, padding=((0, 0), (0, 0)))
    if mode != "bilinear":
        raise ValueError(f'upsample: mode {mode!r}; the modes are "nearest" and "bilinear"')
    down, across = (_interpolation(n, f, x.dtype, xp(as_array(x))) for n, f in zip(x.shape[2:], factor))
    return product(down, product(x, transpose(across)))


@functools.lru_cache(maxsize=32)
def _boxes(kernel, factor, dtype, module):
    """The matrix (k' l', k l), k' = k + s - 1, that adds up the taps of a kernel (k, l) which read the same pixel, enlarged by (s, t)."""
    def band(k, s):
        first = np.add.outer(np.arange(k + s - 1), np.arange(k)) - (k - 1)
        return (first >= 0) & (first < s)                                                       # a slanted band of s ones
    return module.asarray(np.kron(*(band(k, s) for k, s in zip(kernel, factor))).astype(dtype))


def upsample_conv2d(x, w, b=None, *, scale_factor=2, padding=0):
    """conv2d(upsample(x, scale_factor), w, b, padding=padding), as one transposed convolution.

    To repeat every pixel s times is a transposed convolution with a box of s ones, and so a convolution after it is one as well, of
    stride s with a kernel of k + s - 1: the taps of w that read one pixel are added before the products are made, and the enlarged
    image never is. Of k^2 products an output ((k + s - 1) / s)^2 remain: 4 instead of 9 for k = 3, s = 2, where forward
    and backward take two thirds to three quarters of the time.
    x (N, C, H, W), w (O, C, kh, kw), b (O,) -> (N, O, H s + pads - kh + 1, W s + pads - kw + 1). Raises ValueError as conv2d does.
    """
    function = "upsample_conv2d"
    _check_weight(function, x, w, b, 1, 0)
    factor, kernel = pair(scale_factor, "scale_factor", function), w.shape[2:]
    padding = pads(padding, kernel, (1, 1), (1, 1), function)
    size = tuple(out_size(n * f, k, 1, p, 1) for n, f, k, p in zip(x.shape[2:], factor, kernel, padding))
    if min(size) < 1:
        raise ValueError(f"{function}: x {x.shape} enlarged by {factor} with padding {padding} is smaller than the kernel of weight {w.shape}; "
                         f"the output would have size {size}")
    taps, channels = transpose(w, (2, 3, 1, 0)), (w.shape[1], w.shape[0])                       # (kh, kw, C, O), as weights lie in memory
    wide = product(_boxes(kernel, factor, w.dtype, xp(as_array(w))), reshape(taps, shape=(-1, math.prod(channels))))
    wide = transpose(reshape(wide, shape=(*(k + f - 1 for k, f in zip(kernel, factor)), *channels)), (2, 3, 0, 1))
    inputs = (x, wide) if b is None else (x, wide, b)
    return _conv_transpose2d(*inputs, size=size, stride=factor, padding=adjoint_padding(padding, kernel, (1, 1)), dilation=(1, 1))
