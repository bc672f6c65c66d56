"""One training step of every model family, small, for any device: FAMILIES[name](device, optimizer, dtype) -> (modules, step).

dtype is that of weights, data and draws: np.float32 unless told otherwise. step() does what a training loop does with one batch, and returns the losses as they are: nothing is read from the device.
"""
import numpy as np

import tinygen as tg
from tinygen import losses, nn
from tinygen.backend import to
from tinygen.losses.autoencoder import contraction, sparsity, squared_error
from tinygen.losses.gan import LOSSES, clip_weights, gradient_penalty
from tinygen.losses.self_supervised import contrast, cross_entropy
from tinygen.losses.vae_gan import apply, vae_gan
from tinygen.models.autoencoders import DenseAutoencoder, SigmoidAutoencoder
from tinygen.models.cifar import VAEGAN, CifarVAE
from tinygen.models.conditional_gan import ConditionalDiscriminator, ConditionalGenerator
from tinygen.models.corruption import gaussian_noise, masking_noise, salt_and_pepper
from tinygen.models.echo import EchoVAE
from tinygen.models.gan import ARCHITECTURES
from tinygen.models.mlp import mlp
from tinygen.models.priors import MixturePriorVAE, VampVAE
from tinygen.models.vae import ConditionalVAE, ConvVAE, DenseVAE, GaussianVAE

rng = np.random.default_rng(0)
ROWS = rng.random((6, 784), dtype=np.float32)
DIGITS = ROWS.reshape(6, 1, 28, 28) * 2 - 1
PHOTOS = rng.random((6, 3, 32, 32), dtype=np.float32)          # batch norm over 3 of them would be chaotic: 1e-13 becomes 1e-3 in twenty steps
POINTS = rng.standard_normal((8, 2), dtype=np.float32)
LABELS = np.array([3, 1, 0, 9, 1, 7])


def variational(make, x, loss=None, labels=None):
    """A VAE on one batch, with -ELBO or loss(model, x)."""
    def build(device, optimizer, dtype=np.float32):
        model = make().to(dtype).to(device)
        batch, opt = to(x.astype(dtype), device), optimizer(model.parameters())

        def step():
            if loss is None:
                terms = losses.beta_vae(*model.terms(batch, *(() if labels is None else (labels,))))
                value = terms.loss
            else:
                value = loss(model, batch)
            opt.minimize(value)
            return [value]
        return {"model": model}, step
    return build


def info(model, x):
    """InfoVAE: with the MMD between codes and prior draws."""
    output, z, mu, logvar = model(x)
    return losses.info_vae(model.distortion(output, x), losses.rate(mu, logvar), z, model.draw_prior(len(z)), alpha=0.5, scale=10.0).loss


def adversarial(make, x, loss="non-saturating", labels=None, z_dim=None):
    """A GAN on one batch: one update of the discriminator, one of the generator, one of its average."""
    def build(device, optimizer, dtype=np.float32):
        discriminator, generator, draw = make()
        discriminator.to(dtype).to(device), generator.to(dtype).to(device)
        pair, batch, given = LOSSES[loss], to(x.astype(dtype), device), () if labels is None else (labels,)
        d_optimizer, g_optimizer = optimizer(discriminator.parameters()), optimizer(generator.parameters())
        average = nn.ExponentialMovingAverage(generator)

        def step():
            with tg.no_grad():
                fake = generator(tg.tensor(draw(len(x), like=batch)), *given)
            d_loss = pair.discriminator(discriminator(tg.tensor(batch), *given), discriminator(fake, *given))
            if loss == "wgan-gp":
                d_loss = d_loss + 10.0 * gradient_penalty(discriminator, batch, fake)
            d_optimizer.minimize(d_loss)
            if loss == "wgan":
                clip_weights(discriminator.parameters(), 0.05)
            g_loss = pair.generator(discriminator(generator(tg.tensor(draw(len(x), like=batch)), *given), *given))
            g_optimizer.minimize(g_loss)
            average.update()
            return [d_loss, g_loss]
        return {"discriminator": discriminator, "generator": generator, "average": average.average}, step
    return build


def architecture(name):
    """A pair of networks for digits."""
    def make():
        found = ARCHITECTURES[name]
        return found.discriminator(), found.generator(found.z_dim), found.draw
    return make


def in_the_plane():
    """The small networks of GANs in the plane."""
    return mlp(2, 16, 16, 1), mlp(4, 16, 16, 2), lambda n, **like: tg.standard_normal((n, 4), **like)


def conditional():
    """Networks that are told the label, with fully connected bodies."""
    found = ARCHITECTURES["fc"]
    return (ConditionalDiscriminator(10, body=found.discriminator), ConditionalGenerator(8, 10, 4, body=found.generator),
            lambda n, **like: tg.standard_normal((n, 8), **like))


def vae_with_adversary(device, optimizer, dtype=np.float32):
    """VAE-GAN of sheet 004: three losses on one graph."""
    model = VAEGAN().to(dtype).to(device)
    batch = to(PHOTOS.astype(dtype), device)
    optimizers = [optimizer(part.parameters()) for part in (model.vae.encoder, model.vae.decoder, model.discriminator)]

    def step():
        terms = vae_gan(*model(batch, model.vae.draw_prior(len(batch))))
        apply(terms, *optimizers)
        return [terms.encoder, terms.decoder, terms.discriminator]
    return {"model": model}, step


def denoising(model, x):
    """An autoencoder that is shown a corrupted image."""
    shown = salt_and_pepper(masking_noise(gaussian_noise(x, 0.1), 0.1), 0.1)
    return squared_error(model(shown), x).mean()


def sparse(model, x):
    """With a penalty on codes that are often active."""
    codes = model.encoder(x)
    return squared_error(model.decoder(codes), x).mean() + sparsity(codes)


def contractive(model, x):
    """With a penalty on the slope of the encoder: a gradient of a gradient."""
    return squared_error(model(x), x).mean() + contraction(model.encoder, x)


def self_supervised(model, x):
    """Codes that tell images apart, and a head that tells labels."""
    codes = model.encode(x)[0]
    return contrast(codes[:3], codes[3:]) + cross_entropy(codes, LABELS)


FAMILIES = {
    "MLP VAE": variational(lambda: DenseVAE((20,), 4), ROWS),
    "convolutional VAE": variational(lambda: ConvVAE(4, 4), ROWS),
    "convolutional VAE with batch norm": variational(CifarVAE, PHOTOS),
    "Gaussian VAE": variational(lambda: GaussianVAE((20,), 4), ROWS),
    "conditional VAE": variational(lambda: ConditionalVAE(hidden=(20,), latent=4), ROWS, labels=LABELS),
    "mixture prior": variational(lambda: MixturePriorVAE(5, (20,), 4), ROWS),
    "VampPrior": variational(lambda: VampVAE(5, (20,), 4), ROWS),
    "Echo VAE": variational(lambda: EchoVAE((20,), 4, depth=4), ROWS),
    "IWAE": variational(lambda: DenseVAE((20,), 4), ROWS, lambda model, x: losses.iwae(model.log_weights(x, 3))),
    "InfoVAE": variational(lambda: DenseVAE((20,), 4), ROWS, info),
    "self-supervised": variational(lambda: DenseVAE((20,), 10), ROWS, self_supervised),
    "denoising autoencoder": variational(lambda: DenseAutoencoder((20,), 4), ROWS, denoising),
    "sparse autoencoder": variational(lambda: SigmoidAutoencoder(784, 20), ROWS, sparse),
    "contractive autoencoder": variational(lambda: SigmoidAutoencoder(784, 20), ROWS, contractive),
    "GAN in the plane": adversarial(in_the_plane, POINTS, "minimax"),
    "WGAN, clipped": adversarial(in_the_plane, POINTS, "wgan"),
    "DNet and GNet": adversarial(architecture("dnet"), DIGITS * 0.5 + 0.5),
    "fully connected GAN": adversarial(architecture("fc"), DIGITS, "lsgan"),
    "DCGAN": adversarial(architecture("dcgan"), DIGITS, "hinge"),
    "WGAN-GP": adversarial(architecture("conv-critic"), DIGITS, "wgan-gp"),
    "conditional GAN": adversarial(conditional, DIGITS, labels=LABELS),
    "VAE-GAN": vae_with_adversary,
}
