"""Every operation of the table, every layer and every optimizer on a GPU: the values and gradients of the CPU, within rounding."""
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fakecupy
import tinygen as tg
from devices import draw_alike, use_stand_in
from op_cases import CASES
from tinygen import backend, nn, optim
from tinygen.kernels.layout import is_channels_last
from tinygen.models.echo import echo_noise

BY_NAME = {case.name: case for case in CASES}
FEW = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
ON_DEVICE = ("mask", "which", "running_mean", "running_var")            # settings that are arrays of the operation, not of the host


def values_and_gradients(case, arrays, keywords, device):
    """The value, its gradients, and the gradients of their squares, computed on `device`."""
    xs = [tg.tensor(backend.to(x, device), requires_grad=True) for x in arrays]
    keywords = {k: backend.to(v, device) if k in ON_DEVICE else v for k, v in keywords.items()}
    y = case.op(*xs, **keywords)
    g = tg.tensor(np.asarray(np.random.default_rng(1).standard_normal(y.shape)).astype(y.dtype)).to(device)
    found = [y, *tg.grad(y, xs, grad_output=g)]
    if case.order > 1:
        first = tg.grad(y, xs, grad_output=g, create_graph=True)
        total = sum(((f * f).sum() for f in first[1:]), (first[0] * first[0]).sum())
        found += tg.grad(total, xs) if total.requires_grad else []
    assert {t.device for t in found} == {device}
    return [t.numpy() for t in found]


def test_constant_matrices_are_uploaded_once(monkeypatch):
    use_stand_in(monkeypatch)
    x, z = (tg.tensor(np.ones(shape, np.float32)).to("cuda") for shape in ((2, 1, 7, 5), (9, 4)))
    indices = np.arange(6).reshape(2, 3)
    for again in (False, True):
        fakecupy.LAUNCHES.clear()
        big = tg.upsample(x, 2, "bilinear")
        assert fakecupy.LAUNCHES.count("upload") == (0 if again else 2)
        fakecupy.LAUNCHES.clear()
        echoes = echo_noise(z, z, indices)
        assert fakecupy.LAUNCHES.count("upload") == (1 if again else 2)                   # the indices, which are drawn anew
    assert big.shape == (2, 1, 14, 10) and echoes.shape == (2, 4)
    assert type(tg.upsample(x.to("cpu"), 2, "bilinear").data) is np.ndarray and tg.upsample(x.to(np.float64), 2, "bilinear").dtype == np.float64


@pytest.mark.parametrize("name", BY_NAME)
@given(data=st.data())
@FEW
def test_operation(gpu, name, data):
    case = BY_NAME[name]
    arrays, keywords = data.draw(case.inputs)                        # float64: rounding hides nothing
    for a, b in zip(values_and_gradients(case, arrays, keywords, gpu), values_and_gradients(case, arrays, keywords, "cpu")):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def channels_last_memory(x):
    """x with the memory order (0, 2, ..., 1)."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if x.ndim == 4 else x


@pytest.mark.parametrize("name", ["add", "divide", "where", "abs", "tanh", "sigmoid", "gate", "leaky_relu", "elu", "tail", "bce_with_logits", "sum", "mean",
                                  "sum_to", "conv2d", "max_pool2d", "batch_norm"])
@given(data=st.data())
@FEW
def test_channels_last_memory(gpu, name, data):
    case = BY_NAME[name]
    inputs, keywords = data.draw(case.inputs.filter(lambda drawn: any(x.ndim == 4 for x in drawn[0])) if name.startswith(("conv", "max_pool"))
                                 else case.inputs)
    arrays = [channels_last_memory(x) for x in inputs]
    for a, b in zip(values_and_gradients(case, arrays, keywords, gpu), values_and_gradients(case, arrays, keywords, "cpu")):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("op", [tg.exp, tg.tanh, tg.relu, tg.elu, tg.sigmoid, lambda x: x + 1.0, lambda x: x * x, lambda x: 2.0 / x,
                                lambda x: tg.where(x > 0, x, 0.0), lambda x: tg.max_pool2d(x, 2), lambda x: tg.upsample(x, 2),
                                lambda x: tg.conv2d(x, x[:3, :, :2, :2]), nn.BatchNorm2d(3)])
def test_images_stay_channels_last(gpu, op):
    """CuPy's functions return arrays in the order of their axes; here images keep theirs, forward and backward."""
    if isinstance(op, nn.Module):
        op.to(gpu)
    x = tg.tensor(channels_last_memory(np.random.default_rng(0).random((4, 3, 6, 6), dtype=np.float32) + 0.5)).to(gpu)
    x.requires_grad = True
    y = op(x)
    assert is_channels_last(x.data) and is_channels_last(y.data)
    assert is_channels_last(tg.grad((y * y).sum(), [x])[0].data)
    if isinstance(op, nn.Module):
        op.to("cpu")


# ---- layers ----------------------------------------------------------------------------------------------------------------

LAYERS = {
    "Linear": (lambda: nn.Linear(5, 3), (4, 5)), "Linear, long columns": (lambda: nn.Linear(3, 2), (700, 3)),
    "Conv2d": (lambda: nn.Conv2d(3, 4, 3, 2, 1), (2, 3, 7, 6)), "Conv2d, few outputs": (lambda: nn.Conv2d(8, 2, 3, padding="same"), (2, 8, 5, 5)),
    "Conv2d, dilated": (lambda: nn.Conv2d(2, 3, 3, 1, 2, 2), (2, 2, 6, 6)), "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 3, 4, 2, 1), (2, 4, 5, 4)),
    "ConvTranspose2d, stride 1": (lambda: nn.ConvTranspose2d(2, 5, 3), (2, 2, 4, 4)), "BatchNorm1d": (lambda: nn.BatchNorm1d(4), (6, 4)),
    "BatchNorm1d, long columns": (lambda: nn.BatchNorm1d(4), (600, 4)), "BatchNorm2d": (lambda: nn.BatchNorm2d(3), (5, 3, 9, 8)),
    "LayerNorm": (lambda: nn.LayerNorm((3, 4)), (5, 3, 4)), "MaxPool2d": (lambda: nn.MaxPool2d(2), (2, 3, 5, 6)),
    "MaxPool2d, overlapping": (lambda: nn.MaxPool2d(3, 2, 1), (2, 3, 6, 6)), "AvgPool2d": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 3, 6, 6)),
    "Upsample": (lambda: nn.Upsample(scale_factor=2), (2, 3, 3, 4)), "Upsample, bilinear": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (2, 3, 3, 4)),
    "UpsampleConv2d": (lambda: nn.UpsampleConv2d(3, 4, 3, 1), (2, 3, 3, 4)),
    "Dropout": (lambda: nn.Dropout(0.4), (6, 5)), "Flatten": (nn.Flatten, (2, 3, 4, 5)), "Unflatten": (lambda: nn.Unflatten(3, 2, 2), (4, 12)),
    "ReLU": (nn.ReLU, (4, 5)), "LeakyReLU": (lambda: nn.LeakyReLU(0.2), (4, 5)), "ELU": (nn.ELU, (4, 5)), "ELU, alpha": (lambda: nn.ELU(0.5), (4, 5)),
    "Tanh": (nn.Tanh, (4, 5)), "Sigmoid": (nn.Sigmoid, (4, 5)), "Softplus": (nn.Softplus, (4, 5)),
}


def test_every_layer_is_tried():
    layers = {name for name, value in vars(nn).items() if isinstance(value, type) and value.__module__ == "tinygen.nn.layers"}
    assert layers - {name.split(",")[0] for name in LAYERS} == {"Embedding"}                       # which takes labels: below


def layer_on(device, make, shape):
    """Output in training and eval mode, state, and gradients of a layer on a device."""
    tg.manual_seed(3)
    layer = make().to(device)
    draw_alike(device)
    x = tg.tensor(np.random.default_rng(1).standard_normal(shape).astype(np.float32)).to(device)
    x.requires_grad = True
    y = layer(x)
    loss = (y * y).sum() + y.mean()
    found = [y, *tg.grad(loss, [x, *layer.parameters()]), layer.eval()(x)]
    return [t.numpy() for t in found] + list(layer.state_dict().values())


@pytest.mark.parametrize("name", LAYERS)
def test_layer(gpu, name):
    make, shape = LAYERS[name]
    for a, b in zip(layer_on(gpu, make, shape), layer_on("cpu", make, shape), strict=True):
        assert a.dtype == b.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-4)


def test_embedding_takes_labels_of_the_host(gpu):
    tg.manual_seed(0)
    layer = nn.Embedding(4, 3)
    labels = np.array([0, 3, 3, 1])
    gradients = []
    for device in ("cpu", gpu):
        rows = layer.to(device)(labels)
        gradients.append(tg.grad((rows * rows).sum(), layer.parameters())[0].numpy())
        np.testing.assert_array_equal(rows.numpy(), layer.weight.numpy()[labels])
    np.testing.assert_allclose(*gradients)
    rows = tg.one_hot(labels, 4, like=layer.weight)
    assert backend.device_of(rows) == gpu and backend.host(rows).argmax(axis=1).tolist() == labels.tolist()


# ---- optimizers ------------------------------------------------------------------------------------------------------------

OPTIMIZERS = {"SGD": lambda p: optim.SGD(p, 0.1), "SGD, Nesterov": lambda p: optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.1, nesterov=True),
              "RMSprop": lambda p: optim.RMSprop(p, 0.01), "Adam": lambda p: optim.Adam(p, 0.01),
              "RMSprop, centered": lambda p: optim.RMSprop(p, 0.01, momentum=0.9, centered=True, weight_decay=0.1),
              "Adam, weight decay": lambda p: optim.Adam(p, 0.01, weight_decay=0.1), "AdamW": lambda p: optim.AdamW(p, 0.01, weight_decay=0.1)}


def net():
    """Parameters of many shapes, one of them in another memory order, one without a gradient."""
    model = nn.Sequential(nn.Conv2d(2, 3, 3, 1, 1), nn.Tanh(), nn.Flatten(), nn.Linear(48, 3))
    model.spare = nn.Parameter(np.ones(2, np.float32))
    return model


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_optimizer(gpu, name, dtype):
    found = []
    for device in ("cpu", gpu):
        tg.manual_seed(0)
        model = net().to(dtype).to(device)
        optimizer = OPTIMIZERS[name](model.parameters())
        x = tg.tensor(np.random.default_rng(0).standard_normal((5, 2, 4, 4)).astype(dtype)).to(device)
        for step in range(4):
            loss = (model(x) ** 2).sum()
            if step % 2:
                optimizer.minimize(loss)
            else:                                                            # gradients as backward() leaves them: none for `spare`
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        found.append({**model.state_dict(), **optimizer.state_dict()})
    for key, value in found[0].items():
        np.testing.assert_allclose(found[1][key], value, rtol=1e-3, atol=1e-5 if dtype == np.float32 else 1e-9, err_msg=key)


def test_adam_takes_gradients_that_lie_anywhere(gpu):
    """Its one launch goes through parameters and gradients by address: views with gaps, of one number, or backwards are copied first."""
    found = []
    for device in ("cpu", gpu):
        tg.manual_seed(0)
        p, q = (nn.Parameter(np.random.default_rng(n).standard_normal(shape).astype(np.float32)) for n, shape in enumerate([(6,), (3, 4)]))
        for t in (p, q):
            t.data = backend.to(t.data, device)
        optimizer = optim.Adam([p, q], 0.1)
        for _ in range(3):
            a, b = p.data[::-1], backend.xp(p.data).broadcast_to(q.data[:1, :1], (3, 4))
            optimizer.step([a, b])
            optimizer.step([backend.xp(p.data).broadcast_to(p.data[:1], (6,)), q.data.T.copy().T])
        found.append([p.numpy(), q.numpy()])
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-4)


def test_moving_average_and_clipping(gpu):
    found = []
    for device in ("cpu", gpu):
        tg.manual_seed(0)
        model = net()
        average = nn.ExponentialMovingAverage(model)
        model.to(device)                                                     # the average follows
        optimizer = optim.SGD(model.parameters(), 0.1)
        x = tg.tensor(np.random.default_rng(0).standard_normal((5, 2, 4, 4)).astype(np.float32)).to(device)
        for _ in range(3):
            gradients, norm = optim.clip_grad_norm(tg.grad((model(x) ** 2).sum(), model.parameters()), 0.5)
            optimizer.step(gradients)
            average.update()
        assert {p.device for p in average.average.parameters()} == {device}
        found.append({**average.state_dict(), "norm": backend.host(norm)})
    for key, value in found[0].items():
        np.testing.assert_allclose(found[1][key], value, rtol=1e-4, atol=1e-6, err_msg=key)
