"""Modules: what they find in themselves, how they are named, saved, loaded, switched and shown."""
import copy

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn


def small_net():
    """A net with every kind of layer that has parameters."""
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.LeakyReLU(0.2), nn.ConvTranspose2d(4, 2, 4, 2, 1, bias=False), nn.Flatten(),
                         nn.Linear(2 * 12 * 12, 5), nn.LayerNorm(5), nn.BatchNorm1d(5))


class Coder(nn.Module):
    """A module with parameters, a list of modules, a shared module and plain attributes."""

    def __init__(self):
        self.name = "coder"
        self.scale = nn.Parameter(np.ones(1, np.float32))
        self.first = nn.Linear(2, 3)
        self.blocks = [nn.Linear(3, 3), nn.Sequential(nn.Tanh(), nn.Linear(3, 2))]
        self.again = self.first

    def forward(self, x):
        h = self.first(x)
        for block in self.blocks:
            h = block(h)
        return h * self.scale


# ---- names and shapes, as PyTorch has them ---------------------------------------------------------------------------


def test_state_names_shapes_and_order():
    assert {k: v.shape for k, v in small_net().state_dict().items()} == {
        "0.weight": (4, 1, 3, 3), "0.bias": (4,),
        "1.weight": (4,), "1.bias": (4,), "1.running_mean": (4,), "1.running_var": (4,),
        "3.weight": (4, 2, 4, 4),
        "5.weight": (5, 288), "5.bias": (5,),
        "6.weight": (5,), "6.bias": (5,),
        "7.weight": (5,), "7.bias": (5,), "7.running_mean": (5,), "7.running_var": (5,)}
    assert list(small_net().state_dict())[:6] == ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"]


def test_names_of_attributes_lists_and_shared_modules():
    assert [name for name, _ in Coder().named_parameters()] == [
        "scale", "first.weight", "first.bias", "blocks.0.weight", "blocks.0.bias", "blocks.1.1.weight", "blocks.1.1.bias"]
    assert [name for name, _ in Coder().named_children()] == ["first", "blocks.0", "blocks.1", "again"]
    assert [name for name, _ in small_net().named_buffers()] == ["1.running_mean", "1.running_var", "7.running_mean", "7.running_var"]


def test_what_is_shared_counts_once():
    coder = Coder()
    assert len(coder.parameters()) == 7 and coder.count_parameters() == 1 + 9 + 12 + 8
    assert len({id(m) for m in coder.modules()}) == len(list(coder.modules())) == 6
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    assert [name for name, _ in tied.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    x = tg.tensor(np.ones((2, 3), np.float32))
    tg.optim.SGD(tied.parameters(), lr=0.1).minimize(tied(x).sum())
    assert tied[0].weight is tied[1].weight


@pytest.mark.parametrize("net, parameters", [
    (lambda: nn.Linear(784, 500), 392_500), (lambda: nn.Linear(784, 500, bias=False), 392_000), (lambda: nn.Conv2d(3, 64, 4, 2, 1), 3_136),
    (lambda: nn.ConvTranspose2d(128, 64, 4, 2, 1), 131_136), (lambda: nn.BatchNorm2d(128), 256), (lambda: nn.Embedding(10, 50), 500),
    (lambda: nn.Sequential(nn.Linear(2, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 1)), 264_705)])
def test_parameter_counts(net, parameters):
    assert net().count_parameters() == parameters


# ---- saving and loading ----------------------------------------------------------------------------------------------


def test_a_state_moves_between_modules():
    tg.manual_seed(1)
    a, b = small_net(), small_net()
    a(tg.tensor(tg.standard_normal((4, 1, 8, 8))))
    state = a.state_dict()
    b.load_state_dict(state)
    x = tg.tensor(tg.standard_normal((3, 1, 8, 8)))
    np.testing.assert_array_equal(a.eval()(x).data, b.eval()(x).data)
    for name, value in state.items():
        assert isinstance(value, np.ndarray) and np.array_equal(value, b.state_dict()[name])
    next(iter(state.values()))[...] = 7                                  # copies: neither module notices
    assert not (a.parameters()[0].data == 7).any() and not (b.parameters()[0].data == 7).any()


def test_a_state_goes_through_an_npz_file(tmp_path):
    net, other = small_net(), small_net()
    np.savez(tmp_path / "net.npz", **net.state_dict())
    with np.load(tmp_path / "net.npz") as state:
        other.load_state_dict(dict(state))
    assert all(np.array_equal(a.data, b.data) for a, b in zip(net.parameters(), other.parameters()))


def test_a_module_adopts_the_float_type_of_the_state():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1.0, 2.0]]), "bias": tg.tensor(np.array([0.5]))})
    y = layer(tg.tensor(np.array([[1.0, 1.0]])))
    assert y.dtype == np.float64 and y.item() == 3.5 and layer.weight.dtype == np.float64
    layer.load_state_dict({"weight": np.array([[1, 2]]), "bias": np.array([0])})          # integers are no float type
    assert layer.weight.dtype == np.float64


def test_the_module_does_not_share_memory_with_the_state():
    state = {"weight": np.ones((1, 2), np.float32), "bias": np.ones(1, np.float32)}
    layer = nn.Linear(2, 1).load_state_dict(state)
    tg.optim.SGD(layer.parameters(), lr=1.0).minimize(layer(tg.tensor(np.ones((1, 2), np.float32))).sum())
    assert (state["weight"] == 1).all() and not (layer.weight.data == 1).any()


def test_num_batches_tracked_is_ignored_and_not_kept():
    layer = nn.BatchNorm1d(2)
    layer.load_state_dict({**layer.state_dict(), "num_batches_tracked": np.array(5)})
    nn.Sequential(layer).load_state_dict({**nn.Sequential(layer).state_dict(), "0.num_batches_tracked": np.array(5)})
    assert "num_batches_tracked" not in layer.state_dict()


def test_a_state_that_does_not_fit_names_every_entry_and_loads_nothing():
    layer = nn.Linear(3, 2)
    before = layer.state_dict()
    with pytest.raises(ValueError) as error:
        layer.load_state_dict({"weight": np.zeros((3, 2)), "bais": np.zeros(2)})
    for part in ("load_state_dict", "Linear", "missing bias", "unexpected bais", "weight has shape (3, 2), the module (2, 3)"):
        assert part in str(error.value)
    assert all(np.array_equal(v, before[k]) for k, v in layer.state_dict().items())
    with pytest.raises(ValueError, match="and 4 more"):
        small_net().load_state_dict({f"{i}.x": np.zeros(1) for i in range(10)} | {k: v for k, v in small_net().state_dict().items()})


# ---- modes, types, copies --------------------------------------------------------------------------------------------


def test_train_and_eval_reach_every_module():
    coder = Coder()
    assert all(m.training for m in coder.modules())
    coder.eval()
    assert not any(m.training for m in coder.modules())
    assert coder.train() is coder and all(m.training for m in coder.modules())


def test_eval_mode_restores_every_module():
    net = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2), nn.Dropout())
    net[1].eval()
    with pytest.raises(KeyError):
        with nn.eval_mode(net) as same:
            assert same is net and not any(m.training for m in net.modules())
            raise KeyError
    assert [m.training for m in net.modules()] == [True, True, False, True]


def test_to_converts_parameters_and_buffers():
    net = small_net().to(np.float64)
    assert {v.dtype for v in net.state_dict().values()} == {np.dtype(np.float64)}
    assert net(tg.tensor(np.ones((2, 1, 8, 8)))).dtype == np.float64
    assert {v.dtype for v in net.to(np.float32).state_dict().values()} == {np.dtype(np.float32)}


def test_a_deep_copy_is_independent():
    net = small_net()
    twin = copy.deepcopy(net)
    before = net.state_dict()
    x = tg.tensor(tg.standard_normal((3, 1, 8, 8)))
    tg.optim.SGD(twin.parameters(), lr=1.0).minimize((net(x) ** 2).sum() + twin[0](x).sum())
    learned = {name: value for name, value in net.state_dict().items() if "running" not in name}
    assert all(np.array_equal(value, before[name]) for name, value in learned.items())
    assert not np.array_equal(net[0].weight.data, twin[0].weight.data) and np.array_equal(net[5].weight.data, twin[5].weight.data)


def test_the_same_seed_gives_the_same_network_and_losses():
    def losses():
        tg.manual_seed(7)
        net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Tanh(), nn.Linear(8, 1))
        optimizer = tg.optim.Adam(net.parameters(), lr=0.01)
        found = []
        for _ in range(5):
            loss = (net(tg.tensor(tg.standard_normal((16, 4)))) ** 2).mean()
            found.append(loss.item())
            optimizer.minimize(loss)
        return found
    assert losses() == losses()


# ---- Sequential, looks -----------------------------------------------------------------------------------------------


def test_sequential():
    net = nn.Sequential(nn.Linear(2, 3), tg.tanh, nn.Linear(3, 1))              # a plain function is a layer too
    x = tg.tensor(np.ones((4, 2), np.float32))
    expected = net[2](tg.tanh(net[0](x)))
    assert np.array_equal(net(x).data, expected.data)
    assert len(net) == 3 and net[1] is tg.tanh and net[-1] is net[2] and list(net)[0] is net[0]
    assert isinstance(net[:2], nn.Sequential) and len(net[:2]) == 2 and net[:2][0] is net[0]
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_a_module_without_forward_says_so():
    class Empty(nn.Module):
        pass
    with pytest.raises(NotImplementedError, match="Empty defines no forward"):
        Empty()(1)


def test_repr_prints_the_tree():
    text = repr(nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.LeakyReLU(0.2)), nn.Conv2d(1, 2, 3, 2, 1)))
    assert text == ("Sequential(\n"
                    "  (0): Linear(weight (3, 2), bias (3,))\n"
                    "  (1): Sequential(\n"
                    "    (0): LeakyReLU(0.2)\n"
                    "  )  # 0 parameters\n"
                    "  (2): Conv2d(weight (2, 1, 3, 3), bias (2,), stride=2, padding=1)\n"
                    ")  # 29 parameters")


def test_every_layer_has_a_repr():
    for layer in (nn.Flatten(), nn.Unflatten(2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Upsample(scale_factor=2), nn.Dropout(0.2), nn.ELU(),
                  nn.Embedding(3, 2), nn.LayerNorm(3), nn.BatchNorm1d(3), nn.ConvTranspose2d(1, 2, 3), nn.Tanh(), nn.Sigmoid(), nn.Softplus()):
        assert repr(layer).startswith(type(layer).__name__ + "(")


def test_summary_lists_layers_shapes_and_counts():
    net = small_net()
    text = nn.summary(net, tg.tensor(np.zeros((2, 1, 8, 8), np.float32)))
    lines = [line.split() for line in text.splitlines()]
    assert ["0", "Conv2d", "(2,", "4,", "6,", "6)", "40"] in lines
    assert ["5", "Linear", "(2,", "5)", "1,445"] in lines
    assert lines[-1][:3] == ["Sequential:", f"{net.count_parameters():,}", "parameters,"]
    assert net.training and not net[1].running_mean.data.any()          # in eval mode, and back
    assert nn.module._observers == []


def test_summary_cleans_up_after_an_error():
    net = nn.Sequential(nn.Linear(3, 2))
    with pytest.raises(ValueError):
        nn.summary(net, tg.tensor(np.zeros((2, 4), np.float32)))
    assert nn.module._observers == [] and net.training


def test_moving_to_where_it_is_keeps_graphs_and_gradients():
    layer = nn.Linear(2, 1)
    loss = layer(np.ones((3, 2), np.float32)).sum()
    layer.to("cpu").to(np.float32)
    loss.backward()
    assert layer.weight.grad is layer.to("cpu").weight.grad and layer.weight.grad is not None


def test_a_batch_norm_that_refuses_a_batch_keeps_its_statistics():
    layer = nn.BatchNorm1d(2)
    with pytest.raises(TypeError, match="x .* is float64, weight is float32"):
        layer(np.ones((4, 2)))
    assert layer.running_mean.dtype == np.float32 and layer.eval()(np.ones((4, 2), np.float32)).shape == (4, 2)
