"""Kernel densities against SciPy, and what is drawn of them."""
import numpy as np
import pytest
from scipy.stats import gaussian_kde

from tinygen import figures
from tinygen.figures import density


def two_modes(count, spread, rng):
    return np.where(rng.random((count, 1)) < 0.5, 0.5, -0.5) + spread * rng.normal(size=(count, 2))


def test_kernel_density_is_scipys_where_scipy_has_that_kernel():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(80, 2))
    points = np.linalg.solve(np.linalg.cholesky(np.cov(points.T)), (points - points.mean(axis=0)).T).T   # covariance I
    x, y = np.linspace(-2, 2, 7), np.linspace(-3, 1, 5)
    grid = np.stack(np.meshgrid(x, y)).reshape(2, -1)
    expected = gaussian_kde(points.T, bw_method=0.3)(grid).reshape(5, 7)
    assert np.allclose(figures.kernel_density(points, x, y, 0.3), expected, rtol=1e-10, atol=0)


def test_kernel_density_integrates_to_one():
    grid = np.linspace(-4, 4, 200)
    mass = figures.kernel_density(np.random.default_rng(1).normal(size=(50, 2)), grid, grid, 0.25).sum() * (grid[1] - grid[0]) ** 2
    assert mass == pytest.approx(1, abs=1e-6)


def test_the_likely_bandwidth_follows_the_modes_not_the_cloud():
    rng = np.random.default_rng(2)
    points = two_modes(2000, 0.1, rng)
    own = figures.likely_bandwidth(points)
    whole_cloud = points.std(axis=0).max() * len(points) ** (-1 / 6)          # Scott's rule, gaussian_kde's default
    assert 0.02 < own < 0.08 < whole_cloud
    assert figures.likely_bandwidth(points * 3) == pytest.approx(3 * own)


def test_the_likely_bandwidth_has_the_highest_likelihood_left_out_one_by_one():
    points = np.random.default_rng(3).normal(size=(40, 2))
    chosen = figures.likely_bandwidth(points)

    def score(width):
        others = [np.delete(points, n, axis=0) for n in range(len(points))]
        return sum(np.log(figures.kernel_density(rest, point[:1], point[1:], width)[0, 0]) for rest, point in zip(others, points))

    assert score(chosen) > max(score(chosen * 1.4), score(chosen / 1.4))


def test_points_on_one_spot_have_a_bandwidth_and_a_density():
    spot = np.zeros((10, 2))
    assert figures.likely_bandwidth(spot) == 1.0
    assert figures.kernel_density(spot, [0.0], [0.0], 0.5)[0, 0] == pytest.approx(1 / (2 * np.pi * 0.25))


def test_both_panels_share_axes_and_colours_and_say_what_is_outside():
    rng = np.random.default_rng(4)
    real = two_modes(300, 0.1, rng)
    figure = figures.density_pair(np.concatenate([real[:90], real[:10] + 50]), real)
    generated, truth = figure.axes[:2]
    assert generated.get_xlim() == truth.get_xlim() and generated.get_ylim() == truth.get_ylim()
    assert generated.images[0].get_clim() == truth.images[0].get_clim()
    assert truth.images[0].get_array().max() == truth.images[0].get_clim()[1]
    assert generated.get_xlabel() == "$x$   (10 % lie outside)" and truth.get_xlabel() == "$x$"
    assert (generated.get_title(), truth.get_title()) == ("generated", "real")


def test_moments_become_panels():
    real = np.random.default_rng(5).normal(size=(50, 2))
    figure = figures.density_over_time({500: real, 1000: real}, real, bandwidth=0.3)
    assert [ax.get_title() for ax in figure.axes[:3]] == ["generator step 500", "generator step 1,000", "real"]
    assert "0.3" in figure.axes[-1].get_ylabel()


def test_square_limits_hold_everything():
    (x0, x1), (y0, y1) = density.square_limits(np.array([[0.0, 0.0], [4.0, 1.0]]), np.array([[2.0, 3.0]]), margin=0)
    assert (x0, x1, y0, y1) == (0, 4, -0.5, 3.5)


BELL = np.exp(-np.linspace(-3, 3, 20) ** 2)


@pytest.mark.parametrize("call, message", [
    (lambda: figures.kernel_density(np.zeros((2, 2)), [0.0], [0.0], 0), "bandwidth = 0"),
    (lambda: figures.density_pair(np.zeros((4, 3)), np.zeros((4, 2))), r"shape \(4, 3\); it must be \(N, 2\)"),
    (lambda: figures.density_pair(np.full((4, 2), np.nan), np.zeros((4, 2))), "NaN or infinite"),
    (lambda: figures.density_pair(np.zeros((4, 2)), np.zeros((4, 2)), names=("real", "real")), "two panels are called 'real'"),
    (lambda: figures.density_over_time({}, np.zeros((4, 2))), "snapshots is empty"),
    (lambda: figures.densities_1d(np.zeros(3), {"p": np.zeros(3)}), "x must increase"),
    (lambda: figures.densities_1d(np.arange(3), {"p": -np.ones(3)}), "densities are not negative"),
    (lambda: figures.densities_1d(np.arange(3), {"p": np.ones(3)}, discriminators={"D": [0, 1, 2]}), "apply the sigmoid"),
    (lambda: figures.densities_1d(np.arange(3), {"p": np.ones(4)}), r"must be \(3,\)")])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_discriminators_stand_below_over_the_same_axis():
    x = np.linspace(-3, 3, 20)
    upper, lower = figures.densities_1d(x, {"p": BELL}, discriminators={"D": BELL}).axes
    assert upper.get_xlim() == lower.get_xlim() == (-3, 3)
    assert (lower.lines[-1].get_ydata() == BELL).all()
