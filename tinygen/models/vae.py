"""Variational autoencoders: an encoder q(z|x), a decoder p(x|z), a prior p(z), and what can be done with the three.

    model = DenseVAE(hidden=(400,), latent=20)
    distortion, rate = model.terms(x)                   # (N,) each, in nats; one draw of z
    losses.beta_vae(distortion, rate).loss              # minus the ELBO

Images are rows x (N, pixels) in [0, 1]. A subclass with another likelihood overrides `distortion` and `mean`, one with another
prior `log_prior` and `draw_prior`, one whose encoder and decoder are told something besides, such as labels, `encode` and `decode`:
`given` in the other methods is passed on to these two. What draws or decodes for looking at (`sample`, `generate`, `codes`, `reconstruct`) runs in eval
mode, records nothing, takes arrays from anywhere and returns NumPy arrays on the host.
"""
import functools

import numpy as np

from .. import ops
from ..autograd import no_grad
from ..backend import host, standard_normal, to
from ..data import to_float
from ..distributions import logpdf_standard_normal, sample_gaussian
from ..losses import vae
from ..nn import (Conv2d, ConvTranspose2d, Flatten, Linear, Module, Parameter, ReLU, Sequential, Sigmoid, Tanh, Unflatten, eval_mode)
from .mlp import mlp


def for_looking(method):
    """A method of a Module that runs in eval mode and records nothing."""
    @functools.wraps(method)
    def run(self, *arguments, **options):
        with eval_mode(self), no_grad():
            return method(self, *arguments, **options)
    return run


class VAE(Module):
    """q(z|x) = N(mu, diag exp(logvar)) with [mu, logvar] = encoder(x);  x|z Bernoulli with logits = decoder(z);  z ~ N(0, I).

    encoder: (N, ...) -> (N, 2 latent).  decoder: (N, latent) -> logits (N, ...).
    """

    def __init__(self, encoder, decoder, latent):
        check_latent(type(self).__name__, latent)
        self.encoder, self.decoder, self.latent = encoder, decoder, latent

    # ---- the three distributions ----

    def encode(self, x):
        """x (N, ...) -> mu, logvar (N, latent) each."""
        h = self.encoder(x)
        return h[:, :self.latent], h[:, self.latent:]

    def decode(self, z):
        """z (N, latent) -> logits (N, ...)."""
        return self.decoder(z)

    def forward(self, x, *given):
        """x (N, ...) -> logits (N, ...) at one draw z ~ q(z|x), and z, mu, logvar (N, latent)."""
        mu, logvar = self.encode(x, *given)
        z = sample_gaussian(mu, logvar)
        return self.decode(z, *given), z, mu, logvar

    def distortion(self, output, x):
        """-log p(x|z), (N,), from the decoder's output."""
        return vae.bernoulli(output, x)

    def mean(self, output):
        """E[x|z] from the decoder's output: what is shown."""
        return ops.sigmoid(output)

    def log_prior(self, z):
        """log p(z), (N,)."""
        return logpdf_standard_normal(z)

    def draw_prior(self, count):
        """z ~ p(z), (count, latent), as an array."""
        return standard_normal((count, self.latent), like=self.parameters()[0])

    # ---- the bound ----

    def terms(self, x, *given):
        """distortion and rate, (N,) each, in nats: -log p(x|z) at one draw of z, and KL(q(z|x) || p(z))."""
        output, _, mu, logvar = self(x, *given)
        return self.distortion(output, x), vae.rate(mu, logvar)

    def log_weights(self, x, k, *given):
        """log p(x, z) - log q(z|x) for k draws of z for each example: (k, N)."""
        mu, logvar = (repeated(p, k) for p in self.encode(x, *given))
        z = sample_gaussian(mu, logvar)
        distortion = self.distortion(self.decode(z, *(repeated(g, k) for g in given)), repeated(x, k))
        weights = vae.log_weight(distortion, vae.sampled_rate(z, mu, logvar, self.log_prior(z)))
        return ops.reshape(weights, shape=(k, x.shape[0]))

    # ---- looking ----

    @for_looking
    def generate(self, z, *given):
        """The image E[x|z] of each code z (N, latent)."""
        return host(ops.as_array(self.mean(self.decode(as_input(z, self), *given))))

    def sample(self, count, *given):
        """`count` images E[x|z], z ~ p(z)."""
        return self.generate(self.draw_prior(count), *given)

    @for_looking
    def codes(self, x, *given):
        """The means of q(z|x), (N, latent)."""
        return host(ops.as_array(self.encode(as_input(x, self), *given)[0]))

    @for_looking
    def draw_codes(self, x, *given):
        """One draw of q(z|x) for each x, (N, latent)."""
        return host(ops.as_array(self(as_input(x, self), *given)[1]))

    def reconstruct(self, x, *given):
        """The image of the mean code of each x."""
        return self.generate(self.codes(x, *given), *given)


def check_latent(model, latent, name="latent"):
    """Raise ValueError unless `latent`, which the model calls `name`, is a positive integer."""
    if isinstance(latent, bool) or not isinstance(latent, (int, np.integer)) or latent < 1:
        raise ValueError(f"{model}: {name} = {latent!r} must be an integer, 1 or more: without a code there is nothing to decode")


def repeated(x, k):
    """x (N, ...) k times over, one after the other: (k N, ...)."""
    return ops.reshape(ops.broadcast_to(x, shape=(k, *x.shape)), shape=(k * x.shape[0], *x.shape[1:]))


def as_input(values, module):
    """Values, bytes or floats, as an array with the dtype and on the device of the module's parameters."""
    parameter = module.parameters()[0]
    return to(to_float(ops.as_array(values)).astype(parameter.dtype, copy=False), parameter.device)


@no_grad()
def evaluate(model, data, *given, batch_size=500):
    """(distortion, rate): means of `model.terms` over a data set, in nats per example, in eval mode; one draw of z each.

    data (N, ...): uint8 images or floats; given: more arrays (N, ...) that `terms` takes, such as labels. -ELBO is the sum of the two.
    """
    if not len(data):
        raise ValueError(f"evaluate: data {np.shape(data)} holds no example")
    totals = np.zeros(2)
    with eval_mode(model):
        for start in range(0, len(data), batch_size):
            part = slice(start, start + batch_size)
            totals += [float(term.sum()) for term in model.terms(as_input(data[part], model), *(g[part] for g in given))]
    return tuple(totals / len(data))


# ---- architectures -----------------------------------------------------------------------------------------------------------


class DenseVAE(VAE):
    """pixels - hidden - latent - hidden reversed - pixels. The default, 784-400-20-400-784 with ReLU, has 652,824 parameters."""

    def __init__(self, hidden=(400,), latent=20, activation=ReLU, pixels=784):
        check_latent(type(self).__name__, latent)
        super().__init__(mlp(pixels, *hidden, 2 * latent, activation=activation),
                         mlp(latent, *hidden[::-1], pixels, activation=activation), latent)


class SheetVAE(VAE):
    """Sheet 001: encoder 784-500-(2, 2) with tanh, decoder 2-500-784: 788,788 parameters.

    The sheet asks for a decoder of "two hidden layers, followed each by a non linearity: tanh after the first layer and sigmoid after
    the second". With one hidden layer the second layer is the output, whose sigmoid gives the probabilities (the sheet's template).
    With two, 2-500-500-784, tanh and sigmoid both follow hidden layers: 1,039,288 parameters.
    """

    def __init__(self, hidden_layers=1, latent=2, hidden=500, pixels=784):
        check_latent("SheetVAE", latent)
        if hidden_layers not in (1, 2):
            raise ValueError(f"SheetVAE: hidden_layers = {hidden_layers!r}: the sheet can be read as 1 or as 2")
        middle = [Linear(hidden, hidden), Sigmoid()] if hidden_layers == 2 else []
        super().__init__(mlp(pixels, hidden, 2 * latent, activation=Tanh),
                         Sequential(Linear(latent, hidden), Tanh(), *middle, Linear(hidden, pixels)), latent)


class GaussianVAE(DenseVAE):
    """A DenseVAE whose x|z is N(decoder(z), sigma^2): sigma a number, or None to learn one for all pixels, from 0.3 (that of MNIST's pixels)."""

    def __init__(self, hidden=(400,), latent=20, activation=ReLU, pixels=784, sigma=None):
        super().__init__(hidden, latent, activation, pixels)
        if sigma is not None and not sigma > 0:
            raise ValueError(f"GaussianVAE: sigma = {sigma} must be positive, or None to learn it")
        start = 2 * float(np.log(0.3 if sigma is None else sigma))
        self.logvar = Parameter(np.full(1, start, np.float32)) if sigma is None else start

    def distortion(self, output, x):
        """-log N(x; output, exp(logvar)), (N,)."""
        return vae.gaussian(output, x, self.logvar)

    def mean(self, output):
        """The output, kept within [0, 1]."""
        return ops.clip(output, low=0.0, high=1.0)


class ConvVAE(VAE):
    """28 x 28 images as rows (N, 784): conv `width` and 2 `width`, 4x4 s2, ReLU, down to 7 x 7; the decoder is the mirror image."""

    def __init__(self, latent=20, width=32):
        check_latent("ConvVAE", latent)
        wide = 2 * width
        super().__init__(
            Sequential(Unflatten(1, 28, 28), Conv2d(1, width, 4, 2, 1), ReLU(), Conv2d(width, wide, 4, 2, 1), ReLU(),
                       Flatten(), Linear(wide * 49, 2 * latent)),
            Sequential(Linear(latent, wide * 49), ReLU(), Unflatten(wide, 7, 7), ConvTranspose2d(wide, width, 4, 2, 1), ReLU(),
                       ConvTranspose2d(width, 1, 4, 2, 1), Flatten()), latent)


class ConditionalVAE(VAE):
    """p(x|z, y) and q(z|x, y): the label y joins both the image and the code as a one-hot vector (Sohn et al. 2015)."""

    def __init__(self, classes=10, hidden=(400,), latent=20, activation=ReLU, pixels=784):
        check_latent("ConditionalVAE", latent)
        self.classes = classes
        super().__init__(mlp(pixels + classes, *hidden, 2 * latent, activation=activation),
                         mlp(latent + classes, *hidden[::-1], pixels, activation=activation), latent)

    def _with_labels(self, values, labels):
        if len(labels) != values.shape[0]:
            raise ValueError(f"ConditionalVAE: labels {np.shape(labels)} must be ({values.shape[0]},), one a row of {values.shape}")
        return ops.concatenate([values, ops.one_hot(labels, self.classes, like=values)], axis=1)

    def encode(self, x, labels):
        """x (N, pixels), labels (N,) integers -> mu, logvar (N, latent)."""
        return super().encode(self._with_labels(x, labels))

    def decode(self, z, labels):
        """z (N, latent), labels (N,) -> logits (N, pixels)."""
        return super().decode(self._with_labels(z, labels))
