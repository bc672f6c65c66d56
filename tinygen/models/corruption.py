"""Corruptions C(y|x) for denoising autoencoders: what is lost must be inferred from the rest (Vincent et al. 2008, 2010).

Each takes x, an array or a Tensor (N, ...), and returns a new draw of y of the same shape, from tinygen's generator.
"""
from .. import ops
from ..backend import standard_normal, uniform


def gaussian_noise(x, sigma=0.5):
    """C(y|x) = N(y; x, sigma^2 I): y = x + sigma eps. Raises ValueError for a negative sigma."""
    if not sigma >= 0:
        raise ValueError(f"gaussian_noise: sigma = {sigma} must not be negative")
    return x + standard_normal(x.shape, like=x) * float(sigma)


def masking_noise(x, p=0.5):
    """C(y|x) = prod_d [p delta(y_d) + (1 - p) delta(y_d - x_d)]: each number is set to 0 with probability p."""
    _check_probability("masking_noise", p)
    return ops.where(uniform(x.shape, like=x) < p, 0.0, x)


def salt_and_pepper(x, p=0.3, low=0.0, high=1.0):
    """C(y|x) = prod_d [p/2 delta(y_d - low) + p/2 delta(y_d - high) + (1 - p) delta(y_d - x_d)]: with probability p, black or white."""
    _check_probability("salt_and_pepper", p)
    u = uniform(x.shape, like=x)
    return ops.where(u < 0.5 * p, low, ops.where(u > 1 - 0.5 * p, high, x))


CORRUPTIONS = {"gaussian": gaussian_noise, "masking": masking_noise, "salt-and-pepper": salt_and_pepper}
"""By the names that the demos use; each with its own amount as the second argument."""


def _check_probability(function, p):
    if not 0 <= p <= 1:
        raise ValueError(f"{function}: p = {p} is not a probability in [0, 1]")
