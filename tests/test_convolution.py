"""Convolution: three faces of one form, against plain loops; every form and every tile computes the same; memory stays in order."""
import contextlib
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import loops
import tinygen as tg
from tinygen import diagnosis, nn
from tinygen.kernels import convolution as kernels
from tinygen.kernels.layout import channels_last, logical
from tinygen.testing import convolutions

BLOCKS = st.sampled_from([8, 100, kernels.BLOCK])        # floats a tile: a row or two, an image or two, everything at once


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@contextlib.contextmanager
def tiles_of(block, threads=1):
    """Kernels that work in tiles of `block` floats, on a number of threads."""
    before = tg.get_threads()
    tg.set_threads(threads)
    try:
        with mock.patch.object(kernels, "BLOCK", block):
            yield
    finally:
        tg.set_threads(before)


# ---- values ----------------------------------------------------------------------------------------------------------


@given(convolutions(), BLOCKS, st.integers(1, 3))
def test_conv2d_against_loops(geometry, block, threads):
    x, w, settings = geometry
    x, w, b = normal(*x), normal(*w), normal(w[0])
    with tiles_of(block, threads):
        y = tg.conv2d(x, w, b, **settings)
    np.testing.assert_allclose(y, loops.conv2d(x, w, b, **settings), rtol=1e-10, atol=1e-10)


@given(convolutions(transposed=True), BLOCKS, st.integers(1, 3))
def test_conv_transpose2d_against_loops(geometry, block, threads):
    x, w, settings = geometry
    x, w, b = normal(*x), normal(*w), normal(w[1])
    with tiles_of(block, threads):
        y = tg.conv_transpose2d(x, w, b, **settings)
    np.testing.assert_allclose(y, loops.conv_transpose2d(x, w, b, **settings), rtol=1e-10, atol=1e-10)


@given(convolutions(), BLOCKS, st.integers(1, 3))
def test_conv2d_weight_against_loops(geometry, block, threads):
    x, w, settings = geometry
    x, y = normal(*x), loops.conv2d(normal(*x, seed=1), normal(*w), **settings)
    with tiles_of(block, threads):
        got = tg.conv2d_weight(x, y, kernel=w[2:], **settings)
    np.testing.assert_allclose(got, loops.conv2d_weight(x, y, kernel=w[2:], **settings), rtol=1e-10, atol=1e-10)


def test_an_example_by_hand():
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    w = np.array([[[[1.0, 0.0], [0.0, -1.0]]]])                         # no flip: top left minus bottom right
    assert tg.conv2d(x, w).tolist() == [[[[-4, -4], [-4, -4]]]]
    y = np.array([[[[1.0, 2.0]]]])
    assert tg.conv_transpose2d(y, w, stride=2).tolist() == [[[[1, 0, 2, 0], [0, -1, 0, -2]]]]


@given(convolutions())
def test_three_faces_of_one_form(geometry):
    """<conv2d(x, w), y> = <x, conv_transpose2d(y, w)> = <w, conv2d_weight(x, y)>."""
    x, w, settings = geometry
    x, w = normal(*x), normal(*w)
    tensor = tg.tensor(x, requires_grad=True)
    forward = tg.conv2d(tensor, w, **settings)
    y = normal(*forward.shape, seed=1)
    value = (forward.data * y).sum()
    back, = tg.grad(forward, [tensor], grad_output=y)
    assert (x * back.data).sum() == pytest.approx(value, abs=1e-9)
    weight = tg.conv2d_weight(x, y, kernel=w.shape[2:], **settings)
    assert (w * weight).sum() == pytest.approx(value, abs=1e-9)
    if settings["padding"] != "same":                                   # stride 1 there: sizes are unique, see below
        stride, dilation = loops.two(settings["stride"]), loops.two(settings["dilation"])
        pads = loops.canonical(settings["padding"], w.shape[2:])
        extra = tuple((n + sum(p) - d * (k - 1) - 1) % s
                      for n, p, d, k, s in zip(x.shape[2:], pads, dilation, w.shape[2:], stride))
        np.testing.assert_allclose(tg.conv_transpose2d(y, w, output_padding=extra, **settings), back.data, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("stride, kernel, padding", [(2, 4, 1), (3, 2, 0), (2, 3, 1), ((2, 3), (3, 4), ((0, 1), (2, 1)))])
def test_output_padding_tells_the_sizes_apart(stride, kernel, padding):
    """A strided convolution maps s input sizes to one; output_padding leads back to each."""
    kernel = loops.two(kernel)
    for height in range(4, 11):
        x = normal(1, 2, height, height + 1)
        y = tg.conv2d(x, normal(3, 2, *kernel), stride=stride, padding=padding)
        found = {tg.conv_transpose2d(y, normal(3, 2, *kernel), stride=stride, padding=padding, output_padding=(a, b)).shape
                 for a in range(loops.two(stride)[0]) for b in range(loops.two(stride)[1])}
        assert x.shape in found and len(found) == np.prod(loops.two(stride))


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, (5, 2)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_keeps_the_size(kernel, dilation):
    x, w = normal(2, 3, 5, 6), normal(4, 3, *loops.two(kernel))
    assert tg.conv2d(x, w, padding="same", dilation=dilation).shape == (2, 4, 5, 6)
    assert tg.conv_transpose2d(x, w.transpose(1, 0, 2, 3), padding="same", dilation=dilation).shape == (2, 4, 5, 6)


def test_same_of_an_even_kernel_has_the_odd_row_below():
    x, w = normal(1, 1, 5, 5), normal(1, 1, 4, 4)
    np.testing.assert_array_equal(tg.conv2d(x, w, padding="same"), tg.conv2d(x, w, padding=((1, 2), (1, 2))))


def test_an_empty_batch_gives_an_empty_batch_and_zero_gradients():
    x, w, b = (tg.tensor(a, requires_grad=True) for a in (normal(0, 2, 5, 5), normal(3, 2, 3, 3), normal(3)))
    v = tg.tensor(normal(3, 2, 3, 3), requires_grad=True)
    y = tg.conv_transpose2d(tg.conv2d(x, w, b, stride=2), v, stride=2)
    assert y.shape == (0, 2, 5, 5)
    gx, gw, gb, gv = tg.grad(y.sum(), [x, w, b, v])
    assert gx.shape == x.shape
    assert not gw.data.any() and not gb.data.any() and not gv.data.any()


# ---- every form computes the same ------------------------------------------------------------------------------------


def canonical(settings, kernel):
    """stride, padding, dilation as the kernels take them."""
    stride, dilation = loops.two(settings["stride"]), loops.two(settings["dilation"])
    return stride, loops.canonical(settings["padding"], kernel, dilation), dilation


@given(convolutions(transposed=True), BLOCKS)
def test_gather_and_scatter_agree(geometry, block):
    """A transposed convolution multiplies first and adds up (by channels or in planes), or splits into correlations."""
    y, w, settings = geometry
    y, w, b = normal(*y), normal(*w), normal(w[1])
    expected = loops.conv_transpose2d(y, w, b, **settings)
    stride, padding, dilation = canonical(settings, w.shape[2:])
    arguments = (channels_last(y), np.ascontiguousarray(w.transpose(2, 3, 1, 0)), b, stride, padding, dilation)
    forms = [mock.patch.object(kernels, "_in_planes", lambda channels: planes) for planes in (False, True)]
    empty = lambda: np.full((len(y), *expected.shape[2:], w.shape[1]), np.nan)
    with tiles_of(block):
        for planes in forms:
            with planes:
                np.testing.assert_allclose(logical(kernels.scatter(*arguments, empty())), expected, rtol=1e-10, atol=1e-10)
        if all(s == 1 or d == 1 for s, d in zip(stride, dilation)):
            np.testing.assert_allclose(logical(kernels.correlate_transposed(*arguments, empty())), expected, rtol=1e-10, atol=1e-10)


@given(convolutions(), BLOCKS, st.booleans())
def test_a_stride_1_convolution_is_also_a_transposed_one(geometry, block, planes):
    """With the kernel turned round and padding d (k - 1) - p, which is negative where the padding is wider than the kernel."""
    x, w, settings = geometry
    settings["stride"] = 1
    x, w, b = normal(*x), normal(*w), normal(w[0])
    expected = loops.conv2d(x, w, b, **settings)
    stride, padding, dilation = canonical(settings, w.shape[2:])
    turned = tuple(tuple(d * (k - 1) - p for p in pair) for d, k, pair in zip(dilation, w.shape[2:], padding))
    kernel = np.ascontiguousarray(w.transpose(2, 3, 1, 0)[::-1, ::-1].transpose(0, 1, 3, 2))
    for form in (kernels.scatter, kernels.correlate_transposed):
        out = np.full(channels_last(expected).shape, np.nan)
        with tiles_of(block), mock.patch.object(kernels, "_in_planes", lambda channels: planes):
            form(channels_last(x), kernel, b, stride, turned, dilation, out)
        np.testing.assert_allclose(logical(out), expected, rtol=1e-10, atol=1e-10)


@given(convolutions(), BLOCKS, st.data())
def test_neighbouring_outputs_computed_together(geometry, block, data):
    """Layers of few channels compute several outputs of a row from one longer window."""
    x, w, settings = geometry
    x, w = normal(*x), normal(*w)
    stride, padding, dilation = canonical(settings, w.shape[2:])
    dilation = (dilation[0], 1)                                         # the kernels join windows only without dilation
    padding = loops.canonical(settings["padding"], w.shape[2:], dilation)
    x = normal(*x.shape[:2], *(max(n, d * (k - 1) + 1) for n, d, k in zip(x.shape[2:], dilation, w.shape[2:])))
    expected = loops.conv2d(x, w, stride=stride, padding=padding, dilation=dilation)
    columns = expected.shape[3]
    together = data.draw(st.sampled_from([g for g in range(1, columns + 1) if columns % g == 0]))
    xs, ws = channels_last(x), np.ascontiguousarray(w.transpose(2, 3, 1, 0))
    with tiles_of(block), mock.patch.object(kernels, "_together", lambda *geometry: together):
        y = kernels.correlate(xs, ws, None, stride, padding, dilation, np.empty(channels_last(expected).shape))
        got = kernels.correlate_weight(xs, channels_last(expected), w.shape[2:], stride, padding, dilation)
    np.testing.assert_allclose(logical(y), expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(got.transpose(3, 2, 0, 1), loops.conv2d_weight(x, expected, kernel=w.shape[2:], stride=stride,
                                                                              padding=padding, dilation=dilation), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("x, out, kernel, settings", [
    ((6, 3, 40, 40), 8, 5, dict(stride=2, padding=2)),          # a first layer: few channels in
    ((6, 64, 12, 12), 3, 4, dict(padding="same")),              # a last layer: few channels out
    ((3, 16, 30, 31), 70, 3, dict(padding=1, dilation=2)),
    ((5, 20, 16, 16), 17, 4, dict(stride=2, padding=1)),
], ids=["few in", "few out", "dilated", "strided"])
def test_tiles_and_threads_do_not_change_a_layer(x, out, kernel, settings):
    """A layer large enough for many tiles: whole, in tiles of a few images and in tiles of a few rows, on 1 to 3 threads."""
    arrays = normal(*x), 0.1 * normal(out, x[1], kernel, kernel), normal(out)

    def run(block, threads):
        with tiles_of(block, threads):
            inputs = [tg.tensor(a, requires_grad=True) for a in arrays]
            y = tg.conv2d(*inputs, **settings)
            g = normal(*y.shape, seed=2)
            return [y, *tg.grad(y, inputs, grad_output=g)]
    expected = run(1 << 30, 1)
    for block, threads in [(1 << 16, 1), (1 << 16, 2), (1 << 10, 2), (1 << 12, 3)]:
        for a, b in zip(run(block, threads), expected):
            np.testing.assert_allclose(a.data, b.data, rtol=1e-10, atol=1e-9)


# ---- channels-last ---------------------------------------------------------------------------------------------------


def convolutional_nets():
    """A critic, a critic of a generator, and a net with every layer that pools, drops or enlarges; the shape of the input."""
    critic = lambda: nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
                                   nn.Flatten(), nn.Linear(16 * 4, 1))
    generator = nn.Sequential(nn.Linear(5, 16 * 4), nn.Unflatten(16, 2, 2), nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.BatchNorm2d(8),
                              nn.ReLU(), nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh())
    mixed = nn.Sequential(nn.Conv2d(3, 8, 3, padding="same"), nn.ELU(), nn.MaxPool2d(2), nn.Dropout(0.2), nn.Upsample(scale_factor=2),
                          nn.Conv2d(8, 4, 5, padding=2), nn.Softplus(), nn.AvgPool2d(2), nn.Sigmoid(), nn.Conv2d(4, 6, 1), nn.Flatten())
    return {"critic": (critic(), (2, 3, 8, 8)), "generator": (nn.Sequential(generator, critic()), (2, 5)), "mixed": (mixed, (2, 3, 8, 8))}


def is_channels_last(x):
    """Whether the elements of x (N, C, H, W) follow each other as N, H, W, C; a stretched view has no order of its own."""
    steps = [(stride, n) for stride, n in zip(np.array(x.strides)[[0, 2, 3, 1]], np.array(x.shape)[[0, 2, 3, 1]]) if n > 1 and stride]
    return all(a >= b * n for (a, _), (b, n) in zip(steps, steps[1:]))


@pytest.mark.parametrize("name", ["critic", "generator", "mixed"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_net_never_leaves_channels_last(name, create_graph):
    """Every image that any operation makes, forward or backward, lies channels-last in memory."""
    net, shape = convolutional_nets()[name]
    weights = {p.shape for p in net.parameters()}
    strays = []

    def inspect(operation, what, value, arrays):
        if value.ndim == 4 and value.shape not in weights and not is_channels_last(value):
            strays.append(f"{operation}: {what} {value.shape}")
    x = tg.tensor(channels_last_noise(shape), requires_grad=True)
    with mock.patch.object(diagnosis, "watch", inspect):
        loss = (net(x) ** 2).sum()
        slopes = tg.grad(loss, [x, *net.parameters()], create_graph=create_graph)
        if create_graph:
            tg.grad((slopes[0] ** 2).sum(), net.parameters())
    assert not strays


def channels_last_noise(shape):
    """N(0, 1) in the memory order of images within a net."""
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return logical(channels_last(x)) if x.ndim == 4 else x
