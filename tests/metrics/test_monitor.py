"""The monitor raises the alarm on runs that collapse, and stays quiet on good ones."""
import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.data import toy
from tinygen.losses.gan import LOSSES, gradient_penalty
from tinygen.metrics.monitor import CollapseMonitor
from tinygen.optim import Adam, gradient_norm

RING = 2 * np.stack([np.cos(np.arange(8) * math.pi / 4), np.sin(np.arange(8) * math.pi / 4)], axis=1)
RNG = np.random.default_rng(0)
REAL = RING[RNG.integers(8, size=2000)] + 0.05 * RNG.standard_normal((2000, 2))


def draw(modes, seed, n=500):
    rng = np.random.default_rng(seed)
    return RING[rng.choice(modes, size=n)] + 0.05 * rng.standard_normal((n, 2))


def ring_monitor(**settings):
    return CollapseMonitor(REAL, centres=RING, sigma=0.05, **settings)


def alarms_of(monitor, runs, **more):
    seen = []
    for step, samples in enumerate(runs):
        monitor.read(100 * step, samples, **more)
        seen += monitor.alarms
    return seen


def test_quiet_on_a_good_run_that_starts_untrained():
    untrained = [0.01 * np.random.default_rng(s).standard_normal((500, 2)) for s in range(3)]
    good = [draw(range(8), s) for s in range(20)]
    monitor = ring_monitor()
    assert alarms_of(monitor, untrained + good, real_logits=np.full(9, 0.5), fake_logits=np.full(9, -0.4), gradients={"G": 0.1, "D": 0.2}) == []
    assert monitor.history[-1]["modes"] == 8 and monitor.history[-1]["spread"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("modes, message", [([3], "nearly all alike"), ([3], "mode collapse: 1 of 8 modes"), ([0, 4, 2], "mode collapse: 3 of 8")])
def test_alarm_on_a_run_that_collapses(modes, message):
    monitor = ring_monitor()
    assert alarms_of(monitor, [draw(range(8), s) for s in range(5)]) == []
    assert any(message in alarm for alarm in alarms_of(monitor, [draw(modes, s) for s in range(4)]))


def test_alarm_on_a_run_that_never_leaves_its_start():
    assert alarms_of(ring_monitor(), [draw([0], s) for s in range(5)]) == []            # three of warm-up, then patience
    assert alarms_of(ring_monitor(), [draw([0], s) for s in range(6)]) != []


def test_alarm_when_modes_are_lost_though_most_are_left():
    monitor = ring_monitor()
    seen = alarms_of(monitor, [draw(range(8), s) for s in range(5)] + [draw(range(5), s) for s in range(5)])
    assert any("modes are being lost: 5, down from 8" in alarm for alarm in seen)


def test_one_bad_reading_is_not_an_alarm():
    runs = [draw([0] if s % 3 == 0 else range(8), s) for s in range(20)]
    assert alarms_of(ring_monitor(), runs) == []


def test_classes_are_counted_by_the_judge():
    """Two-pixel "images" whose first pixel is the class: four classes, then one with a few strays of the others."""
    def classify(images):
        return images[:, 0].astype(int)

    def images(labels, seed):
        return np.stack([labels, 9 * np.random.default_rng(seed).standard_normal(len(labels))], axis=1)

    even = np.arange(400) % 4
    monitor = CollapseMonitor(images(even, 0), classify=classify, classes=4)
    assert alarms_of(monitor, [images(even, s) for s in range(6)]) == []
    strays = np.concatenate([np.zeros(380), np.arange(20) % 4])
    assert any("effective classes" in alarm for alarm in alarms_of(monitor, [images(strays, s) for s in range(4)]))
    assert monitor.history[-1]["classes"] == 4                  # every class has a stray: the count alone would not have told
    assert "classes 4/4" in monitor.line() and "entropy" in monitor.line()


def test_discriminator_that_has_won_and_critic_that_may():
    good = [draw(range(8), s) for s in range(8)]
    logits = dict(real_logits=np.full(5, 9.0), fake_logits=np.full(5, -9.0))
    assert any("discriminator has won" in alarm for alarm in alarms_of(ring_monitor(), good, **logits))
    assert alarms_of(ring_monitor(critic=True), good, **logits) == []


def test_probabilities_of_huge_logits_are_finite():
    reading = ring_monitor().read(0, draw(range(8), 0), real_logits=np.array([1e4]), fake_logits=np.array([-1e4]))
    assert reading["d_real"] == 1 and reading["d_fake"] == 0


def test_gradients_that_vanish_explode_or_are_not_finite():
    good = [draw(range(8), s) for s in range(8)]
    assert any("G has vanished" in a for a in alarms_of(ring_monitor(), good, gradients={"G": 1e-9}))
    monitor = ring_monitor()
    assert alarms_of(monitor, good, gradients={"D": 1.0}) == []
    assert any("D has exploded" in a for a in alarms_of(monitor, good[:4], gradients={"D": 500.0}))
    monitor.read(9, good[0], gradients={"D": math.nan})
    assert monitor.alarms == ["the gradient of D is not finite"]


def test_samples_that_are_not_finite_alarm_at_once():
    monitor = ring_monitor()
    monitor.read(0, np.full((4, 2), np.nan))
    assert monitor.alarms == ["samples hold NaN or infinity"] and "NOT FINITE" in monitor.line()


def test_line_and_state():
    monitor, twin = ring_monitor(), ring_monitor()
    runs = [draw([0], s) for s in range(7)]
    for step, samples in enumerate(runs):
        if step == 4:
            twin.load_state_dict(monitor.state_dict())
        monitor.read(step, samples, real_logits=np.zeros(3), gradients={"G": 0.5})
        if step >= 4:
            twin.read(step, samples, real_logits=np.zeros(3), gradients={"G": 0.5})
    assert twin.history == monitor.history and twin.alarms == monitor.alarms != []
    for text in ("step 6", "modes 1/8", "spread 0.0", "D(x) 0.500", "|grad G| 0.5"):
        assert text in monitor.line()


def train_on_the_ring(loss, steps, critic_steps, lr, critic_lr, every=100):
    """A small GAN on eight Gaussians, watched by the monitor; returns the monitor and all alarms."""
    tg.manual_seed(0)
    rng, pair = np.random.default_rng(0), LOSSES[loss]
    generator, critic = (nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, k)) for k in (2, 1))
    g_optimizer, c_optimizer = Adam(generator.parameters(), lr, (0.5, 0.9)), Adam(critic.parameters(), critic_lr, (0.5, 0.9))
    centres, sigma = toy.modes("8-gaussians")
    monitor, seen = CollapseMonitor(toy.sample("8-gaussians", 1000, rng), centres=centres, sigma=sigma, critic=loss == "wgan-gp"), []
    draw = lambda n: tg.tensor(rng.standard_normal((n, 2), dtype=np.float32))
    for step in range(1, steps + 1):
        for _ in range(critic_steps):
            real, fake = tg.tensor(toy.sample("8-gaussians", 128, rng)), generator(draw(128)).detach()
            real_logits, fake_logits = critic(real), critic(fake)
            c_loss = pair.discriminator(real_logits, fake_logits)
            if loss == "wgan-gp":
                c_loss = c_loss + 0.1 * gradient_penalty(critic, real, fake)
            c_norm = gradient_norm(c_optimizer.minimize(c_loss))
        g_norm = gradient_norm(g_optimizer.minimize(pair.generator(critic(generator(draw(128))))))
        if step % every == 0:
            monitor.read(step, generator(draw(1000)), real_logits=real_logits, fake_logits=fake_logits, gradients={"G": g_norm, "D": c_norm})
            seen += monitor.alarms
    return monitor, seen


def test_alarm_on_a_real_run_that_collapses():
    """The saturating loss against a fast critic: the generator stays on two of the eight modes."""
    monitor, seen = train_on_the_ring("minimax", 700, 5, 1e-3, 5e-3)
    assert any("mode collapse" in alarm for alarm in seen) and monitor.history[-1]["modes"] <= 3


def test_quiet_on_a_real_run_that_covers_the_modes():
    monitor, seen = train_on_the_ring("wgan-gp", 900, 4, 1e-3, 1e-3)
    assert seen == [] and max(r["modes"] for r in monitor.history) == 8


def test_bad_input():
    with pytest.raises(ValueError, match="both or neither"):
        CollapseMonitor(REAL, centres=RING)
    with pytest.raises(ValueError, match="all the same sample"):
        CollapseMonitor(np.ones((9, 2)))
    with pytest.raises(ValueError, match="patience = 0"):
        CollapseMonitor(REAL, patience=0)


def test_logits_that_are_not_numbers_raise_the_alarm_at_once():
    monitor = ring_monitor()
    monitor.read(1, draw(range(8), 0), real_logits=np.full(4, np.nan), fake_logits=np.zeros(4))
    assert monitor.alarms == ["the discriminator's outputs are not finite"]
