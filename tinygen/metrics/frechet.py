"""Distances between two sets of features: Fréchet (Gaussian moments) and kernel (all moments a cubic kernel sees).

Both take features (N, D); with the features of `inception.py` they are FID and KID, with any others they are not. A second number
belongs beside each of them: the same distance between two sets of real samples (`real_pair`): what is within it is as good as real.
"""
from typing import NamedTuple

import numpy as np

from .checks import as_array, as_feature_pair, as_features
from .score import Score

BLOCK = 8192                                                    # rows at a time


class Statistics(NamedTuple):
    """First two moments of a feature set: mean (D,), covariance (D, D) with divisor N - 1, count N; float64."""
    mean: np.ndarray
    covariance: np.ndarray
    count: int


def statistics(features):
    """Mean and unbiased covariance, in float64, of features (N, D).

    Raises ValueError for fewer than two rows, another rank, NaN or infinity.
    """
    features = as_features(features, "statistics", "features")
    mean = features.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((len(mean), len(mean)))
    for start in range(0, len(features), BLOCK):                # in blocks: 50,000 Inception features in float64 are 0.8 GB
        centred = features[start:start + BLOCK] - mean
        scatter += centred.T @ centred
    return Statistics(mean, scatter / (len(features) - 1), len(features))


def frechet_distance(mu1, cov1, mu2, cov2):
    """|mu1 - mu2|^2 + tr(S1) + tr(S2) - 2 tr sqrt(sqrt(S1) S2 sqrt(S1)), the squared Wasserstein-2 distance of two Gaussians.

    mu (D,), cov (D, D). The product under the last root is symmetric, so its eigenvalues are real and `eigh` finds them: no complex
    results, no offset on the diagonal, rank-deficient covariances are fine.  (S1 S2 itself, which `sqrtm` is often given, is not symmetric.)
    Raises ValueError for shapes that do not match, NaN, or a matrix that is not a covariance.
    Source: Dowson and Landau 1982, Eq. 4; as FID: Heusel et al. 2017, Eq. 6.
    """
    mu1, cov1 = _as_moments(mu1, cov1, 1)
    mu2, cov2 = _as_moments(mu2, cov2, 2)
    if mu1.shape != mu2.shape:
        raise ValueError(f"frechet_distance: mu1 {mu1.shape} and mu2 {mu2.shape} differ in length; take both from the same extractor")
    root = _root(cov1, "cov1")
    _root(cov2, "cov2", only_check=True)
    product = root @ cov2 @ root
    eigenvalues = np.linalg.eigvalsh((product + product.T) / 2)
    difference = mu1 - mu2
    squared = difference @ difference + np.trace(cov1) + np.trace(cov2) - 2 * np.sqrt(_without_noise(eigenvalues)).sum()
    return max(float(squared), 0.0)                             # rounding can leave -1e-13 for equal sets


def frechet_score(features_a, features_b, *, name="Fréchet distance", **described):
    """`frechet_distance` between the moments of two feature sets (N, D) and (M, D), as a `Score`.

    Warns (in the score's notes) when a count does not exceed D: the covariance then has no full rank and the distance is biased upwards.
    """
    a, b = as_feature_pair(features_a, features_b, "frechet_score", ("features_a", "features_b"))
    first, second = statistics(a), statistics(b)
    value = frechet_distance(first.mean, first.covariance, second.mean, second.covariance)
    return Score(value, name=name, counts=(len(a), len(b)), **described, notes=_rank_notes(min(len(a), len(b)), a.shape[1]))


def kernel_score(features_a, features_b, *, subsets=100, subset_size=1000, seed=0, name="kernel distance", **described):
    """Unbiased MMD^2 with the cubic kernel k(x, y) = (x.y / D + 1)^3, mean over random subsets, as a `Score`.

    MMD^2 = mean_{i != j} k(a_i, a_j) + mean_{i != j} k(b_i, b_j) - 2 mean_{ij} k(a_i, b_j); it can be negative for equal distributions.
    features (N, D) and (M, D); subsets hold at most half of the smaller set, and at least two rows. The error is the
    standard deviation over the subsets, as is usual for KID. Unlike the Fréchet distance it has no bias in N.
    Raises ValueError for fewer than two rows, features of two sizes, NaN, fewer than two subsets.
    Source: Binkowski et al. 2018, section 4 (Eq. 3 of Gretton et al. 2012).
    """
    a, b = as_feature_pair(features_a, features_b, "kernel_score", ("features_a", "features_b"))
    if subset_size < 2 or subsets < 2:
        raise ValueError(f"kernel_score: subsets = {subsets}, subset_size = {subset_size}; both must be at least 2, for an error bar")
    size = min(subset_size, max(2, min(len(a), len(b)) // 2))    # of whole sets there is only one subset, and no error bar
    rng = np.random.default_rng(seed)
    a, b = a.astype(np.float64), b.astype(np.float64)
    values = [_cubic_mmd2(a[rng.choice(len(a), size, replace=False)], b[rng.choice(len(b), size, replace=False)]) for _ in range(subsets)]
    return Score(np.mean(values), name=name, counts=(len(a), len(b)), **described, error=float(np.std(values, ddof=1)),
                 error_kind=f"standard deviation over {subsets} subsets of {size:,}")


def real_pair(features, count, *, seed=0):
    """Two disjoint random sets of rows of real features (N, D), each of min(count, N // 2) rows.

    Any distance between them is the self-noise floor: what real samples score against real samples. Only copies, more samples or chance go below.
    The Fréchet distance falls roughly like 1 / count, so a floor from fewer rows than a score has is only an upper bound for its floor.
    """
    features = as_features(features, "real_pair", "features", minimum=4)
    if count < 2:
        raise ValueError(f"real_pair: count = {count}; a set needs at least 2 samples")
    count = min(count, len(features) // 2)
    order = np.random.default_rng(seed).permutation(len(features))
    return features[order[:count]], features[order[count:2 * count]]


def _rank_notes(count, dimension):
    if count > dimension:
        return ()
    return (f"N = {count:,} does not exceed the feature dimension {dimension:,}: the covariance has no full rank "
            "and the distance is biased upwards",)


def _as_moments(mu, cov, which):
    mu, cov = as_array(mu), as_array(cov)
    if mu.ndim != 1 or cov.shape != (len(mu), len(mu)):
        raise ValueError(f"frechet_distance: mu{which} {mu.shape} and cov{which} {cov.shape} must be (D,) and (D, D)")
    if not (np.isfinite(mu).all() and np.isfinite(cov).all()):
        raise ValueError(f"frechet_distance: mu{which} or cov{which} holds NaN or infinity; check the features they were computed from")
    mu, cov = mu.astype(np.float64), cov.astype(np.float64)
    if np.abs(cov - cov.T).max() > 1e-5 * np.abs(cov).max():
        raise ValueError(f"frechet_distance: cov{which} {cov.shape} is not symmetric, so it is not a covariance")
    return mu, (cov + cov.T) / 2


def _root(cov, name, only_check=False):
    """The symmetric square root by eigenvalues; raises where one is clearly negative."""
    eigenvalues, vectors = (np.linalg.eigvalsh(cov), None) if only_check else np.linalg.eigh(cov)
    if eigenvalues[0] < -1e-5 * max(eigenvalues[-1], 0):
        raise ValueError(f"frechet_distance: {name} has the negative eigenvalue {eigenvalues[0]:.3g}, so it is not a covariance")
    return None if only_check else (vectors * np.sqrt(_without_noise(eigenvalues))) @ vectors.T


def _without_noise(eigenvalues):
    """Eigenvalues at or below rounding are zero: their roots (1e-8 each, thousands of them) would add up."""
    floor = len(eigenvalues) * np.finfo(np.float64).eps * max(eigenvalues[-1], 0.0)
    return np.where(eigenvalues > floor, eigenvalues, 0.0)


def _cubic_mmd2(a, b):
    n, dimension = a.shape

    def kernel(x, y):
        k = x @ y.T / dimension + 1
        return k * k * k                                        # k ** 3 takes 130 times as long

    aa, bb, ab = kernel(a, a), kernel(b, b), kernel(a, b)
    within = (aa.sum() - np.trace(aa) + bb.sum() - np.trace(bb)) / (n * (n - 1))
    return within - 2 * ab.mean()
