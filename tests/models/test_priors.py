"""Learned priors: the mixture's density and draws, VampPrior's components, and that a learned prior comes closer to the codes."""
import numpy as np
import pytest

import tinygen as tg
from tinygen import losses
from tinygen.distributions import logpdf_gaussian
from tinygen.models.priors import MixturePriorVAE, VampVAE

X = (np.random.default_rng(0).random((40, 784)) < 0.2).astype(np.float32)
SIZES = {"hidden": (16,), "latent": 2}


@pytest.mark.parametrize("kind", [MixturePriorVAE, VampVAE])
def test_log_prior_is_the_mixture_and_draws_come_from_it(kind):
    tg.manual_seed(0)
    model = kind(5, **SIZES)
    mu, logvar = (p.data for p in model.components())
    assert mu.shape == logvar.shape == (5, 2)
    z = np.random.default_rng(1).standard_normal((7, 2)).astype(np.float32)
    each = np.stack([logpdf_gaussian(z, m, v) for m, v in zip(mu, logvar)])
    np.testing.assert_allclose(model.log_prior(z).data, np.log(np.exp(each).mean(axis=0)), rtol=1e-5)
    draws = model.draw_prior(20_000)
    np.testing.assert_allclose(draws.mean(axis=0), mu.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(draws.var(axis=0), (np.exp(logvar) + mu ** 2).mean(axis=0) - mu.mean(axis=0) ** 2, rtol=0.05)
    assert model.sample(3).shape == (3, 784)


def test_vamp_components_are_what_the_encoder_says_of_the_pseudo_inputs():
    tg.manual_seed(0)
    model = VampVAE(8, **SIZES).start_from(X[:8])
    mu, _ = model.encode(np.clip(X[:8], 0.01, 0.99))
    np.testing.assert_allclose(model.components()[0].data, mu.data, atol=1e-5)
    assert any(p is model.pseudo_inputs for p in model.parameters())


@pytest.mark.parametrize("kind", [MixturePriorVAE, VampVAE])
def test_the_prior_learns(kind):
    tg.manual_seed(0)
    model = kind(4, **SIZES)
    optimizer = tg.optim.Adam(model.parameters(), 1e-2)
    before = [p.data.copy() for p in model.components()]
    losses_seen = []
    for _ in range(40):
        terms = losses.beta_vae(*model.terms(X))
        losses_seen.append(terms.loss.item())
        optimizer.minimize(terms.loss)
    assert losses_seen[-1] < 0.8 * losses_seen[0]
    assert all(np.abs(p.data - b).max() > 1e-3 for p, b in zip(model.components(), before))


@pytest.mark.parametrize("call, message", [
    (lambda: MixturePriorVAE(0), "components = 0"),
    (lambda: VampVAE(5, latent=0), "VampVAE: latent = 0"),
    (lambda: VampVAE(5, **SIZES).start_from(X), r"images \(40, 784\) must be \(5, 784\)"),
])
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_pseudo_inputs_may_start_from_bytes():
    start = lambda images: VampVAE(1, (4,), 2, pixels=4).start_from(images).pseudo_inputs.numpy()
    grey = np.array([[0, 1, 128, 255]], np.uint8)
    np.testing.assert_allclose(start(grey), start(grey.astype(np.float32) / 255), rtol=1e-5)
    with pytest.raises(ValueError, match="VampVAE.start_from: images"):
        start(np.array([[0.0, 1.0, 2.0, 3.0]], np.float32))
