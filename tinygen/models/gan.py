"""GANs for images, a generator and a discriminator for each sheet. (The networks of GANs in the plane are those of mlp.py.)

A discriminator maps images (N, C, H, W) to logits (N, 1), a generator maps noise (N, z_dim) to images. Everything is built for
`image` = (C, H, W), by default the (1, 28, 28) of MNIST and Fashion-MNIST, for which the parameter counts are stated.
`ARCHITECTURES` pairs them by name, with the noise and the range of pixels that go with them.
"""
import math
from typing import Callable, NamedTuple

from ..backend import standard_normal, uniform
from ..nn import (BatchNorm1d, BatchNorm2d, Conv2d, ConvTranspose2d, Flatten, LeakyReLU, Linear, MaxPool2d, ReLU, Sequential, Sigmoid,
                  Tanh, Unflatten, UpsampleConv2d, init)

IMAGE = (1, 28, 28)


def quarter(model, image):
    """(H / 4, W / 4): where a generator starts that doubles the size twice, and a critic ends that halves it. ValueError for other sizes."""
    _, height, width = image
    if height % 4 or width % 4 or min(height, width) < 4:
        near = [max(4, 4 * round(n / 4)) for n in (height, width)]
        raise ValueError(f"{model}: images (C, H, W) {tuple(image)} do not fit: the size doubles or halves twice, so H and W are multiples of 4; "
                         f"crop or pad to {near[0]} x {near[1]}")
    return height // 4, width // 4


def _start_with(network, initialise):
    """Start all weights by `initialise` and all biases at zero, as sheets 001 (kaiming_uniform, a = 0) and 003 (Xavier) have it.

    It matters: with ConvTranspose2d's own start the last layer of the DCGAN generator has a standard deviation of 2.3 before the tanh, with Xavier 0.67.
    And a Linear's own start divides the signal by about sqrt(3): after the five of sheet 000 all noise gives the same image, and on MNIST no loss,
    Wasserstein's included, found more than two digits in 9,370 updates; from kaiming_uniform the non-saturating and the Wasserstein game do in 2,000.
    """
    for layer in network:
        if isinstance(layer, (Linear, Conv2d, ConvTranspose2d)):
            initialise(layer.weight)
            init.constant_(layer.bias, 0.0)


# ---- sheet 001 -------------------------------------------------------------------------------------------------------------


class DNet(Sequential):
    """Images (N, C, H, W) -> logits (N, 1): table 1 of sheet 001, [conv, ReLU, pool] x 2, conv, ReLU, linear. 593 parameters."""

    def __init__(self, image=IMAGE):
        channels, height, width = image
        if min(height, width) < 12:
            raise ValueError(f"DNet: images (C, H, W) {tuple(image)} are too small: H and W are at least 12 (halved twice, then a 3 x 3 kernel)")
        super().__init__(
            Conv2d(channels, 2, 3, 1, 1), ReLU(), MaxPool2d(2),
            Conv2d(2, 4, 3, 1, 1), ReLU(), MaxPool2d(2),
            Conv2d(4, 8, 3, 1, 0), ReLU(),
            Flatten(), Linear(8 * (height // 4 - 2) * (width // 4 - 2), 1))
        _start_with(self, init.kaiming_uniform_)


class GNet(Sequential):
    """Noise (N, z_dim) -> images (N, C, H, W) in [0, 1]: table 2 of sheet 001. 107,777 parameters at z_dim 64."""

    def __init__(self, z_dim=64, image=IMAGE):
        rows, columns = quarter("GNet", image)
        super().__init__(
            Linear(z_dim, 32 * rows * columns), LeakyReLU(0.2), Unflatten(32, rows, columns),
            UpsampleConv2d(32, 16, 3, padding=1), LeakyReLU(0.2),
            UpsampleConv2d(16, 8, 3, padding=1), LeakyReLU(0.2),
            Conv2d(8, image[0], 3, 1, 1), Sigmoid())
        _start_with(self, init.kaiming_uniform_)


# ---- sheet 003 -------------------------------------------------------------------------------------------------------------


class FCDiscriminator(Sequential):
    """Images (N, C, H, W) -> logits (N, 1): 784-256-256-1 of sheet 003, LeakyReLU .01. 267,009 parameters."""

    def __init__(self, image=IMAGE):
        super().__init__(Flatten(), Linear(math.prod(image), 256), LeakyReLU(0.01), Linear(256, 256), LeakyReLU(0.01), Linear(256, 1))
        _start_with(self, init.xavier_uniform_)


class FCGenerator(Sequential):
    """Noise (N, z_dim) -> images (N, C, H, W) in [-1, 1]: z-1024-1024-784 of sheet 003. 1,858,320 parameters at z_dim 4."""

    def __init__(self, z_dim=96, image=IMAGE):
        super().__init__(Linear(z_dim, 1024), ReLU(), Linear(1024, 1024), ReLU(), Linear(1024, math.prod(image)), Tanh(), Unflatten(*image))
        _start_with(self, init.xavier_uniform_)


class DCGANDiscriminator(Sequential):
    """Images (N, C, H, W) -> logits (N, 1): [conv 5 x 5, LeakyReLU .01, pool] x 2, dense 1024, of sheet 003. 1,102,721 parameters.

    It holds no batch norm, so it may be a penalised critic as it is.
    """

    def __init__(self, image=IMAGE):
        channels, height, width = image
        rows, columns = (((n - 4) // 2 - 4) // 2 for n in (height, width))
        if min(rows, columns) < 1:
            raise ValueError(f"DCGANDiscriminator: images (C, H, W) {tuple(image)} are too small: H and W are at least 16")
        super().__init__(
            Conv2d(channels, 32, 5), LeakyReLU(0.01), MaxPool2d(2),
            Conv2d(32, 64, 5), LeakyReLU(0.01), MaxPool2d(2),
            Flatten(), Linear(64 * rows * columns, 1024), LeakyReLU(0.01), Linear(1024, 1))
        _start_with(self, init.xavier_uniform_)


class DCGANGenerator(Sequential):
    """Noise (N, z_dim) -> images (N, C, H, W) in [-1, 1]: dense 1024, dense 6272, two transposed convolutions, of sheet 003.

    6,580,801 parameters at z_dim 4; with the running statistics of batch norm 6,595,521 numbers.
    """

    def __init__(self, z_dim=96, image=IMAGE):
        rows, columns = quarter("DCGANGenerator", image)
        inner = 128 * rows * columns
        super().__init__(
            Linear(z_dim, 1024), ReLU(), BatchNorm1d(1024),
            Linear(1024, inner), ReLU(), BatchNorm1d(inner), Unflatten(128, rows, columns),
            ConvTranspose2d(128, 64, 4, 2, 1), ReLU(), BatchNorm2d(64),
            ConvTranspose2d(64, image[0], 4, 2, 1), Tanh())
        _start_with(self, init.xavier_uniform_)


# ---- sheet 000 -------------------------------------------------------------------------------------------------------------


class FourLayerDiscriminator(Sequential):
    """Images (N, C, H, W) -> logits (N, 1): 784-512-256-1, LeakyReLU .2, which sheet 000 leaves free. 533,505 parameters."""

    def __init__(self, image=IMAGE):
        super().__init__(Flatten(), Linear(math.prod(image), 512), LeakyReLU(0.2), Linear(512, 256), LeakyReLU(0.2), Linear(256, 1))
        _start_with(self, init.kaiming_uniform_)


class FourLayerGenerator(Sequential):
    """Noise (N, z_dim) -> images (N, C, H, W) in [-1, 1]: [Linear, LeakyReLU .2] x 4, 128-256-512-1024, then 784 and tanh.

    Sheet 000. 1,506,448 parameters at z_dim 100.
    """

    def __init__(self, z_dim=100, image=IMAGE):
        layers = []
        for n_in, n_out in zip((z_dim, 128, 256, 512), (128, 256, 512, 1024)):
            layers += [Linear(n_in, n_out), LeakyReLU(0.2)]
        super().__init__(*layers, Linear(1024, math.prod(image)), Tanh(), Unflatten(*image))
        _start_with(self, init.kaiming_uniform_)


class TransposedGenerator(Sequential):
    """Noise (N, z_dim) -> images (N, C, H, W) in [-1, 1]: two dense layers, then [ConvTranspose s2, BatchNorm, LeakyReLU .2] x 2.

    The second form of sheet 000, 7 -> 14 -> 28; a last 3 x 3 convolution turns its 32 channels into pixels.
    1,802,177 parameters at z_dim 100.
    """

    def __init__(self, z_dim=100, image=IMAGE):
        rows, columns = quarter("TransposedGenerator", image)
        super().__init__(
            Linear(z_dim, 256), LeakyReLU(0.2), Linear(256, 128 * rows * columns), LeakyReLU(0.2), Unflatten(128, rows, columns),
            ConvTranspose2d(128, 64, 4, 2, 1), BatchNorm2d(64), LeakyReLU(0.2),
            ConvTranspose2d(64, 32, 4, 2, 1), BatchNorm2d(32), LeakyReLU(0.2),
            Conv2d(32, image[0], 3, 1, 1), Tanh())


class ConvCritic(Sequential):
    """Images (N, C, H, W) -> scores (N, 1): [conv 4 x 4 s2, LeakyReLU .2] x 2 of 64 and 128 channels, linear. 138,561 parameters.

    For WGAN-GP: without any norm, since the penalty is one of single samples (Gulrajani et al. 2017, section 4).
    """

    def __init__(self, image=IMAGE):
        rows, columns = quarter("ConvCritic", image)
        super().__init__(Conv2d(image[0], 64, 4, 2, 1), LeakyReLU(0.2), Conv2d(64, 128, 4, 2, 1), LeakyReLU(0.2),
                         Flatten(), Linear(128 * rows * columns, 1))


# ---- by name -----------------------------------------------------------------------------------------------------------------


class Architecture(NamedTuple):
    """A discriminator and a generator that go together, and what they are fed: discriminator(image), generator(z_dim, image).

    noise: "uniform", U[-1, 1], or "normal", N(0, 1).    scale: the range of the pixels, (0, 1) or (-1, 1).
    """

    discriminator: Callable
    generator: Callable
    z_dim: int
    noise: str
    scale: tuple

    def draw(self, n, **like):
        """Noise (n, z_dim), float32 on the CPU, or with like=x, of x's dtype and device."""
        return standard_normal((n, self.z_dim), **like) if self.noise == "normal" else uniform((n, self.z_dim), low=-1.0, high=1.0, **like)


ARCHITECTURES = {
    "dnet": Architecture(DNet, GNet, 64, "uniform", (0, 1)),
    "fc": Architecture(FCDiscriminator, FCGenerator, 96, "uniform", (-1, 1)),
    "dcgan": Architecture(DCGANDiscriminator, DCGANGenerator, 96, "uniform", (-1, 1)),
    "sheet000": Architecture(FourLayerDiscriminator, FourLayerGenerator, 100, "normal", (-1, 1)),
    "sheet000-conv": Architecture(FourLayerDiscriminator, TransposedGenerator, 100, "normal", (-1, 1)),
    "conv-critic": Architecture(ConvCritic, TransposedGenerator, 100, "normal", (-1, 1)),
}
