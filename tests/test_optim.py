"""Optimizers: each against PyTorch's formula written out in NumPy; what they touch, save, refuse; clipping and schedules."""
import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn, optim

RNG = np.random.default_rng(0)
START = [RNG.standard_normal((3, 2)), RNG.standard_normal(4)]
GRADIENTS = [[RNG.standard_normal(p.shape) for p in START] for _ in range(8)]


# ---- the formulas of PyTorch's documentation, one parameter at a time ------------------------------------------------


def sgd(p, gradients, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    b = None
    for g in gradients:
        g = g + weight_decay * p
        if momentum:
            b = g if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        p = p - lr * g
    return p


def rmsprop(p, gradients, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    v, b, average = 0, 0, 0
    for g in gradients:
        g = g + weight_decay * p
        v = alpha * v + (1 - alpha) * g ** 2
        spread = v
        if centered:
            average = alpha * average + (1 - alpha) * g
            spread = v - average ** 2
        step = g / (np.sqrt(spread) + eps)
        b = momentum * b + step
        p = p - lr * (b if momentum else step)
    return p


def adam(p, gradients, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    m, v = 0, 0
    for t, g in enumerate(gradients, 1):
        if decoupled:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g ** 2
        p = p - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return p


def adamw(p, gradients, weight_decay=1e-2, **settings):
    return adam(p, gradients, weight_decay=weight_decay, decoupled=True, **settings)


FORMULAS = [
    (optim.SGD, sgd, {}), (optim.SGD, sgd, dict(lr=0.1, momentum=0.9)), (optim.SGD, sgd, dict(lr=0.1, momentum=0.9, nesterov=True)),
    (optim.SGD, sgd, dict(lr=0.1, momentum=0.8, dampening=0.3, weight_decay=0.1)), (optim.SGD, sgd, dict(lr=0.1, weight_decay=0.1)),
    (optim.RMSprop, rmsprop, {}), (optim.RMSprop, rmsprop, dict(lr=0.02, alpha=0.9, eps=1e-3, weight_decay=0.1)),
    (optim.RMSprop, rmsprop, dict(momentum=0.9)), (optim.RMSprop, rmsprop, dict(alpha=0.8, centered=True, momentum=0.5)),
    (optim.Adam, adam, {}), (optim.Adam, adam, dict(lr=0.1, betas=(0.5, 0.9), eps=1e-3)), (optim.Adam, adam, dict(lr=0.1, weight_decay=0.1)),
    (optim.AdamW, adamw, {}), (optim.AdamW, adamw, dict(lr=0.1, betas=(0.0, 0.9), weight_decay=0.5))]


@pytest.mark.parametrize("kind, formula, settings", FORMULAS, ids=[f"{k.__name__} {s}" for k, _, s in FORMULAS])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_formula(kind, formula, settings, dtype):
    parameters = [nn.Parameter(p.astype(dtype)) for p in START]
    optimizer = kind(parameters, **settings)
    for gradients in GRADIENTS:
        optimizer.step([g.astype(dtype) for g in gradients])
    for i, p in enumerate(parameters):
        assert p.dtype == dtype and all(slot.dtype == dtype for slot in optimizer.state[i].values())
        expected = formula(START[i], [g[i] for g in GRADIENTS], **settings)
        np.testing.assert_allclose(p.data, expected, rtol=1e-12 if dtype == np.float64 else 1e-5, atol=1e-12 if dtype == np.float64 else 1e-5)


def test_large_parameters_take_the_same_steps_on_any_number_of_threads():
    """Adam shares its work out to the threads in blocks, whatever the memory order of parameters and gradients."""
    random = np.random.default_rng(1)
    shapes = [(700, 900), (64, 32, 4, 4), (5,)]
    start, gradients = ([random.standard_normal(s) for s in shapes] for _ in range(2))

    def run(threads, order):
        tg.set_threads(threads)
        parameters = [nn.Parameter(order(p.copy())) for p in start]
        optimizer = optim.Adam(parameters, lr=0.1)
        for _ in range(3):
            optimizer.step(gradients)
        return [p.data for p in parameters]
    before = tg.get_threads()
    try:
        expected = [adam(p, [g] * 3, lr=0.1) for p, g in zip(start, gradients)]
        for threads in (1, 2, 3):
            for order in (lambda p: p, lambda p: np.copy(p, order="F"), lambda p: np.repeat(p, 2, axis=0)[::2]):
                for a, b in zip(run(threads, order), expected):
                    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    finally:
        tg.set_threads(before)


# ---- minimize, step, backward ----------------------------------------------------------------------------------------


def test_minimize_touches_only_its_own_parameters():
    """A GAN's loop: the generator's step goes through the critic and leaves it alone."""
    generator, critic = nn.Linear(2, 3), nn.Linear(3, 1)
    z = tg.tensor(np.ones((4, 2), np.float32))
    before_g, before_c = generator.state_dict(), critic.state_dict()
    gradients = optim.SGD(generator.parameters(), lr=0.1).minimize(critic(generator(z)).sum())
    assert all(np.array_equal(v, before_c[k]) for k, v in critic.state_dict().items())
    assert not np.array_equal(generator.weight.data, before_g["weight"])
    np.testing.assert_allclose(generator.weight.data, before_g["weight"] - np.float32(0.1) * gradients[0], rtol=1e-6)
    assert all(p.grad is None for p in generator.parameters() + critic.parameters())


def test_the_three_ways_to_step_agree():
    def trained(way):
        tg.manual_seed(5)
        layer = nn.Linear(3, 1)
        optimizer = optim.Adam(layer.parameters(), lr=0.1)
        for _ in range(3):
            loss = (layer(tg.tensor(np.eye(3, dtype=np.float32))) ** 2).sum()
            way(layer, optimizer, loss)
        return layer.weight.data

    def backward(layer, optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    first = trained(lambda layer, optimizer, loss: optimizer.minimize(loss))
    np.testing.assert_array_equal(first, trained(lambda layer, optimizer, loss: optimizer.step(tg.grad(loss, layer.parameters()))))
    np.testing.assert_array_equal(first, trained(backward))


def test_step_leaves_gradients_alone_and_skips_what_has_none():
    p, q = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))
    for kind in (optim.SGD, optim.RMSprop, optim.Adam, optim.AdamW):
        g = np.array([1.0, 2.0])
        g.flags.writeable = False
        kind([p, q], lr=0.1, weight_decay=0.1).step([g, None])
    assert g.tolist() == [1, 2] and q.data.tolist() == [1, 1] and (p.data < 1).all()
    optimizer = optim.SGD([p, q], lr=0.1, momentum=0.9)
    kept = np.array([1.0, 2.0])
    for _ in range(3):
        optimizer.step([kept, kept])
    assert kept.tolist() == [1, 2]


def test_zero_grad_forgets():
    p = nn.Parameter(np.ones(2))
    optimizer = optim.SGD([p], lr=1.0)
    (p * p).sum().backward()
    optimizer.zero_grad()
    assert p.grad is None
    with pytest.raises(ValueError, match=r"step: no parameter has a .grad; call loss.backward\(\) first, or minimize\(loss\)"):
        optimizer.step()


def test_an_optimizer_follows_a_parameter_that_is_converted():
    layer = nn.Linear(2, 1)
    optimizer = optim.Adam(layer.parameters())
    optimizer.minimize(layer(tg.tensor(np.ones((1, 2), np.float32))).sum())
    layer.to(np.float64)
    optimizer.minimize(layer(tg.tensor(np.ones((1, 2)))).sum())
    assert layer.weight.dtype == np.float64 and optimizer.state[0]["m"].dtype == np.float64 and optimizer.steps == 2


# ---- state -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, settings", [(k, s) for k, _, s in FORMULAS], ids=str)
def test_ten_steps_are_five_saved_loaded_and_five_more(kind, settings, tmp_path):
    def parameters():
        return [nn.Parameter(p.astype(np.float32)) for p in START]

    def run(optimizer, steps):
        for gradients in steps:
            optimizer.step([g.astype(np.float32) for g in gradients])
    whole = kind(parameters(), **settings)
    run(whole, GRADIENTS)
    half = kind(parameters(), **settings)
    run(half, GRADIENTS[:5])
    np.savez(tmp_path / "state.npz", **half.state_dict())
    resumed = kind([nn.Parameter(p.data.copy()) for p in half.parameters], **settings)
    with np.load(tmp_path / "state.npz") as state:
        resumed.load_state_dict(dict(state))
    run(half, GRADIENTS[5:])
    run(resumed, GRADIENTS[5:])
    for a, b, c in zip(whole.parameters, half.parameters, resumed.parameters):
        assert np.array_equal(a.data, b.data) and np.array_equal(a.data, c.data)


def test_the_learning_rate_is_part_of_the_state():
    p = [nn.Parameter(np.ones(2))]
    a, b = optim.SGD(p, lr=1.0), optim.SGD(p, lr=0.5)
    a.lr = 0.125
    b.load_state_dict(a.state_dict())
    assert b.lr == 0.125 and repr(b) == "SGD(1 parameters, lr=0.125, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False)"


def test_a_state_that_does_not_fit_is_named():
    adam_state = optim.Adam([nn.Parameter(np.ones(2))]).state_dict()
    with pytest.raises(ValueError, match=r"Adam.load_state_dict: missing, unexpected or misshapen: 0.m, 0.v$"):
        optim.Adam([nn.Parameter(np.ones(3))]).load_state_dict(adam_state)
    with pytest.raises(ValueError, match=r"SGD.load_state_dict: missing, unexpected or misshapen: 0.m, 0.v"):
        optim.SGD([nn.Parameter(np.ones(2))]).load_state_dict(adam_state)


# ---- clipping and schedules ------------------------------------------------------------------------------------------


def test_clipping_scales_all_gradients_together():
    gradients = [np.array([3.0, 0.0]), tg.tensor(np.array([[4.0]])), None]
    clipped, norm = optim.clip_grad_norm(gradients, 1.0)
    assert float(norm) == 5 and float(optim.gradient_norm(clipped)) == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(clipped[0], [0.6, 0], rtol=1e-6)
    assert clipped[2] is None and gradients[0].tolist() == [3, 0]
    same, _ = optim.clip_grad_norm(gradients, 10.0)
    assert same[0].tolist() == [3, 0]
    narrow, _ = optim.clip_grad_norm([np.ones(4, np.float32)], 0.5)
    assert narrow[0].dtype == np.float32


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_clipping_refuses_a_norm_that_is_not_finite(value):
    with np.errstate(over="ignore"), pytest.raises(FloatingPointError, match="clip_grad_norm: the norm of the gradients is (nan|inf)"):
        optim.clip_grad_norm([np.array([value, 1.0])], 1.0)


def test_centred_rmsprop_stays_finite_on_a_constant_gradient():
    """v and the square of the mean of g then differ by rounding alone, in either direction."""
    p = nn.Parameter(np.ones(200, np.float32))
    optimizer = optim.RMSprop([p], lr=1e-6, centered=True)
    g = np.random.default_rng(0).standard_normal(200, dtype=np.float32)
    for _ in range(1500):
        optimizer.step([g])
    assert np.isfinite(p.data).all()


def test_schedules():
    assert [optim.step_decay(1.0, step, 3, 0.5) for step in range(7)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    assert optim.exponential_decay(2.0, 3, 0.5) == 0.25
    assert [optim.cosine(1.0, step, 4) for step in (0, 2, 4, 9)] == pytest.approx([1, 0.5, 0, 0])
    assert optim.cosine(1.0, 1, 4, floor=0.2) == pytest.approx(0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi / 4)))
    with pytest.raises(ValueError, match="linear_decay: warmup = 7 is more than total = 6"):
        optim.linear_decay(1.0, 0, 6, warmup=7)
    assert [optim.linear_decay(1.0, step, 6, warmup=2) for step in range(8)] == pytest.approx([0.5, 1, 1, 0.75, 0.5, 0.25, 0, 0])


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make, error, message", [
    (lambda p: optim.SGD([], 0.1), ValueError, "SGD: the list of parameters is empty"),
    (lambda p: optim.Adam(nn.Linear(2, 1)), TypeError, r"Adam: parameters is a Linear, not a list of Tensors; give module.parameters\(\)"),
    (lambda p: optim.Adam(p), TypeError, "Adam: parameters is a Parameter"),
    (lambda p: optim.Adam([p, tg.tensor([1.0])]), TypeError, r"Adam: parameters\[1\] is not a leaf Tensor that requires a gradient"),
    (lambda p: optim.Adam([p * 2.0]), TypeError, r"Adam: parameters\[0\] is not a leaf"),
    (lambda p: optim.Adam([p, p]), ValueError, "Adam: a parameter occurs twice"),
    (lambda p: optim.RMSprop([p], lr=-1), ValueError, "RMSprop: lr = -1 is not a number >= 0"),
    (lambda p: optim.SGD([p], lr=float("nan")), ValueError, "SGD: lr = nan is not a number >= 0"),
    (lambda p: optim.SGD([p], lr="0.1"), ValueError, "SGD: lr = '0.1' is not a number >= 0"),
    (lambda p: optim.AdamW([p], betas=(0.9, 1.0)), ValueError, r"AdamW: betas \(0.9, 1.0\) are not in \[0, 1\)"),
    (lambda p: optim.SGD([p], nesterov=True), ValueError, "SGD: nesterov needs a momentum and no dampening"),
    (lambda p: optim.SGD([p]).step([np.ones(2), np.ones(2)]), ValueError, "step: 2 gradients for 1 parameters"),
    (lambda p: optim.SGD([p]).step([np.ones(3)]), ValueError, r"step: gradient 0 has shape \(3,\), its parameter \(2,\)"),
    (lambda p: optim.SGD([p]).minimize(p * 2.0), ValueError, r"minimize: the loss is not a Tensor of one element but \(2,\)"),
    (lambda p: optim.SGD([p]).minimize(3.0), ValueError, "minimize: the loss is not a Tensor of one element but float"),
    (lambda p: optim.SGD([p]).minimize(tg.tensor([1.0])), ValueError, "minimize: the loss does not depend on anything that requires"),
    (lambda p: optim.clip_grad_norm([p], 0), ValueError, "clip_grad_norm: max_norm 0 is not positive"),
])
def test_bad_input(make, error, message):
    with pytest.raises(error, match=message):
        make(nn.Parameter(np.ones(2)))


def test_a_refused_step_changes_nothing():
    first, second = (nn.Parameter(np.ones(2, np.float32)) for _ in range(2))
    optimizer = optim.Adam([first, second], lr=0.1)
    loss = (first * second).sum()
    with pytest.raises(ValueError, match="gradient 1 has shape"):
        optimizer.step([np.ones(2, np.float32), np.ones(3, np.float32)])
    assert optimizer.steps == 0 and first.data.tolist() == [1, 1]
    loss.backward()                                                     # what was recorded before is still good
