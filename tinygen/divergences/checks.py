"""What the divergences ask of their inputs, checked once at the door, with the remedy in the message."""
import numpy as np

from ..autograd import Tensor
from ..backend import device_of, host


def values(x):
    """The values of an array or Tensor as a NumPy array on the host: for what only looks (orders, plans, checks)."""
    return x.numpy() if isinstance(x, Tensor) else host(x)


def check_order(p, function):
    """Raise ValueError unless the cost is |x - y| or |x - y|^2."""
    if p not in (1, 2):
        raise ValueError(f"{function}: p = {p} must be 1 or 2")


def as_samples(x, function, name):
    """Float samples (N, D) from an array or Tensor (N, D) or (N,); a Tensor stays one, and keeps its gradient."""
    if not isinstance(x, Tensor):
        x = np.asarray(x, np.float64) if isinstance(x, (list, tuple)) else x
    if not hasattr(x, "dtype") or x.dtype.kind != "f":
        raise TypeError(f"{function}: {name} is {getattr(x, 'dtype', type(x).__name__)}, samples are float arrays; convert them with .astype")
    if x.ndim == 1:
        x = x.reshape(-1, 1)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"{function}: {name} {x.shape} must be (N, D), one row a sample; flatten the rest with x.reshape(len(x), -1)")
    if device_of(x) == "cpu" and not np.isfinite(values(x)).all():             # a loss on a GPU does not wait for the answer
        raise ValueError(f"{function}: {name} {x.shape} holds NaN or infinity; find where its samples overflowed")
    return x


def as_sample_pair(x, y, function):
    """Two sample sets (N, D) and (M, D) of equal D and dtype."""
    x, y = as_samples(x, function, "x"), as_samples(y, function, "y")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"{function}: x {x.shape} and y {y.shape} differ in dimension (axis 1); compare samples of one space")
    if x.dtype != y.dtype:
        raise TypeError(f"{function}: x is {x.dtype}, y is {y.dtype}; convert one of them")
    return x, y


def as_weights(weights, count, function, name):
    """Probabilities (count,) in float64; None stands for equal ones."""
    if weights is None:
        return np.full(count, 1.0 / count)
    weights = np.asarray(values(weights), np.float64)
    if weights.shape != (count,) or not (weights >= 0).all() or not abs(weights.sum() - 1) < 1e-6:
        raise ValueError(f"{function}: {name} {weights.shape} must be ({count},), non-negative, with sum 1; divide it by its sum")
    return weights


def as_covariance(cov, dimension, function, name):
    """A covariance (D, D) from a matrix, from variances (D,), or from one variance; positive semi-definite."""
    cov = np.asarray(cov, np.float64)
    cov = np.eye(dimension) * cov if cov.ndim == 0 else np.diag(cov) if cov.ndim == 1 else cov
    if cov.shape != (dimension, dimension) or not np.isfinite(cov).all() or not np.allclose(cov, cov.T):
        raise ValueError(f"{function}: {name} {cov.shape} must be a variance, variances ({dimension},) or a symmetric covariance "
                         f"({dimension}, {dimension}), finite")
    if np.linalg.eigvalsh(cov)[0] < -1e-10 * max(1.0, np.abs(cov).max()):
        raise ValueError(f"{function}: {name} has a negative eigenvalue, so it is not a covariance")
    return cov


def as_gaussian_pair(mu_p, cov_p, mu_q, cov_q, function):
    """(mu_p, cov_p, mu_q, cov_q) with means (D,) and covariances (D, D), in float64."""
    mu_p, mu_q = np.atleast_1d(np.asarray(mu_p, np.float64)), np.atleast_1d(np.asarray(mu_q, np.float64))
    if mu_p.ndim != 1 or mu_p.shape != mu_q.shape:
        raise ValueError(f"{function}: mu_p {mu_p.shape} and mu_q {mu_q.shape} must both be (D,) or both numbers")
    return mu_p, as_covariance(cov_p, len(mu_p), function, "cov_p"), mu_q, as_covariance(cov_q, len(mu_q), function, "cov_q")
