"""Echo noise: against the recursion written out, against known marginals, and its error bound."""
import itertools
import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import losses
from tinygen.models import echo
from tinygen.models.vae import DenseVAE, evaluate

rng = np.random.default_rng(0)
M, S = np.tanh(rng.standard_normal((30, 4))), 0.8 * rng.random((30, 4)) + 0.01
X = (rng.random((30, 784)) < 0.2).astype(np.float32)


def by_recursion(m, s, row):
    """z' = m(x1) + s(x1) (m(x2) + s(x2) (m(x3) + ...))."""
    z = np.zeros(m.shape[1])
    for i in row[::-1]:
        z = m[i] + s[i] * z
    return z


@pytest.mark.parametrize("replace", [False, True])
def test_noise_is_the_recursion_written_out(replace):
    indices = echo.echo_indices(np.random.default_rng(1), 30, 12, 30, replace=replace)
    noise = echo.echo_noise(M, np.log(S), indices)
    np.testing.assert_allclose(noise, [by_recursion(M, S, row) for row in indices])


def test_gradients_of_the_noise():
    indices = echo.echo_indices(np.random.default_rng(1), 5, 4, 5)
    tg.gradcheck(lambda m, log_s: echo.echo_noise(m, log_s, indices), [M[:5], np.log(S[:5])])


def test_indices_without_and_with_replacement():
    without = echo.echo_indices(np.random.default_rng(0), 20, 19, 20)
    assert all(sorted(row) == sorted(set(range(20)) - {i}) for i, row in enumerate(without))         # each other example, once
    replaced = echo.echo_indices(np.random.default_rng(0), 200, 50, 20, replace=True, skip_self=False)
    assert replaced.min() == 0 and replaced.max() == 19 and any(len(set(row)) < 50 for row in replaced)
    own = echo.echo_indices(np.random.default_rng(0), 20, 500, 20, replace=True)
    assert not (own == np.arange(20)[:, None]).any() and set(own[0]) == set(range(1, 20))
    first = np.bincount(echo.echo_indices(np.random.default_rng(0), 6000, 1, 6, skip_self=False)[:, 0])
    assert abs(first - 1000).max() < 150                                                              # uniform


def test_the_largest_scale_meets_the_error_bound():
    """For 100 echoes and |m| <= 1: r = 0.837 (about 0.84 in the settings of Brekelmans et al. 2019)."""
    scale = echo.largest_scale(100)
    assert scale == pytest.approx(0.8373, abs=1e-4)
    assert echo.error_bound(scale, 100) <= 2.0 ** -23 < echo.error_bound(scale + 1e-6, 100)
    assert echo.largest_scale(20) < scale < echo.largest_scale(400) < 1


@pytest.mark.parametrize("depth", [3, 10])
def test_what_is_left_out_is_within_the_bound(depth):
    indices = echo.echo_indices(np.random.default_rng(2), 30, 200, 30, replace=True)
    full, cut = (echo.echo_noise(M, np.log(S), indices[:, :d]) for d in (200, depth))
    worst = np.abs(full - cut).max()
    assert 0 < worst <= echo.error_bound(S.max(), depth, np.abs(M).max())


def test_marginal_of_the_binary_example_is_uniform_and_its_rate_is_log_2():
    """m in {0, 1/2}, s = 1/2: z is uniform on [0, 1], and I(x; z) = -log s = log 2 = H(x)."""
    m, log_s = np.array([[0.0], [0.5]]), np.full((2, 1), math.log(0.5))
    indices = echo.echo_indices(np.random.default_rng(0), 40_000, 30, 2, replace=True, skip_self=False)
    z = echo.echo_noise(m, log_s, indices)[:, 0]
    assert np.abs(np.histogram(z, 16, (0, 1))[0] / 2500 - 1).max() < 0.1
    exact = [by_recursion(m, np.exp(log_s), np.array(row)) for row in itertools.product((0, 1), repeat=6)]
    assert sorted(np.ravel(exact)) == pytest.approx(list(np.arange(64) / 64))


def test_marginal_variance_of_the_gaussian_example():
    """x ~ N(0, 1), m = a x, s constant: var z = a^2 / (1 - s^2)."""
    m = np.random.default_rng(3).standard_normal((400, 1))
    m *= 0.7 / m.std()
    indices = echo.echo_indices(np.random.default_rng(0), 4000, 20, 400, replace=True, skip_self=False)
    z = echo.echo_noise(m, np.full((400, 1), math.log(0.6)), indices)
    assert z.var() == pytest.approx(0.49 / (1 - 0.36), rel=0.08)


def test_model_terms_rate_and_architecture():
    tg.manual_seed(0)
    model = echo.EchoVAE((16,), 3, depth=20)
    assert model.count_parameters() == DenseVAE((16,), 3).count_parameters()
    distortion, rate = model.terms(X)
    _, log_s = model.encode(X)
    np.testing.assert_allclose(rate.data, -log_s.data.sum(axis=1))
    assert distortion.shape == (30,) and (rate.data > -3 * math.log(echo.largest_scale(20, 16.0))).all()
    assert model.draw_marginal(X, 7, at_once=4).shape == (7, 3)
    assert np.abs(model.draw_marginal(X, 50)).max() < 16 / (1 - echo.largest_scale(20, 16.0))
    assert model.reconstruct(X).shape == X.shape


def test_training_with_echo_noise_lowers_the_bound_and_repeats_exactly():
    def train():
        tg.manual_seed(1)
        model = echo.EchoVAE((16,), 3, depth=20)
        optimizer = tg.optim.Adam(model.parameters(), 1e-2)
        values = [optimizer.minimize(losses.beta_vae(*model.terms(X)).loss) and sum(evaluate(model, X)) for _ in range(25)]
        return values

    first = train()
    assert first[-1] < 0.75 * first[0] and first == train()


@pytest.mark.parametrize("call, message", [
    (lambda: echo.echo_indices(rng, 10, 10, 10), "10 echoes of 10 codes from 10 examples without the own one, none twice: at most 9"),
    (lambda: echo.echo_indices(rng, 1, 1, 1), "at most 0 echoes"),
    (lambda: echo.largest_scale(0), "depth = 0"),
    (lambda: echo.EchoVAE(latent=0), "EchoVAE: latent = 0"),
    (lambda: echo.EchoVAE((8,), 2, depth=50).terms(X), "use a larger batch"),
])
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_there_is_no_prior_to_ask_for():
    model = echo.EchoVAE((8,), 2, depth=5)
    for call in (lambda: model.draw_prior(3), lambda: model.log_prior(np.zeros((1, 2)))):
        with pytest.raises(NotImplementedError, match="EchoVAE"):
            call()
