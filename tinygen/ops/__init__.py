"""The operations, and Python's operators on Tensors made of them.

Reading order: elementwise, shaping, reduction, linear, convolution, pooling, normalization.
"""
import numpy as np

from ..autograd import Tensor
from ..backend import is_array, uniform
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


def _method(op, name):
    """op(x, axis=..., keepdims=...) as a method, whose errors name it."""
    def method(x, axis=None, keepdims=False):
        return op(x, axis=axis, keepdims=keepdims)
    method.__name__ = method.__qualname__ = name
    return method


def _in_place(op, sign):
    """x op= z: a new Tensor under the old name, as Python has it; refused for what learns, which would stay as it was."""
    def change(x, z):
        if x.requires_grad and x.op is None:
            raise TypeError(f"x {sign}= ... makes a new Tensor, and a parameter (a leaf that requires a gradient) would stay as it was: use an "
                            f"optimizer's step(), or write p.data {sign}= ... with arrays, after the gradients are taken")
        return op(x, z)
    return change


def _equal(x, z):
    """Tensors are compared, and hashed, by identity, so that they can be keys; with numbers that would always be False."""
    if isinstance(z, (Tensor, type(None))):
        return x is z
    if is_array(z) or isinstance(z, (int, float, list, tuple)):
        raise TypeError(f"a Tensor is not compared with == to a {type(z).__name__}: compare the values, x.data == ...")
    return NotImplemented


def _plain(name):
    def compare(x, z):
        return getattr(as_array(x), name)(as_array(z))
    return compare


for _name, _function in {
    "__add__": add, "__radd__": _reflected(add), "__sub__": subtract, "__rsub__": _reflected(subtract),
    "__mul__": multiply, "__rmul__": _reflected(multiply), "__truediv__": divide, "__rtruediv__": _reflected(divide),
    "__neg__": negative, "__pow__": lambda x, p: power(x, p=p), "__abs__": abs_,
    "__matmul__": matmul, "__rmatmul__": _reflected(matmul), "__getitem__": lambda x, index: getitem(x, index=index),
    "__iadd__": _in_place(add, "+"), "__isub__": _in_place(subtract, "-"), "__imul__": _in_place(multiply, "*"),
    "__itruediv__": _in_place(divide, "/"),
    "sum": _method(sum_, "sum"), "mean": _method(mean, "mean"), "max": _method(max_, "max"), "min": _method(min_, "min"), "var": var,
    "to": _to, "reshape": lambda x, *shape: reshape(x, shape=_shape_of(shape)), "flatten": flatten,
    "transpose": lambda x, *axes: transpose(x, axes=_shape_of(axes) or None), "T": property(transpose),
    # Comparisons give plain masks, which have no gradient.
    "__lt__": _plain("__lt__"), "__le__": _plain("__le__"), "__gt__": _plain("__gt__"), "__ge__": _plain("__ge__"),
    "__eq__": _equal, "__hash__": object.__hash__,
}.items():
    setattr(Tensor, _name, _function)
