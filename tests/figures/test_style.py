"""The palette keeps its promise to colour-blind readers; small helpers of the style."""
import numpy as np
import pytest

from tinygen.figures import style

# What each kind of colour blindness does to linear RGB, at full severity (Machado, Oliveira, Fernandes 2009, table 1).
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear_rgb(palette):
    values = np.array([[int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)] for colour in palette])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def cielab(linear):
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
    xyz = np.clip(linear, 0, 1) @ to_xyz.T / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize("sight", SIGHT)
def test_every_two_colours_stay_apart(sight):
    lab = cielab(linear_rgb(style.PALETTE) @ np.transpose(SIGHT[sight]))
    distance = np.linalg.norm(lab[:, None] - lab, axis=2) + 1000 * np.eye(len(lab))
    assert distance.min() >= 28


def test_lightness_shows_on_white_and_changes_from_curve_to_curve():
    lightness = cielab(linear_rgb(style.PALETTE))[:, 0]
    assert lightness.min() >= 31.5 and lightness.max() <= 74.5
    assert np.abs(np.diff(lightness)).min() >= 9


def test_ten_colours_have_ten_markers():
    assert len(style.PALETTE) == len(set(style.MARKERS)) == len(style.MARKER_AREAS) == 10


def test_ink_reads_on_dark_and_light():
    assert style.ink_on((0.1, 0.0, 0.3, 1.0)) == "white" and style.ink_on((0.9, 0.9, 0.2, 1.0)) == style.INK


def test_minus_is_a_minus():
    assert style.number(-0.5, ".2f") == "\N{MINUS SIGN}0.50"


def test_panels_stand_in_rows():
    figure, axes = style.new_panels(5)
    assert [ax.get_subplotspec().colspan.start for ax in axes] == [0, 1, 2, 0, 1]


def test_a_legend_never_covers_the_axes():
    figure, (ax,) = style.new_panels(1)
    for index in range(6):
        ax.plot([0, 1], [index, index], label=f"a series with number {index}")
    style.dress(ax)
    legend = style.legend_above(ax)
    figure.canvas.draw()
    box = legend.get_window_extent()
    assert box.y0 >= ax.bbox.y1 and box.x1 <= figure.bbox.x1 + 1


def test_long_labels_are_folded_and_formulas_are_not():
    figure, (ax,) = style.new_panels(1, height=2)
    long = "a label that tells far more than there is room for beside these axes"
    style.dress(ax, ylabel=long, xlabel="$x + y + z$ " * 9)
    style.finish(figure, "a title that goes on and on and on, over more words than such a narrow page can hold in a line")
    figure.canvas.draw()
    assert ax.get_ylabel() != long and ax.get_ylabel().replace("\n", " ") == long and "\n" not in ax.get_xlabel()
    for text in (ax.yaxis.label, *figure.texts):
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
