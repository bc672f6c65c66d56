"""Gradient clouds: dots where a step along each gradient leads, one step for all panels."""
import numpy as np
import pytest

from tinygen import figures

X, Y = np.linspace(-1, 1, 21), np.linspace(0, 1, 11)
FIELD = -(X[None, :] ** 2 + Y[:, None] ** 2)
POINTS = np.array([[0.5, 0.5], [-0.5, 0.25]])


def dots(ax, count):
    return [part.get_offsets() for part in ax.collections if len(getattr(part, "get_offsets", lambda: [])()) == count]


def test_dots_are_points_plus_one_step_along_the_gradient():
    gradients = np.stack([np.tile([2.0, 0.0], (7, 1)), np.tile([0.0, -4.0], (7, 1))])
    small = {name: (POINTS, scale * gradients) for name, scale in (("a", 1.0), ("b", 0.5))}
    axes = figures.gradient_clouds(X, Y, FIELD, small).axes
    for ax, scale in zip(axes, (1.0, 0.5)):                 # the longest, 4, reaches a quarter of the x axis, 0.5
        first, second = dots(ax, 7)
        assert np.allclose(first, POINTS[0] + (0.25 * scale, 0)) and np.allclose(second, POINTS[1] - (0, 0.5 * scale))
        assert ax.get_xlim() == (-1, 1) and ax.get_ylim() == (0, 1)


def test_the_legend_names_the_star_and_what_the_dots_and_arrows_are():
    texts = lambda **options: [text.get_text() for text in figures.gradient_clouds(
        X, Y, FIELD, {"a": (POINTS, np.ones((2, 7, 2)))}, **options).legends[0].get_texts()]
    assert texts() == ["a point, one colour each", "point + one drawn gradient (scaled)", "mean of the gradients"]
    assert texts(best=(0, 0), best_name="exact posterior")[0] == "exact posterior"


@pytest.mark.parametrize("panels, message", [
    ({"a": POINTS}, r"must be \(points \(P, 2\), gradients \(P, K, 2\)\)"),
    ({"a": (POINTS, np.zeros((3, 5, 2)))}, r"it must be \(2, K, 2\)"),
    ({}, "is empty")])
def test_bad_input(panels, message):
    with pytest.raises(ValueError, match=message):
        figures.gradient_clouds(X, Y, FIELD, panels)
    with pytest.raises(ValueError, match=r"it must be \(11, 21\)"):
        figures.gradient_clouds(X, Y, FIELD.T, {"a": (POINTS, np.zeros((2, 5, 2)))})
