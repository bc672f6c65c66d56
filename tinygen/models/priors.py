"""VAEs that learn their prior: a mixture of Gaussians in the code's space, free, or the encoder's view of pseudo-inputs.

The prior that is best for a given encoder is the aggregate posterior, q(z) = mean_n q(z|x_n); a mixture of few components comes closer
to it than N(0, I). There is no closed form for the rate, so it is sampled: log q(z|x) - log p(z).
"""

import numpy as np

from .. import ops
from ..autograd import mark_updated
from ..backend import generator, standard_normal, to
from ..data.batches import to_float
from ..distributions import check_unit_interval, logpdf_gaussian_mixture
from ..losses import vae
from ..nn import Parameter, ReLU
from .vae import DenseVAE, for_looking


class MixturePriorVAE(DenseVAE):
    """p(z) = 1/K sum_k N(z; mu_k, diag exp(logvar_k)), with means and variances of their own, learned with the rest."""

    def __init__(self, components=100, hidden=(400,), latent=20, activation=ReLU, pixels=784):
        super().__init__(hidden, latent, activation, pixels)
        if components < 1:
            raise ValueError(f"{type(self).__name__}: components = {components} must be at least 1")
        self._make_components(components, pixels)

    def _make_components(self, components, pixels):
        self.prior_mu = Parameter(standard_normal((components, self.latent)))
        self.prior_logvar = Parameter(np.zeros((components, self.latent), np.float32))

    def components(self):
        """mu, logvar (K, latent) of the prior's components."""
        return self.prior_mu, self.prior_logvar

    def log_prior(self, z):
        """log p(z), (N,)."""
        return logpdf_gaussian_mixture(z, *self.components())

    @for_looking
    def draw_prior(self, count):
        """z ~ p(z), (count, latent), as an array."""
        mu, logvar = (ops.as_array(p) for p in self.components())
        chosen = to(generator().integers(0, len(mu), count), self.parameters()[0].device)
        return mu[chosen] + standard_normal((count, self.latent), like=mu) * ops.exp(0.5 * logvar[chosen])

    def terms(self, x):
        """distortion and sampled rate, (N,) each, at one draw of z."""
        output, z, mu, logvar = self(x)
        return self.distortion(output, x), vae.sampled_rate(z, mu, logvar, self.log_prior(z))


class VampVAE(MixturePriorVAE):
    """p(z) = 1/K sum_k q(z|u_k): each component is the encoder's answer to a learned pseudo-input u_k in [0, 1] (Tomczak & Welling 2018).

    `start_from(images)` sets the pseudo-inputs to K images, which the authors recommend.
    """

    def _make_components(self, components, pixels):
        self.pseudo_inputs = Parameter(0.1 * standard_normal((components, pixels)) - 1.0)      # logits

    def start_from(self, images):
        """Begin with images (K, pixels) in [0, 1] as pseudo-inputs; returns the model."""
        if images.shape != self.pseudo_inputs.shape:
            raise ValueError(f"VampVAE.start_from: images {images.shape} must be {self.pseudo_inputs.shape}, one a component")
        images = to_float(ops.as_array(images))
        check_unit_interval("VampVAE.start_from", "images", images)
        p = np.clip(images, 0.01, 0.99)
        u = self.pseudo_inputs
        u.data = to(np.log(p / (1 - p)).astype(u.dtype), u.device)
        mark_updated(u)
        return self

    def components(self):
        """mu, logvar (K, latent) of q(z|u_k)."""
        return self.encode(ops.sigmoid(self.pseudo_inputs))
