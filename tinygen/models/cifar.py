"""Sheet 004 on 32 x 32 colour images: the VAE of table 1 and the discriminator of table 2, which together make VAE-GAN.

The convolutions of table 1 have kernel 4; padding 1 makes those of stride 2 halve or double the size, and the last, of stride 1,
keeps it with one row of padding before and two behind ("same").
"""
import numpy as np

from .. import ops
from ..nn import (ELU, BatchNorm1d, BatchNorm2d, Conv2d, ConvTranspose2d, Flatten, Linear, Module, ReLU, Sequential, Unflatten)
from .vae import VAE, check_latent

IMAGE = (3, 32, 32)


def check_images(function, x):
    """Raise ValueError unless x is (N, 3, 32, 32)."""
    if x.ndim != 4 or tuple(x.shape[1:]) != IMAGE:
        raise ValueError(f"{function}: x {x.shape} must be (N, 3, 32, 32), three channels first; pad smaller images and repeat a single "
                         "channel (tinygen.models.cifar.as_cifar)")


def as_cifar(images):
    """uint8 images (N, 1 or 3, H, W) with H, W <= 32 as (N, 3, 32, 32): zeros around, a single channel repeated."""
    if images.ndim != 4 or images.shape[1] not in (1, 3) or max(images.shape[2:]) > 32:
        raise ValueError(f"as_cifar: images {images.shape} must be (N, 1 or 3, H, W) with H and W at most 32")
    n, channels, height, width = images.shape
    above, left = (32 - height) // 2, (32 - width) // 2
    around = ((0, 0), (0, 0), (above, 32 - height - above), (left, 32 - width - left))
    return np.broadcast_to(np.pad(images, around), (n, 3, 32, 32)) if channels == 1 else np.pad(images, around)


class CifarVAE(VAE):
    """Images (N, 3, 32, 32) in [0, 1], code of `latent` numbers: 8,788,672 parameters to encode, 8,944,195 to decode, at 128.

    The sheet says z in R^128 and also "the 64-dimensional latent": with latent = 64 its one dense layer of 128 is split into 64
    means and 64 log-variances; with 128 there are 128 of each.
    """

    def __init__(self, latent=128):
        check_latent("CifarVAE", latent)
        super().__init__(
            Sequential(Conv2d(3, 64, 4, 2, 1), ReLU(), Conv2d(64, 128, 4, 2, 1), BatchNorm2d(128), ReLU(), Flatten(),
                       Linear(8192, 1024), BatchNorm1d(1024), ReLU(), Linear(1024, 2 * latent)),
            Sequential(Linear(latent, 1024), BatchNorm1d(1024), ReLU(), Linear(1024, 8192), BatchNorm1d(8192), ReLU(),
                       Unflatten(128, 8, 8), ConvTranspose2d(128, 128, 4, 2, 1), BatchNorm2d(128), ReLU(),
                       ConvTranspose2d(128, 64, 4, 2, 1), BatchNorm2d(64), ELU(), Conv2d(64, 3, 4, padding="same")), latent)

    def encode(self, x):
        """x (N, 3, 32, 32) -> mu, logvar (N, latent) each."""
        check_images("CifarVAE", x)
        return super().encode(x)


class Discriminator(Module):
    """Images (N, 3, 32, 32) in [0, 1] -> logits (N, 1): table 2 of sheet 004, 8,524,993 parameters.

    `features` stops at a layer, for the learned similarity of VAE-GAN: 1 and 2 are the convolutions, 3 the dense layer, after ReLU.
    """

    def __init__(self):
        self.layers = [Sequential(Conv2d(3, 64, 4, 2, 1), ReLU()), Sequential(Conv2d(64, 128, 4, 2, 1), ReLU()),
                       Sequential(Flatten(), Linear(8192, 1024), ReLU())]
        self.head = Linear(1024, 1)

    def features(self, x):
        """[layer 1 (N, 64, 16, 16), layer 2 (N, 128, 8, 8), layer 3 (N, 1024)] of x (N, 3, 32, 32)."""
        check_images("Discriminator", x)
        found, x = [], x * 2 - 1                  # around 0: it learns faster
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        return found

    def forward(self, x):
        """x (N, 3, 32, 32) -> logits (N, 1)."""
        return self.head(self.features(x)[-1])


class VAEGAN(Module):
    """A CifarVAE whose reconstructions are compared in the features of a discriminator (Larsen et al. 2016).

    `layer` (1, 2 or 3) of the discriminator is where. The losses are in tinygen.losses.vae_gan.
    """

    def __init__(self, latent=128, layer=2):
        if layer not in (1, 2, 3):
            raise ValueError(f"VAEGAN: layer = {layer!r}: the discriminator's layers are 1, 2 (convolutions) and 3 (dense)")
        self.vae, self.discriminator, self.layer = CifarVAE(latent), Discriminator(), layer

    def judge(self, x):
        """(features at `layer`, logits (N, 1)) of images x."""
        features = self.discriminator.features(x)
        return features[self.layer - 1], self.discriminator.head(features[-1])

    def forward(self, x, noise):
        """For images x and prior draws `noise` (N, latent): mu, logvar, and `judge` of x, of its reconstruction and of decode(noise).

        The reconstruction comes from one draw of q(z|x); images are probabilities in [0, 1].
        """
        logits, _, mu, logvar = self.vae(x)
        rebuilt, drawn = ops.sigmoid(logits), ops.sigmoid(self.vae.decode(noise))
        return mu, logvar, self.judge(x), self.judge(rebuilt), self.judge(drawn)
