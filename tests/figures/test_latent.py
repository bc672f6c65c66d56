"""Pictures of a latent space put every code where it belongs."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygen import figures
from tinygen.figures.latent import spread_boxes


def test_the_plane_is_read_like_a_picture():
    plane = figures.latent_plane(3, ((-1, 1), (0, 4)))
    assert plane.tolist() == [[-1, 4], [0, 4], [1, 4], [-1, 2], [0, 2], [1, 2], [-1, 0], [0, 0], [1, 0]]


def test_quantiles_have_equal_probability_between_them():
    from scipy.special import ndtr
    axis = figures.latent_plane(9, (-2, 2), quantiles=True)[:9, 0]
    assert axis[0] == pytest.approx(-2) and axis[-1] == pytest.approx(2)
    assert np.allclose(np.diff(ndtr(axis)), np.diff(ndtr(axis))[0])


def test_a_manifold_shows_each_image_at_its_code(inside):
    def decoder(codes):
        assert codes.shape == (9, 2)
        return ((codes[:, 0] + 3 * codes[:, 1] + 4) / 8)[:, None, None] * np.ones((1, 4, 4))

    figure = figures.latent_manifold(decoder, 3, (-1, 1))
    shown = inside(figure)
    side = shown.shape[0] // 3
    assert (shown[side // 2::side, side // 2::side, 0] == np.rint(255 * np.array([[6, 7, 8], [3, 4, 5], [0, 1, 2]]) / 8)).all()
    given_images = inside(figures.latent_manifold(decoder(figures.latent_plane(3, (-1, 1))), 3, (-1, 1)))
    assert (shown == given_images).all()
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["1.00", "0.00", "\N{MINUS SIGN}1.00"]


def test_a_manifold_needs_an_image_for_every_code():
    with pytest.raises(ValueError, match=r"4 images for a plane of n \* n = 3 \* 3"):
        figures.latent_manifold(np.zeros((4, 5, 5)), 3)
    with pytest.raises(ValueError, match="n = 1"):
        figures.latent_plane(1)


def test_every_code_is_drawn_once_in_its_colour():
    points, labels = np.random.default_rng(0).normal(size=(50, 2)), np.arange(50) % 3
    ax = figures.latent_scatter(points, labels).axes[0]
    drawn = np.concatenate([part.get_offsets() for part in ax.collections])
    assert sorted(map(tuple, drawn)) == sorted(map(tuple, points))
    colours = {tuple(part.get_facecolor()[0][:3]) for part in ax.collections if len(part.get_offsets())}
    assert len(colours) == 3
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "1", "2"]


def test_names_stand_at_the_medians_and_apart():
    points = np.random.default_rng(0).normal(size=(400, 2))
    figure = figures.latent_scatter(points, np.arange(400) % 10, [f"class {k}" for k in range(10)])
    figure.canvas.draw()
    names = [text for text in figure.axes[0].texts if text.get_text()]
    assert np.allclose([text.xy for text in names], [np.median(points[k::10], axis=0) for k in range(10)])
    boxes = [text.get_bbox_patch().get_window_extent() for text in names]
    assert not any(a.shrunk(0.95, 0.9).overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1:])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(5, 30), st.integers(5, 15)), min_size=2, max_size=10))
def test_boxes_part(boxes):
    boxes = np.array(boxes, dtype=float)
    centres, sizes = spread_boxes(boxes[:, :2], boxes[:, 2:]), boxes[:, 2:]
    overlap = (sizes[:, None] + sizes) / 2 - np.abs(centres[:, None] - centres)
    np.fill_diagonal(overlap[..., 0], -1)
    assert overlap.min(axis=2).max() < 1.0


def test_boxes_that_do_not_touch_stay():
    centres = np.array([[0.0, 0.0], [50.0, 0.0]])
    assert np.allclose(spread_boxes(centres, np.full((2, 2), 10.0)), centres, atol=0.01)


@pytest.mark.parametrize("call, error, message", [
    (lambda: figures.latent_scatter(np.zeros((5, 3)), np.zeros(5, int)), ValueError, r"z\[''\]|z has shape \(5, 3\); it must be \(N, 2\)"),
    (lambda: figures.latent_scatter({}, []), ValueError, "z is empty"),
    (lambda: figures.latent_traversals(np.zeros((2, 3, 4, 4)), [1, 2]), ValueError, r"values has shape \(2,\); it must be \(3,\)"),
    (lambda: figures.latent_traversals(np.zeros((2, 3, 4, 4)), [1, 2, 3], [1]), ValueError, "1 dimensions for images of 2 rows"),
    (lambda: figures.plane_map(np.zeros((2, 2)), (0, 1), label="x", log=True), ValueError, "positive values; the smallest is 0"),
    (lambda: figures.plane_map(np.zeros((1, 5)), (0, 1), label="x"), ValueError, "at least 2 x 2"),
    (lambda: figures.plane_map(np.zeros((2, 2)), (0, 1), label="x", paths={"p": np.zeros((4, 3))}), ValueError, r"it must be \(N, 2\)")])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_field_grows_upwards(inside):
    field = np.array([[0.0, 0.0], [1.0, 1.0]])                 # low at the bottom, high at the top
    shown = inside(figures.plane_map(field, (0, 1), label="x")).astype(float)
    assert shown[5, 100].sum() > shown[-6, 100].sum() + 200


def test_panels_share_their_colours():
    figure = figures.plane_map({"a": np.eye(3), "b": np.eye(3) * 5}, (0, 1), label="x")
    assert {ax.collections[0].get_clim() for ax in figure.axes[:2]} == {(0.0, 5.0)}


def test_a_logarithmic_bar_names_the_values():
    figure = figures.plane_map(np.geomspace(0.01, 10, 16).reshape(4, 4), (0, 1), label="x", log=True)
    figure.canvas.draw()
    assert [text.get_text() for text in figure.axes[-1].get_yticklabels()] == ["0.01", "0.1", "1", "10"]


def test_traversal_rows_and_columns_are_named(inside):
    images = np.arange(6).reshape(2, 3, 1, 1) * np.ones((1, 1, 4, 4)) / 5
    figure = figures.latent_traversals(images, [-1, 0, 1], [3, 7])
    shown = inside(figure)
    rows, cols = shown.shape[0] // 2, shown.shape[1] // 3
    assert shown[rows // 2::rows, cols // 2::cols, 0][:2, :3].tolist() == [[0, 51, 102], [153, 204, 255]]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["$z_{3}$", "$z_{7}$"]
