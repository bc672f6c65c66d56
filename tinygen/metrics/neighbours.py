"""Nearest neighbours in feature or pixel space, and what they measure: precision, recall, and copies of training images.

Distances are computed in blocks, so that memory stays at a few tens of megabytes whatever N is.
"""
from typing import NamedTuple

import numpy as np

from .checks import as_feature_pair, as_features

BLOCK = 1 << 22                                                 # distances held at a time (16 MB in float32)


class PrecisionRecall(NamedTuple):
    """precision: share of samples within the real manifold.  recall: share of real points within the manifold of the samples."""
    precision: float
    recall: float
    k: int
    real_count: int
    sample_count: int

    def __str__(self):
        return (f"precision {self.precision:.3f}, recall {self.recall:.3f} | k = {self.k} | "
                f"N = {self.sample_count:,} samples against {self.real_count:,} real")


def nearest(queries, points, k=1, *, leave_one_out=False):
    """Euclidean distances (N, k), ascending, and indices (N, k) of the k rows of points (M, D) nearest to each row of queries (N, D).

    leave_one_out: queries are the points themselves, and a point is not its own neighbour (decided by index, so duplicates count).
    Raises ValueError for feature sizes that differ, NaN, or k larger than the number of points to choose from.
    """
    queries, points = as_feature_pair(queries, points, "nearest", ("queries", "points"), minimum=1)
    if leave_one_out and len(queries) != len(points):
        raise ValueError(f"nearest: leave_one_out needs queries and points to be the same set, got {len(queries)} and {len(points)} rows")
    available = len(points) - leave_one_out
    if not 1 <= k <= available:
        raise ValueError(f"nearest: k = {k} must be between 1 and {available}, the number of points to choose from")
    index = np.empty((len(queries), k), np.int64)
    for rows, squared in _squared_distance_blocks(queries, points):
        if leave_one_out:
            squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf
        index[rows] = np.argpartition(squared, k - 1, axis=1)[:, :k] if k < len(points) else np.arange(k)
    # |a|^2 + |b|^2 - 2 a.b cancels for close pairs; the few distances that are kept are computed again, directly.
    distance = np.stack([_row_distances(queries, points[index[:, j]]) for j in range(k)], axis=1)
    order = np.argsort(distance, axis=1, kind="stable")
    return np.take_along_axis(distance, order, 1), np.take_along_axis(index, order, 1)


def precision_recall(real, samples, k=3):
    """Improved precision and recall of sample features (N, D) against real features (M, D).

    A point lies in the manifold of a set iff it lies within the distance of some member to that member's k-th nearest fellow.
    Raises ValueError for feature sizes that differ, NaN, or sets of k points or fewer.
    Source: Kynkäänniemi et al. 2019, Eqs. 1 and 2 (there with VGG-16 features; here with those given).
    """
    real, samples = as_feature_pair(real, samples, "precision_recall", ("real", "samples"))
    if k < 1 or min(len(real), len(samples)) <= k:
        raise ValueError(f"precision_recall: k = {k} must be between 1 and one less than the smaller set "
                         f"({len(real)} real, {len(samples)} samples)")
    precision = _covered(samples, real, nearest(real, real, k, leave_one_out=True)[0][:, -1])
    recall = _covered(real, samples, nearest(samples, samples, k, leave_one_out=True)[0][:, -1])
    return PrecisionRecall(float(precision.mean()), float(recall.mean()), k, len(real), len(samples))


def mean_pairwise_distance(x, *, limit=1000, seed=0):
    """Mean Euclidean distance over pairs of different rows of x (N, D); of at most `limit` rows, drawn at random, if N is larger."""
    x = as_features(x, "mean_pairwise_distance", "x")
    if len(x) > limit:
        x = x[np.random.default_rng(seed).choice(len(x), limit, replace=False)]
    total = 0.0
    for rows, squared in _squared_distance_blocks(x, x):
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = 0
        total += float(np.sqrt(squared).sum(dtype=np.float64))
    return total / (len(x) * (len(x) - 1))


def _covered(queries, points, radii):
    """Mask (N,): does a query lie within the radius of any point? A radius of 0 (of a point with k copies) covers its equals alone."""
    inside = np.empty(len(queries), bool)
    squared_radii = radii ** 2
    for rows, squared in _squared_distance_blocks(queries, points):
        inside[rows] = (squared <= squared_radii).any(axis=1)
    copied = {row.tobytes() for row in points[radii == 0] + 0.0}             # by their bytes (0.0: no -0), for |a|^2 + |b|^2 - 2 a.b rounds
    return inside | [row.tobytes() in copied for row in queries + 0.0] if copied else inside


def _squared_distance_blocks(a, b):
    """Yields (slice of the rows of a, squared distances (rows, M)) of a few rows at a time."""
    dtype = np.result_type(a, b)
    centre = b.mean(axis=0, dtype=np.float64).astype(dtype)     # about the centre the cancellation is smallest
    b = b - centre
    norms = np.einsum("nd,nd->n", b, b)
    step = max(1, BLOCK // len(b))
    for start in range(0, len(a), step):
        rows = slice(start, min(start + step, len(a)))
        block = a[rows] - centre
        squared = block @ b.T
        squared *= -2
        squared += np.einsum("nd,nd->n", block, block)[:, None]
        squared += norms
        yield rows, np.maximum(squared, 0, out=squared)


def _row_distances(a, b):
    """|a_n - b_n| for each row, in blocks."""
    step = max(1, BLOCK // a.shape[1])
    parts = [np.linalg.norm(a[i:i + step] - b[i:i + step], axis=1) for i in range(0, len(a), step)]
    return np.concatenate(parts)
