"""The toy distributions: reproducible, where they should be, with modes that the mode count finds."""
import math

import numpy as np
import pytest

from tinygen.data import TOYS, modes, sample, toy
from tinygen.metrics import mode_coverage

MIXTURES = ["8-gaussians", "25-gaussians", "ring", "grid", "bimodal"]


@pytest.mark.parametrize("name", TOYS)
def test_every_toy_is_seeded_float32_points(name):
    points = sample(name, 1000, np.random.default_rng(3))
    assert points.shape == (1000, 2) and points.dtype == np.float32 and np.isfinite(points).all()
    assert np.array_equal(points, sample(name, 1000, np.random.default_rng(3)))
    assert not np.array_equal(points, sample(name, 1000, np.random.default_rng(4)))
    assert sample(name, 1, np.random.default_rng(0)).shape == (1, 2)


@pytest.mark.parametrize("name", MIXTURES)
def test_mixtures_have_the_modes_they_say(name):
    centres, sigma = modes(name)
    points = sample(name, 40_000, np.random.default_rng(0))
    coverage = mode_coverage(points, centres, sigma)
    assert coverage.hit == len(centres)
    assert coverage.quality == pytest.approx(1 - math.exp(-9 / 2), abs=0.003)       # P(r < 3 sigma) of a Gaussian in the plane
    assert np.abs(coverage.shares * len(centres) - 1).max() < 0.12                  # equally likely
    residual = points - centres[np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)]
    assert np.allclose(residual.std(axis=0), sigma, rtol=0.02)


def test_the_scales_of_the_two_benchmarks():
    centres, sigma = modes("8-gaussians")
    assert np.allclose(np.linalg.norm(centres, axis=1), 2 / math.sqrt(2)) and sigma == pytest.approx(0.02 / math.sqrt(2))
    assert np.allclose(centres[2], [0, math.sqrt(2)])
    centres, sigma = modes("25-gaussians")
    assert sorted(set(np.round(centres[:, 0] * math.sqrt(2), 9))) == [-4, -2, 0, 2, 4] and sigma == pytest.approx(0.05 / math.sqrt(2))
    assert len(np.unique(centres, axis=0)) == 25
    assert modes("bimodal")[0].tolist() == [[0.5, 0.5], [-0.5, -0.5]] and modes("bimodal")[1] == 0.10


def test_ring_and_grid_of_any_size():
    points = toy.ring(5000, np.random.default_rng(0), components=3, radius=2.0, sigma=0.001)
    assert np.abs(np.linalg.norm(points, axis=1) - 2).max() < 0.01
    assert mode_coverage(points, toy.ring_centres(3, 2.0), 0.001).hit == 3
    assert toy.grid_centres(2, 1.0).tolist() == [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]


def test_parabola_and_moons_without_noise_lie_on_their_curves():
    rng = np.random.default_rng(0)
    x, y = toy.parabola(1000, rng).T
    assert np.allclose(y, x * x, atol=1e-6) and x.min() < -0.98 and x.max() > 0.98
    noisy = toy.parabola(20_000, rng, sigma=0.1)
    assert np.abs(noisy[:, 1] - noisy[:, 0] ** 2).std() > 0.05
    moons = toy.two_moons(1000, rng, sigma=0.0)
    upper = np.isclose(np.linalg.norm(moons, axis=1), 1, atol=1e-5) & (moons[:, 1] >= -1e-6)
    lower = np.isclose(np.linalg.norm(moons - [1, 0.5], axis=1), 1, atol=1e-5) & (moons[:, 1] <= 0.5 + 1e-6)
    assert (upper | lower).all() and 400 < upper.sum() < 600


def test_spiral_and_swiss_roll_without_noise_lie_on_their_curves():
    rng = np.random.default_rng(0)
    roll = toy.swiss_roll(1000, rng, sigma=0.0) * 7.5
    t = np.linalg.norm(roll, axis=1)
    assert np.allclose(roll, np.stack([t * np.cos(t), t * np.sin(t)], axis=1), atol=1e-4)
    assert 1.5 * math.pi < t.min() and t.max() < 4.5 * math.pi
    arms = toy.spiral(1000, rng, sigma=0.0)
    t = np.linalg.norm(arms, axis=1)
    turned = np.stack([t * np.cos(3 * math.pi * t), t * np.sin(3 * math.pi * t)], axis=1)
    first = np.isclose(arms, turned, atol=1e-5).all(axis=1)
    assert (first | np.isclose(arms, -turned, atol=1e-5).all(axis=1)).all() and 400 < first.sum() < 600


def test_bad_input():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="sample: there is no toy distribution 'nine'; there are 8-gaussians, 25-gaussians"):
        sample("nine", 10, rng)
    with pytest.raises(ValueError, match="modes: 'spiral' is not a mixture of Gaussians; these are: 8-gaussians"):
        modes("spiral")
    for name, function in TOYS.items():
        with pytest.raises(ValueError, match=f"{function.__name__}: n = 0 must be a number of points"):
            sample(name, 0, rng)
        with pytest.raises(TypeError, match=f"{function.__name__}: rng is a int, not a NumPy generator"):
            sample(name, 10, 3)
