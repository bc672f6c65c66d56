"""What the parts cost: the convolutions of the sheets as a share of the machine's sgemm rate, and the engine per operation."""
import statistics
import time

import numpy as np

# (images, in, size, out, kernel, stride, padding) of the convolutions of the sheets; transposed ones as their adjoints.
SHAPES = [(64, 3, 32, 64, 4, 2, 1), (64, 64, 16, 128, 4, 2, 1), (64, 128, 16, 128, 4, 2, 1), (64, 64, 32, 128, 4, 2, 1),
          (64, 64, 32, 3, 4, 1, ((1, 2), (1, 2))), (128, 1, 28, 32, 5, 1, 0), (128, 32, 12, 64, 5, 1, 0), (128, 64, 14, 128, 4, 2, 1),
          (128, 1, 28, 64, 4, 2, 1), (100, 32, 14, 16, 3, 1, 1), (100, 16, 28, 8, 3, 1, 1), (100, 8, 28, 1, 3, 1, 1)]


def seconds(work, repeats=9, wait=lambda: None):
    """The median time of work()."""
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


def sgemm_rate(size=4096):
    """GFLOP/s of a float32 matrix product, best of five."""
    a = np.random.default_rng(0).random((size, size), dtype=np.float32)
    return max(2e-9 * size ** 3 / seconds(lambda: a @ a, 1) for _ in range(5))


def convolutions(rate):
    """(shape in words, GFLOP, share of `rate` of forward, input gradient, weight gradient) for every shape."""
    from tinygen.kernels.layout import logical
    from tinygen.ops import convolution as ops
    rng = np.random.default_rng(0)
    for n, c, size, o, k, s, p in SHAPES:
        x = logical(rng.standard_normal((n, size, size, c), dtype=np.float32))
        w = rng.standard_normal((k, k, c, o), dtype=np.float32).transpose(3, 2, 0, 1)
        geometry = dict(stride=(s, s), padding=ops.pads(p, (k, k), (s, s), (1, 1), "benchmark"), dilation=(1, 1))
        y = ops._conv2d(x, w, **geometry)
        gflop = 2e-9 * y.size * c * k * k
        times = [seconds(work) for work in (lambda: ops._conv2d(x, w, **geometry),
                                            lambda: ops._conv_transpose2d(y, w, size=x.shape[2:], **geometry),
                                            lambda: ops.conv2d_weight(x, y, kernel=(k, k), **geometry))]
        yield f"{n} x {c:3d} x {size}x{size} -> {o:3d}, kernel {k}, stride {s}", gflop, *[gflop / t / rate for t in times]


def gflop_of(step):
    """The GFLOP of the matrix products and convolutions of one step, two for each multiply-add, counted as it runs (CPU)."""
    from unittest.mock import patch

    from tinygen.kernels import convolution, matrix
    counted = []

    def counting(function, products):
        def wrapped(*args):
            counted.append(2e-9 * products(*args))
            return function(*args)
        return wrapped

    positions = lambda a: a.size // a.shape[3]
    with patch.object(matrix, "matmul", counting(matrix.matmul, lambda a, b: a.size * b.shape[-1])), \
            patch.object(convolution, "correlate", counting(convolution.correlate, lambda x, w, *rest: positions(rest[-1]) * w.size)), \
            patch.object(convolution, "transposed", counting(convolution.transposed, lambda y, w, *rest: positions(y) * w.size)), \
            patch.object(convolution, "correlate_weight", counting(convolution.correlate_weight, lambda x, y, kernel, *rest:
                                                                   y.size * x.shape[3] * kernel[0] * kernel[1])):
        step()
    return sum(counted)


def engine_cost(length=40):
    """Microseconds an operation, forward and backward, on a chain of 16 x 16 arrays: (by hand in NumPy, tinygen)."""
    import tinygen as tg
    rng = np.random.default_rng(0)
    first, w = rng.standard_normal((2, 16, 16), dtype=np.float32) * np.float32(0.2)

    def by_hand():
        x, kept = first, []
        for _ in range(length):
            y = np.tanh(x * w + w)
            kept.append((x, y))
            x = y
        g, gw = np.ones_like(x), np.zeros_like(w)
        for x, y in reversed(kept):
            inner = g * (1 - y * y)
            gw = gw + inner
            gw = gw + inner * x
            g = inner * w
        return g, gw

    def recorded():
        x = start
        for _ in range(length):
            x = tg.tanh(x * weight + weight)
        return tg.grad(x.sum(), [start, weight])

    start, weight = tg.tensor(first, requires_grad=True), tg.tensor(w, requires_grad=True)
    return [seconds(work, 200) / (3 * length) * 1e6 for work in (by_hand, recorded)]
