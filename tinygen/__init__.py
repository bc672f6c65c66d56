"""tinygen: deep generative models from scratch in NumPy.

Reading order: backend (arrays, devices, threads), autograd (the engine), ops (the operations with their gradients),
kernels (where the speed comes from), nn (modules and layers), optim, distributions, losses, models; then geometry,
metrics, training, and the demos.
"""
import importlib

from . import backend  # first: it sets up the process before NumPy loads
from . import autograd, nn, ops, optim
from .autograd import Tensor, grad, no_grad, tensor
from .backend import get_threads, manual_seed, set_threads, standard_normal, uniform
from .checking import gradcheck
from .diagnosis import detect_nonfinite
from .ops import (add, argmax, avg_pool2d, batch_norm, bce_with_logits, broadcast_to, clip, concatenate, conv2d, conv2d_weight,
                  conv_transpose2d, cos, divide, dropout, elu, embedding, exp, expm1, flatten, flip, layer_norm, leaky_relu,
                  linear, log, log1p, log_sigmoid, log_softmax, logsumexp, matmul, max_pool2d, maximum, mean, minimum, multiply,
                  negative, one_hot, pad, power, relu, reshape, sigmoid, sign, sin, softmax, softplus, sqrt, stack, subtract,
                  take, tanh, transpose, upsample, upsample_conv2d, var, where)
from .ops import abs_ as abs, max_ as max, min_ as min, sum_ as sum

__version__ = "0.1.0"

_on_first_use = ("data", "distributions", "divergences", "explanation", "figures", "geometry", "losses", "metrics", "models", "testing",
                 "training")


def __getattr__(name):
    """Load a submodule when it is first asked for: `import tinygen` itself needs NumPy only. `explain` is a function in one."""
    if name in _on_first_use:
        return importlib.import_module(f".{name}", __name__)
    if name == "explain":
        return importlib.import_module(".explanation", __name__).explain
    raise AttributeError(f"module 'tinygen' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_on_first_use, "explain"})
