"""The kernels of max-pooling on (N, H, W, C) arrays: find the winner of each window, pick it, put it back.

The elements of the windows are first copied side by side, one contiguous array a tap (a place in the window), so that every
later pass is over contiguous memory, however few the channels.
"""
import numpy as np

from ..backend import parallel, scratch, xp
from .cuda import Kernel
from .layout import SPLIT, copy_places


def taps_of(x, kernel, stride, rows, columns):
    """The kh * kw views (N, rows, columns, C) of a padded x: view t holds element t of every window."""
    (kh, kw), (sh, sw) = kernel, stride
    return [x[:, a:a + sh * (rows - 1) + 1:sh, b:b + sw * (columns - 1) + 1:sw] for a in range(kh) for b in range(kw)]


def over_batch(work, x):
    """work(images) on slices of the batch, one a thread where x is large."""
    if type(x) is np.ndarray and x.size >= SPLIT:
        parallel(work, len(x), blas=False)
    else:
        work(slice(0, len(x)))


def largest(x, kernel, stride, rows, columns):
    """The largest element of each window, (N, rows, columns, C); x is NumPy's."""
    best = np.empty((len(x), rows, columns, x.shape[3]), x.dtype)

    def work(images):
        first, *others = taps_of(x[images], kernel, stride, rows, columns)
        top = best[images]
        copy_places(top, first)
        for tap in others:
            np.maximum(top, tap, out=top)
    over_batch(work, x)
    return best


def winners(x, kernel, stride, rows, columns):
    """(largest element of each window, its number in the window: the first of equals), both (N, rows, columns, C)."""
    m, shape = xp(x), (len(x), rows, columns, x.shape[3])
    small = kernel[0] * kernel[1] < 256
    best, which = m.empty(shape, x.dtype), m.zeros(shape, np.uint8 if small else np.int32)
    if m is not np:
        return _winners(x, *x.shape[1:], rows, columns, *kernel, *stride, best, which)

    def work(images):
        taps = taps_of(x[images], kernel, stride, rows, columns)
        top, number = best[images], which[images]
        copy_places(top, taps[0])
        tap = scratch(top.size, x.dtype, "tap").reshape(top.shape)
        for i, strided in enumerate(taps[1:], 1):
            copy_places(tap, strided)
            m.maximum(number, m.greater(tap, top) * number.dtype.type(i), out=number)     # later taps have larger numbers
            m.maximum(top, tap, out=top)
    over_batch(work, x)
    return best, which


def pick(x, which, kernel, stride):
    """Element number `which` (N, rows, columns, C) of each window of the padded x."""
    m = xp(x)
    if m is not np:
        return _pick(x, which, *x.shape[1:], *which.shape[1:3], *kernel, *stride, m.empty(which.shape, x.dtype))
    y = m.zeros(which.shape, x.dtype)

    def work(images):
        for i, tap in enumerate(taps_of(x[images], kernel, stride, *which.shape[1:3])):
            y[images] += m.ascontiguousarray(tap) * (which[images] == i)
    over_batch(work, x)
    return y


def place(g, which, shape, kernel, stride):
    """The adjoint of `pick`: every element of g added at its place in zeros of the padded shape (N, H, W, C)."""
    m = xp(g)
    (kh, kw), (sh, sw) = kernel, stride
    rows, columns = g.shape[1:3]
    if m is not np:
        return _place(g, which, *shape[1:], rows, columns, *kernel, *stride, m.empty(shape, g.dtype))
    apart = kh <= sh and kw <= sw                                     # no two windows share a place
    covered = apart and (kh, kw) == (sh, sw) and shape[1:3] == (rows * kh, columns * kw)
    y = (m.empty if covered else m.zeros)(shape, g.dtype)

    def work(images):
        for i, tap in enumerate(taps_of(y[images], kernel, stride, rows, columns)):
            share = g[images] * (which[images] == i)
            if apart:
                copy_places(tap, share)
            else:
                tap += share
    over_batch(work, g)
    return y


# ---- on a GPU: one launch each --------------------------------------------------------------------------------------------------

_GEOMETRY = "int32 H, int32 W, int32 C, int32 rows, int32 columns, int32 kh, int32 kw, int32 sh, int32 sw"
_OF_WINDOW = """
    int k = i, c = k % C, across = (k /= C) % columns, down = (k /= columns) % rows, n = k / rows;
    long long corner = ((n * (long long)H + down * sh) * W + across * sw) * C + c;"""

_winners = Kernel("winners", f"raw T x, {_GEOMETRY}", "T best, K which", f"""{_OF_WINDOW}
    T top = x[corner];
    int winner = 0;
    for (int t = 1; t < kh * kw; ++t) {{
        T value = x[corner + ((long long)(t / kw) * W + t % kw) * C];
        if (value > top || value != value) {{ top = value; winner = t; }}
    }}
    best = top;
    which = winner""")

_pick = Kernel("pick", f"raw T x, K which, {_GEOMETRY}", "T y", f"""{_OF_WINDOW}
    y = x[corner + ((long long)(which / kw) * W + which % kw) * C]""")

_place = Kernel("place", f"raw T g, raw K which, {_GEOMETRY}", "T y", """
    int k = i, c = k % C, across = (k /= C) % W, down = (k /= W) % H, n = k / H;
    T sum = 0;
    for (int a = down % sh; a < kh; a += sh) {                         // the windows that cover this place, by its place in them
        int row = (down - a) / sh;
        if (down < a || row >= rows) continue;
        for (int b = across % sw; b < kw; b += sw) {
            int column = (across - b) / sw;
            if (across < b || column >= columns) continue;
            long long at = ((n * (long long)rows + row) * columns + column) * C + c;
            if (which[at] == a * kw + b) sum += g[at];
        }
    }
    y = sum""")
