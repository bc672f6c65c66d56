"""How far apart are two distributions? The measures that the VAE and GAN families are built on, each with its own answer.

In reading order:
    densities.py   KL, Jensen-Shannon and total variation: from probabilities, from grids, and for Gaussians
    mmd.py         maximum mean discrepancy: from samples, and for Gaussians
    transport.py   Wasserstein distances: exact in one dimension, exact by optimal transport, sliced, and for Gaussians
    sinkhorn.py    entropic optimal transport and the Sinkhorn divergence
    floor.py       what an estimator reads for two samples of one and the same distribution

Samples are (N, D), one row a sample (one-dimensional ones may be (N,)). `mmd`, `wasserstein_1d`, `wasserstein`, `sliced_wasserstein`,
`sinkhorn` and `sinkhorn_divergence` work like the operations: arrays in, a number out; Tensors in, a Tensor out that can be differentiated.
"""
from .densities import js, js_gaussian, kl, kl_gaussian, total_variation
from .floor import noise_floor
from .mmd import median_distance, mmd, mmd_gaussian
from .sinkhorn import sinkhorn, sinkhorn_divergence, sinkhorn_plan
from .transport import sliced_wasserstein, transport_plan, wasserstein, wasserstein_1d, wasserstein_gaussian

__all__ = ["js", "js_gaussian", "kl", "kl_gaussian", "median_distance", "mmd", "mmd_gaussian", "noise_floor", "sinkhorn",
           "sinkhorn_divergence", "sinkhorn_plan", "sliced_wasserstein", "total_variation", "transport_plan", "wasserstein",
           "wasserstein_1d", "wasserstein_gaussian"]
