"""Tensors: their types, copies and looks, and the watch for the first number that is not finite."""
import copy
import pickle

import numpy as np
import pytest

import tinygen as tg
from leaves import leaf, slopes
from tinygen import nn


# ---- types -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mix", [
    lambda x: x + tg.tensor(np.ones(2)), lambda x: x * np.float64(2), lambda x: np.ones(2) - x, lambda x: tg.matmul(x, np.ones((2, 2))),
    lambda x: tg.concatenate([x, tg.tensor(np.ones(2))]), lambda x: tg.where(np.array([True, False]), x, np.zeros(2)),
    lambda x: x * np.arange(2)], ids=["tensor", "scalar", "array", "matmul", "concatenate", "where", "integers"])
def test_float32_and_float64_do_not_mix(mix):
    with pytest.raises(TypeError, match=r": inputs of different types .*convert one: x.to\(np.float32\), for an array x.astype\(np.float32\), or float\(c\)"):
        mix(leaf(1.0, 2.0, dtype=np.float32))


def test_python_numbers_take_the_type_of_the_tensor():
    for dtype in (np.float32, np.float64):
        x = leaf(1.0, 2.0, dtype=dtype)
        y = 1 - 2.0 * x / 3 + x ** 2
        assert y.dtype == dtype
        assert tg.grad(y.sum(), [x])[0].dtype == dtype


def test_tensor_keeps_the_type_of_arrays_and_makes_float32_of_numbers():
    assert tg.tensor(1).dtype == tg.tensor([1.5, 2]).dtype == np.float32
    assert tg.tensor([1, 2], dtype=np.int64).dtype == np.int64
    for dtype in (np.float64, np.float32, np.uint8, np.int64, bool):
        assert tg.tensor(np.zeros(2, dtype)).dtype == dtype
    assert tg.tensor(np.float64(1)).shape == () and tg.tensor(np.zeros(2), dtype=np.float32).dtype == np.float32
    assert tg.tensor(tg.tensor([1.0])).data.tolist() == [1]


def test_numpy_does_not_swallow_a_tensor():
    x = leaf(1.0, 2.0)
    for call in (lambda: np.where(np.array([True, False]), x, 0), lambda: np.asarray(x), lambda: np.concatenate([x, x])):
        with pytest.raises(TypeError, match="use tinygen's function instead of NumPy's, or .data"):
            call()
    with pytest.raises(TypeError, match="Tensor"):
        np.exp(x)
    assert isinstance(np.ones(2) * x, tg.Tensor)


# ---- copies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("remake", [copy.deepcopy, copy.copy, lambda t: pickle.loads(pickle.dumps(t))], ids=["deepcopy", "copy", "pickle"])
def test_a_copy_is_a_tensor_of_its_own(remake):
    """The walk tells tensors apart by number: a copy with the number of the original would mix their gradients."""
    p = nn.Parameter(np.array([1.0]))
    q = remake(p)
    assert type(q) is nn.Parameter and slopes(p * 2.0 + q * 3.0, p, q) == [[2], [3]]


def test_a_copied_graph_can_be_differentiated():
    x = leaf(2.0)
    copied, inner = copy.deepcopy((x * x * x, x))
    assert slopes(copied, inner) == [[12]] and slopes(copied, x) == [[0]]


# ---- looking on ------------------------------------------------------------------------------------------------------


def test_repr_names_the_operation():
    x = leaf(1.0, 2.0)
    assert repr(x) == "Tensor([1., 2.], shape=(2,), float64, requires_grad)"
    assert repr(tg.tanh(x)).endswith("shape=(2,), float64 from tanh)")
    assert "from conv2d" in repr(tg.conv2d(tg.tensor(np.ones((1, 1, 2, 2)), requires_grad=True), np.ones((1, 1, 1, 1))))


def test_a_tensor_behaves_like_a_small_array():
    x = leaf(1.0, 2.0, 3.0)
    assert len(x) == 3 and [t.item() for t in x] == [1, 2, 3] and float(x[1]) == 2 and bool(x[0] > 0)
    assert x.size == 3 and x.ndim == 1 and x.device == "cpu" and x.numpy() is x.data and x.detach().data is x.data
    assert not x.detach().requires_grad
    with pytest.raises(TypeError, match="unsized"):
        len(x[0])


def test_detect_nonfinite_names_the_first_operation_forward():
    x = leaf(0.0, 1.0)
    with tg.detect_nonfinite():
        with np.errstate(divide="ignore"):
            with pytest.raises(FloatingPointError, match=r"log: the output, shape \(2,\), has its first infinity at \(0,\)"):
                tg.log(x)
    with np.errstate(divide="ignore"):
        assert np.isinf(tg.log(x).data[0])                               # and nothing is looked at any more


def test_detect_nonfinite_names_the_first_operation_backward():
    x = leaf(4.0, 0.0)
    y = tg.sqrt(x).sum()                                                 # finite, with an infinite slope
    with tg.detect_nonfinite(), np.errstate(divide="ignore"):
        with pytest.raises(FloatingPointError, match=r"sqrt: the gradient of input 0, shape \(2,\), has its first infinity at \(1,\)"):
            tg.grad(y, [x])
        with pytest.raises(FloatingPointError, match="divide: the output"):  # recorded, the slope is an operation itself
            tg.grad(y, [x], create_graph=True)


def test_detect_nonfinite_ends_with_an_error():
    from tinygen import diagnosis
    with pytest.raises(KeyError):
        with tg.detect_nonfinite():
            raise KeyError
    assert diagnosis.watch is None


def test_numbers_that_are_given_a_type_do_not_go_through_float32():
    assert tg.tensor([0.1], dtype=np.float64).numpy()[0] == 0.1 and tg.tensor([16777217], dtype=np.int64).numpy()[0] == 16777217
    assert tg.tensor([16777217.0], dtype=np.int64).numpy()[0] == 16777217 and tg.tensor([1]).dtype == np.float32


def test_a_switch_that_is_entered_twice_is_left_twice():
    switch = tg.no_grad()
    with switch, switch:
        assert not (leaf(1.0) * 2.0).requires_grad
    assert (leaf(1.0) * 2.0).requires_grad


def test_the_watch_names_what_it_points_at():
    with tg.detect_nonfinite(), pytest.raises(FloatingPointError, match=r"first infinity at \(0,\)"):
        leaf(np.inf, np.nan) * 1.0


@pytest.mark.parametrize("call, message", [
    (lambda x: tg.sum(x, 0, axis=1), "given|each once|multiple values"), (lambda x: tg.clip(x, 0.0, low=1.0, high=2.0), "each once"),
    (lambda x: tg.relu(x=x), "relu: 0 arguments by position; it takes 1")])
def test_arguments_are_given_once_and_inputs_by_position(call, message):
    with pytest.raises(TypeError, match=message):
        call(leaf(1.0, 2.0))


@pytest.mark.parametrize("length", [1, 5])
def test_a_mask_of_another_length_is_refused(length):
    with pytest.raises(IndexError):
        leaf(1.0, 2.0, 3.0)[np.ones(length, bool)]


# ---- conversion, memory ------------------------------------------------------------------------------------------------


def test_gradients_come_back_through_a_conversion():
    w = leaf(1.0, 2.0, dtype=np.float32)
    y = (w * 3.0).to(np.float64) * np.array([2.0, 5.0])
    assert y.dtype == np.float64
    g, = tg.grad(y.sum(), [w])
    assert g.dtype == np.float32 and g.data.tolist() == [6, 15]
    assert slopes(w.to(np.float64) ** 2, w) == [[2, 4]]
    assert w.to(np.float32) is w and w.to("cpu") is w
    assert not w.to(np.int64).requires_grad and w.to(np.int64).dtype == np.int64


def test_a_conversion_can_be_differentiated_twice():
    w = leaf(3.0, dtype=np.float32)
    slope, = tg.grad((w.to(np.float64) ** 3).sum(), [w], create_graph=True)
    assert slopes(slope, w) == [[18]]


def test_what_learns_has_memory_of_its_own():
    """A step changes it in place, and the user's array is not to change with it."""
    start = np.zeros((2, 3), np.float32).T
    for make in (lambda: tg.tensor(start, requires_grad=True), lambda: nn.Parameter(start)):
        w = make()
        assert w.data.strides == start.strides
        tg.optim.SGD([w], lr=1.0).minimize((w * 2.0).sum())
        assert (w.data == -2).all() and (start == 0).all()


def test_gradients_left_by_backward_share_no_memory():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    for output in ((a + b).sum(), ((a + b) * 2.0).sum()):
        a.grad = b.grad = None
        output.backward()
        kept = b.grad.data.copy()
        a.grad.data *= 0
        assert b.grad.data.tolist() == kept.tolist() != [0, 0]


def test_float_of_one_element_of_any_shape():
    assert float(tg.tensor(np.array([[2.5]]))) == 2.5


def test_tensors_are_keys_and_a_value_on_the_way_may_be_added_to():
    x, y = leaf(1.0), leaf(1.0)
    assert x == x and x != y and x in {x: 1} and (x == None) is False                   # noqa: E711
    z = x * 2.0
    z += 1.0
    z *= y
    assert float(z) == 3 and slopes(z, x, y) == [[2], [3]]
