"""Losses of the variational autoencoder and its relatives, as pure functions.

    logits, z, mu, logvar = model(x)
    loss, distortion, rate = vae.beta_vae(vae.bernoulli(logits, x), vae.rate(mu, logvar), beta=1.0)
    optimizer.minimize(loss)

A loss is a distortion, -log p(x|z), plus beta times a rate, what the code z costs; at beta = 1 it is minus the evidence lower
bound (ELBO), an upper bound of -log p(x). Distortions and rates are (N,), nats per example, summed over dimensions; losses are
means over the batch, and are minimised.

x (N, ...) data, logits (N, ...) a decoder's output, z (N, L) a code drawn from q(z|x) = N(mu, diag exp(logvar)), mu and logvar
(N, L) an encoder's output, p(z) = N(0, I) unless a log-density of another prior is passed.
"""
import math
from typing import NamedTuple

from .. import ops
from ..autograd import Tensor
from ..distributions import (kl_diagonal_gaussian, kl_standard_normal, logpdf_bernoulli, logpdf_bernoulli_logits,
                             logpdf_diagonal_gaussian, logpdf_gaussian, logpdf_standard_normal)
from ..divergences import mmd


class Terms(NamedTuple):
    """What a variational loss is made of: loss = distortion + beta * rate (+ more); each a scalar, the mean over a batch."""

    loss: Tensor
    distortion: Tensor
    rate: Tensor


# ---- distortion: -log p(x|z) -----------------------------------------------------------------------------------------------------


def bernoulli(logits, x):
    """-log p(x|z) for independent pixels that are 1 with probability sigmoid(logits), (N,).

    x in [0, 1]. For grey x this is a cross-entropy, at least the entropy of the pixels themselves: 45.53 nats a digit on the test
    set of MNIST. Raises ValueError for x outside [0, 1].
    """
    return -logpdf_bernoulli_logits(x, logits)


def gaussian(mean, x, logvar=0.0):
    """-log p(x|z) for x|z ~ N(mean, exp(logvar)), (N,).

    logvar: a number for a fixed variance (0.0 makes it half the squared error, plus 0.919 nats a dimension); a Tensor of shape ()
    for one learned variance, of shape (D,) for one a dimension, of x's shape for one an example and dimension. A learned variance is best at the mean squared error.
    """
    return -logpdf_gaussian(x, mean, logvar)


# ---- rate: what the code costs -----------------------------------------------------------------------------------------------------


def rate(mu, logvar):
    """KL(q(z|x) || N(0, I)) in closed form, (N,): the second term of Eq. 1, E_q log p(x|z) - KL(q || p)."""
    return kl_standard_normal(mu, logvar)


def sampled_rate(z, mu, logvar, log_prior=None):
    """log q(z|x) - log p(z) at the draw z, (N,): the last two terms of Eq. 2, E_q [log p(x|z) + log p(z) - log q(z|x)].

    Its expectation is `rate`; a single value may be negative. log_prior (N,) is log p(z) of another prior than N(0, I), for which
    no closed form may exist.
    """
    return logpdf_gaussian(z, mu, logvar) - (logpdf_standard_normal(z) if log_prior is None else log_prior)


def path_derivative_rate(z, mu, logvar, log_prior=None):
    """The value of `sampled_rate`, with gradients through z alone: the parameters inside log q(z|x) are held constant.

    What this drops, the score d log q(z) / d(mu, logvar) at fixed z, is zero on average, so the gradient stays unbiased; and it has no
    variance at all where q is the exact posterior. Source: Roeder, Wu & Duvenaud 2017, "Sticking the landing", Eq. 8.
    """
    return sampled_rate(z, _stop(mu), _stop(logvar), log_prior)


def _stop(x):
    return x.detach() if isinstance(x, Tensor) else x


# ---- losses ------------------------------------------------------------------------------------------------------------------------


def beta_vae(distortion, rate, beta=1.0):
    """Terms: mean distortion + beta * mean rate; beta = 1 is minus the ELBO.

    distortion, rate: (N,). Raises ValueError for a negative beta. Source: Kingma & Welling 2014; Higgins et al. 2017, Eq. 4.
    """
    if not beta >= 0:
        raise ValueError(f"beta_vae: beta = {beta} is negative: the rate would be rewarded without bound; use beta >= 0 (1 for the ELBO)")
    distortion, rate = _means("beta_vae", distortion, rate)
    return Terms(distortion + rate * float(beta), distortion, rate)


def info_vae(distortion, rate, z, prior_z, *, alpha=1.0, scale=100.0, bandwidth=None):
    """Terms with loss = distortion + (1 - alpha) rate + (alpha + scale - 1) MMD^2(q(z), p(z)), in nats.

    z (N, L) draws of the aggregate posterior: the codes of the batch; prior_z (M, L) draws of the prior. The unbiased estimate of
    MMD^2 is used, bandwidth sqrt(L) by default. alpha = 1 leaves out the rate of single examples, so that codes stay informative;
    alpha = 0, scale = 1 is the ELBO. `scale` is the paper's lambda. Source: Zhao, Song & Ermon 2019 (InfoVAE), Eq. 6.
    """
    if alpha > 1 or alpha + scale < 1:
        raise ValueError(f"info_vae: alpha = {alpha} and scale = {scale} give a negative weight to the rate or to the MMD; alpha is at most 1, "
                         "alpha + scale at least 1")
    distortion, rate = _means("info_vae", distortion, rate)
    apart = mmd(z, prior_z, bandwidth=math.sqrt(z.shape[1]) if bandwidth is None else bandwidth, unbiased=True)
    return Terms(distortion + rate * float(1 - alpha) + apart * float(alpha + scale - 1), distortion, rate)


def log_weight(distortion, sampled_rate):
    """log w = log p(x|z) + log p(z) - log q(z|x) = -(distortion + sampled_rate), elementwise."""
    return -(distortion + sampled_rate)


def iwae(log_weights):
    """-mean_n log 1/K sum_k w_kn, a scalar: minus the importance-weighted bound, from log_weights (K, N).

    One draw gives minus the ELBO; the expectation falls towards -log p(x) as K grows. Source: Burda et al. 2016, Eq. 8.
    """
    return -log_mean_weight(log_weights).mean()


def log_mean_weight(log_weights):
    """log 1/K sum_k w_kn, (N,), from log_weights (K, N): an estimate of log p(x_n), too small on average."""
    if log_weights.ndim != 2 or not log_weights.shape[0]:
        raise ValueError(f"log_mean_weight: log_weights {log_weights.shape} must be (K, N), one row a draw")
    return ops.logsumexp(log_weights, axis=0) - math.log(log_weights.shape[0])


def _means(function, distortion, rate):
    for name, value in (("distortion", distortion), ("rate", rate)):
        if value.ndim != 1 or not value.shape[0]:
            raise ValueError(f"{function}: {name} {value.shape} must be (N,), one number an example and at least one example")
    if distortion.shape != rate.shape:
        raise ValueError(f"{function}: distortion {distortion.shape} and rate {rate.shape} are of different batches (N,)")
    return distortion.mean(), rate.mean()


# ---- the ELBO as sheet 001 asks for it ----------------------------------------------------------------------------------------------


def elbo(z, mu, sigma_square, x, p):
    """Mean over the batch of log p(x|z) + log p(z) - log q(z|x) at the draw z, Eq. 2 of sheet 001, in nats: to be maximised.

    z, mu, sigma_square (N, L); x and p (N, D), where p holds the decoder's probabilities. Training on logits, as `bernoulli` does,
    is the same where p is neither 0 nor 1.
    """
    log_q, log_p = logpdf_diagonal_gaussian(z, mu, sigma_square), logpdf_standard_normal(z)
    return (logpdf_bernoulli(x, p) + log_p - log_q).mean()


def elbo_closed_form(mu, sigma_square, x, p):
    """Mean over the batch of log p(x|z) - KL(q(z|x) || N(0, I)), Eq. 1 of sheet 001, in nats; p belongs to a draw of z."""
    return (logpdf_bernoulli(x, p) - kl_diagonal_gaussian(mu, sigma_square)).mean()
