"""Does a generator cover its target? Modes of a 2-D mixture, and classes of labelled images.

Abundance alone does not show quality and quality alone does not show coverage, so each result carries both kinds of number.
"""
from typing import NamedTuple

import numpy as np

from .checks import as_array, as_features, as_labels


class ModeCoverage(NamedTuple):
    """hit: modes reached.  modes: modes there are.  quality: share of samples within the radius of a mode.
    shares (K,): share of all samples within the radius of each mode."""
    hit: int
    modes: int
    quality: float
    shares: np.ndarray

    def __str__(self):
        return (f"{self.hit}/{self.modes} modes, {self.quality:.1%} of samples near one, "
                f"shares {self.shares.min():.1%} to {self.shares.max():.1%}")


class ClassAbundance(NamedTuple):
    """shares (K,): share of each class.  entropy: in nats, log K when uniform.  total_variation: from uniform, in [0, 1 - 1/K].
    missing: classes with no sample.  count: samples."""
    shares: np.ndarray
    entropy: float
    total_variation: float
    missing: tuple
    count: int

    def __str__(self):
        present = len(self.shares) - len(self.missing)
        return (f"{present}/{len(self.shares)} classes, entropy {self.entropy:.3f} of {np.log(len(self.shares)):.3f} nats, "
                f"total variation from uniform {self.total_variation:.3f} | N = {self.count:,}")


def mode_coverage(samples, centres, sigma, *, radius=3.0, minimum=1):
    """Modes of a mixture hit by samples (N, D), with centres (K, D) and component standard deviation sigma (a number or (K,)).

    A sample belongs to its nearest centre, and is near it within radius * sigma; a mode is hit when at least `minimum` samples are near it.
    Raises ValueError for shapes that do not match, NaN, sigma or radius not positive.
    Source: Srivastava et al. 2017 (VEEGAN), section 5.1, and Lin et al. 2018 (PacGAN), with three standard deviations.
    """
    samples, centres = as_features(samples, "mode_coverage", "samples", 1), as_features(centres, "mode_coverage", "centres", 1)
    if samples.shape[1] != centres.shape[1]:
        raise ValueError(f"mode_coverage: samples {samples.shape} and centres {centres.shape} differ in dimension (axis 1)")
    sigma = np.asarray(sigma, np.float64)
    if sigma.shape not in ((), (len(centres),)) or not (sigma > 0).all() or not radius > 0:
        raise ValueError(f"mode_coverage: sigma {sigma.tolist()} must be one positive number, or one for each of the "
                         f"{len(centres)} centres, and radius = {radius} positive")
    distances = np.linalg.norm(samples[:, None, :] - centres[None, :, :], axis=2)
    mode = distances.argmin(axis=1)
    near = distances[np.arange(len(samples)), mode] <= radius * np.broadcast_to(sigma, len(centres))[mode]
    counts = np.bincount(mode[near], minlength=len(centres))
    return ModeCoverage(int((counts >= minimum).sum()), len(centres), float(near.mean()), counts / len(samples))


def class_abundance(labels, classes=10):
    """Share of each class among integer labels (N,), with entropy and total variation from uniform.

    entropy = -sum p log p (nats); total variation = 1/2 sum |p - 1/K|. Raises TypeError or ValueError for labels outside 0 .. classes - 1.
    """
    labels = as_labels(labels, "class_abundance", "labels", classes=classes)
    counts = np.bincount(labels, minlength=classes)
    shares = counts / len(labels)
    missing = tuple(np.flatnonzero(counts == 0).tolist())
    return ClassAbundance(shares, histogram_entropy(shares), float(np.abs(shares - 1 / classes).sum() / 2), missing, len(labels))


def histogram_entropy(shares):
    """-sum p log p in nats, with 0 log 0 = 0, of counts or shares (K,); they are normalised first."""
    shares = as_array(shares).astype(np.float64)
    if shares.ndim != 1 or (shares < 0).any() or not shares.sum() > 0:
        raise ValueError(f"histogram_entropy: shares {shares.shape} must be (K,), non-negative, with a positive sum")
    p = shares[shares > 0] / shares.sum()
    return float(-(p * np.log(p)).sum()) + 0.0                  # + 0.0: never -0.0
