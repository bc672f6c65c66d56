"""Penalties of autoencoders: values by hand, the contraction against the closed form of a sigmoid layer, second-order gradients."""
import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import losses, nn

rng = np.random.default_rng(0)


def test_squared_error_sums_over_an_example():
    np.testing.assert_allclose(losses.squared_error(np.array([[1.0, 2], [3, 4]]), np.zeros((2, 2))), [5, 25])


def test_sparsity_is_zero_at_its_target_and_a_kl_elsewhere():
    assert losses.sparsity(np.full((5, 3), 0.05)) == pytest.approx(0, abs=1e-12)
    expected = 2 * (0.1 * math.log(0.1 / 0.4) + 0.9 * math.log(0.9 / 0.6))
    assert losses.sparsity(np.array([[0.2, 0.4], [0.6, 0.4]]), 0.1) == pytest.approx(expected)
    assert np.isfinite(losses.sparsity(np.zeros((2, 2))))
    tg.gradcheck(losses.sparsity, [rng.uniform(0.1, 0.9, (4, 3))])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparsity_revives_a_dead_unit(dtype):
    """The slope in the logit of an activity near 0 is -target, however dead the unit."""
    logits = tg.tensor(np.full((4, 2), -30, dtype), requires_grad=True)
    slope, = tg.grad(losses.sparsity(tg.sigmoid(logits), 0.1), [logits])
    np.testing.assert_allclose(slope.data, -0.1 / 4, rtol=1e-5)


def test_contraction_is_the_squared_norm_of_the_jacobian():
    """One sigmoid layer: sum_j (h_j (1 - h_j))^2 |w_j|^2 (Rifai et al. 2011, Eq. 3)."""
    tg.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(6, 4), nn.Sigmoid()).to(np.float64)
    x = rng.standard_normal((20, 6))
    h = encoder(x).data
    exact = ((h * (1 - h)) ** 2 @ (encoder[0].weight.data ** 2).sum(axis=1)).mean()
    draws = [losses.contraction(encoder, x).item() for _ in range(400)]
    assert np.mean(draws) == pytest.approx(exact, abs=5 * np.std(draws) / 20)


def test_contraction_can_be_differentiated():
    tg.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(6, 4), nn.Sigmoid()).to(np.float64)
    x, weight = rng.standard_normal((10, 6)), encoder[0].weight

    def penalty():
        tg.manual_seed(5)                                   # the same projection each time
        return losses.contraction(encoder, x)

    gradient, = tg.grad(penalty(), [weight])
    direction = rng.standard_normal(weight.shape)
    values = []
    for step in (1e-6, -2e-6):
        weight.data = weight.data + step * direction
        values.append(penalty().item())
    assert (gradient.data * direction).sum() == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-5)


@pytest.mark.parametrize("call, message", [
    (lambda: losses.sparsity(np.full((2, 2), 1.5)), r"codes \(2, 2\) run from 1.5 to 1.5"),
    (lambda: losses.sparsity(np.full((2, 2), 0.5), target=0.0), "target = 0.0"),
    (lambda: losses.contraction(lambda x: x.sum(), np.ones((2, 2))), r"the encoder returned \(\)"),
    (lambda: tg.no_grad()(losses.contraction)(lambda x: x * x, np.ones((2, 2))), "outside no_grad"),
])
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_contraction_leaves_running_statistics_alone():
    encoder = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    losses.contraction(encoder, rng.standard_normal((5, 6)).astype(np.float32))
    assert (encoder[1].running_mean.numpy() == 0).all()
