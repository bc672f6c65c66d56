"""The tour: what is printed as code is what ran, and what came out is right."""
import re

import pytest

from demos import tour
from demos.command_line import run


def test_all_ten_steps(capsys):
    assert run(["tour"]) == 0
    printed = capsys.readouterr().out
    assert re.findall(r"^(\d+)\. ", printed, re.M) == [str(n) for n in range(1, 11)]
    for expected in ("dy/dx is z: 5.0   dy/dz is x: 3.0", "made in this order: True\ndc/da is 8 a: 12.0", "gradcheck to third order: True",
                     "(4, 3) to [  4.  40. 400.]", "slope 2.0000, intercept 1.0000", "derivative 2 of x^3 at 3: 18.0", "it knows the weights: True",
                     "penalty (5 - 1)^2: 16.0   gradient: [[4.8 6.4]]", "after a hundred steps: [[0.6 0.8]] of length 1.0"):
        assert expected in printed
    too_long = [line for line in printed.splitlines() if len(line) > 80]
    assert all("@elementwise" in line for line in too_long)             # a line of the source, as `explain` shows it
    formula, closed = re.findall(r"(?:tanh:|\^2\): ) +\[(.*)\]", printed)
    assert formula == closed
    by_mu, by_sigma = map(float, re.search(r"^by mu ([\d.]+) .* by sigma ([\d.]+) ", printed, re.M).groups())
    assert by_mu == pytest.approx(1, abs=0.05) and by_sigma == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("step", tour.STEPS, ids=lambda step: step.__name__)
def test_the_code_of_a_step_is_what_runs(step, capsys):
    """Typed in by itself, the printed code prints the same."""
    title, words, code = tour.parts(step)
    assert title and words and 0 < len(code.split("\n")) <= 11
    tour.tg.manual_seed(0)
    step()
    itself = capsys.readouterr().out
    tour.tg.manual_seed(0)
    exec(code, {name: getattr(tour, name) for name in ("np", "tg", "nn", "gradient_penalty")})
    assert capsys.readouterr().out == itself != ""


def test_one_step_and_a_wrong_one(capsys):
    assert run(["tour", "7"]) == 0
    printed = capsys.readouterr().out
    assert "7. The gradient of a gradient" in printed and "8. " not in printed
    assert run(["tour", "11"]) == 2
    assert "there is no step '11'; the steps are numbered from 1 to 10" in capsys.readouterr().err
