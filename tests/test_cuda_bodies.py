"""The CUDA bodies where the table of operations does not lead: long columns, a batch in parts, tails and NaN; and the stand-in itself."""
import sys

import numpy as np
import pytest

import fakecupy
import tinygen as tg
from devices import use_stand_in
from tinygen import backend
from tinygen.kernels import device_convolution, moments, pointwise
from tinygen.kernels.cuda import KERNELS, TABLES, Everywhere, Kernel

RNG = np.random.default_rng(0)


def test_every_body_compiles(monkeypatch):
    """Each with float32, whether a test reaches it or not."""
    use_stand_in(monkeypatch)
    for kernel in KERNELS:
        kernel.build(sys.modules["cupy"]).compile(T="float32", K="uint8")


# ---- sums over rows ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows, channels", [(1, 3), (256, 2), (257, 1), (1000, 5), (5000, 3), (300, 300)])
def test_sums_of_columns(gpu, rows, channels):
    x, g = RNG.standard_normal((2, rows, channels)).astype(np.float32)
    mean = x.mean(axis=0)
    on = [backend.to(a, gpu) for a in (x, g, mean)]
    for got, expected in [(moments.column_sum(on[0]), x.sum(axis=0, dtype=np.float64)), (moments.moments(on[0])[0], x.mean(axis=0, dtype=np.float64)),
                          (moments.moments(on[0])[1], x.var(axis=0, dtype=np.float64)), (moments.products(*on)[0], g.sum(axis=0, dtype=np.float64)),
                          (moments.products(*on)[1], (g * (x - mean)).sum(axis=0, dtype=np.float64))]:
        assert got.dtype == np.float32 and got.shape == (channels,)
        np.testing.assert_allclose(backend.host(got), expected, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("rows", [100, 3000])
def test_the_variance_far_from_zero(gpu, rows):
    x = (RNG.standard_normal((rows, 2)) + [1e4, -300]).astype(np.float32)
    np.testing.assert_allclose(backend.host(moments.moments(backend.to(x, gpu))[1]), x.astype(np.float64).var(axis=0), rtol=1e-3)


def test_sums_have_the_same_bits_every_time(gpu):
    x = backend.to(RNG.standard_normal((3000, 7)).astype(np.float32), gpu)
    assert np.array_equal(*(backend.host(moments.column_sum(x)) for _ in range(2)))


# ---- convolution in parts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels, stride", [((3, 5), 1), ((6, 2), 1), ((4, 3), 2)])
def test_a_large_batch_is_taken_in_parts(gpu, monkeypatch, channels, stride):
    x, w = (tg.tensor(RNG.standard_normal(shape), requires_grad=True) for shape in ((7, channels[0], 6, 5), (channels[1], channels[0], 3, 3)))

    def results(x, w):
        y = tg.conv2d(x, w, stride=stride, padding=1)
        return [t.numpy() for t in (y, *tg.grad((y * y).sum(), [x, w]))]
    expected = results(x, w)
    there = [t.to(gpu) for t in (x, w)]
    for block in (1, 2000, device_convolution.BLOCK):
        monkeypatch.setattr(device_convolution, "BLOCK", block)
        for a, b in zip(results(*there), expected):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("channels, skipped, width", [(4, 0, 16), (4, 1, 4), (4, 2, 8), (2, 0, 8), (2, 1, 4), (3, 0, 4)])
def test_places_are_copied_in_elements_that_the_address_allows(gpu, monkeypatch, channels, skipped, width):
    """`skipped` floats lie before the images: a GPU reads 16 bytes at once only from a multiple of 16, else "misaligned address"."""
    copied, columns = [], device_convolution._columns
    monkeypatch.setattr(device_convolution, "_columns", lambda x, *rest: (copied.append(x.itemsize), columns(x, *rest))[1])
    flat = RNG.random(skipped + 2 * 5 * 5 * channels, dtype=np.float32)
    w = RNG.random((3, channels, 3, 3), dtype=np.float32)
    x, there = (f[skipped:].reshape(2, 5, 5, channels).transpose(0, 3, 1, 2) for f in (flat, backend.to(flat, gpu)))
    np.testing.assert_allclose(backend.host(tg.conv2d(there, backend.to(w, gpu), stride=2)), tg.conv2d(x, w, stride=2), rtol=1e-5)
    assert copied == [width]


def test_an_empty_batch(gpu):
    x, w = tg.tensor(np.zeros((0, 3, 5, 5)), requires_grad=True).to(gpu), tg.tensor(np.ones((2, 3, 3, 3)), requires_grad=True).to(gpu)
    y = tg.max_pool2d(tg.relu(tg.conv2d(x, w, stride=2)), 2)
    gx, gw = tg.grad(y.sum(), [x, w])
    assert y.shape == (0, 2, 1, 1) and gx.shape == x.shape and not gw.numpy().any()


# ---- tails -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", [tg.sigmoid, tg.softplus, tg.tanh, tg.elu, tg.relu, lambda x: tg.leaky_relu(x, slope=0.2), tg.abs,
                                lambda x: tg.bce_with_logits(x, 1.0), lambda x: tg.bce_with_logits(x, 0.0)])
def test_tails_and_nan(gpu, op):
    """Far out the values and slopes are those of the CPU; NaN is never swallowed."""
    for dtype in (np.float32, np.float64):
        found = []
        for device in ("cpu", gpu):
            x = tg.tensor(np.array([-1e4, -100, -1, 0, 1, 100, 1e4, np.inf, -np.inf], dtype), requires_grad=True).to(device)
            with np.errstate(all="ignore"):
                y = op(x)
                found.append([y.numpy(), tg.grad(y.sum(), [x])[0].numpy()[:7], op(tg.tensor(np.array([np.nan], dtype)).to(device)).numpy()])
        for a, b in zip(*found):
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-30)
        assert np.isnan(found[1][2]).all()


def test_max_pooling_finds_the_first_of_equals_and_passes_nan_on(gpu):
    x = tg.tensor(np.array([[[[1.0, 1.0, 3.0, np.nan], [1.0, 1.0, 3.0, 2.0]]]]), requires_grad=True).to(gpu)
    y = tg.max_pool2d(x, 2)
    assert y.numpy()[0, 0, 0, 0] == 1 and np.isnan(y.numpy()[0, 0, 0, 1])
    assert tg.grad(y[0, 0, 0, 0], [x])[0].numpy()[0, 0].tolist() == [[1, 0, 0, 0], [0, 0, 0, 0]]


# ---- many arrays in one launch ------------------------------------------------------------------------------------------------------


def test_one_launch_for_many_arrays(gpu):
    def no_work(*group):
        raise AssertionError("not in one launch")
    double = Everywhere("double", "a b", "factor", "a = a + T(factor) * b; b = T(0);")
    shapes = [(3, 4), (1,), (), (0, 2), (2000,), (2, 3, 4)]
    a, b = ([RNG.random(s).astype(d) for s, d in zip(shapes, [np.float32, np.float64, np.float32, np.float32, np.float64, np.float32])] for _ in range(2))
    for _ in range(2):
        groups = [(backend.to(x, gpu), backend.to(y, gpu)) for x, y in zip(a, b)]
        double(no_work, groups, 2.0)
        for x, y, (p, q) in zip(a, b, groups):
            np.testing.assert_allclose(backend.host(p), x + 2 * y, rtol=1e-6)
            assert not backend.host(q).any()
    for _ in range(40):                                                # tables of addresses do not pile up
        double(no_work, [tuple(backend.to(RNG.random(3), gpu) for _ in range(2))], 1.0)
    assert max(map(len, double.tables.values())) <= TABLES


def test_arrays_in_different_orders_or_with_gaps_are_left_to_the_plain_code(gpu):
    done = []
    double = Everywhere("double", "a b", "factor", "a += b;")
    a, b = (backend.to(RNG.random((4, 6)), gpu) for _ in range(2))
    for pair in ((a, b.reshape(6, 4).T), (a[:, ::2], b[:, ::2]), (a[::-1], b[::-1])):
        double(lambda *group: done.append(group), [pair], 1.0)
    assert len(done) == 3
    double(lambda *group: done.append(group), [(a.T, b.T), (a[:1].T, b[0].reshape(6, 1))], 1.0)           # an axis of length 1 may have any stride
    assert len(done) == 3


def test_adam_is_one_launch_for_all_parameters(monkeypatch):
    use_stand_in(monkeypatch)
    layers = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.Conv2d(2, 3, 3), tg.nn.Linear(4, 1)).to("cuda")
    optimizer = tg.optim.Adam(layers.parameters())
    gradients = [backend.to(np.ones(p.shape, np.float32), "cuda") for p in layers.parameters()]
    gradients[2] = backend.to(layers[1].weight.numpy(), "cuda")       # in the memory order of its weight
    optimizer.step(gradients)
    fakecupy.LAUNCHES.clear()
    optimizer.step(gradients)
    assert fakecupy.LAUNCHES == ["adam_float32"]


# ---- the stand-in is strict -----------------------------------------------------------------------------------------------------------


def test_the_stand_in_refuses_what_cupy_refuses(monkeypatch):
    cp = use_stand_in(monkeypatch)
    a, n = cp.asarray(np.arange(6, dtype=np.float32).reshape(2, 3)), np.ones((2, 3), np.float32)
    for mistake in (lambda: a + n, lambda: n + a, lambda: np.exp(a), lambda: np.concatenate([a, a]), lambda: cp.exp(n), lambda: cp.exp([1.0]), lambda: a[n > 0],
                    lambda: np.asarray(a), lambda: cp.sum(a, where=a > 0), lambda: cp.clip(a, 0), lambda: cp.where(a > 0, n, a), lambda: a.sum(initial=1),
                    lambda: a.__setitem__(0, n[0]), lambda: range(cp.asarray(3)), lambda: pointwise.gate(a, n, 0.0)):
        with pytest.raises(TypeError):
            mistake()
    for missing in (lambda: cp.errstate, lambda: cp.unstack, lambda: cp.linalg.vector_norm, lambda: cp.random.default_rng(0).normal, lambda: a.ctypes):
        with pytest.raises(AttributeError):
            missing()
    with pytest.raises(ValueError, match="repeated indices"):
        a[cp.asarray([0, 0])] = 1.0
    with pytest.raises(NotImplementedError):
        cp.maximum.reduce(a)
    assert cp.exp(a.T).flags.c_contiguous and cp.empty_like(a.T).flags.f_contiguous and a.sum().shape == ()


def test_the_stand_in_notes_every_read(monkeypatch):
    cp = use_stand_in(monkeypatch)
    a = cp.asarray(np.arange(3.0))
    for read in (lambda: float(a.sum()), lambda: bool(a[0]), lambda: int(a[1]), lambda: a.get(), lambda: a[0].item(), lambda: str(a), lambda: a[a > 1],
                 lambda: cp.nonzero(a), lambda: cp.where(a), lambda: a.tolist(), lambda: cp.unique(a), lambda: f"{a[0]}", lambda: backend.host(a),
                 lambda: tg.Tensor(a).numpy(), lambda: cp.cuda.get_current_stream().synchronize()):
        fakecupy.READS.clear()
        read()
        assert len(fakecupy.READS) == 1 and ("test_cuda_bodies.py" in fakecupy.READS[0][1] or "tinygen" in fakecupy.READS[0][1])
    fakecupy.READS.clear()
    (a * 2.0 + a.sum()).reshape(3, 1)[1:].copy()
    assert fakecupy.READS == []


def test_the_stand_in_finds_a_body_that_reads_what_others_write(monkeypatch):
    cp = use_stand_in(monkeypatch)
    wrong = Kernel("running", "raw T x", "T y", "y = x[i] + (i ? (&y)[-1] : T(0))")
    KERNELS.remove(wrong)
    x = np.arange(5.0)
    assert not np.array_equal(wrong(cp.asarray(x), cp.zeros(5)).get(), x.cumsum())


def test_the_stand_in_checks_the_types_and_sizes_of_a_kernel(monkeypatch):
    cp = use_stand_in(monkeypatch)
    kernel = cp.ElementwiseKernel("T x, T y", "T z", "z = x + y", "plus")
    a = cp.zeros((2, 3), np.float32)
    assert kernel(a, 1.0).shape == (2, 3) and kernel(a, cp.ones(3, np.float32)).dtype == np.float32
    for mistake in (lambda: kernel(a), lambda: kernel(a, cp.zeros(3, np.float64)), lambda: kernel(a, np.zeros(3, np.float32))):
        with pytest.raises(TypeError):
            mistake()
    for mistake in (lambda: kernel(a, a, size=6), lambda: kernel(a, a, cp.zeros(3, np.float32)), lambda: cp.ElementwiseKernel("T i", "T z", "z = i")(a)):
        with pytest.raises(ValueError):
            mistake()
    with pytest.raises(RuntimeError, match="does not compile"):
        cp.ElementwiseKernel("T x", "T z", "z = nonsense(x)")(a)
