"""The engine: what the walk computes, what it refuses, what it leaves alive. Every trap of reverse mode has its test here."""
import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygen as tg
from leaves import leaf, slopes
from tinygen import nn
from tinygen.autograd import enable_grad, primitive, primitives, undefined


@pytest.fixture
def declare():
    """`primitive`, whose operations are forgotten after the test."""
    before = dict(primitives)
    yield primitive
    primitives.clear()
    primitives.update(before)


# ---- the walk --------------------------------------------------------------------------------------------------------


def test_a_value_used_twice_is_complete_before_it_is_passed_on():
    a = leaf(1.0)
    b = a + a
    c = b + b
    assert slopes(c, a, b) == [[4], [2]]


def test_diamond():
    a = leaf(3.0)
    left, right = a * 2.0, a * a
    assert slopes(left * right, a) == [[54]]                            # d(2 a^3) = 6 a^2


@st.composite
def programs(draw):
    """A random program: each line is an operation on any earlier values."""
    lines = []
    for made in range(2, draw(st.integers(3, 10))):
        operation = draw(st.sampled_from(["add", "multiply", "tanh", "mean", "concatenate"]))
        lines.append((operation, draw(st.integers(0, made - 1)), draw(st.integers(0, made - 1))))
    return lines


@given(programs())
def test_any_graph(program):
    def run(a, b):
        values = [a, b]
        for operation, i, j in program:
            x, z = values[i], values[j]
            values.append({"add": lambda: x + z, "multiply": lambda: x * z, "tanh": lambda: tg.tanh(x),
                           "mean": lambda: tg.mean(x) + z, "concatenate": lambda: tg.concatenate([x, z])[::2][:2]}[operation]())
        return values[-1] + values[len(values) // 2]
    assert tg.gradcheck(run, [np.array([0.3, -0.7]), np.array([1.1, 0.2])])


def test_a_chain_of_100_000_operations():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.00001
    g, = tg.grad(y, [x])
    assert g.item() == pytest.approx(1.00001 ** 100_000)
    del y, g                                                            # freeing it does not recurse either


def test_a_long_chain_to_second_order():
    x = leaf(1.0)
    y = x
    for _ in range(5_000):
        y = y * 1.0001
    g, = tg.grad(y * y, [x], create_graph=True)
    h, = tg.grad(g, [x])
    assert h.item() == pytest.approx(2 * 1.0001 ** 10_000)


@pytest.mark.parametrize("create_graph", [False, True])
def test_an_unused_input_has_the_gradient_zero(create_graph):
    a, b = leaf(1.0, 2.0), leaf(1.0, dtype=np.float32)
    ga, gb = tg.grad((a * a).sum(), [a, b], create_graph=create_graph)
    assert gb.data.tolist() == [0] and gb.dtype == np.float32
    constant, = tg.grad(tg.tensor(1.0), [a], create_graph=create_graph)
    assert constant.data.tolist() == [0, 0]


def test_gradients_of_values_on_the_way_of_the_output_itself_and_of_one_input_twice():
    a = leaf(2.0)
    b = a * a
    c = b * 3.0
    assert slopes(c, b, a, b) == [[3], [12], [3]]
    assert slopes(a, a) == [[1]]


def test_only_the_vjps_that_lead_to_a_wanted_input_are_called(declare):
    called = []

    def vjp(i):
        return lambda g, y, *xs: called.append(i) or g

    @declare(vjp(0), vjp(1))
    def watched(x, z):
        return x + z
    a, b = leaf(1.0), leaf(2.0)
    y = watched(a * 1.0, b * 1.0)
    assert slopes(y, a) == [[1]] and called == [0]


def test_a_vector_jacobian_product():
    x = leaf(1.0, 2.0, 3.0)
    g, = tg.grad(x * x, [x], grad_output=np.array([1.0, 0.0, -1.0]))
    assert g.data.tolist() == [2, 0, -6]


def test_the_gradient_in_the_incoming_gradient():
    """<vjp(v), u> is linear in v: under create_graph, v is an input like any other."""
    x, v = leaf(1.0, 2.0), leaf(1.0, 1.0)
    g, = tg.grad(x * x, [x], grad_output=v, create_graph=True)
    assert slopes(g, v, x) == [[2, 4], [2, 2]]


# ---- sharing memory --------------------------------------------------------------------------------------------------


def test_shared_and_read_only_gradients_are_never_written_into():
    a, b, c = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0, 6.0)
    seed = np.array([1.0, 10.0])
    y = (a + b) + (a + c) + a + a                                        # add hands one array to both inputs
    assert [g.data.tolist() for g in tg.grad(y, [a, b, c], grad_output=seed)] == [[4, 40], [1, 10], [1, 10]]
    assert seed.tolist() == [1, 10]
    stretched = tg.broadcast_to(a, (3, 2))                               # the gradient of sum is a read-only view
    assert slopes(stretched.sum() + (a + a + a).sum(), a) == [[6, 6]]
    frozen = np.ones(2)
    frozen.flags.writeable = False
    assert tg.grad(a + a + a, [a], grad_output=frozen)[0].data.tolist() == [3, 3]


def test_a_gradient_that_was_handed_out_does_not_change_later():
    a, b = leaf(1.0), leaf(2.0)
    c = a + b
    gc_, ga, gb = tg.grad(c + c + a, [c, a, b])
    assert (gc_.item(), ga.item(), gb.item()) == (2, 3, 2)


def test_sums_of_gradients_of_0_d_tensors():
    x = tg.tensor(np.array(2.0), requires_grad=True)
    g, = tg.grad(x * x + x * x + x, [x])
    assert g.shape == () and g.item() == 9


# ---- what is recorded, and for how long ------------------------------------------------------------------------------


def test_no_grad_records_nothing():
    x = leaf(1.0)
    with tg.no_grad():
        y = x * 2.0
    assert not y.requires_grad and y.op is None
    assert tg.no_grad()(lambda: x * 2.0)().op is None
    assert (x * 2.0).requires_grad


def test_no_grad_ends_with_an_error_and_nests():
    x = leaf(1.0)
    with pytest.raises(KeyError):
        with tg.no_grad():
            with tg.no_grad():
                pass
            assert not (x * 2.0).requires_grad
            raise KeyError
    assert (x * 2.0).requires_grad


def test_create_graph_records_even_under_no_grad():
    x = leaf(3.0)
    y = x * x * x
    with tg.no_grad():
        g, = tg.grad(y, [x], create_graph=True)
        h, = tg.grad(g, [x])
        assert not (x * 1.0).requires_grad
    assert h.item() == 18


def test_enable_grad_records_within_no_grad():
    x = leaf(3.0)
    with tg.no_grad():
        with enable_grad():
            assert (x * 2.0).requires_grad
        assert enable_grad()(lambda: x * 2.0)().requires_grad
        assert not (x * 2.0).requires_grad


def test_the_graph_is_freed_without_the_garbage_collector():
    x = leaf(1.0, 2.0)
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).to(np.float64)
    gc.collect()
    gc.disable()
    try:
        hidden = tg.tanh(x)
        alive = weakref.ref(hidden)
        loss = (hidden * x).sum()
        del hidden
        assert alive() is not None
        del loss
        assert alive() is None

        hidden = tg.tanh(x)
        alive = weakref.ref(hidden)
        first, = tg.grad((hidden * x).sum(), [x], create_graph=True)
        second, = tg.grad((first * first).sum(), [x], create_graph=True)
        del hidden, first, second
        assert alive() is None

        loss = net(x.reshape(1, 2)).sum()
        alive = weakref.ref(loss.inputs[0])
        loss.backward()                                                  # uses the graph up, though `loss` is still there
        assert alive() is None
    finally:
        gc.enable()


def test_penalty_steps_do_not_grow_memory():
    critic = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = tg.optim.Adam(critic.parameters())

    def step():
        x = tg.tensor(tg.standard_normal((256, 8)), requires_grad=True)
        slope, = tg.grad(critic(x).sum(), [x], create_graph=True)
        norm = tg.sqrt((slope * slope).sum(1) + 1e-12)
        optimizer.minimize(critic(x).mean() + ((norm - 1.0) ** 2).mean())
    step()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        step()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(200):
            step()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert after - before < 500_000                                      # one array of (256, 32) a step would be 6.5 MB


def test_a_used_up_graph_says_so():
    x = leaf(2.0)
    for use_up in (lambda y: y.backward(), lambda y: tg.optim.SGD([x]).minimize(y)):
        shared = x * x
        loss = shared * 3.0
        use_up(loss)
        for again in (lambda: loss.backward(), lambda: tg.grad(loss, [x]), lambda: tg.grad(shared * 1.0, [x])):
            with pytest.raises(RuntimeError, match="was freed by backward.* or minimize.*tinygen.grad first"):
                again()


def test_grad_keeps_the_graph():
    x = leaf(2.0)
    y = x * x * x
    assert slopes(y, x) == slopes(y, x) == [[12]]


def test_backward_adds_to_grad():
    x, z = leaf(2.0), leaf(5.0)
    (x * z).sum().backward()
    (x * x).sum().backward()
    assert x.grad.data.tolist() == [9] and z.grad.data.tolist() == [2]
    assert (x * z).grad is None


# ---- operations that declare something wrong, or nothing -------------------------------------------------------------


def test_undefined_raises_when_it_is_reached(declare):
    @declare(undefined("kinked has no second derivative here"))
    def kinked_slope(x):
        return np.sign(x)

    @declare(lambda g, y, x: g * kinked_slope(x))
    def kinked(x):
        return np.abs(x)
    x = leaf(2.0)
    slope, = tg.grad(kinked(x), [x], create_graph=True)
    assert slope.item() == 1
    with pytest.raises(NotImplementedError, match="no second derivative here"):
        tg.grad(slope, [x])


def test_none_is_the_gradient_zero_and_records_nothing(declare):
    @declare(None, lambda g, y, mask, x: g * mask)
    def masked(mask, x):
        return mask * x
    mask, x = leaf(1.0, 0.0), leaf(3.0, 4.0)
    assert slopes(masked(mask, x), mask, x) == [[0, 0], [1, 0]]
    assert not masked(mask, tg.tensor(np.ones(2))).requires_grad


def test_a_vjp_of_the_wrong_shape_or_type_is_named(declare):
    @declare(lambda g, y, x, z: g.sum(), lambda g, y, x, z: g)
    def wrong_shape(x, z):
        return x + z

    @declare(lambda g, y, x: g.astype(np.float64))
    def wrong_type(x):
        return x * 2
    a, b = leaf(1.0, 2.0), leaf(1.0, dtype=np.float32)
    with pytest.raises(RuntimeError, match=r"wrong_shape: the VJP of input 0 returned shape \(\) for an input of \(2,\)"):
        tg.grad(wrong_shape(a, a), [a], grad_output=np.ones(2))
    with pytest.raises(RuntimeError, match="wrong_type: the VJP of input 0 returned float64 for an input of float32"):
        tg.grad(wrong_type(b), [b])


def test_a_declaration_needs_a_vjp_for_every_input(declare):
    with pytest.raises(TypeError, match="primitive lonely: 1 VJPs for 2 inputs"):
        @declare(lambda g, y, x, z: g)
        def lonely(x, z):
            return x + z
    with pytest.raises(TypeError, match="tanh: 3 arguments by position; it takes 1 inputs"):
        tg.tanh(leaf(1.0), 1, 2)


def test_any_number_of_inputs_all_get_their_gradient():
    xs = [leaf(float(i)) for i in range(5)]
    weights = np.arange(1.0, 6.0)
    assert slopes(tg.concatenate(xs) * weights, *xs) == [[1], [2], [3], [4], [5]]
    assert slopes(tg.stack(xs) * weights.reshape(5, 1), *xs) == [[1], [2], [3], [4], [5]]


def test_a_walk_in_one_thread_does_not_stop_the_recording_in_another():
    expected, found = [], []

    def work(collected):
        for _ in range(20):
            w = leaf(*np.linspace(-1, 1, 20_000))
            collected.append(tg.grad((tg.tanh(w) * 2.0).sum(), [w])[0].data.sum())
    work(expected)
    threads = [threading.Thread(target=work, args=(found,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected * 3


def test_a_generator_is_not_decorated():
    with pytest.raises(TypeError, match="no_grad: numbers is a generator, whose body runs after the call; write `with no_grad\\(\\):` in it"):
        @tg.no_grad()
        def numbers():
            yield 1


def test_a_numpy_function_in_a_vjp_is_named_where_it_meets_a_tensor(declare):
    @declare(lambda g, y, x: g * 3.0 * np.square(x))
    def cube(x):
        return x ** 3
    x = leaf(2.0)
    assert slopes(cube(x), x) == [[12]]
    with pytest.raises(TypeError, match="cube: the VJP of input 0 calls a NumPy function on a Tensor; write it with tinygen's functions"):
        tg.grad(cube(x), [x], create_graph=True)
