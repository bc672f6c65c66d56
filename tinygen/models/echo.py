"""Echo noise: an encoder whose noise is other codes, so that the rate is known exactly (Brekelmans et al. 2019).

    z = m(x) + s(x) * z',    z' drawn like z, from a new x':    z = m(x) + s(x) m(x1) + s(x) s(x1) m(x2) + ...

elementwise, with |s| < 1. Given x, z is an affine image of z', so H(z|x) = H(z) + E log|det S(x)|, and the rate needs no prior:

    E_x KL(q(z|x) || q(z)) = I(x; z) = -E log|det S(x)| = -E sum_d log s_d(x).

The marginal q(z) of the code is itself what the rate is measured against; to sample it, draw z' without an x.
"""
import functools
import math

import numpy as np

from .. import ops
from ..backend import generator, host, xp
from ..nn import ReLU
from .mlp import mlp
from .vae import VAE, as_input, check_latent, for_looking


def error_bound(scale, depth, bound=1.0):
    """bound * scale^depth / (1 - scale): what the terms after the first `depth` echoes add at most, for |m| <= bound and |s| <= scale."""
    return bound * scale ** depth / (1 - scale)


@functools.cache
def largest_scale(depth, bound=1.0, precision=2.0 ** -23):
    """The largest scale in (0, 1) whose `error_bound` at this depth is below `precision`, float32's by default: 0.837 for 100 echoes.

    Raises ValueError for a depth below 1.
    """
    if depth < 1:
        raise ValueError(f"largest_scale: depth = {depth} must be at least 1")
    low, high = 0.0, 1.0
    for _ in range(60):                                                                 # the bound grows with the scale: bisection
        middle = 0.5 * (low + high)
        low, high = (middle, high) if error_bound(middle, depth, bound) < precision else (low, middle)
    return low


def echo_indices(rng, count, depth, sources, *, replace=False, skip_self=True):
    """For each of `count` codes the `depth` other examples, out of `sources`, that its noise is made of: (count, depth) integers.

    Without replacement no example is used twice in one noise, and with `skip_self` row i never uses example i (its own image would
    correlate noise and signal); with replacement all draws are independent. Raises ValueError if there are too few sources.
    """
    available = sources - 1 if skip_self else sources
    if depth < 1 or count < 1 or available < 1 or (not replace and depth > available):
        raise ValueError(f"echo_indices: {depth} echoes of {count} codes from {sources} examples{' without the own one' if skip_self else ''}"
                         f"{'' if replace else ', none twice'}: at most {available} echoes are possible; use a larger batch, fewer echoes, "
                         "or replace=True")
    if replace:
        chosen = rng.integers(0, available, (count, depth))
    else:
        chosen = rng.permuted(np.tile(np.arange(available), (count, 1)), axis=1)[:, :depth]
    return chosen + (chosen >= np.arange(count)[:, None]) if skip_self else chosen       # leave the own index out


def echo_noise(m, log_s, indices):
    """z' = m(x1) + s(x1) m(x2) + s(x1) s(x2) m(x3) + ..., (B, D), over the examples x1, x2, ... that `indices` (B, depth) names.

    m, log_s (N, D). The product before an echo is exp(sum of log s), so that nothing underflows on the way. Picking the echoes and
    summing what lies before each are matrix products, with a one-hot matrix and a strictly triangular one: faster, backwards too, than
    indexing and cumulative sums.
    """
    array = ops.as_array(m)
    count, depth = indices.shape
    pick = ops.one_hot(indices.reshape(-1), len(array), like=array)                     # (B * depth, N)
    m, log_s = (ops.reshape(ops.matmul(pick, of_all), shape=(count, depth, array.shape[1])) for of_all in (m, log_s))
    before = _lower_triangle(depth, array.dtype, xp(array))
    return (m * ops.exp(ops.matmul(before, log_s))).sum(axis=1)


@functools.lru_cache(maxsize=8)
def _lower_triangle(depth, dtype, module):
    """Ones strictly below the diagonal, (depth, depth), on the device of `module`: uploaded once."""
    return module.asarray(np.tri(depth, k=-1, dtype=dtype))


class EchoVAE(VAE):
    """A dense VAE with Echo noise: pixels - hidden - (m, s), latent - hidden reversed - pixels, as many parameters as a DenseVAE.

    With h, k the two halves of the encoder's output: m(x) = bound tanh(h / bound), so |m| < bound, and log s(x) = log scale + log
    sigmoid(k), so 0 < s < scale, the largest scale for which the echoes left out stay below float32's precision. Codes of size 1 lie where
    the tanh is straight: with a bound of 1, as in the paper, it saturates, and training is slower. During training and in `evaluate` the
    echoes come from the batch itself, which must therefore hold more than `depth` examples (unless `replace`).
    Source: Brekelmans, Moyer, Galstyan & Ver Steeg 2019, "Exact rate-distortion in autoencoders via Echo noise".
    """

    def __init__(self, hidden=(400,), latent=20, activation=ReLU, pixels=784, depth=99, replace=False, bound=16.0):
        check_latent("EchoVAE", latent)
        super().__init__(mlp(pixels, *hidden, 2 * latent, activation=activation), mlp(latent, *hidden[::-1], pixels, activation=activation),
                         latent)
        self.depth, self.replace, self.bound, self.log_scale = depth, replace, bound, math.log(largest_scale(depth, bound))

    def encode(self, x):
        """x (N, pixels) -> m and log s, (N, latent) each."""
        h = self.encoder(x)
        m = ops.tanh(h[:, :self.latent] * (1 / self.bound)) * self.bound
        return m, ops.log_sigmoid(h[:, self.latent:]) + self.log_scale

    def forward(self, x):
        """x (N, pixels) -> logits, z, m, log s, with noise from the other examples of x."""
        m, log_s = self.encode(x)
        indices = echo_indices(generator(), x.shape[0], self.depth, x.shape[0], replace=self.replace)
        z = m + ops.exp(log_s) * echo_noise(m, log_s, indices)
        return self.decode(z), z, m, log_s

    def terms(self, x):
        """distortion at one draw of z, and -sum log s(x), (N,) each, in nats. The rate is exact on average over x."""
        logits, _, _, log_s = self(x)
        return self.distortion(logits, x), -log_s.sum(axis=1)

    def log_prior(self, z):
        """There is none in closed form: the marginal q(z) takes the place of the prior."""
        raise NotImplementedError("EchoVAE: q(z) can be sampled, but its density is not known; compare distortion and rate instead")

    @for_looking
    def draw_marginal(self, x, count, *, at_once=100, among=500):
        """z ~ q(z), (count, latent): echoes of examples out of x (N, pixels), as a NumPy array.

        `at_once` codes are made from the same `among` random examples, with replacement; of 100 echoes few ever meet.
        """
        rng, parts = generator(), []
        for start in range(0, count, at_once):
            m, log_s = self.encode(as_input(x[rng.choice(len(x), min(among, len(x)), replace=False)], self))
            indices = echo_indices(rng, min(at_once, count - start), self.depth, len(m), replace=True, skip_self=False)
            parts.append(host(ops.as_array(echo_noise(m, log_s, indices))))
        return np.concatenate(parts)

    def draw_prior(self, count):
        """Raises: q(z) is made of examples; use `draw_marginal(x, count)`."""
        raise NotImplementedError("EchoVAE: the marginal of the code is sampled from data: model.generate(model.draw_marginal(x, count))")
