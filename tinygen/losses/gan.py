"""GAN losses, in pairs: what the discriminator minimises and what the generator minimises, pure functions of logits.

    pair = LOSSES["non-saturating"]
    d_optimizer.minimize(pair.discriminator(D(x), D(fake)))             # fake = G(z), an array: no gradient to G
    g_optimizer.minimize(pair.generator(D(G(z))))

Logits are what a discriminator returns without a sigmoid, (N, 1), one number a sample. Every loss is a mean over the batch
(for the three logarithmic ones in nats per example), and both losses are minimised: the logged sign is the optimised sign.
In the formulas, real = D(x), fake = D(G(z)), s is the sigmoid, and at one point p and q are the densities of the data and
of the generator's samples.
"""
import functools
import warnings
from typing import Callable, NamedTuple

from ..autograd import Tensor, enable_grad, grad, mark_updated
from ..backend import is_array, uniform, xp
from ..nn import BatchNorm1d, BatchNorm2d, Module
from ..ops import relu, softplus, sqrt
from ..ops.normalization import frozen_statistics
from ..ops.shaping import as_array


class GANLoss(NamedTuple):
    """A pair of losses: discriminator(real, fake) and generator(fake), logits (N, 1) -> a scalar to minimise.

    optimal(p, q): the output of the best discriminator where the densities are p and q, both arrays of one shape; None for
        Wasserstein, whose critic is no function of the two densities at one point.
    squash: whether s(output) is the probability D(x); the outputs of the others are scores.
    """

    discriminator: Callable
    generator: Callable
    optimal: Callable = None
    squash: bool = False


def _logits(function, name, logits):
    """Raise unless `logits` is (N, 1) with N >= 1."""
    if not isinstance(logits, Tensor) and not is_array(logits):
        raise TypeError(f"{function}: {name} is a {type(logits).__name__}; pass the Tensor or array that the discriminator returned")
    if logits.ndim != 2 or logits.shape[1] != 1 or not logits.shape[0]:
        raise ValueError(f"{function}: {name} {logits.shape} must be (N, 1): one logit a sample, and at least one sample; a "
                         "discriminator ends in Linear(features, 1), without a sigmoid")
    return logits


def _both(function, real, fake):
    return _logits(function, "real", real), _logits(function, "fake", fake)


# ---- the original game ---------------------------------------------------------------------------------------------------


def cross_entropy_discriminator(real, fake):
    """-E log s(real) - E log(1 - s(fake)): BCE(D(x), 1) + BCE(D(G(z)), 0), in nats.

    At its minimum D(x) = s(real) = p / (p + q), and the loss is log 4 - 2 JSD(p, q): log 4 = 1.386 where q = p.
    Source: Goodfellow et al. 2014, Eq. 1 and proposition 1.
    """
    real, fake = _both("cross_entropy_discriminator", real, fake)
    return softplus(-real).mean() + softplus(fake).mean()


def minimax_generator(fake):
    """E log(1 - s(fake)) = -BCE(D(G(z)), 0), in nats; against the best discriminator it is lowest where q = p: -log 2 = -.693.

    Its gradient in the logit is -D(G(z)): it vanishes where the discriminator is sure of a fake. Source: Goodfellow et al. 2014,
    Eq. 1.
    """
    return -softplus(_logits("minimax_generator", "fake", fake)).mean()


def non_saturating_generator(fake):
    """-E log s(fake) = BCE(D(G(z)), 1), in nats; log 2 = .693 where q = p and D = 1/2 everywhere.

    Its gradient in the logit is -(1 - D(G(z))): largest where the discriminator is sure of a fake. It is not minus the other
    BCE: the two have the same fixed point and different slopes. Source: Goodfellow et al. 2014, section 3.
    """
    return softplus(-_logits("non_saturating_generator", "fake", fake)).mean()


def optimal_logit(p, q):
    """log(p / q), the logit of D* = p / (p + q) (Goodfellow et al. 2014, proposition 1), for densities p, q > 0."""
    return xp(p).log(p) - xp(p).log(q)


# ---- least squares -------------------------------------------------------------------------------------------------------


def least_squares(a=-1.0, b=1.0, c=0.0):
    """The pair of LSGAN with the codes a (fake), b (real) and c (what the generator wants to be given).

    discriminator: 1/2 E (real - b)^2 + 1/2 E (fake - a)^2, at its minimum D* = (b p + a q) / (p + q), and where q = p
    (b - a)^2 / 4: 1 for the default codes. generator: 1/2 E (fake - c)^2, where q = p 1/2 ((a + b) / 2 - c)^2: 0 by default.
    With b - c = 1 and b - a = 2, as by default, and with 1/2 E (real - c)^2 added, which the generator does not reach, its loss at D* is half
    the Pearson chi^2 of p + q and 2q; the common codes 0, 1, 1 do not satisfy these. Raises ValueError for a = b. Source: Mao et al. 2017, Eq. 2 and section 3.2.
    """
    a, b, c = float(a), float(b), float(c)
    if a == b:
        raise ValueError(f"least_squares: a = b = {a:g}: fake and real get the same code, so there is nothing to learn; use a = -1, b = 1")
    return GANLoss(functools.partial(_least_squares_discriminator, a=a, b=b), functools.partial(_least_squares_generator, c=c),
                   lambda p, q: (b * p + a * q) / (p + q))


def _least_squares_discriminator(real, fake, *, a, b):
    real, fake = _both("least_squares discriminator", real, fake)
    return 0.5 * ((real - b) ** 2).mean() + 0.5 * ((fake - a) ** 2).mean()


def _least_squares_generator(fake, *, c):
    return 0.5 * ((_logits("least_squares generator", "fake", fake) - c) ** 2).mean()


# ---- Wasserstein -----------------------------------------------------------------------------------------------------------


def wasserstein_discriminator(real, fake):
    """E fake - E real, to be minimised over functions of slope at most 1: the minimum is -W1(p, q), 0 where q = p.

    The slope is held by `clip_weights` after each step, or by adding lambda * `gradient_penalty` to this loss. Source: Arjovsky
    et al. 2017, Eq. 2.
    """
    real, fake = _both("wasserstein_discriminator", real, fake)
    return fake.mean() - real.mean()


def wasserstein_generator(fake):
    """-E fake. Its value means nothing (a critic is free up to a constant); its gradient in the logit is -1 everywhere.
    Where q = p every critic of slope at most 1 is optimal, and the generator is left alone only by a constant one.
    Source: Arjovsky et al. 2017, Eq. 2."""
    return -_logits("wasserstein_generator", "fake", fake).mean()


def clip_weights(parameters, limit=0.01):
    """Clip every one of the `parameters`, in place, to [-limit, limit]: the first way to bound a critic's slope.

    Source: Arjovsky et al. 2017, algorithm 1 (limit .01).
    """
    if not limit > 0:
        raise ValueError(f"clip_weights: limit = {limit} must be positive")
    for p in parameters:
        xp(p.data).clip(p.data, -limit, limit, out=p.data)
        mark_updated(p)


def gradient_penalty(critic, real, fake, *, one_sided=False, epsilon=None):
    """E (||grad_u critic(u)|| - 1)^2 at u = epsilon real + (1 - epsilon) fake; one-sided: E max(0, ||.|| - 1)^2.

    real, fake: batches (N, ...) of one shape, arrays or Tensors; nothing flows back into them, only into the critic's weights.
    epsilon: (N, 1, ...), one number a sample, drawn from U[0, 1) where it is not given. The norm is taken per sample, over all
    other axes, of the gradient of the logit: sqrt(sum g^2 + 1e-12), so that a gradient of zero makes no NaN. 0 at the optimum:
    an optimal critic has slope 1 almost everywhere on the lines that optimal transport draws between p and q.

        loss = wasserstein_discriminator(critic(real), critic(fake)) + 10.0 * gradient_penalty(critic, real, fake)

    Running statistics stay as they are meanwhile. A batch norm in the critic makes one sample's logit depend on the others, so that
    the gradient per sample is not one: a warning says so. Raises ValueError for shapes that differ, or a critic that does not
    return (N, 1). Source: Gulrajani et al. 2017, Eq. 3; one-sided: Petzka et al. 2018 (WGAN-LP).
    """
    real, fake = as_array(real), as_array(fake)
    if real.shape != fake.shape or real.ndim < 2 or not real.shape[0]:
        raise ValueError(f"gradient_penalty: real {real.shape} and fake {fake.shape} must be batches (N, ...) of one shape: every point "
                         "lies between a real and a generated sample")
    if isinstance(critic, Module) and any(isinstance(m, (BatchNorm1d, BatchNorm2d)) for m in critic.modules()):
        warnings.warn("gradient_penalty: the critic holds batch norm, so a sample's logit depends on its batch and the penalty is not one "
                      "of single samples; use LayerNorm, or no norm, in a penalised critic", stacklevel=2)
    per_sample = (len(real),) + (1,) * (real.ndim - 1)
    if epsilon is None:
        epsilon = uniform(per_sample, like=real)
    elif getattr(epsilon := as_array(epsilon), "shape", ()) != per_sample:
        raise ValueError(f"gradient_penalty: epsilon {getattr(epsilon, 'shape', ())} must be {per_sample}: one number for each sample of real {real.shape}")
    between = Tensor(epsilon * real + (1 - epsilon) * fake, requires_grad=True)
    with frozen_statistics(), enable_grad():
        logits = _logits("gradient_penalty", "the critic's output", critic(between))
        if logits.shape[0] != len(real):
            raise ValueError(f"gradient_penalty: the critic returned {logits.shape} for {len(real)} samples; expected ({len(real)}, 1)")
        slope, = grad(logits.sum(), [between], create_graph=True)
    norm = sqrt((slope * slope).sum(axis=tuple(range(1, slope.ndim))) + 1e-12)
    excess = relu(norm - 1.0) if one_sided else norm - 1.0
    return (excess * excess).mean()


# ---- hinge -----------------------------------------------------------------------------------------------------------------


def hinge_discriminator(real, fake):
    """E max(0, 1 - real) + E max(0, 1 + fake). At its minimum the output is sign(p - q), and the loss 2 - 2 TV(p, q): 2 where q = p.

    Source: Lim & Ye 2017 (geometric GAN); Miyato et al. 2018, section 4.
    """
    real, fake = _both("hinge_discriminator", real, fake)
    return relu(1.0 - real).mean() + relu(1.0 + fake).mean()


def hinge_generator(fake):
    """-E fake; between -1 and 1 where q = p, since any output there is optimal. Source: Lim & Ye 2017."""
    return -_logits("hinge_generator", "fake", fake).mean()


# ---- by name -----------------------------------------------------------------------------------------------------------------

_wasserstein = GANLoss(wasserstein_discriminator, wasserstein_generator)

LOSSES = {
    "minimax": GANLoss(cross_entropy_discriminator, minimax_generator, optimal_logit, squash=True),
    "non-saturating": GANLoss(cross_entropy_discriminator, non_saturating_generator, optimal_logit, squash=True),
    "lsgan": least_squares(),
    "hinge": GANLoss(hinge_discriminator, hinge_generator, lambda p, q: xp(p).sign(p - q)),
    "wgan": _wasserstein,                       # with clip_weights after each step of the critic
    "wgan-gp": _wasserstein,                    # with 10 * gradient_penalty
}
"""The pairs by the names that the demos use. For other codes than (-1, 1, 0): `least_squares(a, b, c)`."""
