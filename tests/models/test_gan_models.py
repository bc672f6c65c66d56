"""GAN architectures: the parameter counts of the sheets, shapes and ranges, starts, conditioning, bad input."""
import math

import numpy as np
import pytest

import tinygen as tg
from tinygen.models import gan
from tinygen.models.conditional_gan import ConditionalDiscriminator, ConditionalGenerator
from tinygen.nn import BatchNorm1d, BatchNorm2d


def count(network):
    return network.count_parameters()


def test_sheet_001_counts():
    assert (count(gan.DNet()), count(gan.GNet(64))) == (593, 107_777)


def test_sheet_003_counts():
    assert (count(gan.FCDiscriminator()), count(gan.FCGenerator(4))) == (267_009, 1_858_320)
    generator = gan.DCGANGenerator(4)
    assert (count(gan.DCGANDiscriminator()), count(generator)) == (1_102_721, 6_580_801)
    assert sum(a.size for a in generator.state_dict().values()) == 6_595_521


def test_sheet_000_counts():
    assert (count(gan.FourLayerDiscriminator()), count(gan.FourLayerGenerator())) == (533_505, 1_506_448)
    assert (count(gan.TransposedGenerator()), count(gan.ConvCritic())) == (1_802_177, 138_561)


@pytest.mark.parametrize("name", gan.ARCHITECTURES)
@pytest.mark.parametrize("image", [(1, 28, 28), (3, 32, 32)])
def test_what_the_generator_makes_the_discriminator_takes(name, image):
    tg.manual_seed(0)
    architecture = gan.ARCHITECTURES[name]
    generator, discriminator = architecture.generator(architecture.z_dim, image), architecture.discriminator(image)
    z = architecture.draw(3)
    x = generator(tg.tensor(z))
    low, high = architecture.scale
    assert z.shape == (3, architecture.z_dim) and z.dtype == np.float32 and abs(z).max() > 0.9
    assert x.shape == (3, *image) and x.dtype == np.float32
    assert low <= x.data.min() < x.data.max() <= high
    assert discriminator(x).shape == (3, 1)


@pytest.mark.parametrize("name", gan.ARCHITECTURES)
def test_both_networks_learn_every_parameter(name):
    """The loss of either network has a gradient that is not zero in each of its parameters: nothing is left unconnected."""
    tg.manual_seed(1)
    architecture = gan.ARCHITECTURES[name]
    generator, discriminator = architecture.generator(architecture.z_dim), architecture.discriminator()
    logits = discriminator(generator(tg.tensor(architecture.draw(16))))
    loss = (logits * logits).sum()
    for network in (generator, discriminator):
        for (path, _), g in zip(network.named_parameters(), tg.grad(loss, network.parameters())):
            assert np.abs(g.data).max() > 0, path


def test_uniform_noise_is_symmetric():
    tg.manual_seed(0)
    z = gan.ARCHITECTURES["dnet"].draw(1000)
    assert -1 <= z.min() < -0.99 and 0.99 < z.max() < 1 and abs(z.mean()) < 0.01


def test_starts_of_the_sheets():
    """001: kaiming_uniform with a = 0, bound sqrt(6 / fan_in); 003: Xavier, bound sqrt(6 / (fan_in + fan_out)); biases zero."""
    tg.manual_seed(0)
    for weight, bound in ((gan.GNet(64)[0].weight, math.sqrt(6 / 64)), (gan.FCGenerator(96)[2].weight, math.sqrt(6 / 2048))):
        assert 0.99 * bound < np.abs(weight.data).max() <= bound
    for network in (gan.DNet(), gan.GNet(), gan.FCDiscriminator(), gan.DCGANGenerator()):
        assert all((p.data == 0).all() for name, p in network.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize("critic", [gan.DNet, gan.FCDiscriminator, gan.DCGANDiscriminator, gan.FourLayerDiscriminator, gan.ConvCritic])
def test_no_discriminator_holds_batch_norm(critic):
    assert not any(isinstance(m, (BatchNorm1d, BatchNorm2d)) for m in critic().modules())


# ---- conditional ---------------------------------------------------------------------------------------------------------------


def conditional():
    tg.manual_seed(0)
    generator = ConditionalGenerator(8, body=gan.FourLayerGenerator).eval()
    discriminator = ConditionalDiscriminator(body=gan.FourLayerDiscriminator)
    return generator, discriminator, tg.tensor(np.ones((3, 8), np.float32))


def test_the_label_matters_to_both():
    generator, discriminator, z = conditional()
    x = generator(z, np.array([0, 1, 1]))
    assert x.shape == (3, 1, 28, 28)
    assert np.abs(x.data[0] - x.data[1]).max() > 1e-4 and np.abs(x.data[1] - x.data[2]).max() < 1e-6
    same = tg.tensor(np.repeat(x.data[:1], 3, axis=0))
    logits = discriminator(same, np.array([0, 1, 1])).data
    assert logits.shape == (3, 1) and logits[0] != logits[1] and logits[1] == pytest.approx(logits[2])


def test_both_embeddings_learn_the_rows_of_the_labels_alone():
    generator, discriminator, z = conditional()
    labels = np.array([4, 4, 7])
    loss = discriminator(generator(z, labels), labels).sum()
    for embedding in (generator.embedding, discriminator.embedding):
        slope, = tg.grad(loss, [embedding.weight])
        assert (np.flatnonzero(np.abs(slope.data).max(axis=1)) == [4, 7]).all()


@pytest.mark.parametrize("labels, message", [
    ([0, 1, 10], "10 classes, 0 to 9"), ([0, -1, 2], "from -1 to 2"), ([0, 1], "one class for each of the 3"), ([[0], [1], [2]], "one class"),
    ([0.0, 1.0, 2.0], "integers")])
def test_labels_that_are_none(labels, message):
    generator, discriminator, z = conditional()
    with pytest.raises(ValueError, match=f"ConditionalGenerator: .*{message}"):
        generator(z, np.array(labels))
    with pytest.raises(ValueError, match=f"ConditionalDiscriminator: .*{message}"):
        discriminator(tg.tensor(np.zeros((3, 1, 28, 28), np.float32)), np.array(labels))


# ---- sizes that cannot be reached ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [gan.GNet, gan.DCGANGenerator, gan.TransposedGenerator])
def test_sizes_that_two_doublings_cannot_reach(model):
    with pytest.raises(ValueError, match=rf"{model.__name__}: .*\(1, 27, 28\).*multiples of 4; crop or pad to 28 x 28"):
        model(8, (1, 27, 28))


def test_images_that_are_too_small():
    for model, size in ((gan.DNet, 11), (gan.DCGANDiscriminator, 15)):
        with pytest.raises(ValueError, match=f"{model.__name__}: .*too small"):
            model((1, size, size))
        assert model((1, size + 1, size + 1))(tg.tensor(np.zeros((2, 1, size + 1, size + 1), np.float32))).shape == (2, 1)
