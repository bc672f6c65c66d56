"""Conditional GANs: generator and discriminator are told the class, by an embedding e_y of the label (Mirza & Osindero 2014).

    G(z, y): e_y joins the noise.        D(x, y) = w . f(x) + b + e_y . f(x), f the last hidden layer: a projection.

So the discriminator can object to a picture that is good, but not of the class it was asked for (Miyato & Koyama 2018). What was
measured on clothes, DCGAN after 400 steps: the projection makes what it is asked for in 80 % of samples, an image of the label beside the
real image, in 41 %.

The generator's embedding starts small. From N(0, 1) the labels drown the noise, and each class becomes one picture: within a class the pixels'
standard deviation falls to .03 in 400 steps, and stays there, where that of real images is .38; from N(0, .03^2) it is .29.
"""
import numpy as np

from ..backend import host
from ..nn import Embedding, Module, init
from ..ops import concatenate
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
        init.normal_(self.embedding.weight, std=0.03)
        self.body = body(z_dim + width, image)

    def forward(self, z, labels):
        """z (N, z_dim), labels (N,) in 0 .. classes - 1 -> (N, C, H, W)."""
        labels = _labels("ConditionalGenerator", labels, len(z), self.classes)
        return self.body(concatenate([z, self.embedding(labels)], axis=1))


class ConditionalDiscriminator(Module):
    """Images (N, C, H, W) and labels (N,) -> logits (N, 1): `body`, a discriminator that ends in a linear layer, and a projection.

    The embedding has as many numbers as that layer has inputs.
    """

    def __init__(self, classes=10, image=IMAGE, body=DCGANDiscriminator):
        layers = body(image)
        self.classes = classes
        self.body, self.head = layers[:-1], layers[-1]
        width = self.head.weight.shape[1]
        self.embedding = Embedding(classes, width)
        init.normal_(self.embedding.weight, std=width ** -0.5)

    def forward(self, x, labels):
        """x (N, C, H, W), labels (N,) in 0 .. classes - 1 -> (N, 1)."""
        labels = _labels("ConditionalDiscriminator", labels, len(x), self.classes)
        features = self.body(x)
        return self.head(features) + (self.embedding(labels) * features).sum(axis=1, keepdims=True)
