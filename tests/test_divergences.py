"""Every divergence against a closed form, or against the same number computed another way; then gradients, floors and errors."""
import math

import numpy as np
import pytest
from scipy import stats

import tinygen as tg
from tinygen import divergences as dv

LOG2 = math.log(2)
GRID = np.linspace(-15, 15, 30_001)
DX = GRID[1] - GRID[0]


def normal(mean, sigma):
    return stats.norm.pdf(GRID, mean, sigma)


def samples(seed, n, m, dimension, shift=0.5):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, dimension)), rng.standard_normal((m, dimension)) * 1.3 + shift


# ---- densities -------------------------------------------------------------------------------------------------------------


def test_kl_of_probabilities_and_its_infinities():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])
    assert dv.kl(p, q) == pytest.approx(LOG2)                     # 0 log 0 = 0
    assert dv.kl(q, p) == math.inf
    assert dv.kl(p, p) == 0.0
    rows = dv.kl(np.stack([p, q]), np.stack([q, p]))
    assert rows.shape == (2,) and rows[0] == pytest.approx(LOG2) and np.isinf(rows[1])
    assert dv.kl(np.stack([p, q], axis=1), q[:, None], axis=0) == pytest.approx([LOG2, 0])


def test_kl_on_a_grid_is_the_gaussian_closed_form():
    assert dv.kl(normal(0, 1), normal(1, 1.3), dx=DX) == pytest.approx(dv.kl_gaussian(0, 1, 1, 1.69), abs=1e-9)


def test_kl_gaussian_against_scipy_by_monte_carlo_and_by_parts():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3, 3))
    cov_p, cov_q, mu_p, mu_q = a @ a.T + np.eye(3), b @ b.T + np.eye(3), rng.standard_normal(3), rng.standard_normal(3)
    p, q = stats.multivariate_normal(mu_p, cov_p), stats.multivariate_normal(mu_q, cov_q)
    draws = p.rvs(200_000, random_state=1)
    log_ratio = p.logpdf(draws) - q.logpdf(draws)
    assert dv.kl_gaussian(mu_p, cov_p, mu_q, cov_q) == pytest.approx(log_ratio.mean(), abs=4 * log_ratio.std() / math.sqrt(200_000))
    by_parts = sum(dv.kl_gaussian(m, v, 0, 1) for m, v in ((0.5, 2.0), (-1.0, 0.3)))
    assert dv.kl_gaussian([0.5, -1.0], [2.0, 0.3], [0, 0], 1) == pytest.approx(by_parts)
    assert dv.kl_gaussian([0, 0], np.diag([1.0, 0.0]), [0, 0], 1) == math.inf


def test_js_from_zero_to_log_two():
    p, q = np.array([0.5, 0.5, 0, 0]), np.array([0, 0, 0.5, 0.5])
    assert dv.js(p, q) == pytest.approx(LOG2) and dv.js(p, p) == 0
    assert dv.js(p, np.array([0, 0.5, 0.5, 0])) == pytest.approx(LOG2 / 2)
    assert dv.js(normal(0, 1), normal(1, 1.3), dx=DX) == pytest.approx(dv.js_gaussian(0, 1, 1, 1.69), abs=1e-9)
    assert dv.js_gaussian(0, 1, 60, 1e-4) == pytest.approx(LOG2)
    assert dv.js_gaussian(0, 1, 1, 2) == pytest.approx(dv.js_gaussian(1, 2, 0, 1))
    assert dv.js_gaussian(0, 1, 0.3, 1e-8) == pytest.approx(dv.js_gaussian(0, 1, 0.3, 1e-8, points=500_001), abs=1e-12)
    assert dv.kl([1.0, 0.0], [1e-310, 1.0]) == pytest.approx(310 * np.log(10))


def test_total_variation():
    uniform = lambda a: np.roll(np.repeat([0.1, 0.0], [10, 30]), a)
    assert [dv.total_variation(uniform(0), uniform(a)) for a in (0, 5, 10)] == pytest.approx([0, 0.5, 1])
    assert dv.total_variation(normal(0, 1), normal(1, 1), dx=DX) == pytest.approx(2 * stats.norm.cdf(0.5) - 1, abs=1e-6)


# ---- mmd -------------------------------------------------------------------------------------------------------------------


def test_mmd_of_gaussians_in_closed_form():
    assert dv.mmd_gaussian(0, 1, 0.7, 1) == pytest.approx(0.090553, abs=5e-7)
    assert dv.mmd_gaussian(0, 1, 0.7, 1) == pytest.approx(2 / math.sqrt(3) * (1 - math.exp(-0.49 / 6)))
    x, y = samples(0, 1500, 1500, 2)
    assert dv.mmd(x, y, unbiased=True) == pytest.approx(dv.mmd_gaussian([0, 0], 1, [0.5, 0.5], 1.69), abs=0.012)


def test_mmd_against_loops_and_its_two_estimates():
    x, y = samples(1, 7, 5, 3)
    k = lambda a, b, h: math.exp(-((a - b) ** 2).sum() / (2 * h * h))
    loops = lambda h: sum(k(a, b, h) for a in x for b in x) / 49 + sum(k(a, b, h) for a in y for b in y) / 25 - 2 * sum(k(a, b, h) for a in x for b in y) / 35
    assert dv.mmd(x, y, bandwidth=0.8) == pytest.approx(loops(0.8))
    assert dv.mmd(x, y, bandwidth=[0.8, 2.0]) == pytest.approx((loops(0.8) + loops(2.0)) / 2)
    within = lambda z: sum(k(a, b, 1) for i, a in enumerate(z) for j, b in enumerate(z) if i != j) / (len(z) * (len(z) - 1))
    assert dv.mmd(x, y, unbiased=True) == pytest.approx(within(x) + within(y) - 2 * sum(k(a, b, 1) for a in x for b in y) / 35)
    assert dv.mmd(x, x) == pytest.approx(0, abs=1e-12)
    assert dv.mmd(x + 1e6, y + 1e6) == pytest.approx(dv.mmd(x, y), abs=1e-8)       # far from the origin the products would cancel


def test_median_distance():
    assert dv.median_distance(np.array([[0.0], [1.0]]), np.array([[3.0]])) == 2     # distances 1, 2, 3


# ---- transport ---------------------------------------------------------------------------------------------------------------


def test_wasserstein_1d_of_a_shift_is_the_shift_and_matches_scipy():
    x, y = samples(2, 40, 25, 1)
    assert dv.wasserstein_1d(x, x + 3.7) == pytest.approx(3.7) and dv.wasserstein_1d(x, x + 3.7, p=2) == pytest.approx(3.7)
    assert dv.wasserstein_1d(x[:, 0], y[:, 0]) == pytest.approx(stats.wasserstein_distance(x[:, 0], y[:, 0]))
    a, b = np.random.default_rng(0).dirichlet(np.ones(40)), np.random.default_rng(1).dirichlet(np.ones(25))
    assert dv.wasserstein_1d(x, y, x_weights=a, y_weights=b) == pytest.approx(stats.wasserstein_distance(x[:, 0], y[:, 0], a, b))


def test_exact_transport_agrees_on_the_line_by_all_three_ways():
    x, y = samples(3, 12, 12, 1)
    for p in (1, 2):
        by_sorting = dv.wasserstein_1d(x, y, p=p)
        assert dv.wasserstein(x, y, p=p) == pytest.approx(by_sorting, abs=1e-6)                                # assignment
        tripled = dv.wasserstein(np.repeat(x, 3, axis=0), np.repeat(y, 2, axis=0), p=p)                         # linear program, 36 to 24
        assert tripled == pytest.approx(by_sorting, abs=1e-6)


def test_transport_plan_has_its_marginals_and_beats_every_permutation():
    rng = np.random.default_rng(4)
    cost, a, b = rng.random((4, 6)), rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(6))
    plan = dv.transport_plan(cost, a, b)
    assert plan.sum(1) == pytest.approx(a) and plan.sum(0) == pytest.approx(b) and (plan >= 0).all()
    assert (plan * cost).sum() <= (np.outer(a, b) * cost).sum()
    from itertools import permutations
    square = rng.random((5, 5))
    best = min(sum(square[i, j] for i, j in enumerate(order)) for order in permutations(range(5))) / 5
    assert (dv.transport_plan(square) * square).sum() == pytest.approx(best)


def test_wasserstein_of_gaussians():
    assert dv.wasserstein_gaussian(0, 1, 3, 4) == pytest.approx(math.sqrt(9 + 1))                              # |m1-m2|^2 + (s1-s2)^2
    rng = np.random.default_rng(5)
    a, b = rng.standard_normal((2, 4, 4))
    p, q = a @ a.T, b @ b.T
    squared = tg.metrics.frechet_distance(np.zeros(4), p, np.ones(4), q)
    assert dv.wasserstein_gaussian(np.zeros(4), p, np.ones(4), q) ** 2 == pytest.approx(squared)
    assert dv.wasserstein_gaussian([0, 0], np.diag([1.0, 0.0]), [0, 0], np.diag([0.0, 1.0])) == pytest.approx(math.sqrt(2))
    x, y = rng.standard_normal((1500, 2)), rng.standard_normal((1500, 2)) @ np.diag([2.0, 0.5]) + [1.0, 0]
    assert dv.wasserstein(x, y, p=2) == pytest.approx(dv.wasserstein_gaussian([0, 0], 1, [1, 0], [4.0, 0.25]), abs=0.08)


def test_sliced_wasserstein_of_a_shift_and_of_one_direction():
    x, y = samples(6, 30, 30, 3)
    e1 = np.array([[1.0, 0, 0]])
    assert dv.sliced_wasserstein(x, y, directions=e1) == pytest.approx(dv.wasserstein_1d(x[:, 0], y[:, 0], p=2))
    shift = np.array([3.0, 4.0, 0.0])
    value = dv.sliced_wasserstein(x, x + shift, directions=20_000, rng=np.random.default_rng(0))
    assert value == pytest.approx(5 / math.sqrt(3), rel=0.02)
    assert dv.sliced_wasserstein(x, y, rng=np.random.default_rng(1)) < dv.wasserstein(x, y, p=2)
    unequal = dv.sliced_wasserstein(x, y[:20], p=1, directions=e1)
    assert unequal == pytest.approx(stats.wasserstein_distance(x[:, 0], y[:20, 0]))
    tg.manual_seed(3)
    first = dv.sliced_wasserstein(x, y)
    tg.manual_seed(3)
    assert dv.sliced_wasserstein(x, y) == first


# ---- sinkhorn ------------------------------------------------------------------------------------------------------------------


def test_sinkhorn_of_gaussians_in_closed_form():
    """Janati et al. 2020, theorem 1, for epsilon = 2 sigma^2: N(0, 1) and N(1, 2.25) on a fine grid, with weights."""
    x = np.linspace(-12, 12, 241)
    a, b = (w / w.sum() for w in (stats.norm.pdf(x, 0, 1), stats.norm.pdf(x, 1, 1.5)))
    sigma2 = 0.4
    d = math.sqrt(4 * 1 * 2.25 + sigma2 ** 2)
    expected = 1 + 1 + 2.25 - d + sigma2 * (1 - math.log(2 * sigma2)) + sigma2 * math.log(d + sigma2)
    assert dv.sinkhorn(x, x.copy(), epsilon=2 * sigma2, x_weights=a, y_weights=b) == pytest.approx(expected, abs=1e-5)


def test_sinkhorn_goes_from_transport_to_independence():
    x, y = samples(7, 30, 40, 2)
    exact = dv.wasserstein(x, y, p=2) ** 2
    independent = dv.sinkhorn(x, y, epsilon=1e5)
    assert independent == pytest.approx(((x[:, None] - y) ** 2).sum(-1).mean(), rel=1e-3)
    assert dv.sinkhorn(x, y, epsilon=0.02) == pytest.approx(exact, rel=0.05)
    plan = dv.sinkhorn_plan(x, y, epsilon=0.3, tolerance=1e-9)
    assert plan.sum(1) == pytest.approx(np.full(30, 1 / 30)) and plan.sum(0) == pytest.approx(np.full(40, 1 / 40))
    primal = (plan * ((x[:, None] - y) ** 2).sum(-1)).sum() + 0.3 * (plan * np.log(plan * 1200)).sum()
    assert dv.sinkhorn(x, y, epsilon=0.3) == pytest.approx(primal, abs=1e-7)


def test_sinkhorn_divergence_is_zero_for_equal_sets_and_the_squared_shift_for_a_shift():
    x, y = samples(8, 30, 30, 2)
    for epsilon in (0.05, 1.0, 50.0):
        assert dv.sinkhorn_divergence(x, x[::-1].copy(), epsilon=epsilon) == pytest.approx(0, abs=1e-6)
        assert dv.sinkhorn_divergence(x, x + [3.0, 4.0], epsilon=epsilon) == pytest.approx(25, abs=1e-3)
        assert dv.sinkhorn_divergence(x, y, epsilon=epsilon) > 0


def test_sinkhorn_stays_finite_far_away_and_in_float32_and_says_when_it_stopped_early():
    x, y = samples(9, 20, 20, 2)
    assert dv.sinkhorn(x, y + 1000, epsilon=0.1) == pytest.approx(dv.wasserstein(x, y + 1000, p=2) ** 2, rel=1e-6)
    small_x, small_y = x.astype(np.float32), y.astype(np.float32)
    value = dv.sinkhorn(small_x, small_y, epsilon=0.1)
    assert value.dtype == np.float32 and value == pytest.approx(dv.sinkhorn(x, y, epsilon=0.1), rel=1e-4)
    with pytest.warns(RuntimeWarning, match="after 20 iterations .* of the mass .* raise epsilon, or max_iterations"):
        dv.sinkhorn(x, y, epsilon=1e-3, max_iterations=20)
    with pytest.warns(RuntimeWarning, match="float32 does not resolve it"):
        dv.sinkhorn(small_x, small_y + np.float32(1000), epsilon=0.01)


# ---- gradients ------------------------------------------------------------------------------------------------------------------

U = np.array([[0.6, 0.8], [1.0, 0.0], [-0.8, 0.6]])
LOSSES = {
    "mmd": dv.mmd,
    "mmd, unbiased, two widths": lambda x, y: dv.mmd(x, y, bandwidth=[0.5, 2.0], unbiased=True),
    "wasserstein_1d": lambda x, y: dv.wasserstein_1d(x[:, 0], y[:, 0]),
    "wasserstein_1d, p = 2": lambda x, y: dv.wasserstein_1d(x[:, 0], y[:, 0], p=2),
    "wasserstein": dv.wasserstein,
    "wasserstein, p = 2": lambda x, y: dv.wasserstein(x, y, p=2),
    "sliced_wasserstein": lambda x, y: dv.sliced_wasserstein(x, y, directions=U),
    "sinkhorn": lambda x, y: dv.sinkhorn(x, y, epsilon=0.5, tolerance=1e-12),
    "sinkhorn, p = 1": lambda x, y: dv.sinkhorn(x, y, epsilon=0.5, p=1, tolerance=1e-12),
    "sinkhorn_divergence": lambda x, y: dv.sinkhorn_divergence(x, y, epsilon=0.5, tolerance=1e-12),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients(name):
    x, y = samples(10, 9, 11, 2)
    tg.gradcheck(LOSSES[name], [tg.tensor(x, requires_grad=True), tg.tensor(y, requires_grad=True)], order=1 if "sinkhorn" in name else 2)


@pytest.mark.parametrize("name", LOSSES)
def test_equal_samples_have_finite_gradients(name):
    x, _ = samples(11, 6, 6, 2)
    t = tg.tensor(x, requires_grad=True)
    assert np.isfinite(tg.grad(LOSSES[name](t, x.copy()), [t])[0].numpy()).all()


def test_tensors_give_the_numbers_of_arrays_and_keep_float32():
    x, y = samples(12, 8, 8, 2)
    for name, loss in LOSSES.items():
        value = loss(tg.tensor(x), tg.tensor(y))
        assert isinstance(value, tg.Tensor) and value.item() == pytest.approx(float(loss(x, y))), name
        assert loss(tg.tensor(x.astype(np.float32)), y.astype(np.float32)).dtype == np.float32, name


def test_second_derivatives_of_sinkhorn_raise_rather_than_vanish():
    x, y = samples(13, 5, 5, 2)
    t = tg.tensor(x, requires_grad=True)
    g, = tg.grad(dv.sinkhorn(t, y, epsilon=0.5), [t], create_graph=True)
    with pytest.raises(NotImplementedError, match="only first derivatives"):
        tg.grad((g * g).sum(), [t])


@pytest.mark.parametrize("name", LOSSES)
def test_on_a_gpu_the_numbers_and_gradients_are_those_of_the_cpu(name, gpu):
    x, y = (s.astype(np.float32) for s in samples(15, 7, 9, 2))
    found = {}
    for device in ("cpu", gpu):
        t = tg.tensor(x, requires_grad=True, device=device)
        loss = LOSSES[name](t, tg.tensor(y, device=device))
        slope, = tg.grad(loss, [t])
        assert loss.device == slope.device == ("cpu" if device == "cpu" else "cuda")
        found[device] = loss.item(), slope.numpy()
    assert found[gpu][0] == pytest.approx(found["cpu"][0], rel=1e-4, abs=1e-6)
    assert found[gpu][1] == pytest.approx(found["cpu"][1], rel=1e-3, abs=1e-5)


# ---- noise floors -------------------------------------------------------------------------------------------------------------------


def test_noise_floors_match_their_formulas():
    gaussian = lambda n, rng: rng.standard_normal((n, 1))
    biased = dv.noise_floor(dv.mmd, gaussian, 100, repeats=100)
    assert biased.mean == pytest.approx(2 / 100 * (1 - 1 / math.sqrt(3)), rel=0.2)      # (1 - E k) (1/N + 1/M)
    unbiased = dv.noise_floor(lambda x, y: dv.mmd(x, y, unbiased=True), gaussian, 100, repeats=100)
    assert abs(unbiased.mean) < 4 * unbiased.deviation / 10
    few, many = (dv.noise_floor(dv.wasserstein_1d, gaussian, n, repeats=30).mean for n in (100, 1600))
    assert few / many == pytest.approx(4, rel=0.25)                                      # 1 / sqrt(N) on the line
    assert "two samples of 100" in str(biased)


# ---- errors ----------------------------------------------------------------------------------------------------------------------------

X, Y = samples(14, 4, 5, 2)
P = np.array([0.5, 0.5])


@pytest.mark.parametrize("call, error, match", [
    (lambda: dv.kl(P, [1.0, 0.5]), ValueError, "kl: q .* mass .* 1.5 .* divide"),
    (lambda: dv.kl(P, [1.5, -0.5]), ValueError, "negative"),
    (lambda: dv.kl(P, [0.2, 0.3, 0.5]), ValueError, r"p \(2,\) and q \(3,\)"),
    (lambda: dv.js(P, P, dx=0), ValueError, "dx = 0"),
    (lambda: dv.total_variation(P, [np.nan, 1]), ValueError, "non-finite"),
    (lambda: dv.kl_gaussian([0, 0], 1, [0], 1), ValueError, "mu_p .2,. and mu_q .1,."),
    (lambda: dv.kl_gaussian(0, 1, 0, 0), ValueError, "cov_q .* singular"),
    (lambda: dv.kl_gaussian(0, -1, 0, 1), ValueError, "cov_p has a negative eigenvalue"),
    (lambda: dv.kl_gaussian([0, 0], np.eye(3), [0, 0], 1), ValueError, "cov_p .3, 3."),
    (lambda: dv.js_gaussian([0, 0], 1, [0, 0], 1), ValueError, "single numbers"),
    (lambda: dv.mmd(X, Y[:, :1]), ValueError, "differ in dimension"),
    (lambda: dv.mmd(X, Y, bandwidth=0), ValueError, "bandwidth = 0 must be a positive"),
    (lambda: dv.mmd(X[:1], Y, unbiased=True), ValueError, "at least two"),
    (lambda: dv.mmd(X, Y.astype(np.float32)), TypeError, "float64, y is float32"),
    (lambda: dv.mmd(X.astype(int), Y), TypeError, "x is int64"),
    (lambda: dv.mmd(X * np.nan, Y), ValueError, "NaN"),
    (lambda: dv.mmd(X[None], Y), ValueError, r"\(1, 4, 2\) must be \(N, D\)"),
    (lambda: dv.mmd_gaussian(0, 1, 0, 1, bandwidth=-1), ValueError, "bandwidth"),
    (lambda: dv.wasserstein_1d(X, Y), ValueError, "2 dimensions .* sliced_wasserstein"),
    (lambda: dv.wasserstein_1d(X[:, 0], Y[:, 0], x_weights=[1, 0]), ValueError, r"x_weights \(2,\) must be \(4,\)"),
    (lambda: dv.wasserstein(X, Y, p=3), ValueError, "p = 3 must be 1 or 2"),
    (lambda: dv.sliced_wasserstein(X, Y, directions=0), ValueError, "at least 1"),
    (lambda: dv.sliced_wasserstein(X, Y, directions=np.eye(3)), ValueError, r"\(K, 2\)"),
    (lambda: dv.transport_plan([1.0, 2.0]), ValueError, "finite matrix"),
    (lambda: dv.sinkhorn(X, Y, epsilon=0), ValueError, "epsilon = 0 must be positive; .* wasserstein"),
    (lambda: dv.sinkhorn(X, Y, epsilon=1, p=4), ValueError, "p = 4"),
    (lambda: dv.noise_floor(dv.mmd, lambda n, rng: X, 1), ValueError, "at least 2"),
])
def test_errors_name_the_function_the_shape_and_the_remedy(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_js_is_at_most_log_2_where_densities_underflow():
    x = np.arange(-50, 50, 0.01)
    p, q = stats.norm.pdf(x, 0, 1), stats.norm.pdf(x, -5, 1)
    assert dv.js(p, q, dx=0.01) == pytest.approx(dv.js_gaussian(0, 1, -5, 1), abs=1e-9) and dv.js(p, p, dx=0.01) == 0


def test_an_axis_is_that_of_the_broadcast_shapes():
    p, q = np.array([0.5, 0.5]), np.full((3, 2), 1 / 3)
    with pytest.raises(ValueError, match="mass"):
        dv.kl(p, q, axis=0)


def test_sinkhorn_that_is_stopped_early_warns_and_answers():
    x, y = samples(3, 6, 6, 2)
    with pytest.warns(RuntimeWarning, match="still misplaced"):
        assert np.isfinite(dv.sinkhorn(x, y, epsilon=1e-3, max_iterations=5))
    with pytest.raises(ValueError, match="max_iterations = 0"):
        dv.sinkhorn(x, y, epsilon=0.1, max_iterations=0)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("dtype, shift", [(np.float64, 1e-6), (np.float32, 1e-3)])
def test_wasserstein_of_a_small_shift_is_the_shift(p, dtype, shift):
    """The costs that find the plan are differences of large terms; the distance and its gradient are not made of them."""
    x = np.random.default_rng(0).standard_normal((50, 20)).astype(dtype)
    u = np.full(20, shift / math.sqrt(20), dtype)
    moved = tg.tensor(x + u, requires_grad=True)
    distance = dv.wasserstein(moved, x, p=p)
    assert float(distance) == pytest.approx(shift, rel=1e-3)
    g, = tg.grad(distance, [moved])
    np.testing.assert_allclose(np.linalg.norm(g.data, axis=1) * 50, 1, rtol=1e-2)
    assert float(dv.wasserstein(x, x, p=p)) < 1e-14


def test_the_second_derivative_of_mmd_where_samples_meet():
    """Rounding may leave a squared distance of 0 on either side of 0, and no kink may lie there."""
    y = np.random.default_rng(0).standard_normal((3, 2))

    def diagonal(x):
        slope, = tg.grad(dv.mmd(x, y, bandwidth=1.0), [x], create_graph=True)
        return np.array([tg.grad(slope[i, j], [x])[0].data[i, j] for i in range(3) for j in range(2)])
    met = diagonal(tg.tensor(y, requires_grad=True))
    apart = diagonal(tg.tensor(y + 1e-5, requires_grad=True))
    np.testing.assert_allclose(met, apart, rtol=1e-3)
    assert (met > 0.01).all()


def test_kl_and_js_where_a_ratio_underflows():
    p, q = np.array([5.0, 5.0, 5e-324]), np.array([0.01, 0.01, 9.98])
    assert dv.kl(p, q, dx=0.1) == pytest.approx(math.log(500), rel=1e-12)
    assert 0 < dv.js(p, q, dx=0.1) < math.log(2)
    x = np.linspace(-60, 60, 200_001)
    p, q = (np.exp(-0.5 * ((x - m) / s) ** 2) / (s * math.sqrt(2 * math.pi)) for m, s in ((0, 1), (38.5, 4)))
    assert dv.kl(p, q, dx=x[1] - x[0]) == pytest.approx(dv.kl_gaussian(0.0, 1.0, 38.5, 16.0), rel=1e-6)
