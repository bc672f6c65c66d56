"""Divergences of densities: Kullback-Leibler, Jensen-Shannon, total variation.

They compare the two densities point by point, and so ask for densities: probabilities of classes (`dx` = 1, each sums to 1), or
densities on a grid of spacing `dx` (each sums to 1 / dx). All values are in nats. KL is infinite as soon as p has mass where q has none;
JS and total variation then stop at log 2 and 1, and stay there however far apart the supports are.
"""
import math

import numpy as np

from .checks import as_gaussian_pair, values


def kl(p, q, *, dx=1.0, axis=-1):
    """KL(p || q) = sum p log(p / q) dx, in nats, along `axis`; 0 log 0 = 0, and infinite where q = 0 < p.

    p, q: probabilities (dx = 1), or densities on a grid of spacing dx, of shapes that broadcast; returns float64 without `axis`.
    Raises ValueError for negative or non-finite values, or where a mass sum(p) dx is not 1 to within one in a thousand.
    Source: Kullback and Leibler 1951, Eq. 2.4.
    """
    p, q = _as_densities(p, q, dx, axis, "kl")
    return _kl(p, q, axis) * dx


def js(p, q, *, dx=1.0, axis=-1):
    """JS(p, q) = 1/2 KL(p || m) + 1/2 KL(q || m), m = (p + q) / 2, in nats, from 0 (equal) to log 2 (disjoint supports).

    Arguments and errors as in `kl`. Source: Lin 1991, Eq. 4.1 with equal weights.
    """
    p, q = _as_densities(p, q, dx, axis, "js")
    return (_kl(2 * p, p + q, axis) + _kl(2 * q, p + q, axis)) * (dx / 4)               # p + q, for (p + q) / 2 may underflow to 0


def total_variation(p, q, *, dx=1.0, axis=-1):
    """TV(p, q) = 1/2 sum |p - q| dx, from 0 (equal) to 1 (disjoint supports): the largest difference in the probability of any event.

    Arguments and errors as in `kl`.
    """
    p, q = _as_densities(p, q, dx, axis, "total_variation")
    return np.abs(p - q).sum(axis=axis) * (dx / 2)


def kl_gaussian(mu_p, cov_p, mu_q, cov_q):
    """KL(N(mu_p, cov_p) || N(mu_q, cov_q)) = 1/2 [tr(Sq^-1 Sp) + (mq - mp)' Sq^-1 (mq - mp) - D + log det Sq - log det Sp], in nats.

    mu: (D,) or a number; cov: (D, D), variances (D,), or one variance; cov_q must have full rank; a singular cov_p gives infinity.
    Raises ValueError for shapes that do not match and for what is not a covariance.
    """
    mu_p, cov_p, mu_q, cov_q = as_gaussian_pair(mu_p, cov_p, mu_q, cov_q, "kl_gaussian")
    sign, logdet_q = np.linalg.slogdet(cov_q)
    if sign <= 0:
        raise ValueError(f"kl_gaussian: cov_q {cov_q.shape} is singular, q has no density; add a small multiple of the identity")
    sign, logdet_p = np.linalg.slogdet(cov_p)
    if sign <= 0:
        return math.inf
    difference = mu_q - mu_p
    inside = np.trace(np.linalg.solve(cov_q, cov_p)) + difference @ np.linalg.solve(cov_q, difference) - len(mu_p)
    return float(inside + logdet_q - logdet_p) / 2


def js_gaussian(mu_p, var_p, mu_q, var_q, *, points=20_001):
    """JS of two one-dimensional Gaussians, in nats: log 2 - 1/2 int [p log(1 + q / p) + q log(1 + p / q)] dx, by the trapezoidal rule.

    There is no closed form. Neither term exceeds sqrt(p q), as log(1 + r) <= sqrt(r), so a grid of 12 sigma about the mean of the
    narrower one holds all of it, however wide the other. The integrand is smooth and vanishes at both ends, where that rule converges faster than any
    power of the spacing.
    mu, var: numbers, var > 0. Raises ValueError otherwise.
    """
    mu_p, var_p, mu_q, var_q = as_gaussian_pair(mu_p, var_p, mu_q, var_q, "js_gaussian")
    if len(mu_p) != 1 or not (var_p > 0).all() or not (var_q > 0).all():
        raise ValueError(f"js_gaussian: means {mu_p.shape} and variances must be single numbers, variances positive; in more dimensions "
                         "estimate it from samples with the optimal classifier p / (p + q)")
    means, sigmas = np.array([mu_p[0], mu_q[0]]), np.sqrt(np.array([var_p[0, 0], var_q[0, 0]]))
    narrow = sigmas.argmin()
    x = means[narrow] + sigmas[narrow] * np.linspace(-12, 12, points)
    log_p, log_q = (-0.5 * ((x - mean) / sigma) ** 2 - math.log(sigma * math.sqrt(2 * math.pi)) for mean, sigma in zip(means, sigmas))
    overlap = np.exp(log_p) * np.logaddexp(0, log_q - log_p) + np.exp(log_q) * np.logaddexp(0, log_p - log_q)
    return max(0.0, float(math.log(2) - overlap.sum() * sigmas[narrow] * 12 / (points - 1)))


def _kl(p, q, axis):
    """sum p log(p / q) of densities that were checked."""
    seen = p > 0
    missed = seen & (q == 0)
    with np.errstate(over="ignore", under="ignore"):
        ratio = np.divide(p, q, out=np.ones(p.shape), where=seen & ~missed)
    odd = np.isinf(ratio) | (ratio == 0)            # where p or q is near the smallest number there is
    ratio[odd] = 1
    logs = np.log(ratio)
    logs[odd] = np.log(p[odd]) - np.log(q[odd])
    return (p * logs).sum(axis=axis) + np.where(missed.any(axis=axis), np.inf, 0.0)


def _as_densities(p, q, dx, axis, function):
    p, q = np.asarray(values(p), np.float64), np.asarray(values(q), np.float64)
    if not dx > 0:
        raise ValueError(f"{function}: dx = {dx} must be positive: the spacing of the grid, or 1 for probabilities")
    try:
        shape = np.broadcast_shapes(p.shape, q.shape)
    except ValueError:
        shape = ()
    if not shape:
        raise ValueError(f"{function}: p {p.shape} and q {q.shape} must be densities over one set of points, of shapes that broadcast")
    p, q = np.broadcast_to(p, shape), np.broadcast_to(q, shape)         # first, so that `axis` means one axis for both
    for name, density in (("p", p), ("q", q)):
        if not np.isfinite(density).all() or (density < 0).any():
            raise ValueError(f"{function}: {name} {density.shape} holds negative or non-finite values; densities are finite and >= 0")
        mass = density.sum(axis=axis) * dx
        if np.abs(mass - 1).max() > 1e-3:
            worst = mass.flat[np.abs(mass - 1).argmax()]
            raise ValueError(f"{function}: {name} {density.shape} has mass sum * dx = {worst:.6g} with dx = {dx:g}, not 1; divide it by its "
                             "mass, or let the grid cover the whole support")
    return p, q
