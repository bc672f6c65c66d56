"""The small trainings that answers share: seconds each, on bundled images or in the plane, every one trained once a process."""
import functools
from typing import NamedTuple

import numpy as np

import tinygen as tg
from tinygen import data, metrics, nn
from tinygen.divergences import wasserstein
from tinygen.losses import gan as gan_losses
from tinygen.losses import vae_gan
from tinygen.models.mlp import mlp
from tinygen.models.vae import DenseVAE


class PlaneGAN(NamedTuple):
    """A GAN trained in the plane: its generator, (step, samples (500, 2)) at several moments, and W1 of the last to the data."""
    generator: nn.Module
    snapshots: dict
    distance: float


def train_in_the_plane(name, loss="wgan-gp", steps=300, *, d_steps=1, g_steps=1, d_lr=1e-3, g_lr=1e-3, penalty=1.0, width=64, batch=128,
                       seed=0):
    """A GAN on the toy distribution `name`: z ~ U[-1, 1]^2, both networks with two hidden layers of `width`, Adam (0.5, 0.9)."""
    tg.manual_seed(seed)
    rng = np.random.default_rng(seed)
    generator, critic = mlp(2, width, width, 2), mlp(2, width, width, 1)
    pair = gan_losses.LOSSES[loss]
    g_optimizer, d_optimizer = (tg.optim.Adam(net.parameters(), lr, betas=(0.5, 0.9)) for net, lr in ((generator, g_lr), (critic, d_lr)))
    fixed, real = tg.uniform((500, 2), low=-1.0), data.sample(name, 500, rng)

    @tg.no_grad()
    def generate(z):
        return generator(tg.tensor(z)).numpy()

    snapshots = {0: generate(fixed)}
    for step in range(1, steps + 1):
        for _ in range(d_steps):
            x, fake = data.sample(name, batch, rng), generate(tg.uniform((batch, 2), low=-1.0))
            d_loss = pair.discriminator(critic(tg.tensor(x)), critic(tg.tensor(fake)))
            if loss == "wgan-gp":
                d_loss = d_loss + gan_losses.gradient_penalty(critic, x, fake) * penalty
            d_optimizer.minimize(d_loss)
        for _ in range(g_steps):
            g_optimizer.minimize(pair.generator(critic(generator(tg.tensor(tg.uniform((batch, 2), low=-1.0))))))
        if step % (steps // 4) == 0:
            snapshots[step] = generate(fixed)
    return PlaneGAN(generator, snapshots, float(wasserstein(snapshots[max(snapshots)], real)))


@functools.cache
def plane_gan(name, loss="wgan-gp", steps=300, **settings):
    """`train_in_the_plane`, once for each choice of settings."""
    return train_in_the_plane(name, loss, steps, **settings)


@functools.cache
def ring_comparison():
    """{name: (W1 to the data, modes hit)} on a ring of 8 Gaussians of radius 1, 300 generator steps each."""
    centres, _ = data.modes("ring")
    alike = {"d_steps": 3, "d_lr": 3e-3}
    found = {"untrained": plane_gan("ring", steps=4, d_lr=0.0, g_lr=0.0), "GAN, one step of D, at a third of the rate": plane_gan("ring", "non-saturating"),
             "GAN, three steps of D": plane_gan("ring", "non-saturating", **alike),
             "WGAN-GP, three steps of the critic": plane_gan("ring", **alike)}
    hit = lambda samples: metrics.mode_coverage(samples, centres, 0.05, minimum=5).hit
    return {name: (gan.distance, hit(gan.snapshots[max(gan.snapshots)])) for name, gan in found.items()}


# ---- images ----------------------------------------------------------------------------------------------------------------


@functools.cache
def images(name, count, split="train"):
    """(rows (count, 784) in [0, 1], labels) of a bundled data set."""
    pixels, labels = data.load(name, split)
    return data.to_float(pixels[:count]).reshape(-1, 784), labels[:count]


class SmallVAE(NamedTuple):
    """An autoencoder 784-200-latent, the terms (distortion, rate) on 500 test images before and after training, and the
    reconstructions of the first 8 of them after the first and the last epoch."""
    model: nn.Module
    before: tuple
    after: tuple
    first: np.ndarray
    last: np.ndarray


@functools.cache
def vae(name, latent=10, beta=1.0, adversarial=False, count=3000, epochs=10):
    """A VAE with Bernoulli pixels on a bundled data set, trained on minus the ELBO with the rate weighted by beta; or, `adversarial`, the
    VAE-GAN of Larsen et al. with the 128 features of a discriminator 784-128-1. As `SmallVAE`."""
    tg.manual_seed(0)
    model = DenseVAE(hidden=(200,), latent=latent)
    body, head = nn.Sequential(nn.Linear(784, 128), nn.LeakyReLU(0.2)), nn.Linear(128, 1)
    (x, _), (test, _) = images(name, count), images(name, 500, "test")
    parts = [model.encoder.parameters(), model.decoder.parameters(), body.parameters() + head.parameters()]
    optimizers = [tg.optim.Adam(part, lr, betas=(0.5, 0.999)) for part, lr in zip(parts, (1e-3, 1e-3, 3e-4))]
    together = tg.optim.Adam(parts[0] + parts[1], 2e-3)

    @tg.no_grad()
    def measured():
        return tuple(float(part.mean()) for part in (t.numpy() for t in model.terms(tg.tensor(test))))

    def judged(pictures):
        features = body(pictures)
        return features, head(features)

    before = measured()
    for epoch in range(epochs):
        for rows in data.batches(x, 100, np.random.default_rng(epoch)):
            if adversarial:
                logits, _, mu, logvar = model(tg.tensor(rows))
                pictures = tg.tensor(rows), tg.sigmoid(logits), tg.sigmoid(model.decode(tg.tensor(model.draw_prior(len(rows)))))
                terms = vae_gan.vae_gan(mu, logvar, *map(judged, pictures), gamma=1.0, beta=beta)
                vae_gan.apply(terms, *optimizers)
            else:
                together.minimize(tg.losses.beta_vae(*model.terms(tg.tensor(rows)), beta).loss)
        if epoch == 0:
            first = model.reconstruct(test[:8])
    return SmallVAE(model, before, measured(), first, model.reconstruct(test[:8]))


class ImageGAN(NamedTuple):
    """A GAN of images: samples (500, 784) in [0, 1] before and after training, the labels they were asked for (None where no label is
    told), and D's loss at every step."""
    before: np.ndarray
    after: np.ndarray
    labels: np.ndarray
    d_losses: np.ndarray


class SmallDiscriminator(nn.Module):
    """Rows (N, 784) -> logits (N, 1): 784-256-64-1; told labels, plus the product of the 64 features with an embedding of the label.

    Source: Miyato & Koyama 2018.
    """

    def __init__(self, classes=0):
        self.body = nn.Sequential(nn.Linear(784, 256), nn.LeakyReLU(0.2), nn.Linear(256, 64), nn.LeakyReLU(0.2))
        self.head = nn.Linear(64, 1)
        self.embedding = nn.Embedding(classes, 64) if classes else None

    def forward(self, x, labels=None):
        features = self.body(x)
        logits = self.head(features)
        return logits + (features * self.embedding(labels)).sum(axis=1, keepdims=True) if self.embedding else logits


@functools.cache
def image_gan(conditional=False, name="fashion-mini", count=3000, steps=1000, batch=64, z_dim=32, loss="non-saturating", d_rate=1.0, g_steps=1):
    """A GAN z-128-256-784 against `SmallDiscriminator` on a bundled data set; samples are those of the averaged generator. `conditional`
    tells both the label, the generator as a one-hot beside z. `d_rate`: D's learning rate over G's; `g_steps` of G for each of D's `steps`."""
    tg.manual_seed(0)
    rng = np.random.default_rng(0)
    x, labels = images(name, count)
    x = 2 * x - 1
    generator = nn.Sequential(nn.Linear(z_dim + 10 * conditional, 128), nn.LeakyReLU(0.2), nn.Linear(128, 256), nn.LeakyReLU(0.2),
                              nn.Linear(256, 784), nn.Tanh())
    critic, average = SmallDiscriminator(10 * conditional), nn.ExponentialMovingAverage(generator, 0.99)
    pair = gan_losses.LOSSES[loss]
    g_optimizer, d_optimizer = (tg.optim.Adam(net.parameters(), lr, betas=(0.5, 0.999)) for net, lr in ((generator, 5e-4), (critic, 5e-4 * d_rate)))

    def draw(net, asked):
        z = tg.standard_normal((len(asked), z_dim))
        return net(tg.tensor(np.concatenate([z, np.eye(10, dtype=np.float32)[asked]], axis=1) if conditional else z))

    @tg.no_grad()
    def samples():
        tg.manual_seed(1)
        return (draw(average.average, np.arange(500) % 10).numpy() + 1) / 2

    before, d_losses = samples(), []
    for _ in range(steps):
        chosen, asked = rng.integers(0, count, batch), rng.integers(0, 10, batch)
        with tg.no_grad():
            fake = draw(generator, asked)
        d_loss = pair.discriminator(critic(tg.tensor(x[chosen]), labels[chosen]), critic(fake, asked))
        d_optimizer.minimize(d_loss)
        d_losses.append(d_loss.item())
        for _ in range(g_steps):
            asked = rng.integers(0, 10, batch)
            g_optimizer.minimize(pair.generator(critic(draw(generator, asked), asked)))
            average.update()
    return ImageGAN(before, samples(), np.arange(500) % 10 if conditional else None, np.array(d_losses))


@functools.cache
def principal_axes(name="fashion-mini", count=3000, dimensions=20):
    """(mean (784,), axes (784, dimensions)) of a bundled data set: features for distances that are no FID, but cost nothing."""
    x = images(name, count)[0].astype(np.float64)
    mean = x.mean(axis=0)
    return mean, np.linalg.svd(x - mean, full_matrices=False)[2][:dimensions].T


def pixel_distance(samples, name="fashion-mini", split="test"):
    """Fréchet distance between samples (N, 784) and 500 real images, on 20 principal axes of the pixels. Not FID."""
    mean, axes = principal_axes(name)
    features = [(np.asarray(s, np.float64) - mean) @ axes for s in (samples, images(name, 500, split)[0])]
    return float(metrics.frechet_score(*features))


@functools.cache
def latent_scores(beta=1.0, adversarial=False, name="fashion-mini"):
    """{what: number} of a small VAE or VAE-GAN with a latent of 64: Fréchet distances on 20 principal axes of the pixels (not FID) of
    reconstructions and of samples, and the accuracy on 1,000 test images of a linear layer on the means of q(z|x)."""
    model = vae(name, 64, beta, adversarial).model
    (x, labels), (test, test_labels) = images(name, 3000), images(name, 1000, "test")
    tg.manual_seed(0)
    return {"reconstruction": pixel_distance(model.reconstruct(test[:500]), name), "generation": pixel_distance(model.sample(500), name),
            "probe": metrics.linear_probe(model.codes(x), labels, model.codes(test), test_labels).accuracy}


@functools.cache
def pixel_probe(name="fashion-mini"):
    """The accuracy on 1,000 test images of a linear layer on the pixels."""
    return metrics.linear_probe(*images(name, 3000), *images(name, 1000, "test")).accuracy
