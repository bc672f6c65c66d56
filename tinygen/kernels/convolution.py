"""The kernels of convolution: correlate (gather), its adjoint (scatter) and the weight gradient, on channels-last arrays.

Geometry is passed as pairs: stride (sh, sw), padding ((top, bottom), (left, right)), dilation (dh, dw). A negative padding
crops. Arrays are contiguous (N, H, W, C); weights are (kh, kw, C, O), so that `w.reshape(-1, O)` is the matrix that the
unfolded input (positions, kh * kw * C) is multiplied with.

Gather unfolds a tile (a few images, or some rows of one) into a buffer that fits the cache and multiplies it at once.
Scatter multiplies first and adds the products up where windows overlap. `gather_cost` and `scatter_cost` estimate what
a form takes from six constants, measured once; the cheaper is taken. Layers of few channels are widened first: `g`
neighbouring outputs are computed from one longer window, which is copied in longer runs and fills a wider product.
"""
import math
from typing import NamedTuple

import numpy as np

from ..backend import parallel, scratch
from .layout import unit_of

BLOCK = 1 << 20         # floats of unfolded input a tile: 4 MB; smaller ones make the threads wait for each other's lock

# What things cost on one core, in nanoseconds. Only their ratios matter, so other machines choose alike.
RUN, FLOAT, PRODUCT = 4.0, 0.06, 0.008           # a copied run; a float in it; a multiply-add of a GEMM
ADD_RUN, ADD, ADD_PLANE = 15.0, 0.5, 0.8         # an added run of channels; a float in it; a float added to a plane


def out_size(size, kernel, stride, padding, dilation):
    """The output length along one axis: floor((size + pads - dilation * (kernel - 1) - 1) / stride) + 1."""
    return (size + sum(padding) - dilation * (kernel - 1) - 1) // stride + 1


def adjoint_padding(padding, kernel, dilation):
    """The padding of a stride-1 correlation seen as the adjoint of another, whose kernel is turned round."""
    return tuple(tuple(d * (k - 1) - p for p in ps) for k, d, ps in zip(kernel, dilation, padding))


# ---- choosing a form -----------------------------------------------------------------------------------------------------


def _products(n, width):
    """Multiply-adds of a GEMM, with what a narrow one wastes."""
    return n * (1 + 12 / width) * PRODUCT


def gather_cost(positions, kernel, C, O, group=1, stride=1):
    """Estimated nanoseconds of `correlate` at this many output positions, `group` of them computed from one longer window."""
    kh, kw = kernel
    run = ((group - 1) * stride + kw) * C
    windows = positions / group
    copies = 0 if kh == kw == group == 1 else windows * kh * (RUN + run * FLOAT)
    return copies + _products(windows * kh * run * group * O, group * O)


def scatter_cost(positions, kernel, C, O):
    """Estimated nanoseconds of `scatter` from this many input positions into C channels."""
    taps = kernel[0] * kernel[1]
    per_tap = C * ADD_PLANE if _in_planes(C) else ADD_RUN + C * ADD
    return positions * taps * per_tap + _products(positions * taps * C * O, taps * C)


def _in_planes(C):
    """Whether `scatter` adds whole rows of one channel, rather than all channels of one position."""
    return C <= 16


def _together(positions, columns, kernel, C, O, stride, dilation):
    """How many neighbouring outputs to compute from one longer window: a divisor of the row's length."""
    if dilation[1] != 1 or O >= 64:
        return 1
    divisors = [g for g in range(1, columns + 1) if columns % g == 0 and g * O <= 256]
    return min(divisors, key=lambda g: gather_cost(positions, kernel, C, O, g, stride[1]), default=1)


def _widened(w, g, step):
    """The kernel (kh, (g - 1) step + kw, C, g O) whose output q, o is w's output o of the window moved by q * step."""
    kh, kw, C, O = w.shape
    wide = np.zeros((kh, (g - 1) * step + kw, C, g, O), w.dtype)
    for q in range(g):
        wide[:, q * step:q * step + kw, :, q] = w
    return wide.reshape(kh, -1, C, g * O)


def _narrowed(wide, kw, g, step):
    """The adjoint of `_widened`: the gradient of w from that of the wide kernel."""
    kh, _, C, _ = wide.shape
    parts = wide.reshape(kh, -1, C, g, wide.shape[3] // g)
    return sum((parts[:, q * step:q * step + kw, :, q] for q in range(1, g)), parts[:, :kw, :, 0].copy())


# ---- tiles ---------------------------------------------------------------------------------------------------------------


def _buffer(shape, dtype, name):
    """An uninitialised array: a reused piece of this thread's scratch memory."""
    return scratch(int(np.prod(shape)), dtype, name).reshape(shape)


def _tiles(n, rows, per_row):
    """(images, output rows) slices of about BLOCK unfolded floats each: several images, or some rows of one."""
    if rows * per_row > BLOCK:
        step = max(1, BLOCK // per_row)
        return [(slice(i, i + 1), slice(r, min(r + step, rows))) for i in range(n) for r in range(0, rows, step)]
    count = max(1, -(-n * rows * per_row // BLOCK))
    count += count % 2 if 1 < count < n else 0                  # an even number shares out evenly to two threads
    edges = [n * i // count for i in range(count + 1)]
    return [(slice(a, b), slice(0, rows)) for a, b in zip(edges, edges[1:]) if b > a]


def _on_threads(work, tiles):
    """work(tiles of one thread) on all threads; the results in order."""
    return parallel(lambda part: work(tiles[part]), len(tiles))


class _Windows(NamedTuple):
    """Which windows of a padded array to unfold: `rows` x `columns` of them, the first with its corner at `corner`."""

    rows: int
    columns: int
    kernel: tuple
    stride: tuple = (1, 1)
    dilation: tuple = (1, 1)
    corner: tuple = (0, 0)

    def over(self, x, images):
        """The windows of a padded, contiguous x (N, H, W, C), as a view: (images, rows, columns, kh, kw, C).

        The kw * C floats of a window's row, which lie side by side, are one element of that many bytes (kh the last axis),
        and so are the C of one place where dilation sets the places apart: copying an element costs half of a loop over a short run.
        """
        (kh, kw), (sh, sw), (dh, dw) = self.kernel, self.stride, self.dilation
        a, b, c, d = x.strides
        shape, strides = (images, self.rows, self.columns, kh, kw, x.shape[3]), (a, b * sh, c * sw, b * dh, c * dw, d)
        cut = 4 if dw == 1 else 5
        unit = unit_of(math.prod(shape[cut:]), x.dtype)
        return np.ndarray(shape[:cut], unit, buffer=x, offset=self.corner[0] * b + self.corner[1] * c, strides=strides[:cut])


def _unfolded(x, tiles, padding, *kinds):
    """For each tile and each kind of windows, (number of the kind, images, rows, matrix (positions, kh * kw * C)), in reused memory.

    The images of a tile are padded into one buffer, whose border is zeroed once; the windows are views of it.
    """
    (top, bottom), (left, right) = padding
    N, H, W, C = x.shape
    most, rows_most = max(i.stop - i.start for i, _ in tiles), max(r.stop - r.start for _, r in tiles)
    padded = any((top, bottom, left, right))
    if padded:
        whole = _buffer((most, H + top + bottom, W + left + right, C), x.dtype, "padded")
        inside = (slice(max(0, top), max(0, top) + max(0, H + min(0, top) + min(0, bottom))),
                  slice(max(0, left), max(0, left) + max(0, W + min(0, left) + min(0, right))))
        whole[:, :inside[0].start], whole[:, inside[0].stop:] = 0, 0
        whole[:, inside[0], :inside[1].start], whole[:, inside[0], inside[1].stop:] = 0, 0
        source = x[:, max(0, -top):H - max(0, -bottom), max(0, -left):W - max(0, -right)]
    else:
        whole = x
    views = [kind.over(whole, most if padded else N) for kind in kinds]
    lengths = [math.prod(kind.kernel) * C for kind in kinds]
    buffer = last = None
    for images, rows in tiles:
        count = images.stop - images.start
        if padded and images != last:
            whole[:count, inside[0], inside[1]] = source[images]
            last = images
        for i, (kind, windows, k) in enumerate(zip(kinds, views, lengths)):
            view = windows[:count, rows] if padded else windows[images, rows]
            if view.flags.c_contiguous:
                yield i, images, rows, view.view(x.dtype).reshape(-1, k)
                continue
            size = math.prod(view.shape[:3]) * k
            if buffer is None or buffer.size < size:
                buffer = _buffer((max(size, most * rows_most * kind.columns * k),), x.dtype, "columns")
            matrix = buffer[:size]
            matrix.view(view.dtype).reshape(view.shape)[...] = view
            yield i, images, rows, matrix.reshape(-1, k)


# ---- gather ----------------------------------------------------------------------------------------------------------------


class _Product(NamedTuple):
    """Unfolded windows times a matrix, plus a row, into `target` (N, rows, columns, width), any strides."""

    windows: _Windows
    matrix: object
    bias: object
    target: object


def _product(out, w, bias, stride, dilation, corner=(0, 0)):
    """The product that fills `out` with the correlation with w (kh, kw, C, O), several outputs at once where that pays."""
    n, rows, columns, O = out.shape
    g = _together(n * rows * columns, columns, w.shape[:2], w.shape[2], O, stride, dilation)
    if g > 1:
        w, stride, columns = _widened(w, g, stride[1]), (stride[0], g * stride[1]), columns // g
        bias = None if bias is None else np.tile(bias, g)
    return _Product(_Windows(rows, columns, w.shape[:2], stride, dilation, corner), w.reshape(-1, w.shape[3]), bias, out)


def _multiply(x, padding, products):
    """Compute all `products` of the windows of x, padded: tile by tile, so that a tile is padded once for all of them."""
    per_row = max(p.windows.columns * len(p.matrix) for p in products)
    rows = max(p.windows.rows for p in products)
    if len(products) > 1 and rows * per_row > BLOCK:                 # too large for whole images: each in tiles of its own
        for p in products:
            _multiply(x, padding, [p])
        return

    def work(tiles):
        for i, images, part, unfolded in _unfolded(x, tiles, padding, *(p.windows for p in products)):
            _, matrix, bias, target = products[i]
            target, width = target[images, part], matrix.shape[1]
            direct = target.flags.c_contiguous
            y = target.reshape(-1, width) if direct else _buffer((len(unfolded), width), x.dtype, "product")
            np.matmul(unfolded, matrix, out=y)
            if bias is not None:
                y += bias
            if not direct:
                target[...] = y.reshape(target.shape)

    _on_threads(work, _tiles(len(x), rows, per_row))


def correlate(x, w, bias, stride, padding, dilation, out):
    """out[n, i, j] = bias + sum_{a, b} x[n, i sh + a dh - top, j sw + b dw - left] @ w[a, b]: unfold, multiply, in tiles.

    x (N, H, W, C), w (kh, kw, C, O), out (N, OH, OW, O), any strides: `out` may be a part of a larger array.
    """
    if out.size:
        _multiply(x, padding, [_product(out, w, bias, stride, dilation)])
    return out


def correlate_weight(x, y, kernel, stride, padding, dilation):
    """The gradient of `correlate` with respect to w, (kh, kw, C, O): unfolded x, transposed, times y, summed over tiles."""
    (n, rows, columns, O), C, kw = y.shape, x.shape[3], kernel[1]
    if not n:
        return np.zeros((*kernel, C, O), x.dtype)
    g = _together(n * rows * columns, columns, kernel, C, O, stride, dilation)
    step = stride[1]
    if g > 1:
        kernel, stride, columns = (kernel[0], (g - 1) * step + kw), (stride[0], g * step), columns // g
    k, width = kernel[0] * kernel[1] * C, g * O

    def work(tiles):
        total, product = np.zeros((k, width), x.dtype), np.empty((k, width), x.dtype)
        for _, images, part, unfolded in _unfolded(x, tiles, padding, _Windows(rows, columns, kernel, stride, dilation)):
            np.matmul(unfolded.T, np.ascontiguousarray(y[images, part]).reshape(-1, width), out=product)
            total += product
        return total

    totals = _on_threads(work, _tiles(n, rows, columns * k))
    total = sum(totals[1:], totals[0]).reshape(*kernel, C, width)            # in a fixed order: bit-identical runs
    return total if g == 1 else _narrowed(total, kw, g, step)


# ---- the adjoint ------------------------------------------------------------------------------------------------------------


def transposed(y, w, bias, stride, padding, dilation, out):
    """The adjoint of `correlate` in x, plus bias, by whichever form is cheaper. y (N, OH, OW, O), out (N, H, W, C)."""
    kh, kw, C, O = w.shape
    (sh, sw), inputs, outputs = stride, y.shape[0] * y.shape[1] * y.shape[2], out.shape[0] * out.shape[1] * out.shape[2]
    phased = all(s == 1 or d == 1 for s, d in zip(stride, dilation))
    g = _together(outputs, out.shape[2] // sw or 1, (-(-kh // sh), -(-kw // sw)), O, C, (1, 1), dilation)
    gather = gather_cost(outputs, (-(-kh // sh), -(-kw // sw)), O, C, g)
    if phased and gather <= scatter_cost(inputs, (kh, kw), C, O):
        return correlate_transposed(y, w, bias, stride, padding, dilation, out)
    return scatter(y, w, bias, stride, padding, dilation, out)


def scatter(y, w, bias, stride, padding, dilation, out):
    """The adjoint of `correlate` in x: every y[n, i, j] @ w[a, b].T is added where that window had read. Any geometry."""
    (kh, kw, C, O), (n, oh, ow, _), (_, H, W, _) = w.shape, y.shape, out.shape
    (sh, sw), (dh, dw), ((top, _), (left, _)) = stride, dilation, padding
    matrix = w.reshape(-1, O)
    t, l = max(0, top), max(0, left)                    # a negative padding places the windows further in
    y0, x0 = t - top, l - left
    h, v = max(t + H, y0 + (oh - 1) * sh + dh * (kh - 1) + 1), max(l + W, x0 + (ow - 1) * sw + dw * (kw - 1) + 1)
    planes = _in_planes(C)

    def work(tiles):
        for images, _ in tiles:
            count = images.stop - images.start
            rows = np.ascontiguousarray(y[images]).reshape(-1, O)
            if planes:
                spots = np.matmul(matrix, rows.T, out=_buffer((kh * kw * C, len(rows)), y.dtype, "columns"))
                spots, shape = spots.reshape(kh, kw, C, count, oh, ow), (C, count, h, v)
            else:
                spots = np.matmul(rows, matrix.T, out=_buffer((len(rows), kh * kw * C), y.dtype, "columns"))
                spots, shape = spots.reshape(count, oh, ow, kh, kw, C).transpose(3, 4, 0, 1, 2, 5), (count, h, v, C)
            full = _buffer(shape, y.dtype, "padded")
            full[...] = 0
            places = full if planes else full.transpose(3, 0, 1, 2)          # (C, images, rows, columns) either way
            for a in range(kh):
                for b in range(kw):
                    target = places[:, :, y0 + a * dh:y0 + a * dh + (oh - 1) * sh + 1:sh,
                                    x0 + b * dw:x0 + b * dw + (ow - 1) * sw + 1:sw]
                    target += spots[a, b] if planes else spots[a, b].transpose(3, 0, 1, 2)
            out[images] = places[:, :, t:t + H, l:l + W].transpose(1, 2, 3, 0)
            if bias is not None:
                out[images] += bias

    per_image = oh * ow * kh * kw * C
    tiles = _tiles(n, 1, min(per_image, BLOCK))
    _on_threads(work, tiles)
    return out


def phases(size, out_length, kernel, stride, dilation, pad):
    """How one axis of a transposed convolution splits into stride-1 correlations, one a phase of the output.

    Output u collects y[i] w[a] from i * stride + a = u + pad. Outputs u = start, start + stride, ... share the taps
    a = r, r + stride, ...; as a correlation over y with those taps reversed they need the padding given here.
    Returns [(start, taps, (before, after))]. With dilation the stride is 1: one phase, its taps apart.
    """
    if dilation > 1:
        before = dilation * (kernel - 1) - pad
        return [(0, list(range(kernel))[::-1], (before, size - out_length + pad))]
    found = []
    for r in range(stride):
        start = (r - pad) % stride
        count = len(range(start, size, stride))
        taps = list(range(r, kernel, stride))[::-1]
        first = (start + pad) // stride
        if count:
            found.append((start, taps, (len(taps) - 1 - first, count - 1 + first - (out_length - 1))))
    return found


def correlate_transposed(y, w, bias, stride, padding, dilation, out):
    """The same as `scatter`, as a gather: sub-pixel phases of stride-1 correlations with reversed taps, and no fold.

    Needs stride 1 or dilation 1 along each axis.
    """
    (sh, sw), (dh, dw), ((top, _), (left, _)) = stride, dilation, padding
    down = phases(out.shape[1], y.shape[1], w.shape[0], sh, dh, top)
    across = phases(out.shape[2], y.shape[2], w.shape[1], sw, dw, left)
    around = tuple(tuple(max([0] + [pads[end] for _, taps, pads in axis if taps]) for end in (0, 1)) for axis in (down, across))
    turned = np.ascontiguousarray(w.transpose(0, 1, 3, 2))                            # (kh, kw, O, C), once for all phases
    products = []
    for u, taps_h, (before_h, _) in down:
        for v, taps_w, (before_w, _) in across:
            part = out[:, u::sh, v::sw]
            if taps_h and taps_w:
                taps = turned[taps_h[-1]::sh, taps_w[-1]::sw][::-1, ::-1]
                corner = around[0][0] - before_h, around[1][0] - before_w
                products.append(_product(part, np.ascontiguousarray(taps), bias, (1, 1), dilation, corner))
            else:
                part[...] = 0 if bias is None else bias
    if products and out.size:
        _multiply(y, around, products)
    return out
