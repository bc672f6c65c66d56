"""Curves show the numbers they were given."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygen import figures

ROWS = [{"epoch": 1, "train loss": 4.0, "test loss": None}, {"epoch": 2, "train loss": 2.0, "test loss": 3.0}]


def drawn(ax):
    """{label: (x, y)} of the named lines of an axes."""
    return {line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist()) for line in ax.lines
            if not line.get_label().startswith("_")}


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(-5, 5), min_size=1, max_size=20), window=st.integers(1, 9))
def test_smooth_is_the_mean_over_as_many_neighbours_on_either_side(values, window):
    halves = [min(window // 2, i, len(values) - 1 - i) for i in range(len(values))]
    means = [np.mean(values[i - half:i + half + 1]) for i, half in enumerate(halves)]
    assert np.allclose(figures.smooth(values, window), means, atol=1e-12)


def test_a_running_mean_of_a_straight_line_is_the_line():
    assert np.allclose(figures.smooth(np.arange(10.0, 0.0, -1), 7), np.arange(10.0, 0.0, -1))


def test_splits_share_a_panel_and_missing_values_are_left_out():
    figure = figures.training_curves(ROWS)
    (ax,) = figure.axes
    assert drawn(ax) == {"train loss": ([1, 2], [4, 2]), "test loss": ([2], [3])}
    assert ax.get_xlabel() == "epoch" and ax.get_ylabel() == "loss"
    figure = figures.training_curves(ROWS, units={"train loss": "nats"})
    assert figure.axes[0].get_ylabel() == "loss (nats)"


def test_a_column_read_from_csv_and_one_that_is_not_a_split():
    figure = figures.training_curves([{"step": "1", "images/s": "20"}, {"step": "2", "images/s": ""}])
    assert figure.axes[0].get_ylabel() == "images/s" and drawn(figure.axes[0]) == {"images/s": ([1], [20])}


def test_chosen_panels_and_abscissa():
    history = {"time": [0.1, 0.2], "a": np.array([1.0, 2.0]), "b": [3.0, 4.0], "name": ["x", "y"]}
    figure = figures.training_curves(history, x="time", panels={"both": ["a", "b"]})
    assert drawn(figure.axes[0]) == {"a": ([0.1, 0.2], [1, 2]), "b": ([0.1, 0.2], [3, 4])}
    assert drawn(figures.training_curves({"a": [5.0, 6.0]}).axes[0]) == {"a": ([1, 2], [5, 6])}


def test_the_raw_line_lies_faint_below_the_smooth_one():
    y = np.random.default_rng(0).normal(size=400)
    raw, mean = figures.training_curves({"loss": y}).axes[0].lines
    assert (raw.get_ydata() == y).all() and raw.get_alpha() < 0.5
    assert np.allclose(mean.get_ydata(), figures.smooth(y, 10))


def test_the_legend_says_that_the_thick_line_is_a_mean_and_of_how_many():
    y = np.random.default_rng(0).normal(size=400)
    said = lambda history: [text.get_text() for text in figures.training_curves(history).axes[0].get_legend().get_texts()]
    assert said({"loss": y}) == ["running mean of 11 points"]
    assert said({"train loss": y, "test loss": y + 1}) == ["train loss", "test loss", "thick: running mean of 11 points"]
    assert figures.training_curves({"loss": y[:20]}).axes[0].get_legend() is None


def test_the_parts_of_the_elbo_are_in_nats_if_nothing_else_is_said():
    history = {"-ELBO": [3.0, 2.0], "test -ELBO": [4.0, 3.0], "test rate": [1.0, 1.0], "lr": [1e-3, 1e-4]}
    labels = lambda **options: [ax.get_ylabel() for ax in figures.training_curves(history, **options).axes]
    assert labels() == ["-ELBO (nats)", "rate (nats)", "lr"]
    assert labels(units={"-ELBO": "bits", "test -ELBO": "bits", "lr": "1"}) == ["-ELBO (bits)", "rate (nats)", "lr (1)"]


@pytest.mark.parametrize("values, log, scale", [
    ([1, 50], "auto", "linear"), ([1, 101], "auto", "log"), ([0, 1000], "auto", "linear"), ([1, 1000], False, "linear"), ([1, 2], True, "log")])
def test_a_logarithmic_axis_where_it_helps(values, log, scale):
    assert figures.training_curves({"loss": values}, log=log).axes[0].get_yscale() == scale


def test_infinite_values_are_counted():
    figure = figures.training_curves({"loss": [1.0, np.inf, np.nan, -np.inf, 2.0]})
    assert figure.axes[0].get_title(loc="right") == "left out: 2 infinite"
    assert drawn(figure.axes[0]) == {"loss": ([1, 5], [1, 2])}


def test_epochs_are_ticked_at_whole_numbers():
    figure = figures.training_curves(ROWS)
    figure.canvas.draw()
    assert all(tick == round(tick) for tick in figure.axes[0].get_xticks())


@pytest.mark.parametrize("history, options, error, message", [
    ([], {}, ValueError, "history is empty"),
    ({}, {}, ValueError, "history is empty"),
    ({"a": []}, {}, ValueError, "no rows"),
    (np.zeros(3), {}, TypeError, "must be a dict"),
    ([1, 2], {}, TypeError, "list of int"),
    ({"a": [1], "b": [1, 2]}, {}, ValueError, "different length"),
    ({"a": [1]}, {"x": "epoch"}, ValueError, "no column 'epoch'"),
    ({"a": [1]}, {"panels": {"p": ["b"]}}, ValueError, r"no column \['b'\]; there are \['a'\]"),
    ({"epoch": [1]}, {}, ValueError, "no metric"),
    ({"a": ["text"]}, {}, TypeError, "column 'a' holds more than numbers"),
    ({"a": [1]}, {"log": "yes"}, ValueError, "'auto', True or False"),
    (ROWS, {"units": {"train loss": "nats", "test loss": "bits"}}, ValueError, "'loss' would hold bits and nats"),
    ({"a": [1]}, {"window": 0}, ValueError, "window = 0")])
def test_histories_that_cannot_be_drawn(history, options, error, message):
    with pytest.raises(error, match=message):
        figures.training_curves(history, **options)


def test_line_panels_leave_gaps_and_draw_guides():
    figure = figures.line_panels([0, 1, 2], {"a": {"f": [1, np.nan, 3]}, "b": {"g": [1, 2, 3]}}, xlabel="x", guides={"b": {"best": 2}})
    first, second = figure.axes
    assert np.isnan(drawn(first)["f"][1][1]) and drawn(second)["g"] == ([0, 1, 2], [1, 2, 3])
    assert [text.get_text() for text in second.texts] == ["best"]
    with pytest.raises(ValueError, match=r"must be \(3,\)"):
        figures.line_panels([0, 1, 2], {"a": {"f": [1, 2]}}, xlabel="x")
    with pytest.raises(ValueError, match=r"guides for \['c'\]"):
        figures.line_panels([0, 1], {"a": {"f": [1, 2]}}, xlabel="x", guides={"c": {"best": 2}})


def test_a_curve_leaves_the_frame_where_it_is_told_to_end():
    figure = figures.line_panels([0, 1, 2], {"a": {"f": [0, 5, 500], "g": [0, 1, 2]}}, xlabel="x", tops={"a": 3})
    (ax,) = figure.axes
    assert drawn(ax)["f"][1] == [0, 5, 500] and ax.get_ylim()[1] == 3 and -1 < ax.get_ylim()[0] <= 0
    with pytest.raises(ValueError, match=r"tops for \['c'\]"):
        figures.line_panels([0, 1], {"a": {"f": [1, 2]}}, xlabel="x", tops={"c": 1})


def test_a_short_logarithmic_axis_has_plain_numbers_and_a_long_one_powers_of_ten():
    x = np.geomspace(0.3, 3, 5)
    figure = figures.line_panels(x, {"short": {"a": x}, "long": {"a": x ** 4}}, xlabel="s", logx=True, logy=True)
    short, long = figure.axes
    assert {"0.5", "1", "2"} <= {label.get_text() for label in short.get_xticklabels()} == {label.get_text() for label in long.get_xticklabels()}
    assert not any(label.get_text() for label in short.get_xticklabels(minor=True))
    assert any("10^{" in label.get_text() for label in long.get_yticklabels())


def test_rate_distortion_sorts_by_rate_and_writes_beta():
    figure = figures.rate_distortion({"VAE": ([20, 5], [80, 120], [0.5, 4])}, optimum=([0, 30], [150, 60]))
    lines = drawn(figure.axes[0])
    assert lines["VAE"] == ([5, 20], [120, 80]) and lines["optimum"] == ([0, 30], [150, 60])
    assert {r"$\beta$ = 0.5", "4"} <= {text.get_text() for text in figure.axes[0].texts}
    for curve in ([1, 2, 3], ([1],), ([1, 2], [1])):
        with pytest.raises(ValueError, match="rate_distortion"):
            figures.rate_distortion({"VAE": curve})


def test_equal_sums_are_straight_lines_of_slope_minus_one():
    ax = figures.rate_distortion({"VAE": ([0, 10], [100, 60])}).axes[0]
    sums = [line for line in ax.lines if line.get_label().startswith("_")]
    assert len(sums) >= 3
    for line in sums:
        assert len(set(np.round(line.get_xdata() + line.get_ydata(), 9))) == 1


def test_the_legend_names_the_equal_sums():
    labels = drawn(figures.rate_distortion({"VAE": ([0, 10], [100, 60])}).axes[0])
    assert "rate + distortion = -ELBO (nats)" in labels


def test_no_label_of_a_rate_distortion_curve_hides_a_point_or_leaves_the_axes():
    """The curve of a beta-VAE of digits: labels of equal sums that stood where the lines come in hid a label, the last beta stuck out."""
    rate, distortion = [38.1, 30.2, 20.1, 15.9, 11, 5.6, 0.4, 0.001], [105, 108, 114, 119, 128, 150, 199, 206]
    for scale in (1.0, 1.1, 1.2, 1.3):
        ax = figures.rate_distortion({"VAE": (rate, [scale * d for d in distortion], [0.01, 0.1, 0.5, 1, 2, 5, 20, 100])}).axes[0]
        boxes = {text.get_text(): text.get_window_extent() for text in ax.texts}
        assert len(boxes) > 8
        for name, box in boxes.items():
            assert ax.bbox.x0 < box.x0 and box.x1 < ax.bbox.x1 and ax.bbox.y0 < box.y0 and box.y1 < ax.bbox.y1, name
            assert not [other for other in boxes if other != name and box.overlaps(boxes[other])], name
            assert box.count_contains(ax.transData.transform(ax.lines[0].get_xydata())) == 0, name


def test_path_profiles_run_from_zero_to_one_beside_their_energies():
    figure = figures.path_profiles({"a": [1, 2, 3], "b": [2, 2]}, energies={"b": 7.0})
    profile, bars = figure.axes
    assert drawn(profile) == {"a": ([0, 0.5, 1], [1, 2, 3]), "b": ([0, 1], [2, 2])}
    assert [patch.get_width() for patch in bars.patches] == [7.0]
    with pytest.raises(ValueError, match=r"energies of \['c'\]"):
        figures.path_profiles({"a": [1, 2]}, energies={"c": 1.0})


def test_of_two_points_that_all_but_meet_the_upper_has_the_upper_label():
    figure = figures.rate_distortion({"VAE": (np.array([50.0, 0.07, 0.002]), np.array([130.0, 203.7, 205.4]), np.array([0.1, 20.0, 100.0]))})
    height = {text.get_text(): text.get_window_extent().y0 for text in figure.axes[0].texts}
    assert height["100"] > height["20"]
