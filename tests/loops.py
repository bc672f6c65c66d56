"""Convolution and pooling as plain loops: their specification, slow and easy to believe."""
import numpy as np


def two(value):
    """An integer as a pair."""
    return (value, value) if isinstance(value, int) else tuple(value)


def canonical(padding, kernel, dilation=(1, 1)):
    """padding, however written, as ((top, bottom), (left, right))."""
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, two(dilation))]
        return tuple((t // 2, t - t // 2) for t in totals)
    return tuple(two(p) for p in two(padding))


def output_size(size, kernel, stride, padding, dilation=1):
    """(OH, OW): how many windows fit, counted one by one."""
    def along(n, k, s, pads, d):
        return sum(1 for start in range(0, n + sum(pads), s) if start + d * (k - 1) < n + sum(pads))
    return tuple(along(*a) for a in zip(size, kernel, two(stride), canonical(padding, kernel, dilation), two(dilation)))


def _window(i, j, kernel, stride, dilation):
    """The places of a padded image that output (i, j) reads."""
    (kh, kw), (sh, sw), (dh, dw) = kernel, two(stride), two(dilation)
    return (slice(None), slice(i * sh, i * sh + dh * (kh - 1) + 1, dh), slice(j * sw, j * sw + dw * (kw - 1) + 1, dw))


def conv2d(x, w, b=None, *, stride=1, padding=0, dilation=1):
    """y[n, o, i, j] = b[o] + <window (i, j) of image n, w[o]>."""
    kernel = w.shape[2:]
    pads = canonical(padding, kernel, dilation)
    padded = np.pad(x, ((0, 0), (0, 0), *pads))
    y = np.zeros((len(x), len(w), *output_size(x.shape[2:], kernel, stride, padding, dilation)))
    for n, o, i, j in np.ndindex(y.shape):
        y[n, o, i, j] = (padded[n][_window(i, j, kernel, stride, dilation)] * w[o]).sum() + (0 if b is None else b[o])
    return y


def conv_transpose2d(x, w, b=None, *, stride=1, padding=0, output_padding=0, dilation=1):
    """Every x[n, c, i, j] w[c] is added where window (i, j) lies; then the padding is cut off."""
    kernel = w.shape[2:]
    (top, bottom), (left, right) = canonical(padding, kernel, dilation)
    height, width = ((n - 1) * s + d * (k - 1) + 1 + e
                     for n, s, d, k, e in zip(x.shape[2:], two(stride), two(dilation), kernel, two(output_padding)))
    full = np.zeros((len(x), w.shape[1], height, width))
    for n, c, i, j in np.ndindex(x.shape):
        full[n][_window(i, j, kernel, stride, dilation)] += x[n, c, i, j] * w[c]
    y = full[:, :, top:height - bottom, left:width - right]
    return y if b is None else y + b.reshape(1, -1, 1, 1)


def conv2d_weight(x, y, *, kernel, stride=1, padding=0, dilation=1):
    """w[o] = sum over n, i, j of y[n, o, i, j] times window (i, j) of image n."""
    pads = canonical(padding, kernel, dilation)
    padded = np.pad(x, ((0, 0), (0, 0), *pads))
    w = np.zeros((y.shape[1], x.shape[1], *kernel))
    for n, o, i, j in np.ndindex(y.shape):
        w[o] += y[n, o, i, j] * padded[n][_window(i, j, kernel, stride, dilation)]
    return w


def pool(x, kernel_size, reduce, *, stride=None, padding=0, value=0.0):
    """reduce(window) for every window of x, padded with `value`."""
    kernel = two(kernel_size)
    stride = kernel if stride is None else two(stride)
    padded = np.pad(x, ((0, 0), (0, 0), *canonical(padding, kernel)), constant_values=value)
    y = np.zeros((*x.shape[:2], *output_size(x.shape[2:], kernel, stride, padding)))
    for n, c, i, j in np.ndindex(y.shape):
        y[n, c, i, j] = reduce(padded[n][_window(i, j, kernel, stride, 1)][c])
    return y


def bilinear(x, factor):
    """x enlarged: output u lies at (u + 1/2) / factor - 1/2 between two inputs, those beyond the edge repeated."""
    def along(row, f):
        out = np.zeros(len(row) * f)
        for u in range(len(out)):
            position = max(0.0, (u + 0.5) / f - 0.5)
            low = min(int(position), len(row) - 1)
            high = min(low + 1, len(row) - 1)
            out[u] = row[low] + (position - low) * (row[high] - row[low])
        return out
    down = np.apply_along_axis(along, 2, x, two(factor)[0])
    return np.apply_along_axis(along, 3, down, two(factor)[1])
