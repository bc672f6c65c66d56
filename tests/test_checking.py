"""Test the tester: gradcheck catches every way a gradient is commonly wrong, says where, and raises no false alarm."""
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygen as tg
from tinygen import nn
from tinygen.autograd import primitive, primitives
from tinygen.checking import GradientError, KinkError
from tinygen.testing import arrays, check_op, shapes

SQUARE = np.array([[0.5, -1.0], [2.0, 0.25]])


@pytest.fixture
def declare():
    """`primitive`, whose operations are forgotten after the test."""
    before = dict(primitives)
    yield primitive
    primitives.clear()
    primitives.update(before)


def refused(f, *inputs, order=2, error=GradientError, **options):
    """The message of the error that gradcheck raises."""
    with pytest.raises(error) as caught:
        tg.gradcheck(f, inputs, order, **options)
    return str(caught.value)


# ---- gradients that are wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True])
def test_a_gradient_wrong_by_a_thousandth(declare, full):
    @declare(lambda g, y, x: g * y * 1.001)
    def exponential(x):
        return np.exp(x)
    message = refused(exponential, SQUARE, full=full)
    assert re.search(r"gradcheck: exponential, order 1, input 0, index \(\d, \d\), value .*: expected .* \(finite differences\), received .* = 1.001$", message)
    expected, received = (float(v) for v in re.findall(r"(?:expected|received) (-?[\d.]+)", message))
    assert received == pytest.approx(1.001 * expected, rel=1e-6)


def test_a_gradient_wrong_in_one_element(declare):
    @declare(lambda g, y, x: g * (1 + 1e-3 * (np.arange(x.size) == 17).reshape(x.shape)))
    def almost(x):
        return x * 1.0
    assert "input 0, index (2, 5)" in refused(almost, np.ones((4, 6)), order=1)


def test_a_gradient_that_is_detached_at_the_second_order(declare):
    """`.data` inside a VJP: right at first order, and the second derivative is silently missing."""
    @declare(lambda g, y, x: g * (1 - (y * y if isinstance(y, np.ndarray) else y.data * y.data)))
    def detached(x):
        return np.tanh(x)
    assert tg.gradcheck(detached, [SQUARE], order=1)
    assert "detached, order 2, input 0, index" in refused(detached, SQUARE)


def test_a_gradient_that_is_detached_in_the_incoming_gradient(declare):
    @declare(lambda g, y, x: (g if isinstance(g, np.ndarray) else g.data) * (x * 2.0))
    def detached(x):
        return x * x
    assert tg.gradcheck(detached, [SQUARE], order=1)
    assert "detached, order 2, the gradient passed in at order 1, index" in refused(detached, SQUARE)


def test_a_second_gradient_that_is_wrong(declare):
    @declare(lambda g, y, x: -g * tg.sin(x))
    def wrong_cosine_slope(x):
        return 1.001 * np.cos(x)

    @declare(lambda g, y, x: g * wrong_cosine_slope(x) / 1.001)
    def sine(x):
        return np.sin(x)
    assert tg.gradcheck(sine, [SQUARE], order=1)
    assert "sine, order 2, input 0" in refused(sine, SQUARE)


def test_a_gradient_that_is_another_one_under_create_graph(declare):
    """A formula for arrays and one for Tensors: the second is right in itself, and not the derivative of the function."""
    @declare(lambda g, y, x: g * 2.0 * x if isinstance(g, np.ndarray) else g * 2.001 * x)
    def square(x):
        return x * x
    assert tg.gradcheck(square, [SQUARE], order=1)
    assert re.search(r"square, order 1, input 0, index \(1, 0\): received .*, and .* under create_graph", refused(square, SQUARE))


def test_a_gradient_that_is_transposed(declare):
    @declare(lambda g, y, a, b: (g @ b.T).T, lambda g, y, a, b: a.T @ g)
    def product(a, b):
        return a @ b
    assert "product, order 1, input 0" in refused(product, SQUARE, SQUARE + 1.0, order=1)


def test_a_gradient_of_the_wrong_input(declare):
    @declare(lambda g, y, x, z: g * z, lambda g, y, x, z: g * z)
    def product(x, z):
        return x * z
    assert "product, order 1, input 1" in refused(product, SQUARE, SQUARE + 1.0, order=1)


def test_a_gradient_that_is_missing(declare):
    @declare(lambda g, y, x, z: g, None)
    def total(x, z):
        return x + z
    assert re.search(r"total, order 1, input 1, index \(\d, \d\), value .*: expected .*, received 0, .* = 0$", refused(total, SQUARE, SQUARE, order=1))


def test_a_third_order_that_is_missing(declare):
    def slope(g, y, x):
        return g * (x * x) * 3.0 if isinstance(g, np.ndarray) else g * square(x) * 3.0

    @declare(lambda g, y, x: g * 2.0 * (x if isinstance(x, np.ndarray) else x.data))
    def square(x):
        return x * x

    @declare(slope)
    def cube(x):
        return x ** 3
    assert tg.gradcheck(cube, [SQUARE], order=2)
    assert "cube, order 3" in refused(cube, SQUARE, order=3)


# ---- functions that cannot be checked --------------------------------------------------------------------------------


def test_a_function_that_draws_noise():
    assert "gave two results for the same inputs; it draws noise" in refused(lambda x: tg.dropout(x, 0.5), np.ones((5, 5)), error=ValueError)


@pytest.mark.parametrize("f, inputs, where", [
    (tg.relu, [np.array([1.0, 0.0])], r"relu has a kink at order 1, input 0, index \(1,\), value 0"),
    (tg.abs, [np.zeros((1, 1))], r"abs has a kink at order 1, input 0, index \(0, 0\)"),
    (tg.maximum, [np.array([1.0, 2.0]), np.array([3.0, 2.0])], r"maximum has a kink at order 1, input 0, index \(1,\)"),
    (tg.max, [np.array([1.0, 2.0, 2.0])], "max has a kink at order 1, input 0"),
    (lambda x: tg.max_pool2d(x, 2), [np.ones((1, 1, 2, 2))], "kink at order 1, input 0"),
    (lambda x: tg.clip(x, low=0.5), [np.array([0.5])], "kink at order 1, input 0"),
], ids=["relu", "abs", "maximum", "max", "max_pool2d", "clip"])
def test_a_kink_is_called_a_kink(f, inputs, where):
    message = refused(f, *inputs, order=1, error=KinkError)
    assert re.search(where, message) and "check at a point away from it" in message


def test_a_kink_of_the_slope():
    """x |x| has a slope everywhere; the slope itself has a kink at 0."""
    assert tg.gradcheck(lambda x: x * tg.abs(x), [np.zeros(1)], order=1)
    assert "kink at order 2, input 0" in refused(lambda x: x * tg.abs(x), np.zeros(1), order=2, error=KinkError)


def test_a_kink_is_found_where_the_convention_halves_it():
    """|x| at 0 has the gradient 0, and so has the central difference."""
    for order in 1, 2:
        assert "kink" in refused(tg.abs, np.array([1.0, 0.0]), order=order, error=KinkError)


def test_a_jump_is_a_kink():
    assert "kink" in refused(lambda x: tg.sign(x) + x, np.zeros(2), order=1, error=KinkError)


def test_constants_of_another_float_type():
    assert "inputs of different types" in refused(lambda x: x * tg.tensor(np.ones(2, np.float32)), np.ones(2), error=TypeError)
    message = refused(lambda x: x.to(np.float32), np.ones(2), error=TypeError)
    assert "returned float32 for float64 inputs; its constants must be Python floats" in message


def test_results_that_are_not_finite_or_not_tensors():
    with np.errstate(divide="ignore"):
        assert "log is not finite at these inputs" in refused(tg.log, np.zeros(2), error=ValueError)
    assert "returned a ndarray, not a Tensor" in refused(lambda x: x.data, np.zeros(2), error=TypeError)


def test_nothing_to_check():
    assert "order 0 and 1 inputs; both must be at least 1" in refused(tg.exp, np.ones(2), order=0, error=ValueError)
    assert "order 2 and 0 inputs" in refused(tg.exp, error=ValueError)


# ---- no false alarm --------------------------------------------------------------------------------------------------


@given(arrays(shapes(max_dims=2, max_side=6)), st.sampled_from([0.05, 1.0, 300.0]))
def test_right_gradients_pass_at_any_scale(x, scale):
    assert tg.gradcheck(lambda x: x * x * tg.tanh(x * (1 / scale)) + x * 3.0, [scale * x], full=x.size < 5)


def test_many_elements_and_no_elements():
    assert tg.gradcheck(lambda x: tg.exp(x).sum(), [np.linspace(-3, 3, 2000)], order=1)
    assert tg.gradcheck(lambda x, z: (x * 2.0).sum() + (z * z).sum(), [np.ones((0, 3)), np.ones(2)])


def test_integers_and_tensors_are_taken_as_float64():
    assert tg.gradcheck(lambda x, z: x * z, [np.array([1, 2, 3]), tg.tensor([1.0, 2.0, 3.0])])


def test_inputs_and_running_statistics_are_left_alone():
    x = np.random.default_rng(0).standard_normal((6, 2))
    layer, before = nn.BatchNorm1d(2).to(np.float64), x.copy()
    assert tg.gradcheck(layer, [x])
    assert np.array_equal(x, before) and not layer.running_mean.data.any()
    layer(tg.tensor(x))
    assert layer.running_mean.data.any()


# ---- testing.check_op, which users call ------------------------------------------------------------------------------


@given(arrays(away_from=(0,)))
def test_an_operation_in_three_lines(x):
    check_op(lambda x: x * tg.sigmoid(x), [x], reference=lambda x: x / (1 + np.exp(-x)))


@pytest.mark.parametrize("op, options, complaint", [
    (lambda x: x * 1.001, dict(reference=lambda x: x), "disagrees with its reference"),
    (lambda x: x.sum(), dict(reference=lambda x: x), "returned shape"),
    (lambda x: x * (np.float64(2) if x.dtype == np.float64 else np.float32(3)), {}, "float32 and float64 disagree"),
    (lambda x: x * x, dict(linear_in=[0]), "not linear in input 0"),
    (lambda x: tg.where(x > 0, x, x.data) if isinstance(x, tg.Tensor) else x * 1.0, {}, "order 1"),
    (lambda x: tg.Tensor(x.data) if isinstance(x, tg.Tensor) else tg.Tensor(x), dict(order=0), "returned a Tensor for arrays"),
    (lambda x: x.data, {}, "returned a"),
], ids=["values", "shape", "types", "linear", "detached", "tensor", "array"])
def test_check_op_complains(op, options, complaint):
    with pytest.raises(AssertionError, match=complaint):
        check_op(op, [np.array([[1.0, -2.0]])], **options)


def test_check_op_notices_a_changed_input(declare):
    @declare(lambda g, y, x: g)
    def rude(x):
        x += 0.0
        x[0] = 7.0 if x[0] == 1.0 else x[0]
        return x * 1.0
    with pytest.raises(AssertionError, match="op changed its input 0"):
        check_op(rude, [np.array([1.0, 2.0])], order=0)


@pytest.mark.parametrize("f, x", [(lambda x: tg.where(x.data > 0, tg.sqrt(x), 0.0), [-1.0]), (tg.sqrt, [0.0]), (tg.log, [0.0])])
def test_a_gradient_that_is_not_finite_does_not_pass(f, x):
    with np.errstate(all="ignore"), pytest.raises((GradientError, KinkError, ValueError)):
        tg.gradcheck(f, [np.array(x)], order=1)


def test_a_wrong_gradient_beside_a_nan_does_not_pass(declare):
    @declare(lambda g, y, x: g * 123.0)
    def root(x):
        return np.sqrt(x)
    with np.errstate(all="ignore"), pytest.raises((GradientError, KinkError, ValueError)):
        tg.gradcheck(root, [np.array([1e-6])], order=1)
