"""The studies of divergences and of regularisation: their numbers against closed forms, and each demo end to end."""
import json
import math

import numpy as np
import pytest

from demos import divergences, regularisation
from demos.command_line import run


def finished(folder, figures):
    assert all((folder / f"{name}.png").stat().st_size > 10_000 for name in figures)
    return json.loads((folder / "results.json").read_text())


def test_divergences_end_to_end(tmp_path, capsys):
    assert run(["divergences", "--samples", "60", "--furthest", "3", "--out", str(tmp_path / "d")]) == 0
    results = finished(tmp_path / "d", ["gaussians", "estimates", "uniforms"])
    assert results["KL at shift 3"] == pytest.approx(18) and results["JS at shift 3"] < math.log(2)
    assert "noise floor of W1" in capsys.readouterr().out


def test_sliding_gaussians():
    shifts = np.array([0.5, 4.0])
    values, gradients = divergences.sliding_gaussians(shifts, sigma=0.5, samples=300)
    assert values["KL"] == pytest.approx(shifts ** 2 / 0.5) and gradients["KL"] == pytest.approx(shifts / 0.25)
    assert values["W1"] == pytest.approx(shifts, abs=0.1) and gradients["W1"][1] == pytest.approx(1)
    assert abs(gradients["JS"][1]) < 0.01 and abs(gradients["MMD^2"][1]) < 0.05


def test_sliding_uniforms():
    shifts = np.array([0.0, 0.5, 1.0, 2.0])
    values = divergences.sliding_uniforms(shifts)
    assert values["JS"] == pytest.approx(np.minimum(shifts, 1) * math.log(2)) and values["W1"] == pytest.approx(shifts)
    assert values["total variation"] == pytest.approx(np.minimum(shifts, 1))
    assert values["KL, background 0.01"][-1] == pytest.approx(math.log(300), abs=1e-6)     # all mass where only the background is


def test_regularisation_end_to_end(tmp_path):
    assert run(["regularisation", "--images", "100", "--epochs", "2", "--outer", "3", "--out", str(tmp_path / "r")]) == 0
    results = finished(tmp_path / "r", ["finite-differences", "weight-decay", "learned", "exploding"])
    assert results["autograd_error"] < 1e-10


def test_least_squares_three_ways():
    closed, by_autograd, by_differences = regularisation.three_gradients(*regularisation.least_squares_problem(3))
    assert by_autograd == pytest.approx(closed, rel=1e-12) and by_differences == pytest.approx(closed, rel=1e-7)


def test_weight_decay_rules_the_first_epoch():
    study = regularisation.weight_decay("quadratic", images=200, epochs=2)
    assert study.factor[0] == pytest.approx(math.exp(-0.25), abs=0.005) and study.ratio[0] > 1
    assert study.count == 784 * 30 + 300


def test_hyper_gradients_match_differences():
    problem = regularisation.RidgeProblem(1)
    at = np.log([0.1, 0.05])
    _, *by_autograd = regularisation.hyper_gradient(problem, *at, 15)
    for i, step in enumerate(np.eye(2) * 1e-5):
        up, down = (regularisation.hyper_gradient(problem, *(at + s), 15)[0] for s in (step, -step))
        assert by_autograd[i] == pytest.approx((up - down) / 2e-5, rel=1e-6)
