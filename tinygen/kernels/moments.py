"""Sums over all axes but the channels, and per-channel affine maps: the kernels of batch norm and of bias gradients.

Arrays come as (rows, C) matrices, the channels-last memory of a batch. Means of long columns are summed a block at a time:
a block's sum is a product with a row of ones (the BLAS reads each row once), blocks are added in float64.
"""
import math

import numpy as np

from ..backend import parallel, xp
from .cuda import Kernel, with_cuda
from .layout import channels_last, is_channels_last, logical

SHORT = 256         # rows of a column that one thread of a GPU adds up
WIDE = 512          # columns of a matrix that is summed: the BLAS adds up a column in float32, one number after the other
ROWS = 1 << 18      # elements a block: in shorter ones the threads wait for each other's lock


def as_rows(x):
    """The (rows, C) matrix of a logical (N, C) or (N, C, H, W) array, channels last."""
    if x.ndim == 2:
        return x if x.flags.c_contiguous else xp(x).ascontiguousarray(x)
    return channels_last(x).reshape(-1, x.shape[1])


def _blocks(rows, channels):
    step = max(1, ROWS // max(1, channels))
    return [slice(i, min(i + step, rows)) for i in range(0, max(1, rows), step)]


def _summed(work, rows, channels):
    """The sum over blocks of the arrays that work(block) returns, in float64 and in a fixed order."""
    blocks = _blocks(rows, channels)

    def of_thread(part):
        total = 0.0
        for block in blocks[part]:
            total = total + work(block).astype(np.float64)
        return total
    totals = parallel(of_thread, len(blocks)) if rows * channels > 2 * ROWS else [of_thread(slice(None))]
    return sum(totals[1:], totals[0])


def column_sum(a):
    """The sum over the rows of a (rows, C), as float32 or float64 like the input."""
    if xp(a) is not np:
        return _device_sum(a)
    rows, channels = a.shape
    side = max(1, WIDE // max(1, channels))            # so many rows side by side are one wide row: sums of fewer numbers are more exact
    wide, rest = a[:rows // side * side].reshape(-1, side * channels), a[rows // side * side:]
    ones = np.ones((1, min(max(len(wide), side), ROWS)), a.dtype)
    total = _summed(lambda b: (ones[:, :b.stop - b.start] @ wide[b])[0], *wide.shape)
    return (total.reshape(side, channels).sum(axis=0) + (ones[:, :len(rest)] @ rest)[0]).astype(a.dtype)


def moments(x):
    """(mean, biased variance) of the columns of x (rows, C); variances of blocks are merged about a common shift."""
    if xp(x) is not np:
        return _device_moments(x)
    rows, channels = x.shape
    shift = x[:max(1, min(rows, 64))].mean(axis=0)             # near the mean, so that squares do not cancel
    ones = np.ones((1, min(rows, ROWS)), x.dtype)

    def work(block):
        centred = x[block] - shift
        row = ones[:, :len(centred)]
        first = row @ centred
        np.multiply(centred, centred, out=centred)
        return np.concatenate([first, row @ centred])
    first, second = _summed(work, rows, channels) / rows
    return (first + shift).astype(x.dtype), np.maximum(second - first * first, 0).astype(x.dtype)


def products(x, g, mean):
    """(sum of g, sum of g * (x - mean)) over the rows of two (rows, C) matrices."""
    if xp(x) is not np:
        return _device_products(x, g, mean)
    ones = np.ones((1, min(len(x), ROWS)), x.dtype)

    def work(block):
        gb = g[block]
        centred = x[block] - mean
        row = ones[:, :len(gb)]
        np.multiply(centred, gb, out=centred)
        return np.concatenate([row @ gb, row @ centred])
    first, second = _summed(work, *x.shape)
    return first.astype(x.dtype), second.astype(x.dtype)


def affine(out, *terms, shift=None):
    """out = sum of a * rows for (a, rows) in terms, + shift: per-channel coefficients a (C,), matrices (rows, C).

    Short rows are taken several at a time, with the coefficients repeated, so that the inner loops stay long.
    """
    if xp(out) is not np:
        return _device_affine(out, terms, shift)
    rows, channels = out.shape
    repeat = max(1, min(rows, 2048 // max(1, channels)))
    wide = lambda a: np.tile(a, repeat)
    a = [wide(coefficient) for coefficient, _ in terms]
    s = None if shift is None else wide(shift)

    def apply(o, parts, a, s):
        np.multiply(parts[0], a[0], out=o)
        for part, coefficient in zip(parts[1:], a[1:]):
            o += part * coefficient
        if s is not None:
            o += s

    whole = rows - rows % repeat
    folded = [m[:whole].reshape(-1, repeat * channels) for m in (out, *(t for _, t in terms))]

    def work(part):
        step = max(1, ROWS // (repeat * channels))
        for i in range(part.start, part.stop, step):
            j = min(i + step, part.stop)
            apply(folded[0][i:j], [m[i:j] for m in folded[1:]], a, s)

    if out.size > 2 * ROWS:
        parallel(work, len(folded[0]), blas=False)
    else:
        apply(folded[0], folded[1:], a, s)
    if whole < rows:
        cut = slice(0, channels)
        apply(out[whole:], [t[whole:] for _, t in terms], [c[cut] for c in a], None if s is None else s[cut])
    return out


# ---- what batch norm multiplies and adds ---------------------------------------------------------------------------------------


@with_cuda("T m, T v, T w, T b, T eps", "T r, T scale, T shift", "r = T(1) / sqrt(v + eps); scale = w * r; shift = b - m * w * r")
def normalizer(m, v, w, b, eps):
    """(r, scale, shift) with r = (v + eps) ** -1/2 such that (x - m) r w + b = scale x + shift; all (C,)."""
    r = 1 / np.sqrt(v + v.dtype.type(eps))
    return r, w * r, b - m * w * r


@with_cuda("T m, T r, T w, T db, T centred, T n", "T dw, T from_g, T from_x, T shift", """
    dw = centred * r;
    from_g = w * r;
    from_x = -w * r * r * dw / n;
    shift = -from_g * db / n - from_x * m;""")
def normalizer_gradient(m, r, w, db, centred, n):
    """(dw, from_g, from_x, shift) such that dx = from_g g + from_x x + shift, from db = sum g and centred = sum g (x - m); all (C,)."""
    dw = centred * r
    from_g, from_x = w * r, -w * r * r * dw / n
    return dw, from_g, from_x, -from_g * db / n - from_x * m


# ---- on a GPU: sums over rows ----------------------------------------------------------------------------------------------------
# CuPy gives a column's sum to a few threads of one block, and most of the GPU waits. Here every long column is shared out to `parts` threads,
# in such a way that neighbouring threads read neighbouring elements whatever the number of channels; then each column's partial sums are
# added up by one thread, in float64. Short columns take one launch. No atomics: the same bits every time.

_partial_sum = Kernel("partial_sum", "raw T a, int64 n, int64 step", "T total", """
    T sum = 0;
    #pragma unroll 8
    for (long long k = i; k < n; k += step) sum += a[k];
    total = sum""")

_final_sum = Kernel("final_sum", "raw T partial, int32 parts, int32 channels", "T total", """
    double sum = 0;
    #pragma unroll 8
    for (int p = 0; p < parts; ++p) sum += partial[p * channels + i];
    total = T(sum)""")

# About the first row, so that the squares of values far from 0 do not cancel.
_partial_moments = Kernel("partial_moments", "raw T x, int64 n, int64 step, int32 channels", "T first, T second", """
    T centre = x[i % channels], sum = 0, squares = 0;
    #pragma unroll 8
    for (long long k = i; k < n; k += step) { T d = x[k] - centre; sum += d; squares += d * d; }
    first = sum;
    second = squares""")

_final_moments = Kernel("final_moments", "raw T x, raw T first, raw T second, int32 parts, int32 channels, int64 rows", "T mean, T variance", """
    double sum = 0, squares = 0;
    #pragma unroll 8
    for (int p = 0; p < parts; ++p) { sum += first[p * channels + i]; squares += second[p * channels + i]; }
    sum /= rows;
    squares = squares / rows - sum * sum;
    mean = T(x[i] + sum);
    variance = T(squares < 0 ? 0 : squares)""")

_short_moments = Kernel("short_moments", "raw T x, int32 rows, int32 channels", "T mean, T variance", """
    double sum = 0, squares = 0;
    #pragma unroll 8
    for (int r = 0; r < rows; ++r) sum += x[r * channels + i];
    sum /= rows;
    #pragma unroll 8
    for (int r = 0; r < rows; ++r) { double d = x[r * channels + i] - sum; squares += d * d; }
    mean = T(sum);
    variance = T(squares / rows)""")

_partial_products = Kernel("partial_products", "raw T x, raw T g, raw T mean, int64 n, int64 step, int32 channels", "T first, T second", """
    T centre = mean[i % channels], sum = 0, product = 0;
    #pragma unroll 8
    for (long long k = i; k < n; k += step) { sum += g[k]; product += g[k] * (x[k] - centre); }
    first = sum;
    second = product""")

_final_products = Kernel("final_products", "raw T first, raw T second, int32 parts, int32 channels", "T total, T product", """
    double sum = 0, products = 0;
    #pragma unroll 8
    for (int p = 0; p < parts; ++p) { sum += first[p * channels + i]; products += second[p * channels + i]; }
    total = T(sum);
    product = T(products)""")

_scaled = Kernel("scaled", "T a, T x, T shift", "T y", "y = a * x + shift")
_scaled_pair = Kernel("scaled_pair", "T a, T x, T b, T z, T shift", "T y", "y = a * x + b * z + shift")


def _parts(rows):
    """How many threads share a column: a power of two near the square root of its length, so that both launches take as long."""
    return 1 if rows <= SHORT else 1 << min(10, (rows.bit_length() + 1) // 2)


def _device_sum(a):
    rows, channels = a.shape
    m, parts, a = xp(a), _parts(rows), xp(a).ascontiguousarray(a)
    partial = _partial_sum(a, a.size, parts * channels, m.empty((parts, channels), a.dtype))
    return partial[0] if parts == 1 else _final_sum(partial, parts, channels, m.empty(channels, a.dtype))


def _device_moments(x):
    (rows, channels), m = x.shape, xp(x)
    parts = _parts(rows)
    if parts == 1:
        return _short_moments(x, rows, channels, m.empty(channels, x.dtype), m.empty(channels, x.dtype))
    shape = (parts, channels)
    partial = _partial_moments(x, x.size, parts * channels, channels, m.empty(shape, x.dtype), m.empty(shape, x.dtype))
    return _final_moments(x, *partial, parts, channels, rows, m.empty(channels, x.dtype), m.empty(channels, x.dtype))


def _device_products(x, g, mean):
    (rows, channels), m = x.shape, xp(x)
    parts = _parts(rows)
    shape = (parts, channels)
    partial = _partial_products(x, g, mean, x.size, parts * channels, channels, m.empty(shape, x.dtype), m.empty(shape, x.dtype))
    if parts == 1:
        return partial[0][0], partial[1][0]
    return _final_products(*partial, parts, channels, m.empty(channels, x.dtype), m.empty(channels, x.dtype))


def _innermost(x):
    """The axis of x with the smallest steps in memory."""
    return min((a for a in range(x.ndim) if x.shape[a] > 1), key=lambda a: abs(x.strides[a]))


LONG = 1024          # what NumPy adds up one by one, it adds in float32: errors grow with the number


def reduced(x, how, axes, keepdims):
    """x.sum or x.mean over a tuple of axes; on a GPU along the memory.

    NumPy adds float32 in pairs only along the axis that is innermost in memory. Over others it takes one row after the other: a
    million times .1 would make 100,958. Long sums of that kind are products with ones here, or made in float64.
    """
    on_host, last = type(x) is np.ndarray or xp(x) is np, is_channels_last(x)
    if on_host and (x.dtype != np.float32 or math.prod(x.shape[a] for a in axes) <= LONG or _innermost(x) in axes):
        return getattr(x, how)(axis=axes, keepdims=keepdims)
    if (how == "sum" or on_host) and (axes == (0,) and x.ndim == 2 or axes == (0, 2, 3) and last):
        total = column_sum(as_rows(x))
        if how == "mean":
            total /= x.size // len(total)
        return total.reshape((1, -1) + (1,) * (x.ndim - 2)) if keepdims else total
    if on_host:
        return getattr(x, how)(axis=axes, keepdims=keepdims, dtype=np.float64).astype(np.float32)
    if not last:
        return getattr(x, how)(axis=axes, keepdims=keepdims)
    y = logical(getattr(x.transpose(0, 2, 3, 1), how)(axis=tuple({0: 0, 1: 3, 2: 1, 3: 2}[a] for a in axes), keepdims=True))
    return y if keepdims else y.reshape([n for a, n in enumerate(x.shape) if a not in axes])


def _device_affine(out, terms, shift):
    (a, x), *more = terms
    return _scaled_pair(a, x, *more[0], shift, out) if more else _scaled(a, x, shift, out)
