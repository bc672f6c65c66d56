"""What the figures refuse, and how they say it."""
import re

import numpy as np
import pytest

from tinygen import figures
from tinygen.figures import checks


class Foreign:
    """Stands for a Tensor or an array on a GPU: something with a shape that is no NumPy array."""
    shape = (4, 8, 8)

    def __array__(self, *args, **options):
        raise TypeError("no implicit conversion")


@pytest.mark.parametrize("call", [
    lambda x: figures.image_grid(x),
    lambda x: figures.image_grid([x, x]),
    lambda x: figures.latent_scatter(x, [0]),
    lambda x: figures.training_curves({"loss": x}),
    lambda x: figures.training_curves([{"loss": x}]),
    lambda x: figures.line_panels(x, {"y": {"a": [1]}}, xlabel="x"),
    lambda x: figures.density_pair(x, np.zeros((3, 2))),
    lambda x: figures.critic_map(lambda points: x, (-1, 1)),
    lambda x: figures.write_png(x, "out.png"),
    lambda x: figures.write_gif([x], "out.gif"),
    lambda x: figures.concat_images(x, 2, 2)])
def test_only_numpy_arrays_are_drawn(call):
    with pytest.raises(TypeError):
        call(Foreign())


def test_the_remedy_is_named():
    with pytest.raises(TypeError, match=re.escape("image_grid: images is a Foreign; figures draw NumPy arrays: pass x.numpy()")):
        figures.image_grid(Foreign())


@pytest.mark.parametrize("images, message", [
    (np.zeros((4, 5)), r"images \(N, D\) = \(4, 5\)"),
    (np.zeros((4, 2, 8, 8)), "has 2 channels; it must have 1 or 3"),
    (np.zeros((4, 8, 8, 3)), "transpose"),
    (np.zeros(7), r"has shape \(7,\); it must be \(N, C, H, W\) or \(N, H, W\) or \(N, D\)"),
    (np.zeros((0, 8, 8)), "is empty"),
    (np.full((1, 2, 2), np.nan), "4 NaN or infinite values of 4"),
    (np.full((1, 2, 2), -1.0), r"lie in \[-1, -1\], outside value_range \(0, 1\); pass value_range"),
    ([np.zeros((2, 2)), np.zeros((3, 3))], "differ in shape")])
def test_images_that_cannot_be_shown(images, message):
    with pytest.raises(ValueError, match=message):
        figures.image_grid(images)


def test_complex_and_text_are_no_pixels():
    for images in (np.zeros((1, 2, 2), complex), np.array([["a"]])):
        with pytest.raises(TypeError, match="must hold real numbers"):
            figures.image_grid(images)


@pytest.mark.parametrize("value_range", [(1, 0), (0, 0), 1, (0, 1, 2)])
def test_a_value_range_is_low_then_high(value_range):
    with pytest.raises(ValueError, match="low < high"):
        figures.image_grid(np.zeros((1, 2, 2)), value_range=value_range)


def test_a_value_range_for_uint8_is_a_mistake():
    with pytest.raises(ValueError, match="always 0..255"):
        figures.image_grid(np.zeros((1, 2, 2), np.uint8), value_range=(0, 1))


def test_pixels_are_rounded_not_cut():
    assert checks.as_pixels("f", "x", np.array([[[0.0, 0.5, 1.0, 1.0005]]])).tolist() == [[[0, 128, 255, 255]]]
    assert checks.as_pixels("f", "x", np.array([[[-1.0, 0.0, 1.0]]]), (-1, 1)).tolist() == [[[0, 128, 255]]]
    assert checks.as_pixels("f", "x", np.array([[[True, False]]])).tolist() == [[[255, 0]]]


def test_colour_ends_with_its_channels():
    assert checks.as_pixels("f", "x", np.zeros((2, 3, 4, 5), np.uint8)).shape == (2, 4, 5, 3)
    assert checks.as_pixels("f", "x", np.zeros((2, 3 * 16), np.uint8)).shape == (2, 4, 4, 3)


@pytest.mark.parametrize("labels, error, message", [
    (np.array([0.0, 1.0]), TypeError, "class labels are integers"),
    (np.eye(2, dtype=int), ValueError, r"must be \(N,\)"),
    ([0, 1, 2], ValueError, "one label a point"),
    ([0, -1], ValueError, r"lie in \[-1, 0\]"),
    ([0, 5], ValueError, r"with 2 classes they must lie in \[0, 1\]")])
def test_labels(labels, error, message):
    with pytest.raises(error, match=message):
        figures.latent_scatter(np.zeros((2, 2)), labels, ["a", "b"])


@pytest.mark.parametrize("limits", [None, 3, (1, 0), (0, np.inf), ((0, 1), (1, 1)), ((0, 1), 2), "ab", (0, 1, 2)])
def test_limits(limits):
    with pytest.raises(ValueError, match="low < high"):
        figures.plane_map(np.zeros((2, 2)), limits, label="x")


@pytest.mark.parametrize("value, error", [(1.5, TypeError), (True, TypeError), (0, ValueError)])
def test_counts(value, error):
    with pytest.raises(error, match="scale"):
        figures.image_grid(np.zeros((1, 2, 2)), scale=value)


def test_mappings():
    with pytest.raises(TypeError, match="must be a dict"):
        figures.image_rows(np.zeros((1, 2, 2)))
    with pytest.raises(ValueError, match="is empty"):
        figures.image_rows({})
