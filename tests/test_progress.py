"""tinygen.progress: what the line says, on a terminal and elsewhere."""
import io

import numpy as np
import pytest

from tinygen import progress as module
from tinygen.progress import Progress, column, duration, number


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when told to."""
    class Clock:
        now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: Clock.now)
    monkeypatch.setenv("TERM", "xterm")
    return Clock


def test_the_line_says_what_is_done_the_numbers_the_rate_and_the_time_left(clock):
    progress = Progress(400, "epoch 1/4", stream=io.StringIO())
    clock.now += 2
    progress.update(100, loss=154.23, kl=6.314)
    assert progress.text() == "epoch 1/4  loss 154.2  kl 6.314  50.0 images/s  0:06 left"
    clock.now += 10
    progress.update(300)
    assert progress.text() == "epoch 1/4  loss 154.2  kl 6.314  33.3 images/s"


def test_work_of_an_earlier_process_counts_as_done_but_not_for_the_rate(clock):
    progress = Progress(400, "x", done=200, stream=io.StringIO())
    clock.now += 10
    progress.update(100)
    assert progress.text() == "x  75%  10.0 images/s  0:10 left"


def test_skipped_time_counts_for_the_time_left_only(clock):
    progress = Progress(200, "x", stream=io.StringIO())
    clock.now += 1
    progress.update(100)
    clock.now += 9                                  # a checkpoint, a figure
    progress.skip()
    assert progress.text() == "x  50%  100 images/s  0:10 left"


def test_without_a_total_there_is_no_time_left(clock):
    progress = Progress(None, "download", unit="MB", stream=io.StringIO())
    clock.now += 2
    progress.update(3)
    assert progress.text() == "download  1.5 MB/s"


def test_a_pipe_gets_only_the_lines_to_keep(clock):
    stream = io.StringIO()
    with Progress(10, "epoch 1/1", stream=stream) as progress:
        for _ in range(10):
            clock.now += 1
            progress.update(1, loss=2.0)
        progress.keep(loss=1.5)
        progress.update(1)
    assert stream.getvalue() == "epoch 1/1  loss 1.500  1.0 images/s\n"


def test_a_terminal_is_redrawn_in_place_and_not_before_a_second_is_over(clock):
    stream = Terminal()
    with Progress(100, "work", stream=stream) as progress:
        clock.now += 0.9
        progress.update(10)
        assert stream.getvalue() == ""
        clock.now += 0.3
        progress.update(10)
        first = stream.getvalue()
        assert first.startswith("\rwork  20%") and first.endswith("\x1b[K") and "\n" not in first
        clock.now += 0.05
        progress.update(10)
        assert stream.getvalue() == first           # not more often than ten times a second
        clock.now += 0.06
        progress.update(10)
        assert "\rwork  40%" in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")   # taken away at the end


def test_on_a_terminal_a_kept_line_replaces_the_moving_one(clock):
    stream = Terminal()
    progress = Progress(100, "epoch 1/2", stream=stream)
    clock.now += 2
    progress.update(50)
    progress.keep(loss=1.0)
    assert stream.getvalue().split("\x1b[K")[-1] == "epoch 1/2  loss 1.000  25.0 images/s  0:02 left\n"


def test_a_dumb_terminal_is_treated_as_a_pipe(clock, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    progress = Progress(100, "work", stream=stream)
    clock.now += 5
    progress.update(50)
    assert stream.getvalue() == ""


def test_numbers_that_do_not_fit_the_width_are_left_out_and_the_time_left_stays(clock):
    progress = Progress(400, "epoch 1/4", stream=io.StringIO())
    clock.now += 2
    progress.update(100, loss=154.23, reconstruction=148.2, kl=6.314, active_units=2)
    line = progress.text(60)
    assert len(line) <= 60 and line.endswith("50.0 images/s  0:06 left") and "loss 154.2" in line and "kl" not in line
    assert len(progress.text(12)) == 12


@pytest.mark.parametrize("columns, end", [(200, "50.0 images/s  0:06 left"), (75, "50.0 images/s"), (60, "kl 6.314"), (20, "kl 6.314")])
def test_a_kept_line_loses_the_time_left_then_the_rate_and_never_a_number(clock, monkeypatch, columns, end):
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    progress = Progress(400, "epoch 1/4", stream=stream)
    clock.now += 2
    progress.update(100, loss=154.23, reconstruction=148.2)
    progress.keep(kl=6.314)
    line = stream.getvalue().split("\x1b[K")[-1]
    assert line.startswith("epoch 1/4  loss 154.2  reconstruction 148.2  kl 6.314") and line.endswith(end + "\n") and line.count("\n") == 1


def test_a_line_said_in_between_does_not_tear_the_progress_line(clock):
    stream = Terminal()
    progress = Progress(10, "work", stream=stream)
    clock.now += 2
    progress.update(5)
    progress.say("hello")
    assert stream.getvalue().endswith("\r\x1b[Khello\n")


@pytest.mark.parametrize("value, text", [
    (0.0, "0.000"), (1.0, "1.000"), (-12.345, "-12.35"), (154.23, "154.2"), (2345.6, "2346"), (12_000, "12,000"), (7, "7"), (np.int64(7), "7"),
    (0.6931, "0.693"), (0.012345, "0.0123"), (0.00149, "0.00149"), (1.23e-5, "1.23e-05"), (2.5e7, "2.5e+07"), (float("nan"), "nan"), (float("inf"), "inf")])
def test_numbers_for_people(value, text):
    assert number(value) == text


@pytest.mark.parametrize("seconds, text", [(0, "0:00"), (59.6, "1:00"), (62, "1:02"), (3600, "1:00:00"), (86399, "23:59:59")])
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("values, texts", [
    ([652824.3, 1.3e6], ["652,824", "1,300,000"]), ([0.102, 0.098], ["0.102", "0.098"]), ([1228.2, 441.3], ["1,228", "441"]),
    ([10.0, 9, 0.0], ["10", "9", "0"]), ([0.5, 2.0, 0.0], ["0.500", "2.000", "0"]), ([154.23, 6.314], ["154.2", "6.3"]),
    ([42.3, 7.12e-4], ["42.3000", "0.0007"]), ([0.496, 4.9e-32], ["4.96e-01", "4.90e-32"]), ([0.0, 1e-9], ["0", "1.00e-09"]),
    ([-1.5, float("nan"), float("inf")], ["-1.500", "nan", "inf"]), ([float("nan")], ["nan"]), ([], [])])
def test_the_numbers_of_a_column_have_one_format(values, texts):
    assert column(values) == texts
