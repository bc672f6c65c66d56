"""Conditional GANs: generator and discriminator are told the class, by an embedding of the label (Mirza & Osindero 2014).

    G(z, y): the embedding of y joins the noise.        D(x, y): the embedding of y, as large as one channel, joins the image.

So the discriminator can object to a picture that is good, but not of the class it was asked for.
"""
import numpy as np

from ..backend import host
from ..nn import Embedding, Module
from ..ops import concatenate, reshape
from ..ops.shaping import as_array
from .gan import IMAGE, DCGANDiscriminator, DCGANGenerator


def _labels(model, labels, n, classes):
    """Raise unless `labels` is (n,) integers in 0 .. classes - 1."""
    values = np.asarray(labels) if isinstance(labels, (list, tuple)) else host(as_array(labels))
    if values.dtype.kind not in "iu" or values.shape != (n,):
        raise ValueError(f"{model}: labels {values.shape} of {values.dtype} must be ({n},) integers, one class for each of the {n} samples")
    if n and not 0 <= values.min() <= values.max() < classes:
        raise ValueError(f"{model}: labels run from {values.min()} to {values.max()}; there are {classes} classes, 0 to {classes - 1}")
    return values


class ConditionalGenerator(Module):
    """Noise (N, z_dim) and labels (N,) -> images (N, C, H, W): `body`, a generator, fed (N, z_dim + width)."""

    def __init__(self, z_dim=96, classes=10, width=32, image=IMAGE, body=DCGANGenerator):
        self.classes = classes
        self.embedding = Embedding(classes, width)
        self.body = body(z_dim + width, image)

    def forward(self, z, labels):
        """z (N, z_dim), labels (N,) in 0 .. classes - 1 -> (N, C, H, W)."""
        labels = _labels("ConditionalGenerator", labels, len(z), self.classes)
        return self.body(concatenate([z, self.embedding(labels)], axis=1))


class ConditionalDiscriminator(Module):
    """Images (N, C, H, W) and labels (N,) -> logits (N, 1): `body`, a discriminator, fed one channel more, (N, C + 1, H, W)."""

    def __init__(self, classes=10, image=IMAGE, body=DCGANDiscriminator):
        channels, height, width = image
        self.classes = classes
        self.embedding = Embedding(classes, height * width)
        self.body = body((channels + 1, height, width))

    def forward(self, x, labels):
        """x (N, C, H, W), labels (N,) in 0 .. classes - 1 -> (N, 1)."""
        labels = _labels("ConditionalDiscriminator", labels, len(x), self.classes)
        channel = reshape(self.embedding(labels), shape=(len(x), 1, *x.shape[2:]))
        return self.body(concatenate([x, channel], axis=1))
