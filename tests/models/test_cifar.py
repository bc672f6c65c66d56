"""The networks of sheet 004: shapes, parameter counts, what they refuse; VAE-GAN's three losses reach three parameter sets."""
import numpy as np
import pytest

import tinygen as tg
from tinygen.losses import vae_gan
from tinygen.models.cifar import CifarVAE, VAEGAN, as_cifar

rng = np.random.default_rng(0)


def images(n=3):
    return rng.random((n, 3, 32, 32), dtype=np.float32)


@pytest.fixture(scope="module")
def model():
    tg.manual_seed(0)
    return VAEGAN()


def test_parameter_counts_are_the_sheets(model):
    assert model.vae.encoder.count_parameters() == 8_788_672
    assert model.vae.decoder.count_parameters() == 8_944_195
    assert model.discriminator.count_parameters() == 8_524_993


def test_the_small_latent_splits_the_sheets_dense_layer():
    vae = CifarVAE(64)
    assert vae.encoder[-1].weight.shape == (128, 1024) and vae.encode(tg.tensor(images()))[0].shape == (3, 64)


def test_shapes(model):
    x = tg.tensor(images())
    logits, z, mu, logvar = model.vae(x)
    assert logits.shape == (3, 3, 32, 32) and z.shape == mu.shape == logvar.shape == (3, 128)
    assert [f.shape for f in model.discriminator.features(x)] == [(3, 64, 16, 16), (3, 128, 8, 8), (3, 1024)]
    assert model.vae.sample(2).shape == (2, 3, 32, 32)


def test_each_loss_reaches_only_its_own_parameters(model):
    sets = {"encoder": model.vae.encoder, "decoder": model.vae.decoder, "discriminator": model.discriminator}
    optimizers = {name: tg.optim.Adam(module.parameters(), lr=1e-3) for name, module in sets.items()}
    weights = lambda: {name: [p.data.copy() for p in module.parameters()] for name, module in sets.items()}
    x, noise = images(), rng.standard_normal((3, 128), dtype=np.float32)
    terms = vae_gan.vae_gan(*model(tg.tensor(x), tg.tensor(noise)))
    for name in sets:
        others = [p for other, module in sets.items() if other != name for p in module.parameters()]
        gradients = tg.grad(getattr(terms, name), optimizers[name].parameters)
        before = weights()
        optimizers[name].step(gradients)
        after = weights()
        for other in sets:
            moved = any(not np.array_equal(a, b) for a, b in zip(before[other], after[other]))
            assert moved == (other == name)
        assert others
        terms = vae_gan.vae_gan(*model(tg.tensor(x), tg.tensor(noise)))


def test_apply_takes_all_gradients_before_any_step_and_honours_the_gates(model):
    optimizers = [tg.optim.SGD(m.parameters(), lr=0.1) for m in (model.vae.encoder, model.vae.decoder, model.discriminator)]
    x, noise = images(), rng.standard_normal((3, 128), dtype=np.float32)
    terms = vae_gan.vae_gan(*model(tg.tensor(x), tg.tensor(noise)))
    expected = [p.data - 0.1 * g.data for p, g in zip(optimizers[1].parameters, tg.grad(terms.decoder, optimizers[1].parameters))]
    frozen = [p.data.copy() for p in optimizers[2].parameters]
    vae_gan.apply(terms, *optimizers, train=(False, True))
    assert all(np.allclose(p.data, e, atol=1e-6) for p, e in zip(optimizers[1].parameters, expected))
    assert all(np.array_equal(p.data, f) for p, f in zip(optimizers[2].parameters, frozen))


@pytest.mark.parametrize("real, fake, expected", [(0.69, 0.69, (True, True)), (0.1, 0.69, (False, True)), (0.69, 2.0, (True, False)),
                                                  (0.1, 2.0, (True, True))])
def test_gates(real, fake, expected):
    assert vae_gan.gates(real, fake) == expected


def test_values_of_the_losses_by_hand():
    mu, logvar = tg.tensor(np.full((2, 3), 0.5)), tg.tensor(np.zeros((2, 3)))
    real, rebuilt, drawn = [(tg.tensor(np.full((2, 4), f)), tg.tensor(np.full((2, 1), l))) for f, l in ((1.0, 0.0), (0.0, 0.0), (5.0, 0.0))]
    terms = vae_gan.vae_gan(mu, logvar, real, rebuilt, drawn, gamma=0.5, beta=2.0)
    log2 = np.log(2)
    assert np.allclose([float(terms.prior), float(terms.similarity)], [0.375, 2.0])
    assert np.allclose([float(terms.encoder), float(terms.decoder), float(terms.discriminator)], [2.75, 1 + 2 * log2, 2 * log2])


def test_a_discriminator_that_cannot_tell_stands_at_log_2_where_the_gates_expect_it():
    code, logit = tg.tensor(np.zeros((4, 3))), tg.tensor(np.zeros((4, 1)), requires_grad=True)
    same = (tg.tensor(np.zeros((4, 2))), logit)
    terms = vae_gan.vae_gan(code, code, same, same, same)
    assert np.allclose(tg.grad(terms.discriminator, [logit])[0].data, 0)          # its best guess where all images look alike
    assert np.allclose([float(terms.real), float(terms.fake)], np.log(2))


def judged_apart():
    """(mu, logvar, real, rebuilt, drawn) with logits that all differ, float32, and the mean -log D(x), -log(1 - D) of rebuilt and of drawn."""
    code = tg.tensor(np.zeros((2, 3), np.float32))
    logits = [np.array([[a], [b]], np.float32) for a, b in ((0.3, 1.7), (-0.4, 0.9), (-2.2, 0.6))]
    sides = [(tg.tensor(np.zeros((2, 4), np.float32)), tg.tensor(l, requires_grad=True)) for l in logits]
    d = [1 / (1 + np.exp(-l.astype(np.float64))) for l in logits]
    return (code, code, *sides), (-np.log(d[0]).mean(), -np.log(1 - d[1]).mean(), -np.log(1 - d[2]).mean())


@pytest.mark.parametrize("weight", [0.5, 1.0, 0.8])
def test_fake_weight_weighs_reconstructions_and_prior_samples_in_the_discriminators_loss_alone(weight):
    given, (real, rebuilt, drawn) = judged_apart()
    terms, plain = (vae_gan.vae_gan(*given, **setting) for setting in ({"fake_weight": weight}, {}))
    assert np.isclose(float(terms.discriminator), real + weight * rebuilt + weight * drawn, rtol=1e-6)       # 1: the paper's, no halves
    for name in set(terms._fields) - {"discriminator"}:
        assert float(getattr(terms, name)) == float(getattr(plain, name)), name


def test_a_fake_weight_of_a_half_is_the_plain_mean_bit_for_bit():
    given, _ = judged_apart()
    logits = [logits for _, logits in given[2:]]
    by_hand = tg.softplus(-logits[0]).mean() + (tg.softplus(logits[1]).mean() + tg.softplus(logits[2]).mean()) * 0.5
    for setting in ({}, {"fake_weight": 0.5}):
        loss = vae_gan.vae_gan(*given, **setting).discriminator
        assert loss.numpy().tobytes() == by_hand.numpy().tobytes()
        assert all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in zip(tg.grad(loss, logits), tg.grad(by_hand, logits)))


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_where_all_look_alike_the_best_d_is_one_over_one_plus_twice_the_fake_weight(weight):
    best = 1 / (1 + 2 * weight)
    code, logit = tg.tensor(np.zeros((4, 3))), tg.tensor(np.full((4, 1), np.log(best / (1 - best))), requires_grad=True)
    same = (tg.tensor(np.zeros((4, 2))), logit)
    terms = vae_gan.vae_gan(code, code, same, same, same, fake_weight=weight)
    assert np.allclose(tg.grad(terms.discriminator, [logit])[0].data, 0)
    assert np.allclose([float(terms.real), float(terms.fake)], {0.5: [np.log(2), np.log(2)], 1.0: [np.log(3), np.log(3 / 2)]}[weight])


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
def test_fakes_without_weight_are_refused(weight):
    with pytest.raises(ValueError, match="vae_gan: fake_weight = .* must be above 0"):
        vae_gan.vae_gan(*judged_apart()[0], fake_weight=weight)


@pytest.mark.parametrize("shape", [(2, 1, 28, 28), (2, 3, 28, 28), (2, 3072)])
def test_other_image_sizes_are_refused_with_the_remedy(model, shape):
    with pytest.raises(ValueError, match=r"\(N, 3, 32, 32\)"):
        model.vae.encode(tg.tensor(np.zeros(shape, np.float32)))
    with pytest.raises(ValueError, match="Discriminator"):
        model.discriminator(tg.tensor(np.zeros(shape, np.float32)))


def test_as_cifar_pads_and_repeats():
    grey = np.full((2, 1, 28, 28), 7, np.uint8)
    out = as_cifar(grey)
    assert out.shape == (2, 3, 32, 32) and (out[:, :, 2:30, 2:30] == 7).all() and out.sum() == 7 * 2 * 3 * 28 * 28
    with pytest.raises(ValueError, match="as_cifar"):
        as_cifar(np.zeros((1, 1, 64, 64), np.uint8))


def test_a_state_of_another_latent_size_is_refused():
    with pytest.raises(ValueError, match="encoder.9.weight"):
        CifarVAE(64).load_state_dict(CifarVAE(128).state_dict())


@pytest.mark.parametrize("latent, layer", [(0, 2), (128, 4)])
def test_bad_settings(latent, layer):
    with pytest.raises(ValueError, match="latent|layer"):
        VAEGAN(latent, layer)


def test_images_without_a_channel_axis_are_told_so():
    with pytest.raises(ValueError, match=r"as_cifar: images \(4, 28, 28\) must be"):
        as_cifar(np.zeros((4, 28, 28), np.uint8))
