"""VAEs: the parameter counts of the sheets, shapes, terms, modes, and that the bound goes down."""
import numpy as np
import pytest

import tinygen as tg
from tinygen import losses, nn
from tinygen.models import vae

X = (np.random.default_rng(0).random((12, 784)) < 0.2).astype(np.float32)
LABELS = np.arange(12) % 10


@pytest.mark.parametrize("build, count", [
    (lambda: vae.SheetVAE(), 788_788),
    (lambda: vae.SheetVAE(hidden_layers=2), 1_039_288),
    (lambda: vae.DenseVAE(), 652_824),
    (lambda: vae.GaussianVAE(), 652_825),
    (lambda: vae.ConditionalVAE(), 660_824),
])
def test_parameter_counts(build, count):
    assert build().count_parameters() == count


@pytest.mark.parametrize("build", [vae.SheetVAE, vae.DenseVAE, vae.ConvVAE, vae.GaussianVAE, lambda: vae.GaussianVAE(sigma=0.3)])
def test_shapes_of_everything(build):
    tg.manual_seed(0)
    model = build()
    output, z, mu, logvar = model(X)
    assert output.shape == X.shape and z.shape == mu.shape == logvar.shape == (12, model.latent)
    distortion, rate = model.terms(X)
    assert distortion.shape == rate.shape == (12,) and distortion.dtype == np.float32 and (rate.data >= 0).all()
    assert model.log_weights(X, 3).shape == (3, 12)
    for images in (model.sample(5), model.reconstruct(X[:5]), model.generate(np.zeros((5, model.latent)))):
        assert isinstance(images, np.ndarray) and images.shape == (5, 784) and 0 <= images.min() <= images.max() <= 1
    assert isinstance(model.codes(X), np.ndarray) and model.codes(X).shape == model.draw_codes(X).shape == (12, model.latent)


def test_conditional_vae_needs_its_labels():
    tg.manual_seed(0)
    model = vae.ConditionalVAE(hidden=(16,), latent=3)
    distortion, rate = model.terms(X, LABELS)
    assert distortion.shape == rate.shape == (12,)
    assert model.sample(3, np.array([3, 3, 8])).shape == (3, 784) and model.reconstruct(X, LABELS).shape == X.shape
    z = np.zeros((10, 3), np.float32)
    assert len(np.unique(model.generate(z, np.arange(10)), axis=0)) == 10
    assert np.isfinite(vae.evaluate(model, X, LABELS)).all() and model.log_weights(X, 3, LABELS).shape == (3, 12)
    with pytest.raises(ValueError, match=r"labels \(3,\) must be \(12,\)"):
        model.terms(X, LABELS[:3])
    with pytest.raises(ValueError, match="10 classes allow 0 to 9"):
        model.terms(X, LABELS + 1)


def test_one_log_weight_has_the_terms_of_the_elbo_on_average():
    tg.manual_seed(0)
    model, x = vae.DenseVAE(hidden=(8,), latent=2, pixels=20), X[:3, 300:320]
    with tg.no_grad():
        weights = model.log_weights(x, 5000).data
        bounds = -np.sum([t.data for t in model.terms(np.repeat(x, 5000, axis=0))], axis=0).reshape(3, 5000)
    error = np.sqrt((weights.var(axis=0) + bounds.var(axis=1)) / 5000)
    assert (np.abs(weights.mean(axis=0) - bounds.mean(axis=1)) < 5 * error).all()


def test_evaluation_runs_in_eval_mode_draws_batch_by_batch_and_leaves_the_mode():
    class Model(vae.DenseVAE):
        def terms(self, x):
            assert not self.training and not self.encoder.training and isinstance(x, np.ndarray) and x.max() <= 1
            return tg.tensor(np.full(len(x), 2.0)), tg.tensor(np.arange(len(x)) * 1.0)

    model = Model(hidden=(8,), latent=2)
    distortion, rate = vae.evaluate(model, np.full((7, 784), 255, np.uint8), batch_size=4)
    assert distortion == 2 and rate == pytest.approx((0 + 1 + 2 + 3 + 0 + 1 + 2) / 7) and model.training and model.encoder.training


def test_sampling_uses_the_running_statistics_of_batch_norm():
    tg.manual_seed(0)
    encoder, decoder = nn.Linear(784, 4), nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 784))
    model = vae.VAE(encoder, decoder, 2)
    before = {k: v.copy() for k, v in model.state_dict().items()}
    codes = np.random.default_rng(1).standard_normal((6, 2))
    np.testing.assert_allclose(model.generate(codes)[:1], model.generate(codes[:1]), rtol=1e-5)     # not of this batch
    assert model.training and all((before[k] == v).all() for k, v in model.state_dict().items())


def test_training_lowers_the_bound_and_a_seed_repeats_it_exactly():
    def train():
        tg.manual_seed(3)
        model = vae.SheetVAE(hidden=32)
        optimizer = tg.optim.Adam(model.parameters(), 1e-2)
        values = []
        for _ in range(30):
            values.append(losses.beta_vae(*model.terms(X)).loss)
            optimizer.minimize(values[-1])
        return [v.item() for v in values]

    first, second = train(), train()
    assert first == second and first[-1] < 0.7 * first[0]


def test_a_learned_variance_follows_the_error():
    tg.manual_seed(0)
    model = vae.GaussianVAE(hidden=(16,), latent=2)
    optimizer = tg.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        optimizer.minimize(losses.beta_vae(*model.terms(X)).loss)
    assert -3.0 < model.logvar.item() < -1.0                            # the variance of the pixels is 0.16


@pytest.mark.parametrize("build, message", [
    (lambda: vae.DenseVAE(latent=0), "DenseVAE: latent = 0 must be an integer, 1 or more"),
    (lambda: vae.SheetVAE(latent=-2), "SheetVAE: latent = -2"),
    (lambda: vae.ConvVAE(latent=2.5), "ConvVAE: latent = 2.5"),
    (lambda: vae.ConditionalVAE(latent=0), "ConditionalVAE: latent = 0"),
    (lambda: vae.SheetVAE(hidden_layers=3), "hidden_layers = 3"),
    (lambda: vae.GaussianVAE(sigma=0), "sigma = 0 must be positive"),
    (lambda: vae.SheetVAE().terms(X * 255), r"outside \[0, 1\]"),
    (lambda: vae.SheetVAE().load_state_dict(vae.DenseVAE().state_dict()), "the state does not fit this SheetVAE"),
])
def test_bad_input_is_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_evaluate_refuses_a_set_without_examples():
    with pytest.raises(ValueError, match="holds no example"):
        vae.evaluate(vae.DenseVAE((4,), 2, pixels=6), np.zeros((0, 6), np.float32))
