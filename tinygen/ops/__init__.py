"""The operations, and Python's operators on Tensors made of them.

Reading order: elementwise, shaping, reduction, linear, convolution, pooling, normalization.
"""
import numpy as np

from ..autograd import Tensor
from ..backend import uniform
from ..kernels.layout import in_layout_of
from .convolution import conv2d, conv2d_weight, conv_transpose2d
from .elementwise import (abs_, add, bce_with_logits, clip, cos, divide, elu, exp, expm1, gate, leaky_relu, log, log1p,
                          log_sigmoid, maximum, minimum, multiply, negative, power, relu, reparameterize, sigmoid, sign, sin, softplus,
                          sqrt, subtract, tanh, twice_kl, where)
from .linear import linear, matmul
from .normalization import batch_norm, layer_norm
from .pooling import avg_pool2d, max_pool2d, upsample, upsample_conv2d
from .reduction import argmax, log_softmax, logsumexp, max_, mean, min_, softmax, sum_, var
from .shaping import (as_array, broadcast_to, concatenate, convert, embedding, flatten, flip, getitem, one_hot, pad, reshape, scatter, stack, take,
                      transpose)


def dropout(x, p=0.5, training=True):
    """x with each element zeroed with probability p and the rest divided by 1 - p (Srivastava et al. 2014)."""
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p = {p} is not a probability in [0, 1)")
    if not training or p == 0:
        return x
    keep = uniform(x.shape, like=x) >= p                    # drawn outside any operation: the same mask at every order
    return x * in_layout_of(keep.astype(x.dtype) * (1.0 / (1.0 - p)), as_array(x))


def _to(x, target):
    """x on another device ("cpu", "cuda") or with another dtype; x itself where nothing changes. Gradients come back converted."""
    if x.device == target if isinstance(target, str) else x.dtype == target:
        return x
    if isinstance(target, str) or x.dtype.kind == "f" == np.dtype(target).kind:
        return convert(x, target=target)
    return Tensor(x.data.astype(target))                    # to or from integers: no gradient


def _shape_of(arguments):
    return arguments[0] if len(arguments) == 1 and isinstance(arguments[0], (tuple, list)) else arguments


def _reflected(op):
    return lambda x, z: op(z, x)


def _plain(name):
    def compare(x, z):
        return getattr(as_array(x), name)(as_array(z))
    return compare


for _name, _method in {
    "__add__": add, "__radd__": _reflected(add), "__sub__": subtract, "__rsub__": _reflected(subtract),
    "__mul__": multiply, "__rmul__": _reflected(multiply), "__truediv__": divide, "__rtruediv__": _reflected(divide),
    "__neg__": negative, "__pow__": lambda x, p: power(x, p=p), "__abs__": abs_,
    "__matmul__": matmul, "__rmatmul__": _reflected(matmul), "__getitem__": lambda x, index: getitem(x, index=index),
    "sum": lambda x, axis=None, keepdims=False: sum_(x, axis=axis, keepdims=keepdims),
    "mean": lambda x, axis=None, keepdims=False: mean(x, axis=axis, keepdims=keepdims),
    "var": var, "max": lambda x, axis=None, keepdims=False: max_(x, axis=axis, keepdims=keepdims),
    "min": lambda x, axis=None, keepdims=False: min_(x, axis=axis, keepdims=keepdims),
    "to": _to, "reshape": lambda x, *shape: reshape(x, shape=_shape_of(shape)), "flatten": flatten,
    "transpose": lambda x, *axes: transpose(x, axes=_shape_of(axes) or None), "T": property(transpose),
    # Comparisons give plain masks, which have no gradient. == is left alone: tensors are compared and hashed by identity.
    "__lt__": _plain("__lt__"), "__le__": _plain("__le__"), "__gt__": _plain("__gt__"), "__ge__": _plain("__ge__"),
}.items():
    setattr(Tensor, _name, _method)
