"""Losses without labels: values by hand, gradients to second order, refusals."""
import numpy as np
import pytest

import tinygen as tg
from tinygen.losses.self_supervised import contrast, cross_entropy

rng = np.random.default_rng(0)


def by_loops(a, b, t):
    z = np.concatenate([a, b])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    n, total = len(a), 0.0
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        total += -z[i] @ z[j] / t + np.log(sum(np.exp(z[i] @ z[k] / t) for k in range(2 * n) if k != i))
    return total / (2 * n)


@pytest.mark.parametrize("n, t", [(2, 0.5), (5, 0.1)])
def test_contrast_is_the_paper_formula(n, t):
    a, b = rng.standard_normal((2, n, 4))
    assert float(contrast(tg.tensor(a), tg.tensor(b), t)) == pytest.approx(by_loops(a, b, t), rel=1e-6)


def test_contrast_of_equal_codes_is_log_of_the_others():
    a = tg.tensor(np.ones((4, 3)))
    assert float(contrast(a, a)) == pytest.approx(np.log(7))


def test_cross_entropy_of_uniform_logits():
    assert float(cross_entropy(tg.tensor(np.zeros((3, 4))), np.array([0, 1, 3]))) == pytest.approx(np.log(4))


def test_gradients_to_second_order():
    tg.gradcheck(contrast, list(rng.standard_normal((2, 3, 4))))
    tg.gradcheck(lambda x: cross_entropy(x, np.array([1, 0])), [rng.standard_normal((2, 3))])


@pytest.mark.parametrize("call, words", [
    (lambda: contrast(tg.tensor(np.zeros((2, 3))), tg.tensor(np.zeros((3, 3)))), "contrast: a"),
    (lambda: contrast(tg.tensor(np.zeros((2, 3))), tg.tensor(np.zeros((2, 3))), 0), "temperature"),
    (lambda: cross_entropy(tg.tensor(np.zeros((2, 3))), np.zeros(3, int)), "labels"),
    (lambda: cross_entropy(tg.tensor(np.zeros((2, 3))), np.array([0, 3])), "one_hot")])
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_masked_logit_costs_nothing():
    logits = tg.tensor(np.array([[0.0, -np.inf, 1.0]]), requires_grad=True)
    loss = cross_entropy(logits, np.array([0]))
    assert float(loss) == pytest.approx(np.log(1 + np.e))
    assert tg.grad(loss, [logits])[0].data[0, 1] == 0


def test_contrast_does_not_see_the_scale_of_codes():
    a, b = np.random.default_rng(0).standard_normal((2, 5, 4))
    whole, small = (float(contrast(tg.tensor(a * s), tg.tensor(b * s))) for s in (1, 1e-4))
    assert small == pytest.approx(whole, rel=1e-3)
