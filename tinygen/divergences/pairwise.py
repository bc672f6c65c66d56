"""Distances between all pairs of two sample sets: what kernels and transport costs are made of."""
from .. import ops
from ..autograd import Tensor


def squared_distances(x, y):
    """|x_i - y_j|^2 as an (N, M) array or Tensor, from x (N, D) and y (M, D).

    In one dimension the difference itself; else |x|^2 + |y|^2 - 2 x y', at the speed of a matrix product, after both sets were moved to the
    middle of y, which keeps the three terms small. What rounding leaves below zero is lifted to it by a constant: a maximum would be a
    kink, and the second derivative is not zero where two samples meet.
    """
    middle = (y.data if isinstance(y, Tensor) else y).mean(axis=0)
    x, y = x - middle, y - middle
    if x.shape[1] == 1:
        difference = x - y.reshape(1, -1)
        return difference * difference
    squared = (x * x).sum(axis=1).reshape(-1, 1) + (y * y).sum(axis=1).reshape(1, -1) - (x @ y.T) * 2.0
    below = -ops.as_array(squared)
    return squared + below * (below > 0)


def costs(x, y, p):
    """|x_i - y_j|^p for p = 1 or 2, as an (N, M) array or Tensor. The root holds 1e-12 of the mean squared distance, so that its gradient
    is finite where two samples meet."""
    squared = squared_distances(x, y)
    if p == 2:
        return squared
    scale = float((squared.data if isinstance(squared, Tensor) else squared).mean())
    return ops.sqrt(squared + (1e-12 * scale + 1e-30))
