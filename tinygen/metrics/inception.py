"""Inception-v3 as FID knows it: the network of 5 December 2015, up to its 2048 pooled features.

A Fréchet distance is an FID only with exactly these features. Two things set this network apart from the Inception-v3 of model
zoos: its average pools do not count the padding, and the pool of its last mixed block takes maxima. Batch norm is folded into the
94 convolutions as the weights are loaded (inception_weights.py). Module names are those of the public state dict.
Source: Szegedy et al. 2015 (arXiv 1512.00567); as the features of FID: Heusel et al. 2017.
"""
import functools
from pathlib import Path

import numpy as np

from ..autograd import no_grad, tensor
from ..backend import get_threads, parallel
from ..data.registry import data_folder
from ..nn import Buffer, Module
from ..ops import avg_pool2d, concatenate, conv2d, max_pool2d, relu
from ..progress import Progress
from .checks import as_images
from .inception_weights import find_weights, read_folded

SIZE = 299
FEATURES = 2048
NAME = "Inception-v3 of 2015-12-05, 2048 pooled features"
RESIZER = "bilinear to 299 x 299, half-pixel centres"


def inception_features(images, *, batch=None, device="cpu", progress=True):
    """Pooled features (N, 2048), float32, of uint8 images (N, 3, H, W) of any size, which are resized and scaled to [-1, 1] here.

    batch: images that go through the network at a time, about 25 MB each: on the CPU for each thread, and 8 if not given, on a GPU in all,
    and 64 if not given (fewer would leave it waiting for the host).  device: "cpu" or "cuda".  progress: show a line.
    Raises TypeError or ValueError for other dtypes, ranges or shapes, FileNotFoundError where the weights are missing (it says where
    to get them), ValueError for weights of another network.
    """
    images = as_images(images, "inception_features", "images", channels=3, minimum=1)
    network = load_inception(device)
    batch = batch or (8 if device == "cpu" else 64)
    features = np.empty((len(images), FEATURES), np.float32)

    def through(part):
        features[part] = network(tensor(resize(images[part]), device=device)).numpy()

    # Each thread takes whole images through the whole network: that keeps all cores busy in pools and copies, too.
    together = batch * get_threads() if device == "cpu" else batch
    with no_grad(), Progress(len(images) if progress else None, "Inception features") as line:
        for start in range(0, len(images), together):
            group = slice(start, min(start + together, len(images)))
            if device == "cpu":
                parallel(lambda part: through(slice(start + part.start, start + part.stop)), group.stop - start)
            else:
                through(group)
            line.update(group.stop - start)
    return features


def resize(images, size=SIZE):
    """uint8 images (N, C, H, W) -> float32 (N, C, size, size) in [-1, 1] by bilinear interpolation with half-pixel centres.

    Two matrix products, rows then columns, in channels-last memory, which is what the convolutions read.
    """
    n, c, h, w = images.shape
    x = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).astype(np.float32) * np.float32(2 / 255) - np.float32(1)
    x = interpolation(h, size) @ x.reshape(n, h, w * c)                                                       # (N, size, W C)
    x = interpolation(w, size) @ x.reshape(n * size, w, c)                                                    # (N size, size, C)
    return x.reshape(n, size, size, c).transpose(0, 3, 1, 2)


@functools.lru_cache(maxsize=8)
def interpolation(old, new):
    """The matrix (new, old) of linear interpolation: sample i lies at (i + 1/2) old/new - 1/2, clamped to the edges."""
    position = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    left = np.minimum(position.astype(int), max(old - 2, 0))
    weight = np.zeros((new, old))
    weight[np.arange(new), left] = 1 - (position - left)
    weight[np.arange(new), np.minimum(left + 1, old - 1)] += position - left
    return weight.astype(np.float32)


@functools.lru_cache(maxsize=2)
def load_inception(device="cpu"):
    """The network with its weights, read once a process and device."""
    network = Inception()
    folders = dict.fromkeys([data_folder(), Path.home() / ".cache" / "tinygen"])
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    network.load_state_dict(read_folded(find_weights(folders), shapes))
    return network.eval().to(device)


class Conv(Module):
    """relu(conv2d(x, weight) + bias), weight and bias with the batch norm folded in; padding "same" unless told otherwise."""

    def __init__(self, in_channels, out_channels, kernel, stride=1, padding="same"):
        kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        self.weight = Buffer(np.zeros((*kernel, in_channels, out_channels), np.float32).transpose(3, 2, 0, 1))    # as the kernels read it
        self.bias = Buffer(np.zeros(out_channels, np.float32))
        self.stride, self.padding = stride, padding

    def forward(self, x):
        return relu(conv2d(x, self.weight, self.bias, stride=self.stride, padding=self.padding))

    def of_means(self, x):
        """self(average(x)) for a 1 x 1 kernel, which commutes with the means: so they are taken of the few channels that leave it."""
        return relu(average(conv2d(x, self.weight)) + self.bias.reshape(-1, 1, 1))


class Inception(Module):
    """Images (N, 3, 299, 299) in [-1, 1] -> features (N, 2048)."""

    def __init__(self):
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, stride=2, padding=0)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3, padding=0)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3)
        self.Conv2d_3b_1x1 = Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3, padding=0)
        self.Mixed_5b = Mixed5(192, pooled=32)
        self.Mixed_5c = Mixed5(256, pooled=64)
        self.Mixed_5d = Mixed5(288, pooled=64)
        self.Mixed_6a = Reduce6(288)
        self.Mixed_6b = Mixed6(768, inner=128)
        self.Mixed_6c = Mixed6(768, inner=160)
        self.Mixed_6d = Mixed6(768, inner=160)
        self.Mixed_6e = Mixed6(768, inner=192)
        self.Mixed_7a = Reduce7(768)
        self.Mixed_7b = Mixed7(1280, maxima=False)
        self.Mixed_7c = Mixed7(2048, maxima=True)

    def forward(self, x):
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))                                    # (N, 64, 147, 147)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(max_pool2d(x, 3, stride=2)))                               # (N, 192, 71, 71)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(max_pool2d(x, 3, stride=2))))                          # (N, 288, 35, 35)
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))                     # (N, 768, 17, 17)
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))                                                   # (N, 2048, 8, 8)
        return x.mean(axis=(2, 3))


class Mixed5(Module):
    """35 x 35: 1x1, 5x5, two 3x3, and a 1x1 of the pooled input."""

    def __init__(self, channels, pooled):
        self.branch1x1 = Conv(channels, 64, 1)
        self.branch5x5_1, self.branch5x5_2 = Conv(channels, 48, 1), Conv(48, 64, 5)
        self.branch3x3dbl_1, self.branch3x3dbl_2, self.branch3x3dbl_3 = Conv(channels, 64, 1), Conv(64, 96, 3), Conv(96, 96, 3)
        self.branch_pool = Conv(channels, pooled, 1)

    def forward(self, x):
        return concatenate([self.branch1x1(x),
                            self.branch5x5_2(self.branch5x5_1(x)),
                            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
                            self.branch_pool.of_means(x)], axis=1)


class Reduce6(Module):
    """35 x 35 -> 17 x 17."""

    def __init__(self, channels):
        self.branch3x3 = Conv(channels, 384, 3, stride=2, padding=0)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(channels, 64, 1), Conv(64, 96, 3)
        self.branch3x3dbl_3 = Conv(96, 96, 3, stride=2, padding=0)

    def forward(self, x):
        return concatenate([self.branch3x3(x),
                            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
                            max_pool2d(x, 3, stride=2)], axis=1)


class Mixed6(Module):
    """17 x 17: 7x7 convolutions as pairs of 1x7 and 7x1."""

    def __init__(self, channels, inner):
        self.branch1x1 = Conv(channels, 192, 1)
        self.branch7x7_1, self.branch7x7_2 = Conv(channels, inner, 1), Conv(inner, inner, (1, 7))
        self.branch7x7_3 = Conv(inner, 192, (7, 1))
        self.branch7x7dbl_1, self.branch7x7dbl_2 = Conv(channels, inner, 1), Conv(inner, inner, (7, 1))
        self.branch7x7dbl_3, self.branch7x7dbl_4 = Conv(inner, inner, (1, 7)), Conv(inner, inner, (7, 1))
        self.branch7x7dbl_5 = Conv(inner, 192, (1, 7))
        self.branch_pool = Conv(channels, 192, 1)

    def forward(self, x):
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        return concatenate([self.branch1x1(x),
                            self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
                            self.branch7x7dbl_5(self.branch7x7dbl_4(double)),
                            self.branch_pool.of_means(x)], axis=1)


class Reduce7(Module):
    """17 x 17 -> 8 x 8."""

    def __init__(self, channels):
        self.branch3x3_1, self.branch3x3_2 = Conv(channels, 192, 1), Conv(192, 320, 3, stride=2, padding=0)
        self.branch7x7x3_1, self.branch7x7x3_2 = Conv(channels, 192, 1), Conv(192, 192, (1, 7))
        self.branch7x7x3_3, self.branch7x7x3_4 = Conv(192, 192, (7, 1)), Conv(192, 192, 3, stride=2, padding=0)

    def forward(self, x):
        return concatenate([self.branch3x3_2(self.branch3x3_1(x)),
                            self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))),
                            max_pool2d(x, 3, stride=2)], axis=1)


class Mixed7(Module):
    """8 x 8: 3x3 convolutions split into 1x3 beside 3x1; its pool takes means in the first of its kind, maxima in the last."""

    def __init__(self, channels, maxima):
        self.maxima = maxima
        self.branch1x1 = Conv(channels, 320, 1)
        self.branch3x3_1 = Conv(channels, 384, 1)
        self.branch3x3_2a, self.branch3x3_2b = Conv(384, 384, (1, 3)), Conv(384, 384, (3, 1))
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(channels, 448, 1), Conv(448, 384, 3)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = Conv(384, 384, (1, 3)), Conv(384, 384, (3, 1))
        self.branch_pool = Conv(channels, 192, 1)

    def forward(self, x):
        single, double = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return concatenate([self.branch1x1(x),
                            self.branch3x3_2a(single), self.branch3x3_2b(single),
                            self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double),
                            self.branch_pool(maximum(x)) if self.maxima else self.branch_pool.of_means(x)], axis=1)


def average(x):
    """3 x 3 means that keep the size; positions in the padding do not count."""
    return avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def maximum(x):
    """3 x 3 maxima that keep the size."""
    return max_pool2d(x, 3, stride=1, padding=1)
