"""The kernels of convolution on a GPU: the functions of convolution.py, with the same arguments, in few large launches.

Gather unfolds the batch into a matrix (`columns`, im2col) and multiplies once. Scatter multiplies first and collects (`fold`, col2im): every
element of the result adds up what fell on it, so there are no atomics and the bits are the same every time. Both move the unfolded matrix
through the memory once, so the form with the smaller matrix is taken. Arrays are contiguous (N, H, W, C), weights (kh, kw, C, O).
"""
import numpy as np

from ..backend import xp
from .convolution import adjoint_padding
from .cuda import Kernel
from .matrix import device_matmul

BLOCK = 1 << 27     # elements of an unfolded matrix: 512 MB in float32; a larger batch is taken in parts

# The channels of a place lie side by side: up to four floats are copied as one element of 8 or 16 bytes, where x begins at such an address.
_columns = Kernel("columns", "raw T x, int32 H, int32 W, int32 rows, int32 columns, int32 C, int32 kh, int32 kw, int32 sh, int32 sw, "
                  "int32 top, int32 left, int32 dh, int32 dw", "T column", """
    int k = i, c = k % C, b = (k /= C) % kw, a = (k /= kw) % kh, across = (k /= kh) % columns, down = (k /= columns) % rows, n = k / rows;
    int y = down * sh + a * dh - top, z = across * sw + b * dw - left;
    column = y >= 0 && y < H && z >= 0 && z < W ? x[((n * H + y) * (long long)W + z) * C + c] : T(0)""")

_fold = Kernel("fold", "raw T column, raw T bias, int32 biased, int32 H, int32 W, int32 rows, int32 columns, int32 C, int32 kh, int32 kw, int32 sh, "
               "int32 sw, int32 top, int32 left, int32 dh, int32 dw", "T x", """
    int k = i, c = k % C, z = (k /= C) % W, y = (k /= W) % H, n = k / H;
    T sum = biased ? bias[c] : T(0);
    for (int a = 0; a < kh; ++a) {
        int down = y + top - a * dh;
        if (down < 0 || down % sh || (down /= sh) >= rows) continue;
        for (int b = 0; b < kw; ++b) {
            int across = z + left - b * dw;
            if (across < 0 || across % sw || (across /= sw) >= columns) continue;
            sum += column[((((n * rows + down) * (long long)columns + across) * kh + a) * kw + b) * C + c];
        }
    }
    x = sum""")


def unfold(x, size, kernel, stride, padding, dilation):
    """The matrix (N * rows * columns, kh * kw * C) of the windows of x, for the output size (rows, columns)."""
    N, H, W, C = x.shape
    (kh, kw), ((top, _), (left, _)), m = kernel, padding, xp(x)
    if kernel == stride == (1, 1) and size == (H, W) and not (top or left):
        return x.reshape(-1, C)
    matrix = m.empty((N * size[0] * size[1], kh * kw * C), x.dtype)
    wide = next((t for t, size in (("c16", 16), ("c8", 8)) if C * x.itemsize % size == 0 == x.data.ptr % size), x.dtype)
    _columns(x.view(wide), H, W, *size, C * x.itemsize // np.dtype(wide).itemsize, kh, kw, *stride, top, left, *dilation, matrix.view(wide))
    return matrix


def fold(matrix, bias, size, kernel, stride, padding, dilation, out):
    """The adjoint of `unfold`, plus bias (O,) or None: rows of the matrix added where their windows lie, into out (N, H, W, C)."""
    N, H, W, C = out.shape
    (kh, kw), ((top, _), (left, _)) = kernel, padding
    return _fold(matrix, matrix if bias is None else bias, int(bias is not None), H, W, *size, C, kh, kw, *stride, top, left, *dilation, out)


def _parts(n, per_image):
    """Slices of the batch whose unfolded matrices stay below BLOCK elements."""
    step = max(1, BLOCK // max(1, per_image))
    return [slice(i, min(i + step, n)) for i in range(0, n, step)]


def _turned(w, padding, dilation):
    """(kernel, padding) of the stride-1 correlation that is the adjoint of one: the places in reverse order, channels exchanged."""
    kernel = xp(w).ascontiguousarray(w[::-1, ::-1].transpose(0, 1, 3, 2))
    return kernel, adjoint_padding(padding, w.shape[:2], dilation)


def correlate(x, w, bias, stride, padding, dilation, out):
    """out[n, i, j] = bias + sum_{a, b} x[n, i sh + a dh - top, j sw + b dw - left] @ w[a, b]."""
    (_, H, W, C), (_, rows, columns, O) = x.shape, out.shape
    if stride == (1, 1) and O * H * W < C * rows * columns:
        w, padding = _turned(w, padding, dilation)
        return _scatter(x, w, bias, stride, padding, dilation, out)
    return _gather(x, w, bias, stride, padding, dilation, out)


def transposed(y, w, bias, stride, padding, dilation, out):
    """The adjoint of `correlate` in x, plus bias. y (N, OH, OW, O), out (N, H, W, C)."""
    (_, rows, columns, O), (_, H, W, C) = y.shape, out.shape
    if stride == (1, 1) and O * H * W < C * rows * columns:
        w, padding = _turned(w, padding, dilation)
        return _gather(y, w, bias, stride, padding, dilation, out)
    return _scatter(y, w, bias, stride, padding, dilation, out)


def correlate_weight(x, y, kernel, stride, padding, dilation):
    """The gradient of `correlate` with respect to w, (kh, kw, C, O): unfolded x, transposed, times y."""
    (N, rows, columns, O), C = y.shape, x.shape[3]
    k, total = kernel[0] * kernel[1] * C, None
    for part in _parts(N, rows * columns * k):
        matrix = unfold(x[part], (rows, columns), kernel, stride, padding, dilation)
        product = device_matmul(matrix.T, y[part].reshape(-1, O))
        total = product if total is None else total + product
    return (xp(x).zeros((k, O), x.dtype) if total is None else total).reshape(*kernel, C, O)


def _gather(x, w, bias, stride, padding, dilation, out):
    N, rows, columns, O = out.shape
    matrix = w.reshape(-1, O)
    for part in _parts(N, rows * columns * len(matrix)):
        unfolded = unfold(x[part], (rows, columns), w.shape[:2], stride, padding, dilation)
        device_matmul(unfolded, matrix, out[part].reshape(-1, O))
    if bias is not None:
        out += bias
    return out


def _scatter(y, w, bias, stride, padding, dilation, out):
    (N, rows, columns, O), (kh, kw, C, _) = y.shape, w.shape
    matrix = w.reshape(-1, O).T
    for part in _parts(N, max(rows * columns * kh * kw, out.shape[1] * out.shape[2]) * C):
        fold(device_matmul(y[part].reshape(-1, O), matrix), bias, (rows, columns), (kh, kw), stride, padding, dilation, out[part])
    return out
