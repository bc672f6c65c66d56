"""Fréchet and kernel distances against closed forms."""
import copy
import json
import math
import pickle

import numpy as np
import pytest

from tinygen.metrics import Score, frechet_distance, frechet_score, kernel_score, real_pair, statistics


def random_covariance(rng, dimension, rank=None):
    factor = rng.standard_normal((dimension, rank or dimension))
    return factor @ factor.T / (rank or dimension)


def test_shifted_and_scaled_gaussians_give_exactly_80():
    d = 64
    assert frechet_distance(np.zeros(d), np.eye(d), np.full(d, 0.5), 4 * np.eye(d)) == pytest.approx(80, abs=1e-11)


def test_one_dimension_is_the_difference_of_means_and_deviations():
    assert frechet_distance([1.0], [[9.0]], [3.0], [[25.0]]) == pytest.approx((3 - 1) ** 2 + (5 - 3) ** 2, abs=1e-12)


def test_commuting_covariances_compare_root_by_root():
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    a, b = rng.uniform(0, 3, 6), rng.uniform(0, 3, 6)
    got = frechet_distance(np.zeros(6), basis * a @ basis.T, np.zeros(6), basis * b @ basis.T)
    assert got == pytest.approx(((np.sqrt(a) - np.sqrt(b)) ** 2).sum(), abs=1e-10)


def test_agrees_with_the_textbook_matrix_square_root():
    from scipy.linalg import sqrtm
    rng = np.random.default_rng(1)
    a, b = random_covariance(rng, 5), random_covariance(rng, 5)
    assert frechet_distance(np.zeros(5), a, np.ones(5), b) == pytest.approx(5 + np.trace(a + b - 2 * sqrtm(a @ b).real), abs=1e-8)


def test_symmetric_and_zero_for_equal():
    rng = np.random.default_rng(2)
    a, b, mu = random_covariance(rng, 20), random_covariance(rng, 20), rng.standard_normal(20)
    assert frechet_distance(mu, a, 0 * mu, b) == pytest.approx(frechet_distance(0 * mu, b, mu, a), rel=1e-10)
    assert frechet_distance(mu, a, mu, a) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("rank", [1, 7])
def test_rank_deficient_covariances(rank):
    rng = np.random.default_rng(3)
    a = random_covariance(rng, 200, rank)
    assert frechet_distance(np.zeros(200), a, np.zeros(200), a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(np.zeros(200), a, np.zeros(200), 4 * a) == pytest.approx(np.trace(a), rel=1e-8)
    assert frechet_distance(np.zeros(200), 0 * a, np.zeros(200), a) == pytest.approx(np.trace(a), rel=1e-12)


def test_wild_scales_stay_finite_and_real():
    scales = np.diag(10.0 ** np.arange(-12, 9, 2))
    value = frechet_distance(np.zeros(11), scales, np.zeros(11), 4 * scales)
    assert isinstance(value, float) and value == pytest.approx(np.trace(scales), rel=1e-6)


def test_statistics_are_the_unbiased_moments_in_float64():
    x = np.random.default_rng(4).standard_normal((50, 3)).astype(np.float32) + 1000
    mean, covariance, count = statistics(x)
    np.testing.assert_allclose(mean, x.astype(np.float64).mean(0))
    np.testing.assert_allclose(covariance, np.cov(x.astype(np.float64), rowvar=False), rtol=1e-9)
    assert count == 50 and covariance.dtype == np.float64


def test_score_of_large_samples_approaches_the_closed_form():
    rng = np.random.default_rng(5)
    a, b = rng.standard_normal((40_000, 4)), 0.5 + 2 * rng.standard_normal((40_000, 4))
    assert frechet_score(a, b) == pytest.approx(4 * (0.25 + 1), rel=0.02)


def test_a_score_says_how_it_was_measured():
    rng = np.random.default_rng(6)
    score = frechet_score(rng.standard_normal((30, 4)), rng.standard_normal((20, 4)), name="FID", splits=("samples", "test"),
                          extractor="Inception", resizer="bilinear 299")
    for text in ("FID", "30 (samples)", "20 (test)", "Inception", "bilinear 299"):
        assert text in str(score)
    assert "warning" not in str(score)
    assert f"{score:.3f}" == f"{float(score):.3f}"
    assert json.loads(json.dumps(score.describe()))["counts"] == [30, 20]
    for twin in (copy.deepcopy(score), pickle.loads(pickle.dumps(score))):
        assert twin == score and str(twin) == str(score)


def test_too_few_samples_for_the_dimension_are_noted():
    rng = np.random.default_rng(7)
    assert "does not exceed the feature dimension 40" in str(frechet_score(rng.standard_normal((40, 40)), rng.standard_normal((99, 40))))


def test_kernel_score_is_unbiased():
    rng = np.random.default_rng(8)
    equal = kernel_score(rng.standard_normal((2000, 3)), rng.standard_normal((2000, 3)), subsets=50, subset_size=500)
    assert abs(equal) < 4 * equal.error / math.sqrt(50) and equal.error > 0


def test_kernel_score_against_the_moments_it_compares():
    """For x ~ N(0, 1), y ~ N(m, 1): E (xy + 1)^3 has a closed form in the raw moments of x and y."""
    m = 0.8
    raw_x, raw_y = (1, 0, 1, 0), (1, m, 1 + m ** 2, m ** 3 + 3 * m)
    expected = sum(math.comb(3, i) * (p - q) ** 2 for i, (p, q) in enumerate(zip(raw_x, raw_y)))
    rng = np.random.default_rng(9)
    got = kernel_score(rng.standard_normal((20_000, 1)), m + rng.standard_normal((20_000, 1)), subsets=20, subset_size=1000)
    assert got == pytest.approx(expected, rel=0.15)


def test_one_subset_is_the_plain_double_sum():
    from tinygen.metrics.frechet import _cubic_mmd2
    rng = np.random.default_rng(10)
    a, b = rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
    k = lambda x, y: (x @ y / 2 + 1) ** 3
    within = [k(s[i], s[j]) for s in (a, b) for i in range(6) for j in range(6) if i != j]
    across = [k(x, y) for x in a for y in b]
    assert _cubic_mmd2(a, b) == pytest.approx(sum(within) / 30 - 2 * np.mean(across), rel=1e-12)


def test_small_sets_still_have_an_error_bar():
    x = np.random.default_rng(13).standard_normal((40, 3))
    score = kernel_score(x[:20], x[20:])
    assert score.error > 0.01 and "subsets of 10" in str(score)


def test_real_pairs_are_disjoint_and_their_distance_falls_with_the_count():
    x = np.random.default_rng(11).standard_normal((4000, 8))
    first, second = real_pair(x, 10_000)
    assert len(first) == len(second) == 2000
    np.testing.assert_array_equal(np.sort(np.concatenate([first, second]), axis=0), np.sort(x, axis=0))
    few = real_pair(x, 100)
    assert 0 < frechet_score(first, second) < frechet_score(*few) / 5
    np.testing.assert_array_equal(few[0], real_pair(x, 100)[0])          # seeded


def test_statistics_do_not_depend_on_the_block(monkeypatch):
    from tinygen.metrics import frechet
    x = np.random.default_rng(12).standard_normal((50, 3))
    whole = statistics(x)
    monkeypatch.setattr(frechet, "BLOCK", 7)
    np.testing.assert_allclose(statistics(x).covariance, whole.covariance, rtol=1e-12)


@pytest.mark.parametrize("arguments, message", [
    ((np.zeros(3), np.eye(4), np.zeros(3), np.eye(3)), r"mu1 \(3,\) and cov1 \(4, 4\)"),
    ((np.zeros(3), np.eye(3), np.zeros(2), np.eye(2)), "differ in length"),
    ((np.full(2, np.nan), np.eye(2), np.zeros(2), np.eye(2)), "mu1 or cov1 holds NaN"),
    ((np.zeros(2), np.eye(2), np.zeros(2), np.array([[1, 0.5], [0, 1]])), "cov2 .* not symmetric"),
    ((np.zeros(2), np.diag([1.0, -1.0]), np.zeros(2), np.eye(2)), "cov1 has the negative eigenvalue -1"),
    ((np.zeros(2), np.eye(2), np.zeros(2), np.diag([1.0, -1.0])), "cov2 has the negative eigenvalue -1"),
])
def test_moments_that_are_none(arguments, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(*arguments)


@pytest.mark.parametrize("a, message", [
    (np.zeros((1, 3)), "has 1 rows, at least 2"),
    (np.zeros(3), r"features_a \(3,\) must be \(N, D\)"),
    (np.array([[0, np.nan, 0], [0, 0, 0]]), "NaN or infinity in 1 rows, the first is row 0"),
    (np.zeros((4, 2)), r"features_a \(4, 2\) and features_b \(4, 3\) differ"),
    (np.zeros((4, 0)), "has no columns"),
])
def test_features_that_are_none(a, message):
    with pytest.raises(ValueError, match=message):
        frechet_score(a, np.zeros((4, 3)))
    with pytest.raises(ValueError, match=message):
        kernel_score(a, np.zeros((4, 3)))


def test_other_bad_input():
    with pytest.raises(TypeError, match="complex128; features are real"):
        statistics(np.zeros((3, 2), complex))
    with pytest.raises(ValueError, match="both must be at least 2"):
        kernel_score(np.zeros((4, 3)), np.zeros((4, 3)), subsets=1)
    with pytest.raises(ValueError, match="at least 2 samples"):
        real_pair(np.zeros((9, 3)), 1)
    assert isinstance(Score(1.0, name="x", counts=(2, 2)), float)
