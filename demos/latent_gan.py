"""The GAN whose latent space the demos of sheet 000 explore: a small WGAN-GP trained on the spot, or a finished run of `demos gan`."""
from pathlib import Path
from typing import NamedTuple

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, nn
from tinygen.models.gan import ARCHITECTURES, Architecture, FCDiscriminator
from tinygen.models.mlp import mlp
from tinygen.optim import linear_decay
from tinygen.training import Run

from demos.finished import load_weights, settings_of
from demos.gan_settings import Settings
from demos.gan_training import Game
from demos.tables import counted

SETTINGS = Settings(epochs=0, batch_size=64, lr=1e-3, betas=(0.5, 0.9), critic_steps=3)


class LatentGAN(NamedTuple):
    """A trained generator in eval mode, what it is fed and what its pixels are, and the data set it was trained on."""
    generator: nn.Module
    architecture: Architecture
    data: str

    def draw(self, n):
        """Codes (n, z_dim), float32."""
        return self.architecture.draw(n)

    @tg.no_grad()
    def images(self, z):
        """G(z) for codes (N, z_dim), as floats (N, C, H, W) in the range of the architecture's pixels."""
        return self.generator(tg.tensor(z)).numpy()

    def test_images(self):
        """(images as floats in the same range, labels) of the test split."""
        images, labels = tgdata.load(self.data, "test")
        return tgdata.to_float(images, self.architecture.scale), labels


def small_generator(z_dim, image):
    """z_dim-256-512-pixels, LeakyReLU .2 and tanh: small, so that thousands of codes are decoded in a second."""
    return nn.Sequential(*mlp(z_dim, 256, 512, int(np.prod(image)), activation=lambda: nn.LeakyReLU(0.2)), nn.Tanh(), nn.Unflatten(*image))


def small_architecture(z_dim):
    """`small_generator` against the discriminator 784-256-256-1 of sheet 003, z ~ N(0, I), pixels in [-1, 1]."""
    return Architecture(FCDiscriminator, small_generator, z_dim, "normal", (-1, 1))


def small_game(z_dim):
    """A WGAN-GP with three steps of the critic for each of the generator; pictures and results come from the generator's average."""
    architecture = small_architecture(z_dim)
    return Game(architecture, "wgan-gp", SETTINGS, architecture.discriminator(), architecture.generator(z_dim, (1, 28, 28)), ema=0.998)


def random_batches(images, rng, scale):
    """Batches of images drawn at random, for ever."""
    while True:
        yield tgdata.to_float(images[rng.integers(0, len(images), SETTINGS.batch_size)], scale)


def train_latent_gan(folder, settings, *, data, z_dim, steps, seed, resume=False):
    """Train the small WGAN-GP for `steps` updates of its generator, in a run of its own in `folder`; with `resume`, nothing where it is finished."""
    with Run(folder, settings, resume=resume) as run:
        tg.manual_seed(seed)
        images, rng, game = tgdata.load(data, "train")[0], np.random.default_rng(seed), small_game(z_dim)
        batches, fixed = random_batches(images, rng, game.architecture.scale), game.noise(64)
        run.keep(**game.parts(), rng=rng)
        every = max(1, steps // 8)
        for step in run.steps(steps, every=every):
            game.d_optimizer.lr = game.g_optimizer.lr = linear_decay(SETTINGS.lr, step - 1, steps)
            for _ in range(SETTINGS.critic_steps):
                run.update(**{name: value for name, value in game.step(next(batches)).items() if "loss" in name})
            if step % every == 0:
                run.snapshot(figures.image_grid(game.samples(fixed), title=f"WGAN-GP, after {counted(step, 'generator step')}"))
        run.finish()


def trained_gan(run, out, settings, *, data, z_dim, steps, seed, resume):
    """The LatentGAN of the finished run in folder `run`; or, if that is None, one trained here, in the folder `out`/gan."""
    if run is not None:
        return read_gan(run)
    train_latent_gan(Path(out) / "gan", settings, data=data, z_dim=z_dim, steps=steps, seed=seed, resume=resume)
    return read_gan(Path(out) / "gan")


def read_gan(folder):
    """The LatentGAN that a finished run of `demos gan`, or of a demo that trains its own, left in `folder`.

    Raises FileNotFoundError where there is none, ValueError where there is another run.
    """
    settings = settings_of(folder, "data", files=("average.npz",), what="GAN of images, as python -m demos gan leaves in runs/gan")
    if "arch" not in settings and "z_dim" not in settings:
        raise ValueError(f"{folder} was not written by a GAN of images; its settings are {', '.join(settings)}")
    architecture = ARCHITECTURES[settings["arch"]] if "arch" in settings else small_architecture(settings["z_dim"])
    image = tgdata.load(settings["data"], "test")[0].shape[1:]
    generator = load_weights(folder, architecture.generator(architecture.z_dim, image), "average")
    return LatentGAN(generator, architecture, settings["data"])
