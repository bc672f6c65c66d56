"""Distributions: against SciPy, closed forms, samples; gradients; what is refused."""
import math

import numpy as np
import pytest
from scipy import stats

import tinygen as tg
from tinygen import distributions as d

rng = np.random.default_rng(0)
Z, MU, V = rng.standard_normal((3, 5, 4))
V = np.exp(V)


def test_gaussian_log_density_is_scipys():
    expected = stats.norm.logpdf(Z, MU, np.sqrt(V)).sum(axis=1)
    assert d.logpdf_diagonal_gaussian(Z, MU, V).shape == (5,)
    np.testing.assert_allclose(d.logpdf_diagonal_gaussian(Z, MU, V), expected)
    np.testing.assert_allclose(d.logpdf_gaussian(Z, MU, np.log(V)), expected)
    np.testing.assert_allclose(d.logpdf_diagonal_gaussian(Z, 0.5, 2.0), stats.norm.logpdf(Z, 0.5, math.sqrt(2)).sum(axis=1))
    np.testing.assert_allclose(d.logpdf_gaussian(Z, MU, -1.0), stats.norm.logpdf(Z, MU, math.exp(-0.5)).sum(axis=1))
    np.testing.assert_allclose(d.logpdf_standard_normal(Z), stats.norm.logpdf(Z).sum(axis=1))


def test_everything_after_the_first_axis_is_one_example():
    images = rng.standard_normal((3, 2, 4, 4))
    np.testing.assert_allclose(d.logpdf_standard_normal(images), d.logpdf_standard_normal(images.reshape(3, -1)))
    np.testing.assert_allclose(d.logpdf_diagonal_gaussian(Z[:, 0], MU[:, 0], V[:, 0]), stats.norm.logpdf(Z[:, 0], MU[:, 0], np.sqrt(V[:, 0])))


def test_bernoulli_log_density_is_scipys_and_the_logits_agree():
    x, logits = (rng.random((5, 7)) < 0.5).astype(float), rng.standard_normal((5, 7)) * 3
    p = 1 / (1 + np.exp(-logits))
    expected = stats.bernoulli.logpmf(x, p).sum(axis=1)
    np.testing.assert_allclose(d.logpdf_bernoulli(x, p), expected)
    for dtype in (int, bool):                                       # a number p is not cast to the data's integers
        np.testing.assert_allclose(d.logpdf_bernoulli(x.astype(dtype), 0.5), -np.log(2) * x.shape[1])
    np.testing.assert_allclose(d.logpdf_bernoulli_logits(x, logits), expected)
    grey = rng.random((5, 7))
    np.testing.assert_allclose(d.logpdf_bernoulli(grey, p), d.logpdf_bernoulli_logits(grey, logits))


def test_bernoulli_is_exact_where_p_is_0_or_1():
    x, p = np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])
    np.testing.assert_array_equal(d.logpdf_bernoulli(x, p), [0.0, -np.inf])
    leaf = tg.tensor(p[:1], requires_grad=True)
    gradient, = tg.grad(d.logpdf_bernoulli(x[:1], leaf).sum(), [leaf])
    np.testing.assert_array_equal(gradient.numpy(), [[-1.0, 1.0]])
    far = d.logpdf_bernoulli_logits(np.array([[0.0, 1.0]]), np.array([[1e4, -1e4]]))
    np.testing.assert_array_equal(far, [-2e4])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_stay_and_tensors_give_what_arrays_give(dtype):
    z, mu, v, x, p = (a.astype(dtype) for a in (Z, MU, V, (Z > 0), 1 / (1 + np.exp(-MU))))
    for f, inputs in ((d.logpdf_diagonal_gaussian, (z, mu, v)), (d.logpdf_gaussian, (z, mu, v)), (d.kl_diagonal_gaussian, (mu, v)),
                      (d.kl_standard_normal, (mu, v)), (d.logpdf_bernoulli, (x, p)), (d.logpdf_bernoulli_logits, (x, mu)),
                      (d.logpdf_gaussian_mixture, (z, mu, v))):
        array, tensor = f(*inputs), f(*map(tg.tensor, inputs))
        assert array.dtype == tensor.dtype == dtype and tensor.shape == (5,)
        np.testing.assert_array_equal(array, tensor.numpy())


def test_gradients_to_second_order():
    x, p = rng.random((3, 4)), rng.uniform(0.1, 0.9, (3, 4))
    tg.gradcheck(d.logpdf_diagonal_gaussian, [Z[:3], MU[:3], V[:3]])
    tg.gradcheck(d.logpdf_gaussian, [Z[:3], MU[:3], np.log(V[:3])])
    tg.gradcheck(d.kl_diagonal_gaussian, [MU[:3], V[:3], Z[:3], V[2:5]])
    tg.gradcheck(d.kl_standard_normal, [MU, np.log(V)])
    tg.gradcheck(d.logpdf_bernoulli, [x, p])
    tg.gradcheck(d.logpdf_bernoulli_logits, [x, MU[:3]])
    tg.gradcheck(d.logpdf_gaussian_mixture, [Z[:3], MU, np.log(V), rng.standard_normal(5)])


def test_kl_in_closed_form_and_by_sampling():
    """KL >= 0, 0 for equal ones, (mu_q - mu_p)^2 / (2 s^2) for equal variances, E_q [log q - log p] in general."""
    np.testing.assert_allclose(d.kl_diagonal_gaussian(MU, V, MU, V), 0, atol=1e-14)
    np.testing.assert_allclose(d.kl_diagonal_gaussian(MU, 0.49, 0.0, 0.49), (MU ** 2 / 0.98).sum(axis=1))
    np.testing.assert_allclose(d.kl_diagonal_gaussian(MU, V), d.kl_standard_normal(MU, np.log(V)))
    assert (d.kl_diagonal_gaussian(MU, V, Z, V[::-1]) > 0).all()
    tg.manual_seed(0)
    mu, v = np.tile(MU[:1], (200_000, 1)), np.tile(V[:1], (200_000, 1))
    z = d.sample_diagonal_gaussian(mu, v)
    sampled = d.logpdf_diagonal_gaussian(z, mu, v) - d.logpdf_diagonal_gaussian(z, Z[0], V[1])
    assert abs(sampled.mean() - d.kl_diagonal_gaussian(MU[:1], V[:1], Z[0], V[1])[0]) < 5 * sampled.std() / math.sqrt(len(sampled))


def test_a_mixture_is_the_sum_of_its_components():
    means, logvar, weights = MU[:3], np.log(V[:3]), np.array([0.2, 0.5, 0.3])
    each = np.stack([d.logpdf_gaussian(Z, m, lv) for m, lv in zip(means, logvar)])
    np.testing.assert_allclose(d.logpdf_gaussian_mixture(Z, means, logvar, np.log(weights)), np.log(weights @ np.exp(each)))
    np.testing.assert_allclose(d.logpdf_gaussian_mixture(Z, means, logvar), np.log(np.exp(each).mean(axis=0)))
    assert np.isfinite(d.logpdf_gaussian_mixture(Z + 1e3, means, logvar)).all()


def test_samplers_draw_from_what_they_say():
    tg.manual_seed(0)
    mu, v = np.full((100_000, 2), [1.0, -2.0]), np.full((100_000, 2), [4.0, 0.25])
    for z in (d.sample_diagonal_gaussian(mu, v), d.sample_gaussian(mu, np.log(v))):
        np.testing.assert_allclose(z.mean(axis=0), [1, -2], atol=0.03)
        np.testing.assert_allclose(z.var(axis=0), [4, 0.25], rtol=0.03)
    p = np.full((100_000, 3), [0.0, 0.3, 1.0])
    x = d.sample_bernoulli(p)
    assert set(np.unique(x)) == {0.0, 1.0}
    np.testing.assert_allclose(x.mean(axis=0), [0, 0.3, 1], atol=0.01)


def test_reparameterised_draws_pass_gradients_and_bernoulli_draws_do_not():
    tg.manual_seed(0)
    mu, v = tg.tensor(MU, requires_grad=True), tg.tensor(V, requires_grad=True)
    z = d.sample_diagonal_gaussian(mu, v)
    to_mu, to_v = tg.grad(z.sum(), [mu, v])
    np.testing.assert_allclose(to_mu.numpy(), 1)
    np.testing.assert_allclose(to_v.numpy(), (z.numpy() - MU) / (2 * V))                 # eps / (2 sigma)
    draw = d.sample_bernoulli(tg.tensor(1 / (1 + np.exp(-MU)), requires_grad=True))
    assert isinstance(draw, tg.Tensor) and not draw.requires_grad


@pytest.mark.parametrize("call, message", [
    (lambda: d.logpdf_diagonal_gaussian(Z, MU[:3], V), r"mu \(3, 4\) does not fit z \(5, 4\)"),
    (lambda: d.logpdf_diagonal_gaussian(Z[:, :1], MU, V), r"mu \(5, 4\) does not fit z \(5, 1\)"),
    (lambda: d.logpdf_diagonal_gaussian(Z, MU, V - V.min()), r"sigma_square reaches 0; a variance is positive"),
    (lambda: d.kl_diagonal_gaussian(MU, V, 0.0, -1.0), r"prior_sigma_square reaches -1"),
    (lambda: d.sample_diagonal_gaussian(MU, -V), r"a variance is positive"),
    (lambda: d.logpdf_bernoulli(Z, V / 20), r"x \(5, 4\) runs from .* outside \[0, 1\]"),
    (lambda: d.logpdf_bernoulli(np.ones((2, 2)), np.full((2, 2), 1.5)), r"p \(2, 2\) runs from 1.5 to 1.5"),
    (lambda: d.logpdf_bernoulli_logits(np.full((2, 2), 255.0), np.zeros((2, 2))), r"x / 255"),
    (lambda: d.logpdf_bernoulli_logits(np.full((2, 2), np.nan), np.zeros((2, 2))), r"outside \[0, 1\]"),
    (lambda: d.sample_bernoulli(np.array([1.2])), r"outside \[0, 1\]"),
    (lambda: d.logpdf_gaussian_mixture(Z, MU[:, :3], V[:, :3]), r"both \(K, D\)"),
    (lambda: d.logpdf_gaussian_mixture(Z, MU, V, np.zeros(3)), r"log_weights \(3,\) must be \(5,\)"),
])
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
