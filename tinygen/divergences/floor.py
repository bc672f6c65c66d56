"""The number below which an estimate says nothing: what it reads for two samples of one and the same distribution."""
from typing import NamedTuple

import numpy as np


class NoiseFloor(NamedTuple):
    """mean and standard deviation of the estimate over `repeats` pairs of samples of `n` each, both from one distribution."""
    mean: float
    deviation: float
    n: int
    repeats: int

    def __str__(self):
        return f"{self.mean:.4g} +- {self.deviation:.2g} (two samples of {self.n:,} from one distribution, {self.repeats} pairs)"


def noise_floor(divergence, sample, n, *, repeats=20, seed=0):
    """Mean and deviation of divergence(x, y) over pairs of independent samples x, y of the same distribution, as a `NoiseFloor`.

    divergence: a function of two sample arrays.  sample(n, rng): n samples from a numpy.random.Generator.
    A divergence of two different distributions means something where it stands clear of this floor.
    Raises ValueError for n < 2 or fewer than two repeats.
    """
    if n < 2 or repeats < 2:
        raise ValueError(f"noise_floor: n = {n}, repeats = {repeats}; both must be at least 2, for a mean and a deviation")
    rng = np.random.default_rng(seed)
    estimates = [float(divergence(sample(n, rng), sample(n, rng))) for _ in range(repeats)]
    return NoiseFloor(float(np.mean(estimates)), float(np.std(estimates, ddof=1)), n, repeats)
