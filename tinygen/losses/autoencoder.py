"""Losses of deterministic autoencoders: the error, and penalties that keep an autoencoder from learning the identity."""
import numpy as np

from .. import ops
from ..autograd import Tensor, grad
from ..backend import standard_normal, xp
from ..distributions import sum_rest
from ..ops.normalization import frozen_statistics


def squared_error(output, x):
    """||output - x||^2, (N,): summed over everything after the first axis."""
    off = output - x
    return sum_rest(off * off)


def sparsity(codes, target=0.05):
    """sum_j KL(target || mean_n h_nj) in nats, a scalar: 0 where each code is active, on average over the batch, as much as `target`.

    codes h (N, K) in (0, 1), the outputs of sigmoids. Raises ValueError for a target outside (0, 1) or codes outside [0, 1].
    Source: Ng 2011, lecture notes CS294A, section 3.
    """
    if not 0 < target < 1:
        raise ValueError(f"sparsity: target = {target} must lie in (0, 1): it is a mean activity")
    values = ops.as_array(codes)
    if xp(values) is np and not (values.min() >= 0 and values.max() <= 1):             # a GPU is not waited for
        raise ValueError(f"sparsity: codes {values.shape} run from {float(values.min()):g} to {float(values.max()):g}; they must lie in [0, 1], "
                         "as sigmoids give them")
    mean = codes.mean(axis=0)                                   # clipped only where float32 ends: a dead code needs its large gradient
    active = ops.clip(mean, low=1e-30, high=1 - float(np.finfo(mean.dtype).eps))
    entropy = float(ops.log(target) * target + ops.log(1 - target) * (1 - target))
    return (entropy - ops.log(active) * target - ops.log(1.0 - active) * (1 - target)).sum()


def contraction(encoder, x):
    """E_x ||d encoder(x) / dx||_F^2, a scalar: how much the code moves when x does (Rifai et al. 2011).

    Estimated without bias by one random projection an example: v' J has the squared norm ||J||_F^2 on average over v ~ N(0, I), and is
    one gradient, which is itself differentiated when the penalty is. x (N, ...) is an array. Running statistics stay as they are meanwhile.
    With batch norm in the encoder a code depends on the whole batch: v' J then holds the derivatives of the other codes as well, and the
    penalty is larger than the formula; take layer norm or none.
    """
    x = Tensor(ops.as_array(x), requires_grad=True)
    with frozen_statistics():
        codes = encoder(x)
    if codes.ndim != 2:
        raise ValueError(f"contraction: the encoder returned {codes.shape} for x {x.shape}; expected (N, K)")
    if not codes.requires_grad:
        raise ValueError("contraction: the encoder's output does not depend on x by anything that was recorded; call it outside no_grad")
    projected, = grad((codes * standard_normal(codes.shape, like=codes)).sum(), [x], create_graph=True)
    return sum_rest(projected * projected).mean()
