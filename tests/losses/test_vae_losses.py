"""VAE losses: the linear-Gaussian model, where everything is known in closed form, and the properties that each bound has."""
import math

import numpy as np
import pytest
from scipy import stats

import tinygen as tg
from tinygen import losses
from tinygen.distributions import sample_gaussian

rng = np.random.default_rng(0)


def test_the_two_forms_of_the_elbo_have_one_expectation():
    tg.manual_seed(0)
    mu, logvar = np.tile([[0.4, -1.0]], (100_000, 1)), np.tile([[-0.5, 0.3]], (100_000, 1))
    z = sample_gaussian(mu, logvar)
    sampled, closed = losses.sampled_rate(z, mu, logvar), losses.rate(mu, logvar)
    assert abs(sampled.mean() - closed[0]) < 5 * sampled.std() / math.sqrt(len(z))
    np.testing.assert_array_equal(losses.path_derivative_rate(z, mu, logvar), sampled)


def gradients_by_mu(rate, x, t, s, mu, count=200_000):
    """One gradient by mu for each of many draws, for p(x|z) = N(z, t^2), p(z) = N(0, 1), q = N(mu, s^2)."""
    tg.manual_seed(0)
    m = tg.tensor(np.full((count, 1), mu), requires_grad=True)
    logvar = tg.tensor(np.full((count, 1), 2 * math.log(s)))
    z = sample_gaussian(m, logvar)
    elbo = -(losses.gaussian(z, np.full((count, 1), x), 2 * math.log(t)) + rate(z, m, logvar))
    return tg.grad(elbo.sum(), [m])[0].numpy()[:, 0]


@pytest.mark.parametrize("x, t, s, mu", [(1.0, 1.0, math.sqrt(0.5), 0.5), (1.3, 0.7, 0.9, 0.2)])
def test_gradient_variances_of_the_three_estimators(x, t, s, mu):
    """Eq. 1: s^2/t^4; Eq. 2: s^2 (1 + 1/t^2)^2; the path derivative: (1/s - s (1 + 1/t^2))^2, 0 at the exact posterior."""
    expected = {losses.sampled_rate: s ** 2 * (1 + 1 / t ** 2) ** 2, losses.path_derivative_rate: (1 / s - s * (1 + 1 / t ** 2)) ** 2,
                (lambda z, m, lv: losses.rate(m, lv)): s ** 2 / t ** 4}
    for rate, variance in expected.items():
        g = gradients_by_mu(rate, x, t, s, mu)
        assert g.mean() == pytest.approx((x - mu) / t ** 2 - mu, abs=5 * math.sqrt(variance / len(g)) + 1e-12)
        assert g.var() == pytest.approx(variance, rel=0.02, abs=1e-12)


def test_distortions_are_minus_log_densities():
    x, mean = rng.random((5, 7)), rng.random((5, 7))
    np.testing.assert_allclose(losses.gaussian(mean, x, 0.3), -stats.norm.logpdf(x, mean, math.exp(0.15)).sum(axis=1))
    np.testing.assert_allclose(losses.gaussian(mean, x), 0.5 * ((x - mean) ** 2).sum(axis=1) + 3.5 * math.log(2 * math.pi))
    logits = rng.standard_normal((5, 7))
    p = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(losses.bernoulli(logits, x), -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1))
    assert np.isfinite(losses.bernoulli(np.full((1, 2), 1e4), np.array([[0.0, 1.0]]))).all()


def test_bernoulli_of_images_sums_over_all_their_axes():
    x, logits = rng.random((3, 2, 4, 4)), rng.standard_normal((3, 2, 4, 4))
    np.testing.assert_allclose(losses.bernoulli(logits, x), losses.bernoulli(logits.reshape(3, -1), x.reshape(3, -1)))


def test_a_learned_variance_is_best_at_the_mean_squared_error():
    x, mean = rng.random((50, 3)), rng.random((50, 3))
    best = math.log(((x - mean) ** 2).mean())
    logvar = tg.tensor(np.array([best]), requires_grad=True)
    gradient, = tg.grad(losses.gaussian(mean, x, logvar).mean(), [logvar])
    assert abs(gradient.item()) < 1e-10


def test_beta_vae_weighs_the_rate():
    distortion, rate = tg.tensor(np.array([3.0, 5.0])), tg.tensor(np.array([1.0, 2.0]))
    for beta, loss in ((0, 4.0), (1, 5.5), (4.0, 10.0)):
        assert losses.beta_vae(distortion, rate, beta).loss.item() == loss
    terms = losses.beta_vae(distortion, rate)
    assert (terms.distortion.item(), terms.rate.item()) == (4.0, 1.5)


def test_sheet_elbo_is_minus_the_loss_that_trains():
    mu, logvar, logits = rng.standard_normal((6, 2)), rng.standard_normal((6, 2)), rng.standard_normal((6, 9))
    x, z, p = (rng.random((6, 9)) < 0.5).astype(float), rng.standard_normal((6, 2)), 1 / (1 + np.exp(-logits))
    eq2 = losses.beta_vae(losses.bernoulli(logits, x), losses.sampled_rate(z, mu, logvar)).loss
    eq1 = losses.beta_vae(losses.bernoulli(logits, x), losses.rate(mu, logvar)).loss
    assert losses.elbo(z, mu, np.exp(logvar), x, p) == pytest.approx(-eq2)
    assert losses.elbo_closed_form(mu, np.exp(logvar), x, p) == pytest.approx(-eq1)


# ---- importance weights, in the model p(z) = N(0, 1), p(x|z) = N(z, 1): p(x) = N(0, 2), p(z|x) = N(x / 2, 1 / 2) ----------------

X = np.array([[0.3], [-1.2], [2.5]])
LOG_PX = stats.norm.logpdf(X[:, 0], 0, math.sqrt(2))


def log_weights(k, mu=0.5 * X, variance=0.5):
    mu, logvar = np.tile(mu, (k, 1)), np.full((k * len(X), 1), math.log(variance))
    z = sample_gaussian(mu, logvar)
    return losses.vae.log_weight(losses.gaussian(z, np.tile(X, (k, 1))), losses.sampled_rate(z, mu, logvar)).reshape(k, len(X))


def test_at_the_exact_posterior_every_weight_is_the_likelihood():
    tg.manual_seed(0)
    np.testing.assert_allclose(log_weights(4), np.tile(LOG_PX, (4, 1)))
    assert losses.iwae(log_weights(1)) == pytest.approx(-LOG_PX.mean())


def test_the_importance_weighted_bound_tightens_with_the_number_of_draws():
    tg.manual_seed(0)
    values = [np.mean([losses.iwae(log_weights(k, 0.3 * X, 0.8)) for _ in range(4000 // k)]) for k in (1, 5, 50)]
    assert values[0] > values[1] + 0.02 and values[1] > values[2] > -LOG_PX.mean() - 0.01
    estimate = losses.importance_nll(lambda k: log_weights(k, 0.3 * X, 0.8), 20_000, chunk=3000)
    np.testing.assert_allclose(estimate, -LOG_PX, atol=0.02)


def test_importance_nll_of_one_draw_is_its_weight_and_survives_tiny_weights():
    np.testing.assert_allclose(losses.importance_nll(lambda k: np.full((k, 2), -3000.0), 7, chunk=3), 3000.0)
    np.testing.assert_allclose(losses.importance_nll(lambda k: np.log(np.full((k, 1), 0.25)), 8, chunk=5), math.log(4))


def test_gradient_of_the_importance_weighted_bound():
    tg.gradcheck(losses.iwae, [rng.standard_normal((4, 3))])


# ---- InfoVAE and what is measured ------------------------------------------------------------------------------------------------


def test_info_vae_between_its_limits():
    distortion, rate = np.array([3.0, 5.0]), np.array([1.0, 2.0])
    z, prior_z = rng.standard_normal((2, 2)), rng.standard_normal((9, 2))
    assert losses.info_vae(distortion, rate, z, prior_z, alpha=0.0, scale=1.0).loss == pytest.approx(5.5)
    apart = tg.divergences.mmd(z, prior_z, bandwidth=math.sqrt(2), unbiased=True)
    assert losses.info_vae(distortion, rate, z, prior_z, alpha=1.0, scale=10.0).loss == pytest.approx(4 + 10 * apart)


def test_bits_per_dimension():
    assert losses.bits_per_dimension(784 * math.log(2), 784) == pytest.approx(1.0)
    assert losses.bits_per_dimension(0.0, 3072, levels=256) == pytest.approx(8.0)        # the uniform density on [0, 1]


def test_active_units_counts_the_dimensions_that_move():
    mu = np.stack([rng.standard_normal(1000), np.full(1000, 3.0), 0.05 * rng.standard_normal(1000)], axis=1)
    assert losses.active_units(mu) == 1 and losses.active_units(tg.tensor(mu), threshold=1e-3) == 2


@pytest.mark.parametrize("call, message", [
    (lambda: losses.beta_vae(np.ones(3), np.ones(3), beta=-1), "beta = -1 is negative"),
    (lambda: losses.beta_vae(np.ones(3), np.ones(3), beta=math.nan), "beta = nan"),
    (lambda: losses.beta_vae(np.ones((3, 2)), np.ones(3)), r"distortion \(3, 2\) must be \(N,\)"),
    (lambda: losses.beta_vae(np.ones(3), np.ones(4)), r"different batches"),
    (lambda: losses.beta_vae(np.ones(0), np.ones(0)), r"at least one example"),
    (lambda: losses.bernoulli(np.zeros((2, 2)), np.full((2, 2), 2.0)), r"outside \[0, 1\]"),
    (lambda: losses.info_vae(np.ones(2), np.ones(2), np.ones((2, 1)), np.ones((2, 1)), alpha=2.0), "alpha = 2.0"),
    (lambda: losses.iwae(np.ones(3)), r"log_weights \(3,\) must be \(K, N\)"),
    (lambda: losses.importance_nll(lambda k: np.ones((k, 1)), 0), "samples = 0"),
    (lambda: losses.bits_per_dimension(1.0, 0), "dimensions = 0"),
    (lambda: losses.active_units(np.ones((1, 3))), r"mu \(1, 3\) must be \(N, L\)"),
])
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
