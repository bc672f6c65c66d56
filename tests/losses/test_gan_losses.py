"""GAN losses: closed forms, values and slopes at the optimum, extreme logits, the penalty to second order, bad input."""
import math
import warnings

import numpy as np
import pytest
from scipy.special import ndtri

import tinygen as tg
from tinygen import nn
from tinygen.losses import gan
from tinygen.losses.gan import LOSSES, clip_weights, gradient_penalty, least_squares
from tinygen.models.mlp import mlp
from tinygen.optim import Adam, cosine

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.standard_normal((7, 1)), RNG.standard_normal((5, 1))
S = lambda x: 1 / (1 + np.exp(-x))
PAIRS = {**LOSSES, "lsgan (0, 1, 1)": least_squares(0, 1, 1)}


def values(pair, real=REAL, fake=FAKE):
    return pair.discriminator(tg.tensor(real), tg.tensor(fake)).item(), pair.generator(tg.tensor(fake)).item()


@pytest.mark.parametrize("name, discriminator, generator", [
    ("minimax", -np.log(S(REAL)).mean() - np.log(1 - S(FAKE)).mean(), np.log(1 - S(FAKE)).mean()),
    ("non-saturating", -np.log(S(REAL)).mean() - np.log(1 - S(FAKE)).mean(), -np.log(S(FAKE)).mean()),
    ("lsgan", ((REAL - 1) ** 2).mean() / 2 + ((FAKE + 1) ** 2).mean() / 2, (FAKE ** 2).mean() / 2),
    ("lsgan (0, 1, 1)", ((REAL - 1) ** 2).mean() / 2 + (FAKE ** 2).mean() / 2, ((FAKE - 1) ** 2).mean() / 2),
    ("wgan", FAKE.mean() - REAL.mean(), -FAKE.mean()),
    ("wgan-gp", FAKE.mean() - REAL.mean(), -FAKE.mean()),
    ("hinge", np.maximum(0, 1 - REAL).mean() + np.maximum(0, 1 + FAKE).mean(), -FAKE.mean()),
])
def test_losses_are_their_formulas(name, discriminator, generator):
    assert values(PAIRS[name]) == pytest.approx((discriminator, generator), abs=1e-12)


@pytest.mark.parametrize("name, output, discriminator, generator", [
    ("minimax", 0.0, math.log(4), -math.log(2)), ("non-saturating", 0.0, math.log(4), math.log(2)), ("lsgan", 0.0, 1.0, 0.0),
    ("lsgan (0, 1, 1)", 0.5, 0.25, 0.125), ("hinge", 0.3, 2.0, -0.3), ("wgan", 0.7, 0.0, -0.7), ("wgan-gp", 0.7, 0.0, -0.7)])
def test_values_where_the_generator_is_perfect(name, output, discriminator, generator):
    """q = p: the best output is one constant, the losses are those of the docstrings, and the discriminator's slope is zero."""
    logits = tg.tensor(np.full((4, 1), output), requires_grad=True)
    loss = PAIRS[name].discriminator(logits, logits)
    assert (loss.item(), PAIRS[name].generator(logits).item()) == pytest.approx((discriminator, generator), abs=1e-12)
    assert np.abs(tg.grad(loss, [logits])[0].data).max() < 1e-12


@pytest.mark.parametrize("name", [n for n, pair in PAIRS.items() if pair.optimal])
def test_the_optimal_output_minimises_the_discriminators_loss(name):
    """On a grid, with p and q as weights of the two expectations, no other output is better than optimal(p, q)."""
    x = np.linspace(-4, 5, 31)
    p, q = np.exp(-x ** 2 / 2) / math.sqrt(2 * math.pi), np.exp(-((x - 1) / 1.3) ** 2 / 2) / (1.3 * math.sqrt(2 * math.pi))
    best = PAIRS[name].optimal(p, q)

    def pointwise(output):
        one = lambda o: np.array([[o]])
        both = lambda r, f: PAIRS[name].discriminator(tg.tensor(one(r)), tg.tensor(one(f))).item()
        neutral = both(0.0, 0.0)                              # the two terms apart: L(r, f) = A(r) + B(f)
        return np.array([p[i] * (both(o, 0.0) - neutral / 2) + q[i] * (both(0.0, o) - neutral / 2) for i, o in enumerate(output)])
    lowest = pointwise(best)
    for step in (-0.3, -0.01, 0.01, 0.3):
        assert (pointwise(best + step) >= lowest - 1e-15).all()


def test_losses_at_the_optimum_are_the_divergences():
    """log 4 - 2 JSD, 1/2 (b - a)^2 int p q / (p + q), 2 - 2 TV, computed as means over a large common sample grid."""
    from tinygen.divergences import js, total_variation
    p, q = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.25, 0.25, 0.45, 0.05])
    counts = lambda w: np.repeat(np.arange(4), np.rint(w * 20).astype(int))          # 20 samples with exactly these shares
    for name, expected in (("minimax", math.log(4) - 2 * js(p, q)), ("lsgan", 2 * (p * q / (p + q)).sum()), ("hinge", 2 - 2 * total_variation(p, q))):
        output = PAIRS[name].optimal(p, q)
        loss = PAIRS[name].discriminator(tg.tensor(output[counts(p)][:, None]), tg.tensor(output[counts(q)][:, None]))
        assert loss.item() == pytest.approx(expected, abs=1e-12)


def test_least_squares_with_the_papers_codes_minimises_a_chi_square():
    """2 C(G) = int (p - q)^2 / (p + q) = chi^2(2 q || p + q); .34682 for N(0, 1) against N(1, 1.3^2)."""
    x = np.linspace(-12, 14, 40_001)
    dx = x[1] - x[0]
    p, q = np.exp(-x ** 2 / 2) / math.sqrt(2 * math.pi), np.exp(-((x - 1) / 1.3) ** 2 / 2) / (1.3 * math.sqrt(2 * math.pi))
    best = PAIRS["lsgan"].optimal(p, q)
    twice = ((p + q) * best ** 2).sum() * dx
    assert twice == pytest.approx(((p - q) ** 2 / (p + q)).sum() * dx, abs=1e-12)
    assert twice == pytest.approx(0.34682, abs=5e-6)


@pytest.mark.parametrize("name, slope", [
    ("minimax", lambda s: -S(s)), ("non-saturating", lambda s: -(1 - S(s))), ("lsgan", lambda s: s), ("wgan", lambda s: -1 + 0 * s),
    ("hinge", lambda s: -1 + 0 * s)])
def test_the_slope_each_loss_gives_the_generator(name, slope):
    logits = tg.tensor(np.array([[-4.0], [0.0], [3.0]]), requires_grad=True)
    assert tg.grad(PAIRS[name].generator(logits), [logits])[0].data * 3 == pytest.approx(slope(logits.data), abs=1e-12)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_stay_finite(name, size):
    logits = tg.tensor(np.full((3, 1), size, np.float32), requires_grad=True)
    for loss in (PAIRS[name].discriminator(logits, logits), PAIRS[name].generator(logits)):
        assert loss.dtype == np.float32 and np.isfinite(loss.item())
        assert np.isfinite(tg.grad(loss, [logits])[0].data).all()


# ---- the penalty -----------------------------------------------------------------------------------------------------------


def test_penalty_of_a_linear_critic():
    """(||w|| - 1)^2 wherever it is taken, with gradient 2 (1 - 1 / ||w||) w; one-sided: zero for a slope below 1."""
    critic = nn.Linear(3, 1).to(np.float64)
    real, fake = RNG.standard_normal((6, 3)), RNG.standard_normal((6, 3))
    for size, one_sided, expected in ((3.0, False, 4.0), (0.5, False, 0.25), (3.0, True, 4.0), (0.5, True, 0.0)):
        w = size * np.array([[2.0, -1.0, 2.0]]) / 3
        critic.load_state_dict({"weight": w, "bias": np.ones(1)})
        penalty = gradient_penalty(critic, real, fake, one_sided=one_sided)
        assert penalty.item() == pytest.approx(expected, abs=1e-9)
        slope = tg.grad(penalty, [critic.weight])[0].data
        assert slope == pytest.approx(2 * (1 - 1 / size) * w if expected else 0 * w, abs=1e-9)


def test_penalty_takes_the_norm_per_sample_over_all_other_axes():
    """A critic sum(x^2) / 2 has gradient x: the norm of each image at the point between, one epsilon a sample."""
    real, fake, epsilon = RNG.standard_normal((4, 2, 3, 3)), RNG.standard_normal((4, 2, 3, 3)), RNG.random((4, 1, 1, 1))
    critic = lambda x: (x * x).sum(axis=(1, 2, 3), keepdims=True).reshape(-1, 1) * 0.5
    norms = np.sqrt(((epsilon * real + (1 - epsilon) * fake) ** 2).sum(axis=(1, 2, 3)))
    assert gradient_penalty(critic, real, fake, epsilon=epsilon).item() == pytest.approx(((norms - 1) ** 2).mean(), abs=1e-10)


def test_penalty_of_a_flat_critic_is_one_and_its_gradient_finite():
    critic = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    for p in critic.parameters():
        p.data[...] = 0
    penalty = gradient_penalty(critic, np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32))
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    assert all(np.isfinite(g.data).all() for g in tg.grad(penalty, critic.parameters()))


@pytest.mark.parametrize("one_sided", [False, True])
def test_gradient_of_the_whole_critic_loss(one_sided):
    """gradcheck, order 2, of Wasserstein loss + penalty in every weight of a convolutional critic: derivatives up to the third of the critic."""
    rng = np.random.default_rng(3)
    real, fake, epsilon = rng.standard_normal((3, 1, 6, 6)), rng.standard_normal((3, 1, 6, 6)), rng.random((3, 1, 1, 1))
    weights = [2 * rng.standard_normal(s) / math.sqrt(np.prod(s[1:])) for s in ((3, 1, 3, 3), (4, 3, 4, 4), (1, 16))]

    def critic_loss(w1, w2, w3):
        def critic(x):
            h = tg.tanh(tg.conv2d(x, w1, stride=1, padding=1))
            return tg.flatten(tg.softplus(tg.conv2d(h, w2, stride=2, padding=0))) @ w3.T
        penalty = gradient_penalty(critic, real, fake, one_sided=one_sided, epsilon=epsilon)
        return LOSSES["wgan-gp"].discriminator(critic(tg.tensor(real)), critic(tg.tensor(fake))) + 10.0 * penalty
    assert tg.gradcheck(critic_loss, weights, order=2)


def test_gradient_of_the_whole_critic_loss_with_rectifiers():
    """The same with LeakyReLU, as critics have it, order 1: the weight gradient of a penalty of piecewise linear functions."""
    rng = np.random.default_rng(4)
    real, fake, epsilon = rng.standard_normal((2, 1, 6, 6)), rng.standard_normal((2, 1, 6, 6)), rng.random((2, 1, 1, 1))
    weights = [rng.standard_normal(s) / math.sqrt(np.prod(s[1:])) for s in ((2, 1, 3, 3), (2, 2, 4, 4), (1, 8))]

    def critic_loss(w1, w2, w3):
        critic = lambda x: tg.flatten(tg.leaky_relu(tg.conv2d(tg.leaky_relu(tg.conv2d(x, w1, padding=1), 0.2), w2, stride=2), 0.2)) @ w3.T
        return (LOSSES["wgan-gp"].discriminator(critic(tg.tensor(real)), critic(tg.tensor(fake)))
                + 10.0 * gradient_penalty(critic, real, fake, epsilon=epsilon))
    assert tg.gradcheck(critic_loss, weights, order=1)


def test_penalty_gives_nothing_to_the_generator():
    generator, critic = nn.Linear(2, 3), nn.Linear(3, 1)
    fake = generator(tg.tensor(np.ones((4, 2), np.float32)))
    penalty = gradient_penalty(critic, np.ones((4, 3), np.float32), fake)
    assert all((g.data == 0).all() for g in tg.grad(penalty, generator.parameters()))


def test_penalty_warns_of_batch_norm_and_leaves_its_statistics_alone():
    critic = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    before = critic.state_dict()
    with pytest.warns(UserWarning, match="batch norm"):
        gradient_penalty(critic, np.ones((4, 2), np.float32), np.zeros((4, 2), np.float32))
    assert all((before[name] == now).all() for name, now in critic.state_dict().items())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient_penalty(nn.Linear(2, 1), np.ones((4, 2), np.float32), np.zeros((4, 2), np.float32))


def test_clip_weights():
    critic = mlp(2, 8, 1)
    loss = critic(tg.tensor(np.ones((1, 2), np.float32))).sum()
    clip_weights(critic.parameters(), 0.05)
    assert max(np.abs(p.data).max() for p in critic.parameters()) == np.float32(0.05)
    with pytest.raises(RuntimeError, match="updated"):                      # the graph of before knows that it is stale
        tg.grad(loss, critic.parameters())


# ---- against the formula, on the line ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["minimax", "lsgan"])
def test_a_trained_discriminator_is_the_optimal_one(name):
    """N(0, 1) against N(1, 1.3^2): within .02 of D* wherever p + q exceeds 1 % of its maximum."""
    tg.manual_seed(0)
    rng = np.random.default_rng(0)
    network = mlp(1, 32, 32, 1, activation=nn.Tanh)
    optimizer, n, steps, pair = Adam(network.parameters(), 2e-2), 500, 2000, LOSSES[name]
    for step in range(steps):
        z = ndtri((np.arange(n) + rng.random((2, n))) / n)                     # stratified draws: the tails are never empty
        real, fake = (tg.tensor(x[:, None].astype(np.float32)) for x in (z[0], 1 + 1.3 * z[1]))
        optimizer.lr = cosine(2e-2, step, steps)
        optimizer.minimize(pair.discriminator(network(real), network(fake)))
    x = np.linspace(-5, 7, 601)
    p, q = np.exp(-x ** 2 / 2), np.exp(-((x - 1) / 1.3) ** 2 / 2) / 1.3
    with tg.no_grad():
        output = network(tg.tensor(x[:, None].astype(np.float32))).numpy()[:, 0]
    trained, best = (S(output), S(pair.optimal(p, q))) if pair.squash else (output, pair.optimal(p, q))
    there = p + q > 0.01 * (p + q).max()
    assert np.abs(trained - best)[there].max() < 0.02


# ---- bad input -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRS)
def test_logits_of_other_shapes_are_refused(name):
    good, pair = tg.tensor(np.zeros((4, 1))), PAIRS[name]
    for bad in (np.zeros((4, 10)), np.zeros(4), np.zeros((0, 1)), np.zeros((4, 1, 1))):
        with pytest.raises(ValueError, match=r"must be \(N, 1\)"):
            pair.discriminator(good, tg.tensor(bad))
        with pytest.raises(ValueError, match=r"must be \(N, 1\)"):
            pair.discriminator(tg.tensor(bad), good)
        with pytest.raises(ValueError, match=r"must be \(N, 1\)"):
            pair.generator(tg.tensor(bad))
    with pytest.raises(TypeError, match="is a list"):
        pair.generator([0.0, 1.0])


def test_penalty_refuses_what_it_cannot_mean():
    critic, x = nn.Linear(3, 1), np.zeros((4, 3), np.float32)
    with pytest.raises(ValueError, match="of one shape"):
        gradient_penalty(critic, x, x[:3])
    with pytest.raises(ValueError, match=r"the critic's output \(4, 5\) must be \(N, 1\)"):
        gradient_penalty(nn.Linear(3, 5), x, x)
    with pytest.raises(ValueError, match="returned"):
        gradient_penalty(lambda x: x.sum(axis=0).reshape(3, 1), x, x)
    with pytest.raises(ValueError, match="epsilon"):
        gradient_penalty(critic, x, x, epsilon=np.zeros((4, 3), np.float32))
    with pytest.raises(ValueError, match="limit"):
        clip_weights(critic.parameters(), 0)
    with pytest.raises(ValueError, match="same code"):
        least_squares(1, 1, 0)


def test_every_pair_is_named_once():
    assert set(LOSSES) == {"minimax", "non-saturating", "lsgan", "hinge", "wgan", "wgan-gp"}
    assert gan.LOSSES["minimax"].squash and not gan.LOSSES["hinge"].squash
