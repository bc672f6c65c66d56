"""Every operation of the table in op_cases.py: values, types, gradients to second order, adjoints; and conventions at kinks."""
import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygen as tg
from op_cases import CASES
from tinygen.autograd import ancestors, primitives
from tinygen.testing import check_op

BY_NAME = {case.name: case for case in CASES}


@pytest.mark.parametrize("name", BY_NAME)
@given(st.data())
def test_operation(name, data):
    case = BY_NAME[name]
    inputs, settings = data.draw(case.inputs)
    check_op(lambda *xs: case.op(*xs, **settings), inputs, order=case.order,
             reference=lambda *xs: case.reference(*xs, **settings), linear_in=case.linear_in)


# ---- nothing is left out ---------------------------------------------------------------------------------------------


def test_every_primitive_has_a_row():
    declared = {name for name, op in primitives.items() if op.forward.__module__.startswith("tinygen.ops.")}
    assert declared - set(BY_NAME) == set()


@pytest.mark.parametrize("name", [name for name in BY_NAME if name in primitives and not BY_NAME[name].why])
@given(st.data())
def test_a_row_reaches_its_primitive(name, data):
    inputs, settings = data.draw(BY_NAME[name].inputs)
    y = BY_NAME[name].op(*(tg.Tensor(x, requires_grad=True) for x in inputs), **settings)
    recorded = {t.op.__name__ for t in ancestors(y) if t.op}
    assert name in recorded or name in ("reshape", "broadcast_to")     # which hand x on where there is nothing to do


def test_every_public_operation_has_a_row():
    public = {name for name, f in vars(tg).items() if callable(f) and getattr(f, "__module__", "").startswith("tinygen.ops")}
    tested_below = {"argmax", "one_hot", "dropout"}            # integers, and noise
    assert public - set(BY_NAME) == tested_below


def test_a_lowered_order_carries_its_reason():
    for case in CASES:
        assert (case.order < 2) == bool(case.why), case.name


# ---- memory ----------------------------------------------------------------------------------------------------------


def channels_last_memory(x):
    """x with the memory order (0, 2, ..., 1), as convolutions leave it; Fortran order below four axes."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if x.ndim == 4 else x.copy(order="F")


def backwards_memory(x):
    """x as a view with gaps, its axes running backwards."""
    around = (slice(None, None, -1),) * x.ndim
    wide = np.repeat(x, 2, axis=-1) if x.ndim else x
    return wide[around].copy()[around][..., ::2] if x.ndim else x


def shared_memory(x):
    """The first slice of x stretched over its last axis: a read-only view with stride 0."""
    return np.broadcast_to(x[..., :1], x.shape) if x.ndim else x


@pytest.mark.parametrize("remake", [channels_last_memory, backwards_memory, shared_memory])
@pytest.mark.parametrize("name", BY_NAME)
@given(data=st.data())
@settings(max_examples=8)
def test_the_order_of_memory_does_not_matter(name, remake, data):
    """Values and gradients are the same wherever the elements lie; nothing writes into a shared or read-only array."""
    case = BY_NAME[name]
    inputs, keywords = data.draw(case.inputs)
    remade = [remake(x) for x in inputs]
    plain = [x.copy(order="C") for x in remade]

    def values_and_gradients(arrays, remake):
        tensors = [tg.Tensor(x, requires_grad=True) for x in arrays]
        y = case.op(*tensors, **keywords)
        g = np.asarray(np.random.default_rng(1).standard_normal(y.shape))
        g = g[..., :1] + np.zeros(y.shape) if y.ndim else g            # the same along the last axis, so that it may be shared
        return [y.data, *(g.data for g in tg.grad(y, tensors, grad_output=remake(g)))]
    for a, b in zip(values_and_gradients(plain, lambda g: g), values_and_gradients(remade, remake)):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


# ---- third order, at fixed shapes ------------------------------------------------------------------------------------


def normal(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


@pytest.mark.parametrize("op, shapes", [
    (lambda x, w, b: tg.conv2d(x, w, b, stride=2, padding=1), [(2, 2, 5, 5), (3, 2, 3, 3), (3,)]),
    (lambda x, w, b: tg.conv2d(x, w, b, padding="same"), [(2, 3, 3, 4), (2, 3, 2, 4), (2,)]),
    (lambda x, w, b: tg.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1), [(2, 3, 3, 2), (3, 2, 3, 3), (2,)]),
    (lambda a, b: tg.matmul(a, b), [(3, 4), (4, 2)]),
    (lambda a, b: tg.matmul(a, b), [(2, 3, 4), (4,)]),
    (lambda x, w, b: tg.batch_norm(x, w, b, eps=1e-2), [(5, 3), (3,), (3,)]),
    (lambda x, w, b: tg.batch_norm(x, w, b, eps=1e-2), [(3, 2, 2, 3), (2,), (2,)]),
    (lambda x: tg.tanh(x) * tg.exp(x) + tg.sigmoid(x) / (x * x + 2.0), [(3, 4)]),
    (lambda x: tg.log_softmax(x) * tg.softmax(x), [(3, 4)]),
], ids=["conv2d", "conv2d same", "conv_transpose2d", "matmul", "matmul vector", "batch_norm", "batch_norm images", "elementwise",
        "softmax"])
def test_third_order(op, shapes):
    assert tg.gradcheck(op, [normal(*s) for s in shapes], order=3, rtol=1e-4)


def test_powers_have_all_derivatives_at_zero():
    """x ** 2 at 0: a formula that goes through 0 * 0 ** -1 is NaN at the third order."""
    x = tg.tensor(np.zeros(2), requires_grad=True)
    y = (x ** 2).sum()
    for expected in [0.0, 2.0, 0.0, 0.0]:
        g, = tg.grad(y, [x], create_graph=True)
        np.testing.assert_array_equal(g.data, expected)
        y = g.sum()


# ---- conventions at kinks and ties -----------------------------------------------------------------------------------


def slope(op, *values):
    """The gradients of op at one point, in each input."""
    inputs = [tg.tensor(np.array(v, np.float64), requires_grad=True) for v in values]
    return [g.data.tolist() for g in tg.grad(op(*inputs).sum(), inputs)]


@pytest.mark.parametrize("op, values, expected", [
    (tg.relu, [0.0], [0.0]),
    (tg.leaky_relu, [0.0], [0.01]),
    (tg.elu, [0.0], [1.0]),
    (tg.abs, [0.0], [0.0]),
    (tg.maximum, [1.0, 1.0], [0.5, 0.5]),
    (tg.minimum, [1.0, 1.0], [0.5, 0.5]),
    (lambda x: tg.clip(x, low=0.0, high=1.0), [[-1.0, 0.0, 0.5, 1.0, 2.0]], [[0, 1, 1, 1, 0]]),
    (lambda x: tg.max(x, 0), [[2.0, 2.0, 1.0, 2.0]], [[1 / 3, 1 / 3, 0, 1 / 3]]),
    (lambda x: tg.min(x), [[[1.0, 1.0], [2.0, 3.0]]], [[[0.5, 0.5], [0, 0]]]),
    (lambda x: tg.max_pool2d(x, 2), [[[[[1.0, 1.0], [1.0, 1.0]]]]], [[[[[1, 0], [0, 0]]]]]),
    (lambda x: tg.max_pool2d(x, 2, stride=1), [[[[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]]], [[[[[0, 2, 0], [0, 0, 0]]]]]),
], ids=lambda v: getattr(v, "__name__", None))
def test_convention(op, values, expected):
    assert slope(op, *values) == expected


# ---- tails, noise, integers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_tails_stay_finite(dtype):
    x = tg.tensor(np.array([-1e4, -100.0, 0.0, 100.0, 1e4], dtype), requires_grad=True)
    for op in (tg.sigmoid, tg.softplus, tg.log_sigmoid, tg.tanh, tg.logsumexp, tg.softmax, tg.log_softmax,
               lambda x: tg.bce_with_logits(x, 1.0), lambda x: tg.bce_with_logits(x, 0.0), lambda x: tg.elu(x)):
        y = op(x)
        g, = tg.grad(y.sum(), [x], create_graph=True)
        h, = tg.grad(g.sum(), [x])
        for values in (y, g, h):
            assert np.isfinite(values.data).all()
    np.testing.assert_allclose(tg.bce_with_logits(x, 0.0).data[-1], 1e4)
    np.testing.assert_allclose(tg.sigmoid(x).data[1], 0 if dtype == np.float32 else math.exp(-100), rtol=1e-6, atol=1e-40)


def test_logsumexp_passes_nan_on():
    np.testing.assert_array_equal(tg.logsumexp(np.array([[np.nan, 1.0], [0.0, -np.inf]]), axis=1), [np.nan, 0.0])


def test_maximum_of_equal_infinities_shares_its_gradient():
    for value in (np.inf, -np.inf):
        x, z = (tg.tensor(np.array([value, 1.0]), requires_grad=True) for _ in range(2))
        for gradient in tg.grad(tg.maximum(x, z).sum(), [x, z]):
            np.testing.assert_array_equal(gradient.data, [0.5, 0.5])


def test_logsumexp_of_nothing_but_minus_infinity():
    assert tg.logsumexp(tg.tensor(np.full(3, -np.inf))).item() == -np.inf


def test_dropout_keeps_the_mean_and_the_mask():
    x = tg.tensor(np.ones((200, 300)), requires_grad=True)
    y = tg.dropout(x, 0.3)
    kept = y.data != 0
    assert abs(kept.mean() - 0.7) < 0.01
    np.testing.assert_allclose(y.data[kept], 1 / 0.7)
    g, = tg.grad((y * y).sum(), [x], create_graph=True)                # the same mask in every order
    h, = tg.grad(g.sum(), [x])
    assert ((g.data != 0) == kept).all() and ((h.data != 0) == kept).all()


def test_dropout_does_nothing_in_eval_mode():
    x = tg.tensor(np.ones(5))
    assert tg.dropout(x, 0.3, training=False) is x and tg.dropout(x, 0.0) is x


def test_integers():
    x = tg.tensor(np.array([[1.0, 3.0], [2.0, 0.0]]))
    assert tg.argmax(x).item() == 1 and tg.argmax(x, 1).tolist() == [1, 0]
    rows = tg.one_hot(np.array([2, 0]), 3, like=x)
    assert rows.dtype == np.float64 and rows.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_pythons_operators():
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])
    x, z = tg.tensor(a), tg.tensor(b)
    for got, expected in [(x + z, a + b), (x - 1, a - 1), (1 - x, 1 - a), (b * x, b * a), (x / z, a / b), (2.0 / x, 2 / a), (-x, -a),
                          (x ** 3, a ** 3), (abs(-x), a), (x @ z, a @ b), (b @ x, b @ a), (x[0, 1:], a[0, 1:]), (x.T, a.T),
                          (x.sum(0), a.sum(0)), (x.mean(axis=1, keepdims=True), a.mean(axis=1, keepdims=True)), (x.var(0), a.var(0)),
                          (x.max(1), a.max(1)), (x.min(), a.min()), (x.reshape(4), a.reshape(4)), (x.reshape((1, -1)), a.reshape(1, -1)),
                          (x.flatten(0), a.flatten()), (x.transpose(1, 0), a.T), (x.transpose(), a.T)]:
        assert isinstance(got, tg.Tensor)
        np.testing.assert_array_equal(got.data, expected)
    for got, expected in [(x > 2, a > 2), (x >= z, a >= b), (x < 3, a < 3), (x <= z, a <= b)]:
        assert isinstance(got, np.ndarray) and (got == expected).all()
    assert x != z and x == x and len({x, z, x}) == 2                   # tensors are told apart by identity


@pytest.mark.parametrize("name, settings", [
    ("sum", (0,)), ("sum", (0, True)), ("mean", ((0, 1),)), ("max", (1,)), ("reshape", ((3, 2),)), ("transpose", ((1, 0),)),
    ("power", (2,)), ("softmax", (0,)), ("clip", (0.0, 1.0)), ("leaky_relu", (0.2,)), ("broadcast_to", ((4, 2, 3),)), ("flip", (1,)),
])
def test_settings_may_come_by_position(name, settings):
    x = tg.tensor(np.arange(6.0).reshape(2, 3) / 4)
    op = primitives[name]
    keywords = dict(zip([p for p in inspect.signature(op).parameters if p != "x"], settings))
    np.testing.assert_array_equal(op(x, *settings).data, op(x, **keywords).data)


def test_log_softmax_of_large_logits_is_not_rounded():
    assert tg.log_softmax(np.array([1e4, 1e4], np.float32)) == pytest.approx(-math.log(2), rel=1e-6)


def test_a_kl_near_zero_is_not_negative():
    logvar = np.linspace(-1e-3, 1e-3, 2001).astype(np.float32)
    assert (tg.ops.twice_kl(np.zeros_like(logvar), logvar) >= 0).all()


def test_convolution_takes_any_kind_of_numpy_array(tmp_path):
    """A memory-mapped file is an array of NumPy's, too."""
    images = np.memmap(tmp_path / "images", np.float32, "w+", shape=(2, 1, 5, 5))
    assert tg.conv2d(tg.tensor(images[:1]), np.ones((1, 1, 3, 3), np.float32)).shape == (1, 1, 3, 3)


@pytest.mark.parametrize("shape, axis", [((1_000_000, 4), 0), ((50, 8, 64, 32), (0, 2, 3)), ((300_000, 2, 3), (0,)), ((4, 500_000), 1)])
def test_long_sums_in_float32_do_not_drift(shape, axis):
    """Row after row in float32, a million times .1 would be 100,958."""
    x = np.full(shape, 0.1, np.float32)
    if axis == (0, 2, 3):
        x = np.full((50, 64, 32, 8), 0.1, np.float32).transpose(0, 3, 1, 2)            # channels last in memory, as in a network
    for keepdims in (False, True):
        expected = x.mean(axis=axis, dtype=np.float64, keepdims=keepdims)
        for found, factor in ((tg.mean(x, axis=axis, keepdims=keepdims), 1), (tg.sum(x, axis=axis, keepdims=keepdims), x.size / expected.size)):
            assert found.dtype == np.float32 and found.shape == expected.shape
            np.testing.assert_allclose(found, expected * factor, rtol=1e-5)
    assert np.abs(tg.var(x + np.float32(1000), axis=axis)).max() < 1e-6


def test_the_gradient_of_a_bias_over_many_rows():
    b = tg.tensor(np.zeros(3, np.float32), requires_grad=True)
    g, = tg.grad(((np.zeros((200_000, 3), np.float32) + b) * 0.1).sum(), [b])
    np.testing.assert_allclose(g.data, 20_000, rtol=1e-5)
