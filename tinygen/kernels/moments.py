"""Sums over all axes but the channels, and per-channel affine maps: the kernels of batch norm and of bias gradients.

Arrays come as (rows, C) matrices, the channels-last memory of a batch. Means of long columns are summed a block at a time:
a block's sum is a product with a row of ones (the BLAS reads each row once), blocks are added in float64.
"""
import numpy as np

from ..backend import parallel, xp

ROWS = 1 << 18      # elements a block: in shorter ones the threads wait for each other's lock


def as_rows(x):
    """The (rows, C) matrix of a logical (N, C) or (N, C, H, W) array, channels last."""
    if x.ndim == 2:
        return x if x.flags.c_contiguous else xp(x).ascontiguousarray(x)
    from .layout import channels_last
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


def column_sums(*columns):
    """[sum over rows of a, ...] for each (rows, C) matrix, as float32 or float64 like the input."""
    return [_column_sum(a) for a in columns]


def _column_sum(a):
    if xp(a) is not np:
        return a.sum(axis=0)
    ones = np.ones((1, min(len(a), ROWS)), a.dtype)
    return _summed(lambda b: (ones[:, :b.stop - b.start] @ a[b])[0], *a.shape).astype(a.dtype)


def moments(x):
    """(mean, biased variance) of the columns of x (rows, C); variances of blocks are merged about a common shift."""
    if xp(x) is not np:
        mean = x.mean(axis=0)
        return mean, xp(x).square(x - mean).mean(axis=0)
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
        return g.sum(axis=0), (g * (x - mean)).sum(axis=0)
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
    rows, channels = out.shape
    repeat = max(1, min(rows, 2048 // max(1, channels)))
    wide = lambda a: xp(a).tile(a, repeat)
    a = [wide(coefficient) for coefficient, _ in terms]
    s = None if shift is None else wide(shift)

    def apply(o, parts, a, s):
        np_ = xp(o)
        np_.multiply(parts[0], a[0], out=o)
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

    if out.size > 2 * ROWS and xp(out) is np:
        parallel(work, len(folded[0]), blas=False)
    else:
        apply(folded[0], folded[1:], a, s)
    if whole < rows:
        cut = slice(0, channels)
        apply(out[whole:], [t[whole:] for _, t in terms], [c[cut] for c in a], None if s is None else s[cut])
    return out
