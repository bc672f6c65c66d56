"""Distributions: log-densities, samplers and closed-form divergences, for arrays and for Tensors.

The first axis is the batch and the dimensions of one example are independent, so everything after the first axis is summed:
z (B, ...) -> (B,), in nats. Parameters have the shape of z, or one that broadcasts to it, or are numbers.

A Gaussian is given by its variance in the functions that carry "sigma_square" (the names are those of sheet 001), and by the
logarithm of its variance in the others, which are what losses use: a network's output is any real number, and exp(logvar)
is positive without a constraint.
"""
import math
import numbers

import numpy as np

from . import ops
from .autograd import Tensor
from .backend import standard_normal, uniform, xp

LOG_2PI = math.log(2 * math.pi)


def sum_rest(x):
    """x (B, ...) summed over all axes but the first: (B,)."""
    return x.sum(axis=tuple(range(1, x.ndim))) if x.ndim > 1 else x


# ---- Gaussians by their variance ---------------------------------------------------------------------------------------------


def logpdf_diagonal_gaussian(z, mu, sigma_square):
    """log N(z; mu, diag sigma_square) = -1/2 sum_d [(z_d - mu_d)^2 / sigma_square_d + log sigma_square_d + log 2 pi], (B,).

    Raises ValueError where a shape does not fit z, or a variance is not positive.
    """
    _check_gaussian("logpdf_diagonal_gaussian", "z", z, mu=mu, sigma_square=sigma_square)
    off = z - mu
    return sum_rest(off * off / sigma_square + _log(sigma_square) + LOG_2PI) * -0.5


def sample_diagonal_gaussian(mu, sigma_square):
    """z = mu + sqrt(sigma_square) * eps with eps ~ N(0, I), of the shape of mu: gradients flow to mu and sigma_square.

    Source: the reparameterisation of Kingma & Welling 2014, section 2.4.
    """
    _check_gaussian("sample_diagonal_gaussian", "mu", mu, sigma_square=sigma_square)
    sigma = math.sqrt(sigma_square) if isinstance(sigma_square, numbers.Real) else ops.sqrt(sigma_square)
    return mu + standard_normal(mu.shape, like=mu) * sigma


def kl_diagonal_gaussian(mu, sigma_square, prior_mu=0.0, prior_sigma_square=1.0):
    """KL(N(mu, diag sigma_square) || N(prior_mu, diag prior_sigma_square)), (B,): with v for the variances,

    1/2 sum_d [(v_d + (mu_d - prior_mu_d)^2) / prior_v_d - 1 + log(prior_v_d / v_d)]. >= 0, and 0 only where the two are equal.
    """
    _check_gaussian("kl_diagonal_gaussian", "mu", mu, prior_mu=prior_mu, sigma_square=sigma_square,
                    prior_sigma_square=prior_sigma_square)
    off = mu - prior_mu
    return sum_rest((off * off + sigma_square) / prior_sigma_square - 1.0 + _log(prior_sigma_square) - _log(sigma_square)) * 0.5


# ---- Gaussians by the logarithm of their variance --------------------------------------------------------------------------------


def logpdf_gaussian(z, mu, logvar):
    """log N(z; mu, diag exp(logvar)), (B,); logvar is an array, a Tensor or a number."""
    _check_shapes("logpdf_gaussian", "z", z, mu=mu, logvar=logvar)
    off = z - mu
    inverse = math.exp(-logvar) if isinstance(logvar, numbers.Real) else ops.exp(-logvar)
    return sum_rest(off * off * inverse + logvar + LOG_2PI) * -0.5


def logpdf_standard_normal(z):
    """log N(z; 0, I), (B,)."""
    return sum_rest(z * z + LOG_2PI) * -0.5


def sample_gaussian(mu, logvar):
    """z = mu + exp(logvar / 2) * eps with eps ~ N(0, I): gradients flow to mu and logvar (Kingma & Welling 2014)."""
    _check_shapes("sample_gaussian", "mu", mu, logvar=logvar)
    return ops.reparameterize(mu, logvar, standard_normal(mu.shape, like=mu))


def kl_standard_normal(mu, logvar):
    """KL(N(mu, diag exp(logvar)) || N(0, I)) = 1/2 sum_d [mu_d^2 + exp(logvar_d) - logvar_d - 1], (B,).

    Source: Kingma & Welling 2014, appendix B.
    """
    _check_shapes("kl_standard_normal", "mu", mu, logvar=logvar)
    return sum_rest(ops.twice_kl(mu, logvar)) * 0.5


def logpdf_gaussian_mixture(z, mu, logvar, log_weights=None):
    """log sum_k w_k N(z; mu_k, diag exp(logvar_k)), (B,): z (B, D), mu and logvar (K, D), log_weights (K,) or None for w = 1/K.

    Needs B * K * D numbers of memory; go through many components in parts and join them by `ops.logsumexp`.
    """
    if z.ndim != 2 or mu.ndim != 2 or mu.shape[1] != z.shape[1] or logvar.shape != mu.shape:
        raise ValueError(f"logpdf_gaussian_mixture: z {z.shape} must be (B, D), mu {mu.shape} and logvar {logvar.shape} both (K, D)")
    components, dimension = mu.shape
    if log_weights is not None and log_weights.shape != (components,):
        raise ValueError(f"logpdf_gaussian_mixture: log_weights {log_weights.shape} must be ({components},), one a component")
    off = z.reshape(z.shape[0], 1, dimension) - mu                                      # (B, K, D)
    log_p = ((off * off * ops.exp(-logvar)).sum(axis=2) + logvar.sum(axis=1) + dimension * LOG_2PI) * -0.5
    log_p = log_p - math.log(components) if log_weights is None else log_p + log_weights
    return ops.logsumexp(log_p, axis=1)


# ---- Bernoulli ---------------------------------------------------------------------------------------------------------------


def logpdf_bernoulli(x, p):
    """log p(x) = sum_d [x_d log p_d + (1 - x_d) log(1 - p_d)], (B,), with 0 log 0 = 0; -inf where p rules x out.

    x lies in [0, 1]: a grey pixel counts as a probability of its own, and the value is then minus a cross-entropy.
    Train on `logpdf_bernoulli_logits`: a p that was rounded to 0 or 1 has no gradient. Raises ValueError for x or p outside
    [0, 1] and for shapes that do not fit.
    """
    if isinstance(p, numbers.Real):
        p = xp(ops.as_array(x)).full((1,) * x.ndim, p, x.dtype if x.dtype.kind == "f" else np.float64)
    _check_shapes("logpdf_bernoulli", "x", x, p=p)
    check_unit_interval("logpdf_bernoulli", "x", x)
    check_unit_interval("logpdf_bernoulli", "p", p)
    data = ops.as_array(x)
    with np.errstate(divide="ignore"):                                                  # log 0 = -inf is the answer, not an accident
        on = ops.log(ops.where(data > 0, p, 1.0))
        off = ops.log(ops.where(data < 1, 1.0 - p, 1.0))
    return sum_rest(x * on + (1.0 - x) * off)


def logpdf_bernoulli_logits(x, logits):
    """`logpdf_bernoulli(x, sigmoid(logits))`, exact and finite for any finite logit, (B,)."""
    _check_shapes("logpdf_bernoulli_logits", "logits", logits, x=x)
    check_unit_interval("logpdf_bernoulli_logits", "x", x)
    return -sum_rest(ops.bce_with_logits(logits, x))


def sample_bernoulli(p):
    """Zeros and ones of the shape and dtype of p: 1 with probability p. No gradient flows through a draw."""
    check_unit_interval("sample_bernoulli", "p", p)
    values = ops.as_array(p)
    draw = (uniform(values.shape, like=values) < values).astype(values.dtype)
    return Tensor(draw) if isinstance(p, Tensor) else draw


# ---- checks ------------------------------------------------------------------------------------------------------------------


def check_unit_interval(function, name, x):
    """Raise ValueError unless all of x lies in [0, 1]; NaN does not. On a GPU nothing is checked: every step would wait for the answer."""
    values = ops.as_array(x)
    if values.size and xp(values) is np and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"{function}: {name} {values.shape} runs from {float(values.min()):g} to {float(values.max()):g}, outside [0, 1]; "
                         "a Bernoulli likelihood takes probabilities or pixels scaled to [0, 1] (bytes: x / 255)")


def _check_shapes(function, name, z, **others):
    """Raise ValueError unless every other argument broadcasts to the shape of z, without stretching it."""
    for other, value in others.items():
        shape = getattr(value, "shape", ())
        if len(shape) > z.ndim or any(n not in (1, m) for n, m in zip(shape[::-1], z.shape[::-1])):
            raise ValueError(f"{function}: {other} {shape} does not fit {name} {z.shape}; the first axis is the batch, and {other} must "
                             f"have the shape of {name}, or broadcast to it")


def _check_gaussian(function, name, z, **others):
    _check_shapes(function, name, z, **others)
    for other, value in others.items():
        if "sigma_square" in other and xp(ops.as_array(value)) is np:             # on a GPU every step would wait for the answer
            lowest = value if isinstance(value, numbers.Real) else ops.as_array(value).min() if np.size(ops.as_array(value)) else np.inf
            if not lowest > 0:
                raise ValueError(f"{function}: {other} reaches {float(lowest):g}; a variance is positive (a network gives its logarithm: "
                                 "exp(logvar))")


def _log(value):
    return math.log(value) if isinstance(value, numbers.Real) else ops.log(value)
