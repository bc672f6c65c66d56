"""What a trained VAE is measured by: likelihood per dimension, units in use, the likelihood itself."""
import math

import numpy as np

from ..autograd import no_grad
from ..backend import host
from ..ops import as_array
from .vae import log_mean_weight


def bits_per_dimension(nats, dimensions, *, levels=None):
    """nats / (dimensions log 2): nats per example of `dimensions` numbers as bits for each.

    levels: how many values a number had before it was scaled to [0, 1], for a density (256 for bytes): its log2 is added, since a
    density over [0, 1] is `levels` times that over [0, levels). None where nats is a probability, as with binary pixels.
    """
    if dimensions < 1:
        raise ValueError(f"bits_per_dimension: dimensions = {dimensions} must be at least 1")
    return nats / (dimensions * math.log(2)) + (math.log2(levels) if levels else 0.0)


def active_units(mu, threshold=0.01):
    """How many dimensions of the code depend on x: those of mu (N, L), the means of q(z|x), with a variance over x above `threshold`.

    Source: Burda et al. 2016, section 5.2.
    """
    values = host(as_array(mu))
    if values.ndim != 2 or len(values) < 2:
        raise ValueError(f"active_units: mu {values.shape} must be (N, L) with N >= 2, the means of q(z|x) for many x")
    return int((values.var(axis=0) > threshold).sum())


@no_grad()
def importance_nll(draw, samples=5000, *, chunk=50):
    """An estimate of -log p(x_n) by importance sampling with q(z|x), (N,) float64: -log 1/K sum_k w_kn over K = samples draws.

    draw(k) returns the log-weights (k, N) of k fresh draws for each example; it is asked for at most `chunk` at a time. The estimate
    is an upper bound on average, and falls with K. Source: Rezende et al. 2014, appendix E; Burda et al. 2016.
    """
    if samples < 1 or chunk < 1:
        raise ValueError(f"importance_nll: samples = {samples} and chunk = {chunk} must be at least 1")
    total = None
    for start in range(0, samples, chunk):
        k = min(chunk, samples - start)
        part = host(as_array(log_mean_weight(draw(k)))).astype(np.float64) + math.log(k)
        total = part if total is None else np.logaddexp(total, part)
    return math.log(samples) - total
