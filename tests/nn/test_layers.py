"""Layers: each computes its operation; batch norm's statistics, by hand; PyTorch's constructors."""
import inspect

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn


def normal(*shape, dtype=np.float64):
    return tg.tensor(np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype))


X = normal(3, 2, 8, 8)
ROWS = normal(4, 6)


@pytest.mark.parametrize("layer, x, same", [
    (nn.Linear(6, 3), ROWS, lambda m, x: tg.linear(x, m.weight, m.bias)),
    (nn.Linear(6, 3, bias=False), ROWS, lambda m, x: tg.matmul(x, m.weight.T)),
    (nn.Conv2d(2, 3, 4, 2, 1), X, lambda m, x: tg.conv2d(x, m.weight, m.bias, stride=2, padding=1)),
    (nn.Conv2d(2, 3, (3, 2), padding="same", dilation=2, bias=False), X, lambda m, x: tg.conv2d(x, m.weight, padding="same", dilation=2)),
    (nn.Conv2d(2, 3, 3, 1, ((0, 1), (2, 0))), X, lambda m, x: tg.conv2d(x, m.weight, m.bias, padding=((0, 1), (2, 0)))),
    (nn.ConvTranspose2d(2, 3, 3, 2, 1, 1), X, lambda m, x: tg.conv_transpose2d(x, m.weight, m.bias, stride=2, padding=1, output_padding=1)),
    (nn.ConvTranspose2d(2, 3, 3, dilation=2, bias=False), X, lambda m, x: tg.conv_transpose2d(x, m.weight, dilation=2)),
    (nn.LayerNorm(6), ROWS, lambda m, x: tg.layer_norm(x, 6)),
    (nn.LayerNorm((8, 8), 0.1), X, lambda m, x: tg.layer_norm(x, (8, 8), eps=0.1)),
    (nn.MaxPool2d(3, 2, 1), X, lambda m, x: tg.max_pool2d(x, 3, stride=2, padding=1)),
    (nn.AvgPool2d(3, 2, 1, count_include_pad=False), X, lambda m, x: tg.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)),
    (nn.Upsample(scale_factor=2), X, lambda m, x: tg.upsample(x, 2)),
    (nn.Upsample(scale_factor=(2, 3), mode="bilinear"), X, lambda m, x: tg.upsample(x, (2, 3), "bilinear")),
    (nn.UpsampleConv2d(2, 3, 3, 1, scale_factor=(2, 3)), X, lambda m, x: tg.upsample_conv2d(x, m.weight, m.bias, scale_factor=(2, 3), padding=1)),
    (nn.Flatten(), X, lambda m, x: tg.reshape(x, (3, 128))),
    (nn.Unflatten(3, 2), ROWS, lambda m, x: tg.reshape(x, (4, 3, 2))),
    (nn.Unflatten((1, 2, 3)), ROWS, lambda m, x: tg.reshape(x, (4, 1, 2, 3))),
    (nn.Unflatten(1, (1, 2, 3)), ROWS, lambda m, x: tg.reshape(x, (4, 1, 2, 3))),
    (nn.ReLU(), X, lambda m, x: tg.relu(x)),
    (nn.LeakyReLU(0.2), X, lambda m, x: tg.leaky_relu(x, 0.2)),
    (nn.ELU(0.5), X, lambda m, x: tg.elu(x, 0.5)),
    (nn.Tanh(), X, lambda m, x: tg.tanh(x)),
    (nn.Sigmoid(), X, lambda m, x: tg.sigmoid(x)),
    (nn.Softplus(), X, lambda m, x: tg.softplus(x)),
], ids=lambda v: type(v).__name__ if isinstance(v, nn.Module) else "")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_layer_is_its_operation(layer, x, same, dtype):
    layer.to(dtype)
    x = x.to(dtype)
    y = layer(x)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.data, same(layer, x).data)


@pytest.mark.parametrize("layer, names", [
    (nn.Linear, "in_features out_features bias"), (nn.Conv2d, "in_channels out_channels kernel_size stride padding dilation"),
    (nn.ConvTranspose2d, "in_channels out_channels kernel_size stride padding output_padding"), (nn.BatchNorm1d, "num_features"),
    (nn.BatchNorm2d, "num_features"), (nn.LayerNorm, "normalized_shape eps"), (nn.MaxPool2d, "kernel_size stride padding"),
    (nn.AvgPool2d, "kernel_size stride padding"), (nn.Embedding, "num_embeddings embedding_dim"), (nn.Dropout, "p"),
    (nn.LeakyReLU, "negative_slope"), (nn.ELU, "alpha")])
def test_positions_are_pytorchs(layer, names):
    positional = [p.name for p in inspect.signature(layer).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == names.split()


def test_defaults_are_pytorchs():
    defaults = {p.name: p.default for p in inspect.signature(nn.BatchNorm2d).parameters.values()}
    assert (defaults["eps"], defaults["momentum"]) == (1e-5, 0.1)
    assert nn.LeakyReLU().negative_slope == 0.01 and nn.ELU().alpha == 1 and nn.Dropout().p == 0.5 and nn.LayerNorm(2).eps == 1e-5
    assert nn.MaxPool2d(2).stride is None and nn.AvgPool2d(2).count_include_pad and nn.Upsample().mode == "nearest"


def test_eps_and_momentum_of_batch_norm_cannot_come_by_position():
    with pytest.raises(TypeError):
        nn.BatchNorm2d(4, 0.8)


# ---- embedding -------------------------------------------------------------------------------------------------------


def test_embedding_looks_up_rows_and_adds_their_gradients():
    layer = nn.Embedding(4, 3)
    labels = np.array([2, 0, 2])
    y = layer(labels)
    np.testing.assert_array_equal(y.data, layer.weight.data[labels])
    g, = tg.grad(y.sum(), [layer.weight])
    assert g.data.tolist() == [[1] * 3, [0] * 3, [2] * 3, [0] * 3]
    assert layer(tg.tensor(labels)).shape == (3, 3) and layer(np.zeros((2, 2), int)).shape == (2, 2, 3)


# ---- dropout ---------------------------------------------------------------------------------------------------------


def test_dropout_in_training_and_in_eval_mode():
    layer, x = nn.Dropout(0.25), tg.tensor(np.ones((100, 100), np.float32))
    y = layer(x)
    assert abs((y.data == 0).mean() - 0.25) < 0.02 and np.allclose(y.data[y.data != 0], 4 / 3)
    assert layer.eval()(x) is x


# ---- batch norm ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer, x", [(nn.BatchNorm1d(3), normal(5, 3)), (nn.BatchNorm2d(3), normal(4, 3, 2, 5))])
def test_batch_norm_by_hand(layer, x):
    """Output: the biased variance. Buffer: (1 - momentum) old + momentum new, with the unbiased variance."""
    layer.to(np.float64)
    axes = (0, 2, 3) if x.ndim == 4 else (0,)
    shape = (1, 3, 1, 1)[:x.ndim]
    mean, var, n = x.data.mean(axes), x.data.var(axes), x.size // 3
    y = layer(x)
    np.testing.assert_allclose(y.data, (x.data - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + 1e-5), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.running_mean.data, 0.1 * mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.data, 0.9 + 0.1 * var * n / (n - 1), rtol=1e-12)
    kept_mean, kept_var = layer.running_mean.data.copy(), layer.running_var.data.copy()
    y = layer.eval()(x)
    np.testing.assert_allclose(y.data, (x.data - kept_mean.reshape(shape)) / np.sqrt(kept_var.reshape(shape) + 1e-5), rtol=1e-12)
    assert np.array_equal(layer.running_mean.data, kept_mean) and np.array_equal(layer.running_var.data, kept_var)


def test_statistics_settle_on_those_of_the_data():
    layer = nn.BatchNorm1d(2, momentum=0.3)
    random = np.random.default_rng(0)
    for _ in range(60):
        layer(tg.tensor((random.standard_normal((500, 2)) * [1, 3] + [5, -2]).astype(np.float32)))
    np.testing.assert_allclose(layer.running_mean.data, [5, -2], atol=0.2)
    np.testing.assert_allclose(layer.running_var.data, [1, 9], rtol=0.1)
    assert layer.running_var.dtype == np.float32


def test_running_statistics_are_rebound_so_that_a_recorded_graph_keeps_its_own():
    layer = nn.BatchNorm1d(2).eval()
    x = tg.tensor(np.array([[1.0, 2.0], [3.0, 5.0]], np.float32), requires_grad=True)
    y = layer(x).sum()
    before, = tg.grad(y, [x])
    layer.train()(x)
    after, = tg.grad(y, [x])
    assert np.array_equal(before.data, after.data) and layer.running_mean.data.any()


def test_statistics_stay_when_frozen():
    layer = nn.BatchNorm1d(2)
    with tg.ops.normalization.frozen_statistics():
        layer(tg.tensor(np.array([[1.0, 2.0], [3.0, 5.0]], np.float32)))
    assert not layer.running_mean.data.any()


def test_batch_norm_of_a_large_batch_with_a_large_mean():
    """float32: the statistics of blocks are merged without cancellation."""
    x = (np.random.default_rng(0).standard_normal((64, 3, 40, 40)) + 1000).astype(np.float32)
    y = nn.BatchNorm2d(3)(tg.tensor(x)).data.astype(np.float64)
    np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-3)
    np.testing.assert_allclose(y.std((0, 2, 3)), 1, rtol=1e-3)
