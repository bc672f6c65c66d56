"""Grids of images, pixel by pixel."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygen import figures

RNG = np.random.default_rng(1)


def test_array_to_image_keeps_values_and_dtype():
    flat = np.arange(784, dtype=np.float32)
    image = figures.array_to_image(flat)
    assert image.shape == (28, 28) and image.dtype == np.float32 and image[1, 2] == 30
    assert figures.array_to_image(np.zeros((1, 12)), (3, 2, 2)).shape == (3, 2, 2)


def test_array_to_image_says_which_size_it_needs():
    with pytest.raises(ValueError, match="array has 100 numbers, an image .28, 28. has 784"):
        figures.array_to_image(np.zeros(100))


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 4), cols=st.integers(1, 4), padding=st.integers(0, 3), size=st.tuples(st.integers(1, 5), st.integers(1, 5)))
def test_concat_images_is_the_sheets(rows, cols, padding, size):
    height, width = size
    images = RNG.random((rows * cols, height, width)) + 1
    result = figures.concat_images(images, rows, cols, padding)
    assert result.shape == (rows * height + (rows - 1) * padding, cols * width + (cols - 1) * padding)
    painted = 0
    for i in range(rows):
        for j in range(cols):
            top, left = i * (height + padding), j * (width + padding)
            tile = result[top:top + height, left:left + width]
            assert (tile == images[i + j * rows]).all()        # the template runs down its columns
            painted += tile.size
    assert np.count_nonzero(result) == painted                 # and the paper is black


def test_concat_images_of_other_kinds():
    grey = RNG.integers(0, 256, (6, 16), dtype=np.uint8)
    assert figures.concat_images(grey, 2, 3).dtype == np.uint8
    assert (figures.concat_images(grey.reshape(6, 1, 4, 4), 2, 3) == figures.concat_images(grey, 2, 3)).all()
    colour = RNG.random((2, 3, 4, 4))
    assert figures.concat_images(colour, 1, 2, padding=0).shape == (4, 8, 3)
    by_rows = figures.concat_images(grey, 2, 3, 0, order="rows")
    assert (by_rows[:4, 4:8] == grey[1].reshape(4, 4)).all()


@pytest.mark.parametrize("arguments, message", [
    ((np.zeros((5, 2, 2)), 2, 3), r"rows \* cols = 2 \* 3 = 6"),
    ((np.zeros((4, 2, 2, 2)), 2, 2), "must have 1 or 3 channels"),
    ((np.zeros((4, 2, 2)), 0, 4), "rows = 0"),
    ((np.zeros((4, 2, 2)), 2, 2, -1), "padding = -1")])
def test_concat_images_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        figures.concat_images(*arguments)
    with pytest.raises(ValueError, match="order 'down'"):
        figures.concat_images(np.zeros((1, 2, 2)), 1, 1, order="down")


def test_a_grid_shows_every_pixel_as_a_block(inside):
    images = RNG.integers(0, 256, (5, 6, 7), dtype=np.uint8)
    shown = inside(figures.image_grid(images, 2, 3, row_labels=["a", "b"], col_labels=["c", "d", "e"], title="t", padding=2, scale=3))
    expected = np.full((2 * 6 + 2, 3 * 7 + 4), 255, np.uint8)
    for index, image in enumerate(images):                     # read like text; the sixth place stays white
        top, left = index // 3 * 8, index % 3 * 9
        expected[top:top + 6, left:left + 7] = image
    assert (shown == expected.repeat(3, axis=0).repeat(3, axis=1)[..., None]).all()


def test_a_colour_grid_shows_every_pixel_as_a_block(inside):
    images = RNG.integers(0, 256, (2, 3, 5, 5), dtype=np.uint8)
    shown = inside(figures.image_grid(images, 1, 2, padding=0, scale=2))
    expected = np.concatenate(list(images.transpose(0, 2, 3, 1)), axis=1).repeat(2, axis=0).repeat(2, axis=1)
    assert (shown == expected).all()


def test_the_scale_is_chosen_to_fill_the_page():
    small, large = figures.image_grid(np.zeros((64, 28, 28))), figures.image_grid(np.zeros((400, 28, 28)), padding=0)
    assert 900 < small.bbox.width < 1250 and 1100 < large.bbox.width < 1250


def test_labels_stand_on_the_page(pixels):
    figure = figures.image_grid(np.zeros((4, 9, 9)), 2, 2, row_labels=["a very long label", "b"], col_labels=["first column", "second"],
                                title="title")
    figure.canvas.draw()
    ax = figure.axes[0]
    for text in [*ax.get_xticklabels(), *ax.get_yticklabels(), *figure.texts]:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert not box.overlaps(ax.bbox)


def test_a_grid_that_is_too_small_or_mislabelled():
    images = np.zeros((5, 4, 4))
    with pytest.raises(ValueError, match="5 images do not fit into 2 rows x 2 columns"):
        figures.image_grid(images, 2, 2)
    with pytest.raises(ValueError, match="1 row_labels for 2 rows"):
        figures.image_grid(images, 2, 3, row_labels=["a"])
    with pytest.raises(ValueError, match="2 col_labels for 3 cols"):
        figures.image_grid(images, 2, 3, col_labels=["a", "b"])


def test_rows_of_unequal_length_end_in_paper(inside):
    shown = inside(figures.image_rows({"a": np.zeros((2, 4, 4)), "b": np.zeros((1, 4, 4))}, padding=0, scale=1))
    assert (shown[:4] == 0).all() and (shown[4:, :4] == 0).all() and (shown[4:, 4:] == 255).all()


def test_rows_must_be_of_one_size():
    with pytest.raises(ValueError, match=r"\[\(4, 4\), \(5, 5\)\]"):
        figures.image_rows({"a": np.zeros((1, 4, 4)), "b": np.zeros((1, 5, 5))})


def test_pairs_stand_one_above_the_other(inside):
    inputs, outputs = np.zeros((3, 4, 4)), np.full((3, 4, 4), 0.2)
    shown = inside(figures.reconstruction_pairs(inputs, outputs, per_row=2, scale=1))
    values = shown[::6, ::6, 0]                                # one pixel of every tile: sides 4, padding 2
    assert values.tolist() == [[0, 0], [51, 51], [0, 255], [51, 255]]
    with pytest.raises(ValueError, match="3 inputs but 2 images"):
        figures.reconstruction_pairs(inputs, outputs[:2])


def test_classes_get_a_row_each(inside):
    images = np.arange(6)[:, None, None] * np.ones((1, 4, 4)) / 5
    shown = inside(figures.class_rows(images, [2, 0, 2, 0, 0, 2], per_class=2, scale=1))
    assert shown[::6, ::6, 0].tolist() == [[51, 153], [255, 255], [0, 102]]


def test_strips_join_their_ends(inside):
    strip, ends = np.full((3, 4, 4), 0.4), (np.zeros((4, 4)), np.ones((4, 4)))
    shown = inside(figures.path_strips({"straight": strip}, ends=ends, scale=1))
    assert shown[::6, ::6, 0].tolist() == [[0, 102, 102, 102, 255]]
    with pytest.raises(ValueError, match=r"\[2, 3\] images"):
        figures.path_strips({"a": strip, "b": strip[:2]})
    with pytest.raises(ValueError, match="two images"):
        figures.path_strips({"a": strip}, ends=ends[0])


def test_samples_over_time_name_their_moments():
    figure = figures.samples_over_time({500: np.zeros((2, 4, 4)), 1000: np.zeros((2, 4, 4))}, unit="step")
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["step 500", "step 1000"]
