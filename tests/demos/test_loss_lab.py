"""The loss lab: its numbers against closed forms, and the demo end to end."""
import json
import math

import numpy as np
import pytest

from demos.command_line import run
from demos.loss_lab import critics, elbo, games, vanishing
from tinygen.losses.gan import LOSSES


def test_end_to_end(tmp_path, capsys, monkeypatch):
    training = vanishing.by_training
    monkeypatch.setattr(vanishing, "by_training", lambda *a, **k: training(*a, **k, steps=20))
    assert run(["loss_lab", "--steps", "2", "--every", "2", "--critic-updates", "20", "--draws", "20", "--out", str(tmp_path / "lab")]) == 0
    folder = tmp_path / "lab"
    for name in ("games", "pushes", "critics", "vanishing", "vanishing-in-training", "elbo"):
        assert (folder / f"{name}.png").stat().st_size > 20_000
    assert sorted(path.name for path in (folder / "frames").iterdir()) == ["step-00000.png", "step-00002.png"]
    assert (folder / "games.gif").stat().st_size > 100_000
    results = json.loads((folder / "results.json").read_text())
    assert results["wgan: mean push at distance 10 under the best"] == pytest.approx(1)
    assert "under the best discriminator" in capsys.readouterr().out


def test_parts_are_chosen_by_name(tmp_path, capsys):
    assert run(["loss_lab", "--parts", "elbo", "--draws", "10", "--out", str(tmp_path / "lab")]) == 0
    assert [path.name for path in (tmp_path / "lab").glob("*.png")] == ["elbo.png"]
    assert run(["loss_lab", "--parts", "elbow", "--out", str(tmp_path / "lab")]) == 2
    assert "there is no part 'elbow'; there are games" in capsys.readouterr().err


def test_every_loss_starts_the_same_game():
    real, _ = games.real_points("bimodal", 0)
    starts = {name: games.play(name, real, steps=0, every=1)[0] for name in LOSSES}
    first = starts["minimax"]
    assert all((moment.fake == first.fake).all() for moment in starts.values())
    assert (starts["wgan"].push == starts["hinge"].push).all() and (starts["wgan"].surface == starts["lsgan"].surface).all()
    assert first.push.shape == (games.SHOWN, 2) and 0 < first.surface.min() < first.surface.max() < 1
    surface, fake, push = first.panel
    assert np.hypot(*push.T).max() <= np.quantile(np.hypot(*first.push.T), 0.8) * (1 + 1e-5)


def test_a_push_follows_the_critic_uphill():
    """Wasserstein pushes by the gradient of the score itself: a short way along it, the score rises by |gradient|^2 times the way."""
    real, _ = games.real_points("bimodal", 0)
    moment = games.play("wgan-gp", real, steps=30, every=30)[-1]
    inner = np.abs(moment.fake).max(axis=1) < 1.8
    line = np.linspace(*games.LIMITS, games.CELLS)

    def score(points):
        column, row = (np.argmin(np.abs(line[:, None] - axis), axis=0) for axis in points.T)
        return moment.surface[row, column]
    ahead = moment.fake + 0.3 * moment.push / np.linalg.norm(moment.push, axis=1, keepdims=True)
    assert (score(ahead) - score(moment.fake))[inner].mean() > 0


def test_best_outputs_are_those_of_the_losses():
    """The outputs written by the logit are `optimal(p, q)` of the losses."""
    x, d = np.linspace(-2, 5, 29)[:, None], 3.0
    p, q = (np.exp(-((x - m) ** 2) / 2) for m in (0.0, d))
    for name in ("minimax", "lsgan"):
        assert vanishing.best_output(name, d)(vanishing.tg.tensor(x)).numpy() == pytest.approx(LOSSES[name].optimal(p, q))


def test_minimax_vanishes_and_the_others_do_what_is_known():
    best = vanishing.by_distance([0.5, 4.0, 10.0])
    assert best["minimax"] + best["non-saturating"] == pytest.approx([0.5, 4.0, 10.0], rel=1e-6)      # s(l) + (1 - s(l)) times the slope d
    assert best["minimax"][2] < 1e-4 and best["lsgan"][2] < 1e-4 and best["wgan"] == pytest.approx(1)


def test_minimax_vanishes_as_the_discriminator_learns():
    _, found = vanishing.by_training(steps=120, every=40)
    assert found["non-saturating"][-1] > 100 * found["minimax"][-1] > 0
    assert found["wgan-gp"][-1] == pytest.approx(1 + 10 / 20, abs=0.3)


def test_the_best_critics_on_the_line():
    x = np.linspace(-14, 14, 2801)
    best, dx = critics.optimal("wgan-gp", x), x[1] - x[0]
    slope = np.diff(best) / dx
    assert slope[0] == pytest.approx(1) and slope[-1] == pytest.approx(-1) and abs(x[np.argmax(best)] + 0.5) < 0.02
    p, q = critics.densities(x)
    w1 = np.sum(best * (p - q)) * dx
    assert w1 == pytest.approx(np.abs(np.cumsum(p - q)).sum() * dx ** 2, rel=1e-3)                      # W1 is the integral of |P - Q|
    assert set(critics.optimal("hinge", x)) <= {-1.0, 0.0, 1.0}


def test_trained_critics_come_near():
    x, p, q, curves = critics.compare(300)
    best, found = curves["hinge"]
    assert np.average(np.abs(best - found), weights=p + q) < 0.3
    best, found = curves["wgan-gp"]
    assert np.average(np.abs(best - found), weights=p + q) < 0.4


def test_the_elbo_is_highest_at_the_posterior_and_is_log_p_there():
    x, t = 1.3, 0.7
    mu, sigma = elbo.posterior(x, t)
    top = elbo.surface(mu, sigma, x, t)
    assert top == pytest.approx(-0.5 * math.log(2 * math.pi * (1 + t * t)) - x * x / (2 * (1 + t * t)))
    rng = np.random.default_rng(0)
    assert (elbo.surface(mu + rng.normal(size=200), sigma * np.exp(rng.normal(size=200)), x, t) < top).all()


def test_gradients_are_those_of_the_surface_on_average():
    x, t, mu, sigma, step = 1.0, 0.8, 0.1, 1.2, 1e-5
    expected = [(elbo.surface(mu + step, sigma, x, t) - elbo.surface(mu - step, sigma, x, t)) / (2 * step),
                (elbo.surface(mu, sigma + step, x, t) - elbo.surface(mu, sigma - step, x, t)) / (2 * step)]
    for name in elbo.RATES:
        drawn = elbo.gradients(name, mu, sigma, x, t, 40_000)
        assert drawn.mean(axis=0) == pytest.approx(expected, abs=5 * (drawn.std(axis=0) / 200).max())
    mu, sigma = elbo.posterior(x, t)
    assert np.abs(elbo.gradients("path derivative", mu, sigma, x, t, 100)).max() < 1e-12
