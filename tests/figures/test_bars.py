"""Bars and tables show the numbers they were given."""
import numpy as np
import pytest

from tinygen import figures


def heights(ax):
    return [patch.get_height() for patch in ax.patches]


def test_bars_stand_side_by_side_and_carry_their_values():
    ax = figures.bar_chart({"a": [1.0, 2.0], "b": [3.0, 4.0]}, ["x", "y"], ylabel="h").axes[0]
    assert heights(ax) == [1, 2, 3, 4]
    middles = [patch.get_x() + patch.get_width() / 2 for patch in ax.patches]
    assert np.allclose(middles, [-0.2, 0.8, 0.2, 1.2])
    assert [text.get_text() for text in ax.texts] == ["1", "2", "3", "4"]


def test_class_shares_are_in_percent_with_binomial_errors():
    ax = figures.class_shares({"GAN": [20, 30, 50]}, ["a", "b", "c"]).axes[0]
    assert np.allclose(heights(ax), [20, 30, 50])
    (whiskers,) = ax.containers[0].lines[2]
    lengths = [segment[1, 1] - segment[0, 1] for segment in whiskers.get_segments()]
    assert np.allclose(lengths, 200 * np.sqrt(np.array([0.2 * 0.8, 0.3 * 0.7, 0.25]) / 100))
    assert ax.lines[-1].get_ydata()[0] == pytest.approx(100 / 3)


@pytest.mark.parametrize("call, error, message", [
    (lambda: figures.bar_chart({"a": [1, 2]}, ["x"], ylabel="h"), ValueError, r"groups\['a'\] has shape \(2,\); it must be \(1,\)"),
    (lambda: figures.bar_chart({}, ["x"], ylabel="h"), ValueError, "groups is empty"),
    (lambda: figures.bar_chart({"a": [1]}, ["x"], ylabel="h", errors={"b": [1]}), ValueError, "give all or none"),
    (lambda: figures.class_shares({"a": [0.2, 0.8]}), TypeError, "whole numbers of samples, not shares"),
    (lambda: figures.class_shares({"a": [0, 0]}), ValueError, "not all zero"),
    (lambda: figures.class_shares({"a": [-1, 2]}), ValueError, "non-negative"),
    (lambda: figures.class_shares({"a": [1, 2], "b": [1, 2, 3]}), ValueError, r"rows of \[2, 3\] classes"),
    (lambda: figures.class_shares({"a": [1, 2]}, ["one"]), ValueError, "1 class_names for 2 classes"),
    (lambda: figures.heat_table([[1.0, 2.0]], ["a"], ["b"], label="x"), ValueError, r"must be \(1, 1\)"),
    (lambda: figures.heat_table([[np.nan]], ["a"], ["b"], label="x"), ValueError, "must hold numbers"),
    (lambda: figures.heat_table([[0.0, 1.0]], ["a"], ["b", "c"], label="x", log=True), ValueError, "positive ones")])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_table_writes_every_number_and_leaves_blanks_blank():
    ax = figures.heat_table([[1.25, np.nan], [3.0, 4.0]], ["a", "b"], ["c", "d"], label="score", form=".2f").axes[0]
    assert {text.get_position(): text.get_text() for text in ax.texts} == {(0, 0): "1.25", (0, 1): "3.00", (1, 1): "4.00"}
    assert [text.get_text() for text in ax.get_xticklabels()] == ["c", "d"]


def test_the_cells_of_a_table_have_one_format_and_its_labels_stay_on_the_page():
    figure = figures.heat_table([[1228.2, 1249], [441.3, 530], [494, 323]], ["1/4", "1", "4"], ["1", "2"], label="Fréchet distance (not FID)",
                                row_name="learning rate of D over that of G", col_name="G steps for each of D")
    ax = figure.axes[0]
    assert [text.get_text() for text in ax.texts] == ["1,228", "1,249", "441", "530", "494", "323"]
    box = ax.yaxis.label.get_window_extent()
    assert 0 <= box.y0 and box.y1 <= figure.bbox.height and 0 <= box.x0


def test_large_heights_are_written_out():
    figure = figures.bar_chart({"U": [11384.6, 2.5, 3e7]}, ["a", "b", "c"], ylabel="U")
    assert [text.get_text() for text in figure.axes[0].texts] == ["11,385", "2.5", "3e+07"]
