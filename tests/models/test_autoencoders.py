"""Autoencoders and corruptions: counts, the linear one against PCA and the identity, what each corruption does."""
import numpy as np
import pytest

import tinygen as tg
from tinygen import losses
from tinygen.models import autoencoders, corruption

rng = np.random.default_rng(0)


def test_parameter_counts_and_shapes():
    """784-512-128-2-128-512-784, three layers each way: 936,466."""
    model = autoencoders.DenseAutoencoder()
    assert model.count_parameters() == 784 * 512 + 512 + 512 * 128 + 128 + 128 * 2 + 2 + 2 * 128 + 128 + 128 * 512 + 512 + 512 * 784 + 784 == 936_466
    x = rng.random((3, 784)).astype(np.float32)
    assert model.codes(x).shape == (3, 2) and model(x).shape == (3, 784)
    images = model.reconstruct(x)
    assert isinstance(images, np.ndarray) and 0 <= images.min() <= images.max() <= 1
    with pytest.raises(ValueError, match="DenseAutoencoder: code = 0"):
        autoencoders.DenseAutoencoder(code=0)


def trained_linear(x, width, steps=1500):
    tg.manual_seed(0)
    model = autoencoders.LinearAutoencoder(x.shape[1], width)
    optimizer = tg.optim.Adam(model.parameters(), 0.02)
    for step in range(steps):
        optimizer.lr = tg.optim.cosine(0.02, step, steps)
        optimizer.minimize(losses.squared_error(model(x), x).mean())
    return model


def test_a_linear_autoencoder_reaches_pca():
    x = (rng.standard_normal((200, 6)) * [3, 2, 1.5, 0.5, 0.3, 0.1]) @ np.linalg.qr(rng.standard_normal((6, 6)))[0]
    x = x.astype(np.float32)
    for width in (1, 3):
        error = losses.squared_error(trained_linear(x, width).reconstruct(x), x).mean()
        left_out = np.linalg.eigvalsh(np.cov(x, rowvar=False, ddof=0))[:-width].sum()
        assert left_out <= error * (1 + 1e-5) and error == pytest.approx(left_out, rel=2e-3)


def test_an_overcomplete_linear_autoencoder_learns_the_identity():
    x = rng.standard_normal((300, 4)).astype(np.float32)
    model = trained_linear(x, 12)
    np.testing.assert_allclose(model.decoder.weight.data @ model.encoder.weight.data, np.eye(4), atol=1e-3)


def test_corruptions_do_what_their_formula_says():
    tg.manual_seed(0)
    x = rng.uniform(0.2, 0.8, (200, 500)).astype(np.float32)
    noisy = corruption.gaussian_noise(x, 0.3)
    assert (noisy - x).std() == pytest.approx(0.3, rel=0.02) and abs((noisy - x).mean()) < 0.01 and noisy.dtype == np.float32
    masked = corruption.masking_noise(x, 0.25)
    assert (masked == 0).mean() == pytest.approx(0.25, abs=0.01) and (masked[masked != 0] == x[masked != 0]).all()
    speckled = corruption.salt_and_pepper(x, 0.4)
    assert (speckled == 0).mean() == pytest.approx(0.2, abs=0.01) and (speckled == 1).mean() == pytest.approx(0.2, abs=0.01)
    kept = (speckled != 0) & (speckled != 1)
    assert (speckled[kept] == x[kept]).all()
    assert all(isinstance(corrupt(tg.tensor(x), 0.1), tg.Tensor) for corrupt in corruption.CORRUPTIONS.values())
    assert (corruption.masking_noise(x, 0.0) == x).all() and (corruption.masking_noise(x, 1.0) == 0).all()


@pytest.mark.parametrize("call, message", [
    (lambda: corruption.gaussian_noise(np.zeros(3), -1), "sigma = -1"),
    (lambda: corruption.masking_noise(np.zeros(3), 1.5), "masking_noise: p = 1.5"),
    (lambda: corruption.salt_and_pepper(np.zeros(3), -0.1), "salt_and_pepper: p = -0.1"),
])
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
