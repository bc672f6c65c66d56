"""Distributions in the plane: small enough to see the whole of what a model learns, with modes that can be counted.

Each is a function (n, rng) -> points float32 (n, 2), drawn with the NumPy generator `rng`. `modes(name)` gives the centres and
the standard deviation of those that are mixtures of Gaussians, as `metrics.mode_coverage` takes them.
"""
import math

import numpy as np

from .batches import check_generator


def ring(n, rng, *, components=8, radius=1.0, sigma=0.01):
    """Gaussians of standard deviation sigma, equally likely, with their means equally spaced on a circle."""
    return _mixture("ring", n, rng, ring_centres(components, radius), sigma)


def grid(n, rng, *, side=5, spacing=2.0, sigma=0.05):
    """side x side Gaussians of standard deviation sigma, equally likely, on a square grid around the origin."""
    return _mixture("grid", n, rng, grid_centres(side, spacing), sigma)


def eight_gaussians(n, rng):
    """A ring of radius 2 of eight Gaussians of standard deviation 0.02, all divided by sqrt 2.

    Source: the toy experiments of Gulrajani et al. 2017 (WGAN-GP), Figure 1, and their published code.
    """
    return _mixture("eight_gaussians", n, rng, *modes("8-gaussians"))


def twenty_five_gaussians(n, rng):
    """A 5 x 5 grid, 2 apart, of Gaussians of standard deviation 0.05, all divided by sqrt 2.

    Source: Gulrajani et al. 2017 (WGAN-GP), Figure 1; their code divides by 2.828, so that its grid is half as wide.
    """
    return _mixture("twenty_five_gaussians", n, rng, *modes("25-gaussians"))


def bimodal(n, rng, *, sigma=0.10):
    """Two equally likely Gaussians of standard deviation sigma around (0.5, 0.5) and (-0.5, -0.5)."""
    return _mixture("bimodal", n, rng, BIMODAL_CENTRES, sigma)


def spiral(n, rng, *, turns=1.5, sigma=0.02):
    """Two arms, the second the first turned by pi: the radius grows with the angle, r = t for t in [0, 1], over `turns` turns."""
    _check("spiral", n, rng)
    t = np.sqrt(rng.random(n))                          # uniform over the area, else the points crowd in the middle
    angle = 2 * math.pi * turns * t + math.pi * rng.integers(0, 2, n)
    return _noisy(_polar(t, angle), sigma, rng)


def swiss_roll(n, rng, *, sigma=0.25):
    """The (x, z) plane of the Swiss roll: t (cos t, sin t) for t uniform in [1.5 pi, 4.5 pi], plus noise; divided by 7.5.

    Source: Marsland, "Machine Learning: An Algorithmic Perspective", as scaled in Gulrajani et al. 2017 (WGAN-GP), Figure 1.
    """
    _check("swiss_roll", n, rng)
    t = rng.uniform(1.5 * math.pi, 4.5 * math.pi, n)
    return _noisy(_polar(t, t), sigma, rng, scale=1 / 7.5)


def two_moons(n, rng, *, sigma=0.05):
    """Two interleaved half circles of radius 1, equally likely: (cos t, sin t) and (1 - cos t, 1/2 - sin t), t in [0, pi]."""
    _check("two_moons", n, rng)
    moons = _polar(1.0, rng.uniform(0, math.pi, n))
    lower = rng.integers(0, 2, n).astype(bool)
    moons[lower] = (1.0, 0.5) - moons[lower]
    return _noisy(moons, sigma, rng)


def parabola(n, rng, *, sigma=0.0):
    """Points of y = x^2, x uniform in [-1, 1]; plus Gaussian noise where sigma > 0."""
    _check("parabola", n, rng)
    x = rng.uniform(-1, 1, n)
    return _noisy(np.stack([x, x * x], axis=1), sigma, rng)


def ring_centres(components=8, radius=1.0):
    """(components, 2): means of `ring`, counter-clockwise from (radius, 0)."""
    return _polar(radius, 2 * math.pi * np.arange(components) / components)


def grid_centres(side=5, spacing=2.0):
    """(side^2, 2): means of `grid`, x slowest."""
    ticks = spacing * (np.arange(side) - (side - 1) / 2)
    return np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)


BIMODAL_CENTRES = np.array([[0.5, 0.5], [-0.5, -0.5]])

TOYS = {"8-gaussians": eight_gaussians, "25-gaussians": twenty_five_gaussians, "ring": ring, "grid": grid, "spiral": spiral,
        "swiss-roll": swiss_roll, "two-moons": two_moons, "bimodal": bimodal, "parabola": parabola}


def modes(name):
    """(centres (K, 2), sigma) of a mixture, with its default settings; ValueError for the others.

        centres, sigma = modes("8-gaussians")
        mode_coverage(samples, centres, sigma)
    """
    root2 = math.sqrt(2)
    mixtures = {"8-gaussians": (ring_centres(8, 2 / root2), 0.02 / root2),
                "25-gaussians": (grid_centres(5, 2 / root2), 0.05 / root2),
                "ring": (ring_centres(), 0.01), "grid": (grid_centres(), 0.05), "bimodal": (BIMODAL_CENTRES.copy(), 0.10)}
    if name not in mixtures:
        raise ValueError(f"modes: {name!r} is not a mixture of Gaussians; these are: {', '.join(mixtures)}")
    return mixtures[name]


def sample(name, n, rng):
    """n points, float32 (n, 2), of a distribution by its name in TOYS; ValueError for an unknown one."""
    if name not in TOYS:
        raise ValueError(f"sample: there is no toy distribution {name!r}; there are {', '.join(TOYS)}")
    return TOYS[name](n, rng)


def _check(function, n, rng):
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"{function}: n = {n!r} must be a number of points, 1 or more")
    check_generator(function, rng)


def _mixture(function, n, rng, centres, sigma):
    _check(function, n, rng)
    return _noisy(centres[rng.integers(0, len(centres), n)], sigma, rng)


def _polar(radius, angle):
    """(n, 2) points from radii and angles."""
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _noisy(points, sigma, rng, scale=1.0):
    """scale * (points + sigma * noise), as float32."""
    return (scale * (points + sigma * rng.standard_normal(points.shape))).astype(np.float32)
