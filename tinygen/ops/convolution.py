"""Convolution: three faces of one trilinear form, each the gradient of the others.

    F(x, w, y) = sum over n, o, i, j, c, a, b of  x[n, c, i s + a d - p, j s + b d - p]  w[o, c, a, b]  y[n, o, i, j]

`conv2d(x, w)`, `conv_transpose2d(y, w)` and `conv2d_weight(x, y)` are its derivatives with respect to y, x and w:

    <conv2d(x, w), y>  =  <x, conv_transpose2d(y, w)>  =  <w, conv2d_weight(x, y)>  =  F(x, w, y)

F is linear in each argument, so the gradients of the three are the three again: six one-line VJPs, any order. There is no
kernel flip; this is what signal processing calls cross-correlation. Shapes are (N, C, H, W); weights are (out, in, kh, kw)
for conv2d and (in, out, kh, kw) for the transposed layer: the same array.

Each face has two forms that compute the same: gather (unfold the input, one product) and scatter (one product, then add up
where windows overlap). Which is cheaper depends on the channels; kernels/convolution.py estimates and decides.
"""
import numpy as np

from ..autograd import primitive
from ..backend import xp
from ..kernels import convolution as kernels
from ..kernels import device_convolution
from ..kernels.layout import channels_last, logical
from ..kernels.moments import as_rows, column_sum
from .shaping import broadcast_to, reshape

# ---- geometry: what users write, and the canonical form (sh, sw), ((top, bottom), (left, right)), (dh, dw) ------------------------


def pair(value, name, function, least=1):
    """An integer or a pair as a pair of integers >= `least`."""
    values = (value, value) if isinstance(value, (int, np.integer)) else value
    if (not isinstance(values, (tuple, list)) or len(values) != 2
            or not all(isinstance(v, (int, np.integer)) and v >= least for v in values)):
        raise ValueError(f"{function}: {name} {value!r} is not an integer or a pair (vertical, horizontal) of integers >= {least}")
    return int(values[0]), int(values[1])


def pads(padding, kernel, stride, dilation, function):
    """padding as ((top, bottom), (left, right)), from an int, a pair, two pairs, or "same" (which needs stride 1)."""
    if isinstance(padding, str):
        if padding != "same":
            raise ValueError(f'{function}: padding {padding!r}; the only word is "same"')
        if stride != (1, 1):
            raise ValueError(f'{function}: padding "same" needs stride 1, not {stride}; give the numbers')
        totals = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return tuple((t // 2, t - t // 2) for t in totals)
    try:
        if isinstance(padding, (tuple, list)) and len(padding) == 2 and all(isinstance(p, (tuple, list)) for p in padding):
            return tuple(pair(p, "padding", function, 0) for p in padding)
        return tuple((p, p) for p in pair(padding, "padding", function, 0))
    except ValueError:
        raise ValueError(f"{function}: padding {padding!r} is not an integer or a pair (vertical, horizontal) of integers >= 0, nor a pair of pairs "
                         '((top, bottom), (left, right)), nor "same"') from None


def _check_image(function, x, name="x"):
    if not hasattr(x, "ndim"):
        raise TypeError(f"{function}: {name} is a {type(x).__name__}, not a Tensor or an array (N, C, H, W)")
    if x.ndim != 4:
        raise ValueError(f"{function}: {name} {x.shape} has {x.ndim} axes; the layout is (N, C, H, W)")


# ---- the three faces on arrays -------------------------------------------------------------------------------------------------------


def _kernel_layout(w):
    """(O, C, kh, kw) as the contiguous (kh, kw, C, O) of the kernels; the layers' weights are stored so, and only viewed."""
    return xp(w).ascontiguousarray(w.transpose(2, 3, 1, 0))


def _on(x):
    """The kernels for the device of x: the same functions in both files."""
    return kernels if xp(x) is np else device_convolution


@primitive(lambda g, y, x, w, b=None, **k: _conv_transpose2d(g, w, size=x.shape[2:], **k),
           lambda g, y, x, w, b=None, **k: _conv2d_weight(x, g, kernel=w.shape[2:], **k),
           lambda g, y, x, w, b=None, **k: channel_sum(g))
def _conv2d(x, w, b=None, *, stride, padding, dilation):
    xs, ws = channels_last(x), _kernel_layout(w)
    rows, columns = (kernels.out_size(*a) for a in zip(x.shape[2:], w.shape[2:], stride, padding, dilation))
    y = xp(x).empty((len(x), rows, columns, w.shape[0]), x.dtype)
    if stride == (1, 1) and type(x) is np.ndarray:          # then it is a transposed one too, which may be cheaper
        turned = ws[::-1, ::-1].transpose(0, 1, 3, 2)
        return logical(kernels.transposed(xs, turned, b, stride, kernels.adjoint_padding(padding, w.shape[2:], dilation), dilation, y))
    return logical(_on(x).correlate(xs, ws, b, stride, padding, dilation, y))


@primitive(lambda g, x, y, w, b=None, *, size, **k: _conv2d(g, w, **k),
           lambda g, x, y, w, b=None, *, size, **k: _conv2d_weight(g, y, kernel=w.shape[2:], **k),
           lambda g, x, y, w, b=None, **k: channel_sum(g))
def _conv_transpose2d(y, w, b=None, *, size, stride, padding, dilation):
    ys, ws = channels_last(y), _kernel_layout(w)
    x = xp(y).empty((len(y), *size, w.shape[1]), y.dtype)
    return logical(_on(y).transposed(ys, ws, b, stride, padding, dilation, x))


@primitive(lambda g, w, x, y, kernel, **k: _conv_transpose2d(y, g, size=x.shape[2:], **k),
           lambda g, w, x, y, kernel, **k: _conv2d(x, g, **k))
def _conv2d_weight(x, y, *, kernel, stride, padding, dilation):
    xs, ys = channels_last(x), channels_last(y)
    if stride == (1, 1) and x.shape[1] > y.shape[1]:                  # unfold the side with fewer channels
        w = _on(x).correlate_weight(ys, xs, kernel, stride, kernels.adjoint_padding(padding, kernel, dilation), dilation)
        return w[::-1, ::-1].transpose(2, 3, 0, 1)                    # (kh, kw, O, C), turned round
    return _on(x).correlate_weight(xs, ys, kernel, stride, padding, dilation).transpose(3, 2, 0, 1)


@primitive(lambda g, y, x: broadcast_to(reshape(g, shape=(1, -1, 1, 1)), shape=x.shape))
def channel_sum(x):
    """The sum of x (N, C, H, W) over everything but the channels: (C,)."""
    return column_sum(as_rows(x))


# ---- the public layers -------------------------------------------------------------------------------------------------------------


def _check_weight(function, x, w, b, x_axis, out_axis):
    _check_image(function, x)
    if w.ndim != 4:
        raise ValueError(f"{function}: weight {w.shape} has {w.ndim} axes; the layout is "
                         + ("(out, in, kh, kw)" if x_axis else "(in, out, kh, kw)"))
    if x.shape[1] != w.shape[x_axis]:
        raise ValueError(f"{function}: x {x.shape} has {x.shape[1]} channels, weight {w.shape} expects {w.shape[x_axis]}; "
                         "layout is (N, C, H, W)")
    if x.dtype != w.dtype:
        raise TypeError(f"{function}: x {x.shape} is {x.dtype}, weight {w.shape} is {w.dtype}; convert one, as with x.to(np.{w.dtype})")
    if b is not None and b.shape != (w.shape[out_axis],):
        raise ValueError(f"{function}: bias {b.shape} does not fit weight {w.shape}; expected ({w.shape[out_axis]},)")


def conv2d(x, w, b=None, *, stride=1, padding=0, dilation=1):
    """y[n, o, i, j] = b[o] + sum_{c, a, b} x[n, c, i s + a d - p, j s + b d - p] w[o, c, a, b].

    x (N, C, H, W), w (O, C, kh, kw), b (O,) -> (N, O, OH, OW), OH = floor((H + pads - d (kh - 1) - 1) / s) + 1.
    padding: an int, a pair, ((top, bottom), (left, right)) or "same". Raises ValueError for shapes that do not fit.
    """
    _check_weight("conv2d", x, w, b, 1, 0)
    stride, dilation = pair(stride, "stride", "conv2d"), pair(dilation, "dilation", "conv2d")
    padding = pads(padding, w.shape[2:], stride, dilation, "conv2d")
    out = [kernels.out_size(*a) for a in zip(x.shape[2:], w.shape[2:], stride, padding, dilation)]
    if min(out) < 1:
        raise ValueError(f"conv2d: x {x.shape} with padding {padding} is smaller than the kernel of weight {w.shape} at dilation "
                         f"{dilation}; the output would have size {tuple(out)}")
    inputs = (x, w) if b is None else (x, w, b)
    return _conv2d(*inputs, stride=stride, padding=padding, dilation=dilation)


def conv2d_weight(x, y, *, kernel, stride=1, padding=0, dilation=1):
    """w[o, c, a, b] = sum_{n, i, j} x[n, c, i s + a d - p, j s + b d - p] y[n, o, i, j]: the gradient of <conv2d(x, w), y> in w.

    x (N, C, H, W), y (N, O, OH, OW), kernel kh or (kh, kw) -> (O, C, kh, kw). Raises ValueError where y has not the shape
    that conv2d gives.
    """
    _check_image("conv2d_weight", x)
    _check_image("conv2d_weight", y, "y")
    kernel, stride = pair(kernel, "kernel", "conv2d_weight"), pair(stride, "stride", "conv2d_weight")
    dilation = pair(dilation, "dilation", "conv2d_weight")
    padding = pads(padding, kernel, stride, dilation, "conv2d_weight")
    expected = (x.shape[0], *(kernels.out_size(*a) for a in zip(x.shape[2:], kernel, stride, padding, dilation)))
    if (y.shape[0], *y.shape[2:]) != expected:
        raise ValueError(f"conv2d_weight: y {y.shape} does not fit; from x {x.shape} with kernel {kernel} conv2d makes (N, O, OH, OW) "
                         f"= ({expected[0]}, O, {expected[1]}, {expected[2]})")
    return _conv2d_weight(x, y, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


def conv_transpose2d(x, w, b=None, *, stride=1, padding=0, output_padding=0, dilation=1):
    """The adjoint of conv2d in its input, plus b: every x[n, :, i, j] is spread through the kernel over the output.

    x (N, C, H, W), w (C, O, kh, kw), b (O,) -> (N, O, OH, OW) with OH = (H - 1) s - pads + d (kh - 1) + 1 + output_padding.
    A strided convolution maps s input sizes to one output size; output_padding (0..s-1) says which of them is meant.
    """
    function = "conv_transpose2d"
    _check_weight(function, x, w, b, 0, 1)
    stride, dilation = pair(stride, "stride", function), pair(dilation, "dilation", function)
    padding, extra = pads(padding, w.shape[2:], stride, dilation, function), pair(output_padding, "output_padding", function, 0)
    least = [(n - 1) * s - sum(p) + d * (k - 1) + 1 for n, s, p, d, k in zip(x.shape[2:], stride, padding, dilation, w.shape[2:])]
    size = tuple(n + e for n, e in zip(least, extra))
    if any(n + s - 1 < 1 for n, s in zip(least, stride)):
        raise ValueError(f"{function}: padding {padding} leaves nothing of the output of x {x.shape} and weight {w.shape}, whose size "
                         f"would be {tuple(least)}")
    if any(e >= s for e, s in zip(extra, stride)) or min(size) < 1:
        reach = [f"{max(1, n)}..{n + s - 1}" if s > 1 else str(n) for n, s in zip(least, stride)]
        raise ValueError(f"{function}: output_padding {extra} with stride {stride}: from x {x.shape} the sizes that can be reached "
                         f"are {reach[0]} by {reach[1]} (output_padding 0 to stride - 1)")
    inputs = (x, w) if b is None else (x, w, b)
    return _conv_transpose2d(*inputs, size=size, stride=stride, padding=padding, dilation=dilation)
