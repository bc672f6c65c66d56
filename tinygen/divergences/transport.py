"""Wasserstein distances: what it costs to move one distribution onto the other, exactly.

W_p(P, Q)^p = min over couplings of E |X - Y|^p. They see how far apart two distributions are even where their supports do not meet, and
there give a gradient: the W_1 of a shift is the shift. Which sample goes to which is a decision, locally constant in the samples; so each
distance here decides first, on plain arrays, and then adds up the cost of the decided plan with operations that can be differentiated.
The root of W_2 is taken of the sum plus 1e-30: its gradient where both samples are equal is zero, not NaN.
"""
import numpy as np
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import eye_array, kron, vstack

from .. import ops
from ..autograd import Tensor
from ..backend import generator, xp
from .checks import as_gaussian_pair, as_sample_pair, as_weights, check_order, values
from .pairwise import costs


def wasserstein_1d(x, y, *, p=1, x_weights=None, y_weights=None):
    """W_p of two sample sets on the line, exactly: (int_0^1 |F^-1(t) - G^-1(t)|^p dt)^(1/p), by sorting, in O(N log N).

    x (N,), y (M,), of any two sizes; weights (N,), (M,): probabilities, by default equal.  p = 1 or 2.
    Raises ValueError for samples of more than one dimension, weights that are not probabilities, NaN, or another p.
    """
    check_order(p, "wasserstein_1d")
    x, y = as_sample_pair(x, y, "wasserstein_1d")
    if x.shape[1] != 1:
        raise ValueError(f"wasserstein_1d: x {x.shape} and y {y.shape} have {x.shape[1]} dimensions (axis 1), it takes one; "
                         "use wasserstein or sliced_wasserstein")
    i, j, mass = _quantile_matching(values(x)[:, 0], values(y)[:, 0], as_weights(x_weights, len(x), "wasserstein_1d", "x_weights"),
                                    as_weights(y_weights, len(y), "wasserstein_1d", "y_weights"))
    i, j = _like(i, x, int), _like(j, y, int)
    return _total(x[i, 0] - y[j, 0], _like(mass, x), p)


def wasserstein(x, y, *, p=1, x_weights=None, y_weights=None):
    """W_p of two sample sets, exactly: (min over plans of sum plan_ij |x_i - y_j|^p)^(1/p), by `transport_plan`.

    x (N, D), y (M, D); weights (N,), (M,): probabilities, by default equal.  p = 1 or 2. Thousands of samples take seconds.
    As an estimate for the distributions behind the samples it is biased upwards, by about N^(-1/D) in more than two dimensions.
    Raises ValueError for shapes that do not match, weights that are not probabilities, NaN, or another p.
    """
    check_order(p, "wasserstein")
    x, y = as_sample_pair(x, y, "wasserstein")
    plan = transport_plan(values(costs(x, y, p)), x_weights, y_weights)
    i, j = np.nonzero(plan)
    mass, i, j = _like(plan[i, j], x), _like(i, x, int), _like(j, y, int)
    steps = x[i] - y[j]                                     # not the costs, whose small ones are the rounding of large terms
    squares = (steps * steps).sum(axis=1)
    return (ops.sqrt(squares + 1e-30) * mass).sum() if p == 1 else ops.sqrt((squares * mass).sum() + 1e-30)


def sliced_wasserstein(x, y, *, p=2, directions=64, rng=None):
    """(mean over random unit directions u of W_p(x.u, y.u)^p)^(1/p): a cheap lower bound of W_p, by sorting alone.

    x (N, D), y (M, D).  directions: how many, or the unit vectors themselves as an array (K, D).  rng: a numpy.random.Generator, by default
    tinygen's own.  p = 1 or 2. For a shift by m in D dimensions and p = 2 it is |m| / sqrt(D) on average over the directions.
    Raises ValueError for shapes that do not match, NaN, or another p. Source: Rabin et al. 2011; Bonneel et al. 2015.
    """
    check_order(p, "sliced_wasserstein")
    x, y = as_sample_pair(x, y, "sliced_wasserstein")
    if np.ndim(directions) == 0:
        if directions < 1:
            raise ValueError(f"sliced_wasserstein: directions = {directions} must be at least 1")
        directions = (rng or generator()).standard_normal((int(directions), x.shape[1]))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    elif np.ndim(directions) != 2 or directions.shape[1] != x.shape[1]:
        raise ValueError(f"sliced_wasserstein: directions {np.shape(directions)} must be a number or unit vectors (K, {x.shape[1]})")
    u = _like(directions, x).T
    shadows_x, shadows_y = x @ u, y @ u                                                 # (N, K), (M, K)
    weights_x, weights_y = as_weights(None, len(x), "", ""), as_weights(None, len(y), "", "")
    host_x, host_y = values(shadows_x), values(shadows_y)
    k = u.shape[1]
    matchings = [_quantile_matching(host_x[:, d], host_y[:, d], weights_x, weights_y) for d in range(k)]
    i, j, mass = (np.concatenate([m[part] for m in matchings]) for part in range(3))
    column = _like(np.repeat(np.arange(k), [len(m[0]) for m in matchings]), x, int)
    i, j = _like(i, x, int), _like(j, y, int)
    return _total(shadows_x[i, column] - shadows_y[j, column], _like(mass / k, x), p)


def wasserstein_gaussian(mu_p, cov_p, mu_q, cov_q):
    """W_2 of two Gaussians: sqrt(|mu_p - mu_q|^2 + tr Sp + tr Sq - 2 tr (Sp^1/2 Sq Sp^1/2)^1/2).

    mu: (D,) or a number; cov: (D, D), variances (D,), or one variance, of any rank. Raises ValueError as `kl_gaussian` does.
    The last trace is the sum of the singular values of A' B, for any factors Sp = A A', Sq = B B'. Its square is the Fréchet distance.
    Source: Dowson and Landau 1982, Eq. 4; Olkin and Pukelsheim 1982.
    """
    mu_p, cov_p, mu_q, cov_q = as_gaussian_pair(mu_p, cov_p, mu_q, cov_q, "wasserstein_gaussian")

    def factor(cov):
        eigenvalues, vectors = np.linalg.eigh(cov)
        return vectors * np.sqrt(np.maximum(eigenvalues, 0))

    overlap = np.linalg.svd(factor(cov_p).T @ factor(cov_q), compute_uv=False).sum()
    squared = np.sum((mu_p - mu_q) ** 2) + np.trace(cov_p) + np.trace(cov_q) - 2 * overlap
    return float(np.sqrt(max(squared, 0.0)))


def transport_plan(cost, x_weights=None, y_weights=None):
    """The plan (N, M) that moves x_weights (N,) onto y_weights (M,) at the least total cost, sum plan * cost.

    Its rows and columns sum to the weights.
    cost (N, M): an array. Equal weights of equal number: an assignment (Jonker-Volgenant); else a linear program (HiGHS).
    Raises ValueError for a cost that is not a finite matrix, or weights that are not probabilities.
    """
    cost = np.asarray(values(cost), np.float64)
    if cost.ndim != 2 or 0 in cost.shape or not np.isfinite(cost).all():
        raise ValueError(f"transport_plan: cost {cost.shape} must be a finite matrix (N, M)")
    n, m = cost.shape
    a, b = as_weights(x_weights, n, "transport_plan", "x_weights"), as_weights(y_weights, m, "transport_plan", "y_weights")
    plan = np.zeros((n, m))
    if n == m and np.ptp(a) == 0 and np.ptp(b) == 0:
        plan[linear_sum_assignment(cost)] = 1.0 / n
        return plan
    rows, columns = kron(eye_array(n), np.ones((1, m))), kron(np.ones((1, n)), eye_array(m))
    # The last constraint follows from the others, since both sides have one mass, and would only invite rounding trouble.
    constraints = vstack([rows, columns]).tocsr()[:-1]
    answer = linprog(cost.ravel(), A_eq=constraints, b_eq=np.concatenate([a, b])[:-1], method="highs")
    if not answer.success:
        raise ValueError(f"transport_plan: cost {cost.shape}: the linear program found no plan ({answer.message}); check the weights")
    return answer.x.reshape(n, m)


def _quantile_matching(x, y, x_weights, y_weights):
    """(i, j, mass): the optimal plan on the line, which moves `mass` from x[i] to y[j], in the order of the quantiles."""
    order_x, order_y = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    if len(x) == len(y) and np.ptp(x_weights) == 0 and np.ptp(y_weights) == 0:
        return order_x, order_y, x_weights
    end_x, end_y = np.cumsum(x_weights[order_x]), np.cumsum(y_weights[order_y])
    ends = np.union1d(end_x, end_y)                             # between two ends both quantile functions are constant
    mass = np.diff(ends, prepend=0.0)
    middle = ends - mass / 2
    i = order_x[np.minimum(np.searchsorted(end_x, middle), len(x) - 1)]
    j = order_y[np.minimum(np.searchsorted(end_y, middle), len(y) - 1)]
    return i, j, mass


def _total(difference, mass, p):
    """(sum mass |difference|^p)^(1/p)."""
    if p == 1:
        return (ops.abs_(difference) * mass).sum()
    return ops.sqrt((difference * difference * mass).sum() + 1e-30)


def _like(a, x, dtype=None):
    """The host array `a` on the device of `x`, with its dtype unless one is given."""
    x = x.data if isinstance(x, Tensor) else x
    return xp(x).asarray(a, dtype or x.dtype)
