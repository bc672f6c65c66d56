"""Autoencoders: an image to a code and back. What keeps them from learning the identity is in their widths, in losses/autoencoder.py
(sparsity, contraction) and in models/corruption.py (noise).

Images and points are rows x (N, D). As with VAEs, what is for looking runs in eval mode and returns NumPy arrays on the host.
"""
from .. import ops
from ..backend import host
from ..nn import Linear, Module, ReLU, Sequential, Sigmoid
from .mlp import mlp
from .vae import as_input, check_latent, for_looking


class Autoencoder(Module):
    """x -> code = encoder(x) -> decoder(code), both (N, ...) -> (N, ...)."""

    def __init__(self, encoder, decoder):
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x):
        """x (N, D) -> (N, D): the decoder's output."""
        return self.decoder(self.encoder(x))

    def mean(self, output):
        """What is shown: the output itself."""
        return output

    @for_looking
    def codes(self, x):
        """The codes of x, as a NumPy array."""
        return host(ops.as_array(self.encoder(as_input(x, self))))

    @for_looking
    def generate(self, code):
        """What given codes decode to, as a NumPy array."""
        return host(ops.as_array(self.mean(self.decoder(as_input(code, self)))))

    def reconstruct(self, x):
        """x through code and back, as a NumPy array."""
        return self.generate(self.codes(x))


class DenseAutoencoder(Autoencoder):
    """pixels - hidden - code - hidden reversed - pixels, ReLU between, the output a logit of each pixel; the code is linear.

    By default three layers each way, 784-512-128-2-128-512-784: 936,466 parameters.
    """

    def __init__(self, hidden=(512, 128), code=2, activation=ReLU, pixels=784):
        check_latent("DenseAutoencoder", code, "code")
        super().__init__(mlp(pixels, *hidden, code, activation=activation), mlp(code, *hidden[::-1], pixels, activation=activation))

    def mean(self, output):
        """Pixels, from their logits."""
        return ops.sigmoid(output)


class LinearAutoencoder(Autoencoder):
    """y = decoder(encoder(x)), both affine: D - width - D. At its optimum the error is that of PCA with `width` components.

    Source: Baldi & Hornik 1989.
    """

    def __init__(self, dimension, width):
        super().__init__(Linear(dimension, width), Linear(width, dimension))


class SigmoidAutoencoder(Autoencoder):
    """One hidden layer of sigmoids and a linear output, D - width - D. The codes lie in (0, 1), as a sparsity penalty needs them."""

    def __init__(self, dimension, width):
        super().__init__(Sequential(Linear(dimension, width), Sigmoid()), Linear(width, dimension))
