"""Entropic optimal transport: a blurred Wasserstein distance that is smooth in the samples and parallel to compute.

    OT_eps(x, y) = min over plans of sum plan_ij |x_i - y_j|^p + eps KL(plan || a b')

The blur makes OT_eps(x, x) differ from zero and its minimiser shrink; the Sinkhorn divergence takes that away again. All iterations run on
log-weights, where nothing underflows however small eps is. At the optimum the derivative by the cost is the plan itself (the envelope
theorem), so no gradient goes through the iterations; the derivative of the plan is not offered, and asking for it raises.
"""
import warnings

from ..autograd import Tensor, primitive, undefined
from ..backend import xp
from .checks import as_sample_pair, as_weights, check_order
from .pairwise import costs


def sinkhorn(x, y, *, epsilon, p=2, x_weights=None, y_weights=None, tolerance=1e-4, max_iterations=10_000):
    """OT_eps(x, y) = min over plans of sum plan_ij |x_i - y_j|^p + eps KL(plan || a b'), in the unit of the cost: W_p^p as eps -> 0.

    x (N, D), y (M, D); weights a (N,), b (M,): probabilities, by default equal.  epsilon > 0, in the unit of the cost.  p = 1 or 2.
    Stops when the plan misplaces no more than `tolerance` of the mass, or than rounding the cost may misplace, 20 eps(dtype) largest cost /
    epsilon (in float32 .2 % at a thousandth of the largest cost); warns where that is over 1 %, or where it takes more than
    `max_iterations`, as it may where epsilon is below a thousandth of the largest cost. First derivatives only.
    Raises ValueError for shapes that do not match, NaN, epsilon not positive, or another p.
    Source: Cuturi 2013; log domain and epsilon scaling: Peyré and Cuturi 2019, sections 4.4 and 4.2.
    """
    cost, problem = _as_problem(x, y, epsilon, p, x_weights, y_weights, "sinkhorn")
    return entropic_cost(cost, tolerance=tolerance, max_iterations=max_iterations, **problem)


def sinkhorn_divergence(x, y, *, epsilon, p=2, x_weights=None, y_weights=None, **stopping):
    """S_eps(x, y) = OT_eps(x, y) - OT_eps(x, x) / 2 - OT_eps(y, y) / 2.

    Zero for equal samples; W_p^p as eps -> 0, an energy distance as eps -> inf. Arguments, errors and derivatives as in `sinkhorn`. Source: Genevay et al. 2018, Eq. 9; Feydy et al. 2019, Eq. 3.
    """
    across = sinkhorn(x, y, epsilon=epsilon, p=p, x_weights=x_weights, y_weights=y_weights, **stopping)
    within_x = sinkhorn(x, x, epsilon=epsilon, p=p, x_weights=x_weights, y_weights=x_weights, **stopping)
    within_y = sinkhorn(y, y, epsilon=epsilon, p=p, x_weights=y_weights, y_weights=y_weights, **stopping)
    return across - (within_x + within_y) * 0.5


def sinkhorn_plan(x, y, *, epsilon, p=2, x_weights=None, y_weights=None, tolerance=1e-4, max_iterations=10_000):
    """The plan (N, M) of `sinkhorn`, with the same arguments, as an array: rows sum to a, columns to b."""
    cost, problem = _as_problem(x, y, epsilon, p, x_weights, y_weights, "sinkhorn_plan")
    return entropic_plan(cost.data if isinstance(cost, Tensor) else cost, tolerance=tolerance, max_iterations=max_iterations, **problem)


def _entropic_cost_vjp(g, y, cost, *, aux, **problem):
    return g * (entropic_plan(cost, **problem) if aux is None else aux)


@primitive(_entropic_cost_vjp, aux=True)
def entropic_cost(cost, *, a, b, epsilon, symmetric, tolerance, max_iterations):
    """min over plans of sum plan * cost + epsilon KL(plan || a b'), from a cost (N, M) and weights a (N,), b (M,)."""
    f, g, plan = _solve(cost, a, b, epsilon, symmetric, tolerance, max_iterations)
    # The value of the dual, which is stationary at the optimum: what is wrong with the potentials enters squared.
    m = xp(cost)
    return (f * m.asarray(a, f.dtype)).sum() + (g * m.asarray(b, f.dtype)).sum() - epsilon * (plan.sum() - 1), plan


@primitive(undefined("sinkhorn: only first derivatives are available, for the derivative of the entropic plan has no formula here; use "
                     "mmd or sliced_wasserstein where a loss is differentiated twice"))
def entropic_plan(cost, *, a, b, epsilon, symmetric, tolerance, max_iterations):
    """The optimal plan (N, M) of `entropic_cost`."""
    return _solve(cost, a, b, epsilon, symmetric, tolerance, max_iterations)[2]


RELAXATION = 1.8


def _solve(cost, a, b, epsilon, symmetric, tolerance, max_iterations):
    """(f, g, plan): the potentials f (N,), g (M,) of the dual problem, and the plan a b' exp((f + g - cost) / eps).

    Sinkhorn's two half-steps in turn. Of a set to itself f = g, and the mean of before and after a half-step converges at once (Feydy et
    al. 2019, Eq. 25). Of two sets, once the plan is roughly right, each half-step is overdone, which saves up to nine in ten
    iterations (Thibault et al. 2021).
    """
    if max_iterations < 1:
        raise ValueError(f"sinkhorn: max_iterations = {max_iterations} must be at least 1")
    m = xp(cost)
    least = m.finfo(cost.dtype).tiny                # stands for a weight of zero, whose logarithm would be infinite
    a, b = m.maximum(m.asarray(a, cost.dtype), least), m.maximum(m.asarray(b, cost.dtype), least)
    log_a, log_b, f, g = m.log(a), m.log(b), m.zeros_like(a), m.zeros_like(b)
    largest = max(float(cost.max()), epsilon)
    rounding = 20 * float(m.finfo(cost.dtype).eps) * largest / epsilon       # the mass that rounding of the cost may misplace
    blur, step = largest, 1.0                       # epsilon scaling: coarse first, halved at each round, for a warm start
    for iteration in range(1, max_iterations + 1):
        if symmetric:
            f = g = (f + _soft_minimum(cost, f, log_a, blur)) * 0.5
        else:
            f = f + (_soft_minimum(cost, g, log_b, blur) - f) * step
            g = g + (_soft_minimum(cost.T, f, log_a, blur) - g) * step
        if blur > epsilon and iteration < max_iterations:
            blur = max(blur / 2, epsilon)
        elif iteration % 5 == 0 or iteration == max_iterations:
            log_plan = (f[:, None] + g - cost) / epsilon + log_a[:, None] + log_b
            plan = m.exp(m.minimum(log_plan, 0.0))  # on the way it may exceed one, at the optimum no entry does
            misplaced = float(m.abs(plan.sum(axis=1) - a).sum() + m.abs(plan.sum(axis=0) - b).sum()) / 2
            if misplaced <= max(tolerance, rounding):
                break
            step = RELAXATION if misplaced < 0.5 else 1.0
    if misplaced > max(tolerance, min(rounding, 0.01)):
        remedy = ("raise epsilon, or max_iterations" if misplaced > rounding else
                  f"{cost.dtype} does not resolve it: raise epsilon, or use float64")
        warnings.warn(f"sinkhorn: after {iteration} iterations {misplaced:.2g} of the mass is still misplaced at epsilon = {epsilon:g}, "
                      f"which is {epsilon / largest:.1g} of the largest cost; {remedy}", RuntimeWarning, stacklevel=4)
    return f, g, plan


def _soft_minimum(cost, potential, log_weights, blur):
    """-blur log sum_j exp((potential_j - cost_ij) / blur + log_weights_j), for every row i; stable however small the blur is."""
    m = xp(cost)
    z = (potential - cost) / blur + log_weights
    top = z.max(axis=1)
    return -blur * (m.log(m.exp(z - top[:, None]).sum(axis=1)) + top)


def _as_problem(x, y, epsilon, p, x_weights, y_weights, function):
    """The cost (N, M), and the problem as keywords: weights a, b, epsilon, and whether it is that of a set to itself."""
    symmetric = x is y and x_weights is y_weights
    x, y = as_sample_pair(x, y, function)
    if not epsilon > 0:
        raise ValueError(f"{function}: epsilon = {epsilon} must be positive; for the exact distance use wasserstein")
    check_order(p, function)
    a, b = as_weights(x_weights, len(x), function, "x_weights"), as_weights(y_weights, len(y), function, "y_weights")
    return costs(x, y, p), {"a": a, "b": b, "epsilon": float(epsilon), "symmetric": symmetric}
