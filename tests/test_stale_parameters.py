"""Graphs whose parameters have changed since the forward pass: refused, or right."""
import numpy as np
import pytest

import tinygen as tg
from leaves import leaf, slopes
from tinygen import nn


def updated(p):
    """Change a parameter as an optimizer does: in place."""
    tg.optim.SGD([p], lr=1.0).step([np.ones_like(p.data)])


@pytest.mark.parametrize("seen_as", [lambda p: p, lambda p: p.reshape(2), lambda p: p.detach(), lambda p: p[:2].T,
                                     lambda p: tg.broadcast_to(p, (3, 2)).detach()],
                         ids=["itself", "reshaped", "detached", "sliced", "stretched"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_graph_that_used_old_values_refuses(seen_as, create_graph):
    """Also where the operation saw a view: the memory changed all the same."""
    p, x = nn.Parameter(np.array([1.0, 2.0])), leaf(3.0, 4.0)
    loss = (x * seen_as(p)).sum()
    assert tg.grad(loss, [x], create_graph=create_graph)[0].data.any()
    updated(p)
    with pytest.raises(RuntimeError, match="multiply: an input of shape .* was updated after the forward pass"):
        tg.grad(loss, [x], create_graph=create_graph)


def test_a_stale_value_is_found_at_the_second_order():
    p, x = nn.Parameter(np.array([2.0])), leaf(3.0)
    slope, = tg.grad(tg.tanh(x * p).sum(), [x], create_graph=True)
    updated(p)
    with pytest.raises(RuntimeError, match="was updated"):
        tg.grad(slope.sum(), [x])


@pytest.mark.parametrize("change", [
    lambda m: m.load_state_dict(m.state_dict()), lambda m: m.to(np.float64), lambda m: nn.init.constant_(m.weight, 0.5)],
    ids=["load_state_dict", "to", "init"])
def test_every_way_to_change_a_parameter_is_noticed(change):
    layer = nn.Linear(2, 1)
    loss = layer(tg.tensor(np.ones((1, 2), np.float32))).sum()
    change(layer)
    with pytest.raises(RuntimeError, match="was updated"):
        loss.backward()


def test_updating_one_parameter_leaves_the_graphs_of_others_alone():
    p, q = nn.Parameter(np.array([2.0])), nn.Parameter(np.array([3.0]))
    loss = (q * q).sum()
    updated(p)
    assert slopes(loss, q) == [[6]]


def test_all_gradients_first_then_the_steps():
    """Several losses on one graph, each with its own optimizer (VAE-GAN)."""
    p, q = nn.Parameter(np.array([2.0])), nn.Parameter(np.array([3.0]))
    both = p * q
    first, second = tg.grad(both.sum(), [p]), tg.grad((both * 2.0).sum(), [q])
    tg.optim.SGD([p], lr=1.0).step(first)
    tg.optim.SGD([q], lr=1.0).step(second)
    assert p.item() == -1 and q.item() == -1


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_parameter_that_was_bound_to_another_array(create_graph):
    """The plain walk has the values of the forward pass; under create_graph it would take the new ones, and refuses."""
    p = nn.Parameter(np.array([1.0, 2.0]))
    loss = (p ** 3).sum()
    p.data = p.data * 10
    if not create_graph:
        assert slopes(loss, p) == [[3, 12]]
        return
    with pytest.raises(RuntimeError, match="was updated after the forward pass"):
        tg.grad(loss, [p], create_graph=True)
