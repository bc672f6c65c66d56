"""Maximum mean discrepancy: the distance between the mean embeddings of two distributions, from samples alone.

With a Gaussian kernel of the right width it sees every difference between two distributions, needs no density, and has smooth gradients;
far beyond its bandwidth, though, the kernel is flat and so is the gradient.
"""
import numpy as np

from .. import ops
from .checks import as_gaussian_pair, as_sample_pair, values
from .pairwise import squared_distances


def mmd(x, y, *, bandwidth=1.0, unbiased=False):
    """MMD^2 = mean k(x_i, x_j) + mean k(y_i, y_j) - 2 mean k(x_i, y_j), with k(a, b) = exp(-|a - b|^2 / (2 bandwidth^2)).

    x (N, D), y (M, D): samples, arrays or Tensors.  bandwidth: a number, or several, whose kernels are averaged.
    unbiased: leave the pairs i = j of the first two means out; the expectation is then the true MMD^2, and single values may be negative.
    With them the value is >= 0 and too large by (1 - E k(x, x')) / N + (1 - E k(y, y')) / M on average.
    Raises ValueError for shapes that do not match, NaN, a bandwidth that is not positive, or a single sample where unbiased.
    Source: Gretton et al. 2012, Eqs. 3 and 5.
    """
    x, y = as_sample_pair(x, y, "mmd")
    widths = [float(b) for b in np.atleast_1d(bandwidth)]
    if not widths or not all(b > 0 and np.isfinite(b) for b in widths):
        raise ValueError(f"mmd: bandwidth = {bandwidth} must be a positive number or a list of them; median_distance(x, y) is a usual choice")
    if unbiased and min(len(x), len(y)) < 2:
        raise ValueError(f"mmd: x {x.shape} and y {y.shape} need at least two samples each (axis 0) for the unbiased estimate")
    return (_mean_kernel(x, x, widths, unbiased) + _mean_kernel(y, y, widths, unbiased)) - _mean_kernel(x, y, widths, False) * 2.0


def mmd_gaussian(mu_p, cov_p, mu_q, cov_q, *, bandwidth=1.0):
    """MMD^2 of two Gaussians under the kernel exp(-|a - b|^2 / (2 h^2)), in closed form, from three means of the kernel,

    E k = det(I + C / h^2)^-1/2 exp(-1/2 m' (C + h^2 I)^-1 m),  m and C the mean and covariance of the difference a - b.

    mu: (D,) or a number; cov: (D, D), variances (D,), or one variance. Raises ValueError as `kl_gaussian` does.
    """
    mu_p, cov_p, mu_q, cov_q = as_gaussian_pair(mu_p, cov_p, mu_q, cov_q, "mmd_gaussian")
    if not bandwidth > 0:
        raise ValueError(f"mmd_gaussian: bandwidth = {bandwidth} must be positive")

    def mean_kernel(m, cov):
        widened = cov + bandwidth ** 2 * np.eye(len(m))
        logdet = np.linalg.slogdet(widened / bandwidth ** 2)[1]
        return np.exp(-0.5 * (logdet + m @ np.linalg.solve(widened, m)))

    zero = np.zeros_like(mu_p)
    return float(mean_kernel(zero, 2 * cov_p) + mean_kernel(zero, 2 * cov_q) - 2 * mean_kernel(mu_p - mu_q, cov_p + cov_q))


def median_distance(x, y):
    """The median distance between two different samples of x (N, D) and y (M, D) taken together, a number: a usual bandwidth."""
    x, y = as_sample_pair(x, y, "median_distance")
    both = np.concatenate([values(x), values(y)])
    squared = squared_distances(both, both)
    return float(np.sqrt(np.median(squared[np.triu_indices(len(both), 1)])))


def _mean_kernel(x, y, widths, without_diagonal):
    """mean k(x_i, y_j), over i != j where `without_diagonal`, averaged over the widths."""
    squared = squared_distances(x, y)
    total = sum(ops.exp(squared * (-0.5 / b ** 2)).sum() for b in widths) * (1.0 / len(widths))
    n, m = squared.shape
    return (total - float(n)) * (1.0 / (n * (n - 1))) if without_diagonal else total * (1.0 / (n * m))
