"""Three small trainings with real modules: a VAE, a GAN with two optimizers and an average, a WGAN-GP. As a script, all of them:

    python real_training.py OUT STEPS [resume]
"""
import sys
from pathlib import Path

import tinygen as tg
from tinygen import nn, optim
from tinygen.training import Run

import numpy as np


def convolutional(channels):
    """An (N, 1, 8, 8) -> (N, 1) network with everything that has a state or draws: batch norm and dropout."""
    return nn.Sequential(nn.Conv2d(1, channels, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(channels, channels, 3, 1, 1),
                         nn.BatchNorm2d(channels), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(16 * channels, 1))


def generating(channels, latent):
    """An (N, latent) -> (N, 1, 8, 8) network."""
    return nn.Sequential(nn.Linear(latent, 16 * channels), nn.BatchNorm1d(16 * channels), nn.ReLU(),
                         nn.Unflatten((channels, 4, 4)), nn.ConvTranspose2d(channels, 1, 4, 2, 1), nn.Sigmoid())


def train_vae(run, x_of, steps):
    """Gaussian code of 3, Bernoulli pixels."""
    encoder, decoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 6)), generating(4, 3)
    model = nn.Sequential(encoder, decoder)
    optimizer = optim.AdamW(model.parameters(), 1e-2)
    run.keep(model=model, optimizer=optimizer)
    for step in run.steps(steps, every=5):
        optimizer.lr = optim.cosine(1e-2, step, 40)
        x = x_of(step)
        code = encoder(tg.tensor(x))
        mu, logvar = code[:, :3], code[:, 3:]
        z = mu + tg.exp(0.5 * logvar) * tg.standard_normal(mu.shape)
        p = decoder(z)
        distortion = -(x * tg.log(p + 1e-6) + (1 - x) * tg.log(1 - p + 1e-6)).sum() / len(x)
        rate = 0.5 * (mu * mu + tg.exp(logvar) - logvar - 1).sum() / len(x)
        loss = distortion + rate
        optimizer.minimize(loss)
        run.update(len(x), loss=loss, rate=rate)


def train_gan(run, x_of, steps):
    """Non-saturating, one update each; Adam for the generator, RMSprop for the discriminator, the average, and a generator."""
    generator, discriminator = generating(4, 5), convolutional(3)
    g_optimizer = optim.Adam(generator.parameters(), 2e-3, betas=(0.5, 0.9))
    d_optimizer = optim.RMSprop(discriminator.parameters(), 1e-3, momentum=0.5, centered=True)
    ema = nn.ExponentialMovingAverage(generator, 0.9)
    rng = np.random.default_rng(5)
    run.keep(generator=generator, discriminator=discriminator, g_optimizer=g_optimizer, d_optimizer=d_optimizer, ema=ema, rng=rng)
    for step in run.steps(steps, every=5):
        x = x_of(step)
        fake = generator(tg.tensor(rng.uniform(-1, 1, (len(x), 5)).astype(np.float32)))
        d_loss = tg.softplus(-discriminator(tg.tensor(x))).mean() + tg.softplus(discriminator(fake)).mean()
        d_optimizer.minimize(d_loss)
        fake = generator(tg.tensor(rng.uniform(-1, 1, (len(x), 5)).astype(np.float32)))
        g_loss = tg.softplus(-discriminator(fake)).mean()
        g_optimizer.minimize(g_loss)
        ema.update()
        run.update(len(x), d_loss=d_loss, g_loss=g_loss)


def train_wgan_gp(run, x_of, steps):
    """Two critic steps for one of the generator; the penalty is a gradient of a gradient through convolutions."""
    generator = generating(4, 5)
    critic = nn.Sequential(nn.Conv2d(1, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64, 1))
    g_optimizer = optim.Adam(generator.parameters(), 1e-3, betas=(0.0, 0.9))
    c_optimizer = optim.Adam(critic.parameters(), 1e-3, betas=(0.0, 0.9))
    run.keep(generator=generator, critic=critic, g_optimizer=g_optimizer, c_optimizer=c_optimizer)
    for step in run.steps(steps, every=5):
        for half in range(2):
            x = x_of(2 * step + half)
            fake = generator(tg.tensor(tg.standard_normal((len(x), 5)))).data
            mixed = tg.uniform((len(x), 1, 1, 1))
            between = tg.tensor(mixed * x + (1 - mixed) * fake, requires_grad=True)
            slope, = tg.grad(critic(between).sum(), [between], create_graph=True)
            penalty = ((tg.sqrt((slope * slope).sum((1, 2, 3)) + 1e-12) - 1) ** 2).mean()
            c_loss = critic(tg.tensor(fake)).mean() - critic(tg.tensor(x)).mean() + 10 * penalty
            c_optimizer.minimize(c_loss)
        g_loss = -critic(generator(tg.tensor(tg.standard_normal((len(x), 5))))).mean()
        g_optimizer.minimize(g_loss)
        run.update(len(x), c_loss=c_loss, penalty=penalty, g_loss=g_loss)


KINDS = {"vae": train_vae, "gan": train_gan, "wgan_gp": train_wgan_gp}


def train(kind, out, steps, resume=False):
    """Train one of the KINDS on images that depend on the step alone."""
    with Run(out, {"kind": kind, "seed": 11}, resume=resume) as run:
        tg.manual_seed(11)
        KINDS[kind](run, lambda step: np.random.default_rng(step).random((24, 1, 8, 8), np.float32), steps)
        run.finish()


if __name__ == "__main__":
    folder, steps, *rest = sys.argv[1:]
    for kind in KINDS:
        train(kind, Path(folder) / kind, int(steps), rest == ["resume"])
