"""The layers: parameters held beside the operation they are for. Constructor order and state names are PyTorch's.

Arguments are keyword-only from where PyTorch has one that tinygen lacks (groups, ceil_mode), so that no position means two things.
"""
import numpy as np

from .. import ops
from ..kernels.pointwise import weighted
from . import init
from .module import Buffer, Module, Parameter


def _zeros(*shape):
    return Parameter(np.zeros(shape, np.float32))


def _sizes(layer, **sizes):
    for name, value in sizes.items():
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{layer}: {name} = {value!r} is not a positive integer")


def _kernel(*shape):
    """Zeros of the shape (a, b, kh, kw), stored as (kh, kw, b, a): the order that the convolution kernels multiply in."""
    return Parameter(np.zeros(shape[2:] + (shape[1], shape[0]), np.float32).transpose(3, 2, 0, 1))


class Linear(Module):
    """y = x @ weight.T + bias;  x (..., in_features) -> y (..., out_features)."""

    def __init__(self, in_features, out_features, bias=True):
        _sizes("Linear", in_features=in_features, out_features=out_features)
        self.weight = _zeros(out_features, in_features)
        self.bias = _zeros(out_features) if bias else None
        init.default_(self.weight, self.bias)

    def forward(self, x):
        """x (..., in_features) -> (..., out_features)."""
        return ops.linear(x, self.weight, self.bias)


class Conv2d(Module):
    """tinygen.conv2d with a weight (out, in, kh, kw) and a bias (out,);  x (N, in, H, W) -> (N, out, OH, OW)."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, *, bias=True):
        _sizes("Conv2d", in_channels=in_channels, out_channels=out_channels)
        kernel = ops.convolution.pair(kernel_size, "kernel_size", "Conv2d")
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.weight = _kernel(out_channels, in_channels, *kernel)
        self.bias = _zeros(out_channels) if bias else None
        init.default_(self.weight, self.bias)

    def forward(self, x):
        """x (N, in, H, W) -> (N, out, OH, OW)."""
        return ops.conv2d(x, self.weight, self.bias, stride=self.stride, padding=self.padding, dilation=self.dilation)

    def describe(self):
        """Shapes and geometry."""
        return f"{super().describe()}, stride={self.stride}, padding={self.padding}"


class UpsampleConv2d(Conv2d):
    """Upsample(scale_factor) and Conv2d(..., stride 1) in one, with the parameters of the latter: tinygen.upsample_conv2d."""

    def __init__(self, in_channels, out_channels, kernel_size, padding=0, *, scale_factor=2, bias=True):
        super().__init__(in_channels, out_channels, kernel_size, 1, padding, bias=bias)
        self.scale_factor = scale_factor

    def forward(self, x):
        """x (N, in, H, W) -> (N, out, OH, OW), as from an input of (N, in, H f, W f)."""
        return ops.upsample_conv2d(x, self.weight, self.bias, scale_factor=self.scale_factor, padding=self.padding)

    def describe(self):
        """Shapes and geometry."""
        return f"{super().describe()}, scale_factor={self.scale_factor}"


class ConvTranspose2d(Module):
    """tinygen.conv_transpose2d with a weight (in, out, kh, kw) and a bias (out,);  x (N, in, H, W) -> (N, out, OH, OW)."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, *, bias=True, dilation=1):
        _sizes("ConvTranspose2d", in_channels=in_channels, out_channels=out_channels)
        kernel = ops.convolution.pair(kernel_size, "kernel_size", "ConvTranspose2d")
        self.stride, self.padding, self.output_padding, self.dilation = stride, padding, output_padding, dilation
        self.weight = _kernel(in_channels, out_channels, *kernel)
        self.bias = _zeros(out_channels) if bias else None
        init.default_(self.weight, self.bias)               # PyTorch's fan_in of this weight is out * kh * kw, as here

    def forward(self, x):
        """x (N, in, H, W) -> (N, out, OH, OW)."""
        return ops.conv_transpose2d(x, self.weight, self.bias, stride=self.stride, padding=self.padding,
                                    output_padding=self.output_padding, dilation=self.dilation)

    def describe(self):
        """Shapes and geometry."""
        return f"{super().describe()}, stride={self.stride}, padding={self.padding}, output_padding={self.output_padding}"


class _BatchNorm(Module):
    axes = ()

    def __init__(self, num_features, *, eps=1e-5, momentum=0.1):
        _sizes(type(self).__name__, num_features=num_features)
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = Parameter(np.ones(num_features, np.float32)), _zeros(num_features)
        self.running_mean = Buffer(np.zeros(num_features, np.float32))
        self.running_var = Buffer(np.ones(num_features, np.float32))

    def forward(self, x):
        """Training: normalise by this batch and update the running statistics. Eval: normalise by those."""
        if x.ndim not in self.axes:
            raise ValueError(f"{type(self).__name__}: x {x.shape} has {x.ndim} axes; expected {' or '.join(map(str, self.axes))}")
        return ops.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, training=self.training,
                              eps=self.eps, observe=self._update)

    def _update(self, mean, var, count):
        """running <- (1 - momentum) running + momentum batch, with the unbiased variance: rebound, never changed in place,
        since a graph recorded in eval mode still holds the old arrays."""
        keep = 1 - self.momentum
        self.running_mean.data = weighted(self.running_mean.data, keep, mean, self.momentum)
        self.running_var.data = weighted(self.running_var.data, keep, var, self.momentum * count / (count - 1))


class BatchNorm1d(_BatchNorm):
    """Batch norm of x (N, C). eps and momentum are keyword-only: code in the wild passes eps where momentum is meant."""

    axes = (2,)


class BatchNorm2d(_BatchNorm):
    """Batch norm of x (N, C, H, W), one mean and variance a channel."""

    axes = (4,)


class LayerNorm(Module):
    """Layer norm over the last axes, of shape `normalized_shape`."""

    def __init__(self, normalized_shape, eps=1e-5):
        shape = tuple(normalized_shape) if hasattr(normalized_shape, "__len__") else (normalized_shape,)
        self.normalized_shape, self.eps = shape, eps
        self.weight, self.bias = Parameter(np.ones(shape, np.float32)), _zeros(*shape)

    def forward(self, x):
        """x (..., *normalized_shape) -> the same shape."""
        return ops.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class Embedding(Module):
    """A table of num_embeddings vectors; integer labels (N,) -> (N, embedding_dim). Starts as N(0, 1)."""

    def __init__(self, num_embeddings, embedding_dim):
        _sizes("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.weight = init.normal_(_zeros(num_embeddings, embedding_dim))

    def forward(self, labels):
        """labels (N,) -> (N, embedding_dim)."""
        return ops.embedding(labels, self.weight)


class MaxPool2d(Module):
    """tinygen.max_pool2d."""

    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x):
        """x (N, C, H, W) -> (N, C, OH, OW)."""
        return ops.max_pool2d(x, self.kernel_size, stride=self.stride, padding=self.padding)

    def describe(self):
        """The window."""
        return f"{self.kernel_size}"


class AvgPool2d(Module):
    """tinygen.avg_pool2d."""

    def __init__(self, kernel_size, stride=None, padding=0, *, count_include_pad=True):
        self.kernel_size, self.stride, self.padding, self.count_include_pad = kernel_size, stride, padding, count_include_pad

    def forward(self, x):
        """x (N, C, H, W) -> (N, C, OH, OW)."""
        return ops.avg_pool2d(x, self.kernel_size, stride=self.stride, padding=self.padding,
                              count_include_pad=self.count_include_pad)

    def describe(self):
        """The window."""
        return f"{self.kernel_size}"


class Upsample(Module):
    """tinygen.upsample. The factor goes by name, since PyTorch's first position is a size."""

    def __init__(self, *, scale_factor=2, mode="nearest"):
        self.scale_factor, self.mode = scale_factor, mode

    def forward(self, x):
        """x (N, C, H, W) -> (N, C, H f, W f)."""
        return ops.upsample(x, self.scale_factor, self.mode)

    def describe(self):
        """The factor."""
        return f"{self.scale_factor}, {self.mode}"


class Dropout(Module):
    """Elements zeroed with probability p in training mode, the rest scaled by 1 / (1 - p)."""

    def __init__(self, p=0.5):
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p = {p} is not a probability in [0, 1)")
        self.p = p

    def forward(self, x):
        """x -> the same shape."""
        return ops.dropout(x, self.p, self.training)

    def describe(self):
        """The probability."""
        return f"p={self.p}"


class Flatten(Module):
    """(N, ...) -> (N, product of the rest), in row-major order."""

    def forward(self, x):
        """x (N, ...) -> (N, D)."""
        return ops.flatten(x)


class Unflatten(Module):
    """(N, D) -> (N, *shape). Unflatten(C, H, W), Unflatten((C, H, W)) or, as PyTorch writes it, Unflatten(1, (C, H, W))."""

    def __init__(self, *shape):
        if len(shape) == 2 and shape[0] == 1 and isinstance(shape[1], (tuple, list)):
            shape = shape[1:]
        self.shape = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else tuple(shape)

    def forward(self, x):
        """x (N, D) -> (N, *shape)."""
        return ops.reshape(x, shape=(x.shape[0], *self.shape))

    def describe(self):
        """The shape."""
        return f"{self.shape}"


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x):
        """Elementwise."""
        return ops.relu(x)


class LeakyReLU(Module):
    """x where x > 0, negative_slope * x elsewhere."""

    def __init__(self, negative_slope=0.01):
        self.negative_slope = negative_slope

    def forward(self, x):
        """Elementwise."""
        return ops.leaky_relu(x, slope=self.negative_slope)

    def describe(self):
        """The slope."""
        return f"{self.negative_slope}"


class ELU(Module):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def forward(self, x):
        """Elementwise."""
        return ops.elu(x, alpha=self.alpha)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x):
        """Elementwise."""
        return ops.tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, x):
        """Elementwise."""
        return ops.sigmoid(x)


class Softplus(Module):
    """log(1 + exp(x))."""

    def forward(self, x):
        """Elementwise."""
        return ops.softplus(x)
