"""The kernels of convolution: correlate (gather), its adjoint (scatter) and the weight gradient, on channels-last arrays.

Geometry is passed as pairs: stride (sh, sw), padding ((top, bottom), (left, right)), dilation (dh, dw). A negative padding
crops. Arrays are contiguous (N, H, W, C); weights are (kh, kw, C, O) here, so that `w.reshape(-1, O)` is the matrix that the
unfolded input (rows, kh * kw * C) is multiplied with.
"""
import numpy as np

from ..backend import parallel, scratch, xp

BLOCK = 1 << 18        # floats of unfolded input handled at once on a CPU: 1 MB, about what the L2 cache of a core holds
DEVICE_BLOCK = 1 << 27  # on a GPU: 512 MB, few large products


def out_size(size, kernel, stride, padding, dilation):
    """The output length along one axis: floor((size + pads - dilation * (kernel - 1) - 1) / stride) + 1."""
    return (size + sum(padding) - dilation * (kernel - 1) - 1) // stride + 1


def _buffer(module, shape, dtype, name):
    """An uninitialised array: a reused piece of this thread's scratch memory on the CPU, a fresh one on a GPU."""
    n = int(np.prod(shape))
    if module is not np:
        return module.empty(shape, dtype)
    return scratch(n, dtype, name).reshape(shape)


def _tiles(n, rows, per_row):
    """(images, output rows) slices of at most BLOCK unfolded floats each: several images, or some rows of one."""
    if rows * per_row >= BLOCK:
        step = max(1, BLOCK // per_row)
        return [(slice(i, i + 1), slice(r, min(r + step, rows))) for i in range(n) for r in range(0, rows, step)]
    step = max(1, BLOCK // max(1, rows * per_row))
    return [(slice(i, min(i + step, n)), slice(0, rows)) for i in range(0, n, step)]


def _windows(x, kernel, stride, dilation, rows, columns):
    """The view (n, rows, columns, kh, kw, C) of the windows of `x`, which is padded already."""
    a, b, c, d = x.strides
    (kh, kw), (sh, sw), (dh, dw) = kernel, stride, dilation
    as_strided = xp(x).lib.stride_tricks.as_strided
    return as_strided(x, (len(x), rows, columns, kh, kw, x.shape[3]), (a, b * sh, c * sw, b * dh, c * dw, d))


def _patch(x, images, rows, columns, kernel, stride, padding, dilation):
    """The padded part of `x` that the windows of output `rows` of `images` read; a view where nothing is padded."""
    (kh, kw), (sh, sw), (dh, dw), ((top, _), (left, _)) = kernel, stride, dilation, padding
    y0, x0 = rows.start * sh - top, -left                                  # the patch's corner, in coordinates of x
    h, w = (rows.stop - rows.start - 1) * sh + dh * (kh - 1) + 1, (columns - 1) * sw + dw * (kw - 1) + 1
    _, H, W, C = x.shape
    t, b, l, r = max(0, -y0), max(0, y0 + h - H), max(0, -x0), max(0, x0 + w - W)
    t, l = min(t, h), min(l, w)
    inside = x[images, max(0, y0):max(0, y0 + h - b), max(0, x0):max(0, x0 + w - r)]
    if not (t or b or l or r):
        return inside
    patch = _buffer(xp(x), (inside.shape[0], h, w, C), x.dtype, "patch")
    b, r = min(b, h - t), min(r, w - l)
    patch[:, :t], patch[:, h - b:] = 0, 0
    patch[:, t:h - b, :l], patch[:, t:h - b, w - r:] = 0, 0
    patch[:, t:h - b, l:w - r] = inside
    return patch


def _columns(x, images, rows, columns, kernel, stride, padding, dilation):
    """The unfolded windows of a tile as a matrix (positions, kh * kw * C), in scratch memory."""
    patch = _patch(x, images, rows, columns, kernel, stride, padding, dilation)
    view = _windows(patch, kernel, stride, dilation, rows.stop - rows.start, columns)
    k = view.shape[3] * view.shape[4] * view.shape[5]
    if view.flags.c_contiguous:
        return view.reshape(-1, k)
    out = _buffer(xp(x), view.shape, x.dtype, "columns")
    out[...] = view
    return out.reshape(-1, k)


def _over_tiles(x, n, rows, per_row, work):
    """work(images, rows) for every tile, the tiles shared out to the threads in order; the list of results a thread."""
    if xp(x) is not np:
        step = max(1, DEVICE_BLOCK // max(1, rows * per_row))
        return [[work(slice(i, min(i + step, n)), slice(0, rows)) for i in range(0, n, step)]]
    tiles = _tiles(n, rows, per_row)
    return parallel(lambda part: [work(*tile) for tile in tiles[part]], len(tiles))


def correlate(x, w, bias, stride, padding, dilation, out):
    """out[n, i, j] = bias + sum_{a, b} x[n, i sh + a dh - top, j sw + b dw - left] @ w[a, b]: unfold, multiply, in tiles.

    x (N, H, W, C), w (kh, kw, C, O), out (N, OH, OW, O), any strides: `out` may be a part of a larger array.
    """
    kh, kw, C, O = w.shape
    matrix = w.reshape(-1, O)
    n, rows, columns, _ = out.shape
    if 0 in out.shape:
        return out

    def work(images, part):
        unfolded = _columns(x, images, part, columns, (kh, kw), stride, padding, dilation)
        target = out[images, part]
        direct = target.flags.c_contiguous
        y = target.reshape(-1, O) if direct else _buffer(xp(x), (len(unfolded), O), x.dtype, "product")
        xp(x).matmul(unfolded, matrix, out=y)
        if bias is not None:
            y += bias
        if not direct:
            target[...] = y.reshape(target.shape)

    _over_tiles(x, n, rows, columns * kh * kw * C, work)
    return out


def correlate_weight(x, y, kernel, stride, padding, dilation):
    """The gradient of `correlate` with respect to w, (kh, kw, C, O): unfolded x, transposed, times y, summed over tiles."""
    (kh, kw), C, O = kernel, x.shape[3], y.shape[3]
    n, rows, columns, _ = y.shape
    module = xp(x)

    def work(images, part):
        unfolded = _columns(x, images, part, columns, kernel, stride, padding, dilation)
        return unfolded, module.ascontiguousarray(y[images, part]).reshape(-1, O)

    if module is not np:
        products = [u.T @ v for u, v in _over_tiles(x, n, rows, columns * kh * kw * C, work)[0]]
        return sum(products[1:], products[0]).reshape(kh, kw, C, O)
    tiles = _tiles(n, rows, columns * kh * kw * C)

    def of_thread(part):
        total = np.zeros((kh * kw * C, O), x.dtype)
        product = np.empty_like(total)
        for tile in tiles[part]:
            u, v = work(*tile)
            np.matmul(u.T, v, out=product)
            total += product
        return total

    totals = parallel(of_thread, len(tiles))
    for other in totals[1:]:                                                 # in a fixed order: bit-identical runs
        totals[0] += other
    return totals[0].reshape(kh, kw, C, O)


def scatter(y, w, bias, stride, padding, dilation, out):
    """The adjoint of `correlate` in x: every y[n, i, j] @ w[a, b].T is added where that window had read.

    y (N, OH, OW, O), w (kh, kw, C, O), out (N, H, W, C). Works for every geometry.
    """
    kh, kw, C, O = w.shape
    matrix = xp(y).ascontiguousarray(w.transpose(3, 0, 1, 2)).reshape(O, -1)
    n, oh, ow, _ = y.shape
    (sh, sw), (dh, dw), ((top, _), (left, _)) = stride, dilation, padding
    H, W = out.shape[1:3]
    h, v = max(H + top, (oh - 1) * sh + dh * (kh - 1) + 1), max(W + left, (ow - 1) * sw + dw * (kw - 1) + 1)

    def work(images, _):
        tile = xp(y).ascontiguousarray(y[images])
        spots = _buffer(xp(y), (len(tile) * oh * ow, kh * kw * C), y.dtype, "columns")
        xp(y).matmul(tile.reshape(-1, O), matrix, out=spots)
        spots = spots.reshape(len(tile), oh, ow, kh, kw, C)
        full = _buffer(xp(y), (len(tile), h, v, C), y.dtype, "patch")
        full[...] = 0 if bias is None else bias
        for a in range(kh):
            for b in range(kw):
                full[:, a * dh:a * dh + sh * oh:sh, b * dw:b * dw + sw * ow:sw][:, :oh, :ow] += spots[:, :, :, a, b]
        out[images] = full[:, top:top + H, left:left + W]

    step = BLOCK // max(1, oh * ow * kh * kw * C)
    if xp(y) is not np:
        step = DEVICE_BLOCK // max(1, oh * ow * kh * kw * C)
    starts = list(range(0, n, max(1, step)))
    run = lambda part: [work(slice(i, min(i + max(1, step), n)), None) for i in starts[part]]
    parallel(run, len(starts)) if xp(y) is np else run(slice(None))
    return out


def phases(size, out_length, kernel, stride, pad):
    """How one axis of a transposed convolution splits into stride-1 correlations, one a phase of the output.

    Output u collects y[i] w[a] from i * stride + a = u + pad. Outputs u = start, start + stride, ... share the taps
    a = r, r + stride, ...; as a correlation over y with those taps reversed they need the padding given here.
    Yields (start, count, taps, (before, after)).
    """
    for r in range(stride):
        start = (r - pad) % stride
        count = len(range(start, size, stride))
        taps = list(range(r, kernel, stride))[::-1]
        first = (start + pad) // stride
        if count:
            yield start, count, taps, (len(taps) - 1 - first, count - 1 + first - (out_length - 1))


def correlate_transposed(y, w, bias, stride, padding, dilation, out):
    """The same as `scatter`, as a gather: sub-pixel phases of stride-1 correlations with reversed taps, and no fold.

    Needs stride 1 or dilation 1 along each axis.
    """
    kh, kw, C, O = w.shape
    (sh, sw), (dh, dw), ((top, _), (left, _)) = stride, dilation, padding
    for u, rows, taps_h, pad_h in _axis_phases(out.shape[1], y.shape[1], kh, sh, dh, top):
        for v, columns, taps_w, pad_w in _axis_phases(out.shape[2], y.shape[2], kw, sw, dw, left):
            part = out[:, u::sh, v::sw]
            if not taps_h or not taps_w:
                part[...] = 0 if bias is None else bias
                continue
            matrix = xp(y).ascontiguousarray(w[taps_h][:, taps_w].transpose(0, 1, 3, 2))     # (taps, taps, O, C)
            correlate(y, matrix, bias, (1, 1), (pad_h, pad_w), (dh, dw), part)
    return out


def _axis_phases(size, out_length, kernel, stride, dilation, pad):
    if dilation == 1:
        return phases(size, out_length, kernel, stride, pad)
    before = dilation * (kernel - 1) - pad                                  # stride 1: one phase, spaced taps
    return [(0, size, list(range(kernel))[::-1], (before, size - out_length - before + dilation * (kernel - 1)))]
