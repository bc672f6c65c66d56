"""Densities on grids and averages by quadrature: how the answers compute expectations without drawing samples."""
import numpy as np

GRID = np.linspace(-20, 20, 40_001)
"""Points of the real line at which densities are compared; the spacing DX resolves a standard deviation of 0.02."""
DX = GRID[1] - GRID[0]


def normal(mean=0.0, sigma=1.0, x=GRID):
    """The density of N(mean, sigma^2) at x."""
    return np.exp(-0.5 * ((x - mean) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


def log_normal_density(x, mean, variance):
    """log N(x; mean, variance)."""
    return -0.5 * (np.log(2 * np.pi * variance) + (x - mean) ** 2 / variance)


def uniform(low, high, x=GRID):
    """The density of U[low, high) at x, cell by cell, so that its mass on the grid is exactly one."""
    inside = (x > low - DX / 2) & (x < high - DX / 2)
    return inside / (inside.sum() * (x[1] - x[0]))


def normal_nodes(points=64):
    """(eps, weights): Gauss-Hermite nodes, for which sum(weights * f(eps)) = E f(eps), eps ~ N(0, 1), exactly up to degree 2 points - 1."""
    eps, weights = np.polynomial.hermite_e.hermegauss(points)
    return eps, weights / weights.sum()


def sigmoid(logits):
    """1 / (1 + exp(-logits)), for arrays."""
    return np.exp(-np.logaddexp(0, -logits))
