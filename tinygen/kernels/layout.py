"""Memory order: channels-last arrays under NCHW shapes, and elementwise work split into blocks and over threads."""
import numpy as np

from ..backend import parallel, xp

SPLIT = 1 << 19     # elements from which a second thread pays for its start (about 50 us)
CHUNK = 1 << 17     # elements of a block that several passes go over; in shorter ones the threads wait for each other's lock


def channels_last(x):
    """The (N, H, W, C) array behind a logical (N, C, H, W) array: contiguous, a view where the memory is in that order."""
    v = x.transpose(0, 2, 3, 1)
    if v.flags.c_contiguous:
        return v
    if type(x) is not np.ndarray or x.size < SPLIT:
        return xp(x).ascontiguousarray(v)
    out = np.empty(v.shape, v.dtype)
    parallel(lambda part: np.copyto(out[part], v[part]), len(v), blas=False)
    return out


def logical(y):
    """The (N, C, H, W) view of a contiguous (N, H, W, C) array: the inverse of `channels_last`."""
    return y.transpose(0, 3, 1, 2)


_UNITS = {4: np.dtype("u4"), 8: np.dtype("u8"), 16: np.dtype("c16")}


def unit_of(n, dtype):
    """A dtype of the size of n elements of `dtype`: a copy through a view of it moves them at once."""
    size = n * np.dtype(dtype).itemsize
    return _UNITS.get(size) or np.dtype(("V", size))


def copy_places(target, source):
    """target[...] = source for (N, H, W, C) arrays whose C floats lie side by side; short runs of channels move at once."""
    if type(target) is np.ndarray and target.strides[3] == source.strides[3] == target.itemsize and target.dtype == source.dtype:
        unit = unit_of(target.shape[3], target.dtype)
        target.view(unit)[...] = source.view(unit)
    else:
        target[...] = source


def flat(a):
    """(1-D view of `a` in the order of its memory, the order of its axes), or (None, None) where the memory has gaps."""
    if a.flags.c_contiguous:
        return a.reshape(-1), None
    axes = tuple(sorted(range(a.ndim), key=lambda i: -a.strides[i]))
    v = a.transpose(axes)
    return (v.reshape(-1), axes) if v.flags.c_contiguous else (None, None)


def in_layout_of(a, like):
    """`a`, of the shape of `like`, in the memory order of `like`; copied only if the orders differ."""
    if a.strides == like.strides or a.ndim < 2:
        return a
    out = xp(like).empty_like(like, dtype=a.dtype)
    if out.strides == a.strides:
        return a
    if type(a) is np.ndarray and a.size >= SPLIT and len(a) > 1:
        parallel(lambda part: np.copyto(out[part], a[part]), len(a), blas=False)
    else:
        out[...] = a
    return out


def blockwise(work, *arrays, chunk=CHUNK):
    """work(*blocks) over matching 1-D blocks of arrays of one shape and memory order, split over the threads.

    `work` writes into its blocks. Returns False, with nothing done, where the arrays have no common order in memory.
    """
    views, orders = zip(*map(flat, arrays))
    if any(v is None for v in views) or len(set(orders)) > 1:
        return False
    n = arrays[0].size

    def part_of(part):
        for i in range(part.start, part.stop, chunk):
            j = min(i + chunk, part.stop)
            work(*[v[i:j] for v in views])

    if n < SPLIT:
        part_of(slice(0, n))
    else:
        parallel(part_of, n, blas=False)
    return True


def everywhere(work, groups, chunk=1 << 18):
    """work(*blocks) over each group of arrays of one shape and memory order, all groups shared out to the threads together."""
    pieces = []
    for arrays in groups:
        views, orders = zip(*map(flat, arrays))
        if type(arrays[0]) is not np.ndarray or any(v is None for v in views) or len(set(orders)) > 1:
            work(*arrays)
            continue
        pieces += [[v[i:i + chunk] for v in views] for i in range(0, arrays[0].size, chunk)]
    sizes = np.cumsum([0] + [p[0].size for p in pieces])

    def share(part):                                              # equal numbers of elements, not of pieces
        first, last = np.searchsorted(sizes, [part.start, part.stop])
        for piece in pieces[first:last]:
            work(*piece)
    total = int(sizes[-1])
    if total < SPLIT // 4:
        share(slice(0, total))
    else:
        parallel(share, total, blas=False)


def over_threads(function, x):
    """function(x) for a NumPy ufunc of one argument, split over the threads where `x` is large."""
    if type(x) is not np.ndarray or x.size < SPLIT or x.dtype.kind != "f":
        return function(x)
    y = np.empty_like(x)
    if not blockwise(lambda x, y: function(x, out=y), x, y, chunk=1 << 20):
        function(x, out=y)
    return y


# ---- on a GPU ------------------------------------------------------------------------------------------------------------


def is_channels_last(a):
    """Whether the memory of a logical (N, C, H, W) array is (N, H, W, C), and not (N, C, H, W) as well."""
    return a.ndim == 4 and not a.flags.c_contiguous and a.transpose(0, 2, 3, 1).flags.c_contiguous


def along_memory(function, *arrays, **keywords):
    """function(*arrays), one that acts on each element, for device arrays: along the memory if one of them is channels-last.

    CuPy's functions go along the axes and return a C-contiguous array, which would read memory in jumps and undo the order.
    """
    for a in arrays:
        if getattr(a, "ndim", 0) == 4 and is_channels_last(a):
            return logical(function(*map(_channels_behind, arrays), **keywords))
    return function(*arrays, **keywords)


def same_places(a, b):
    """Whether the elements of two arrays of one shape lie in the same order, so that both can be gone through by address."""
    return a.strides == b.strides or all(s == t for n, s, t in zip(a.shape, a.strides, b.strides) if n > 1)


def aligned(a, like):
    """`a` with its elements in the places of those of `like`; copied where they lie otherwise."""
    if same_places(a, like):
        return a
    out = xp(like).empty_like(like)
    out[...] = a
    return out


def _channels_behind(a):
    """(N, C, H, W), or what stretches to it, as (N, H, W, C); numbers as they are."""
    if not getattr(a, "ndim", 0):
        return a
    return (a if a.ndim == 4 else a.reshape((1,) * (4 - a.ndim) + a.shape)).transpose(0, 2, 3, 1)
