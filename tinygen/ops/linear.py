"""Matrix products and the affine layer."""
from ..autograd import primitive
from ..kernels import matrix
from ..kernels import moments
from .shaping import broadcast_to, reshape, sum_to, transpose


def swap(x):
    """The last two axes exchanged."""
    return transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


@primitive(lambda g, y, a, b: product(g, swap(b)), lambda g, y, a, b: product(swap(a), g), fit=sum_to)
def product(a, b):
    """The matrix product of the last two axes of a (..., n, k) and b (..., k, m); leading axes broadcast."""
    return matrix.matmul(a, b)


def matmul(a, b):
    """NumPy's `a @ b`: matrices, stacks of matrices that broadcast, or vectors (1-D)."""
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(f"matmul: a {a.shape} and b {b.shape} do not fit; the last axis of a must equal the "
                         f"{'second to last' if b.ndim > 1 else 'only'} axis of b")
    if any(n != k and 1 not in (n, k) for n, k in zip(a.shape[-3::-1], b.shape[-3::-1])):
        raise ValueError(f"matmul: the leading axes of a {a.shape} and b {b.shape}, all but the last two, must be equal or 1")
    left = reshape(a, shape=(1, *a.shape)) if a.ndim == 1 else a
    right = reshape(b, shape=(*b.shape, 1)) if b.ndim == 1 else b
    y = product(left, right)
    shape = y.shape
    if a.ndim == 1:
        shape = shape[:-2] + shape[-1:]
    if b.ndim == 1:
        shape = shape[:-1]
    return y if shape == y.shape else reshape(y, shape=shape)


@primitive(lambda g, y, x, w, b=None: product(g, w),
           lambda g, y, x, w, b=None: product(swap(g), x),
           lambda g, y, x, w, b=None: column_sum(g))
def _linear(x, w, b=None):
    y = matrix.matmul(x, w.T)
    if b is not None:
        y += b
    return y


@primitive(lambda g, y, x: broadcast_to(g, shape=x.shape))
def column_sum(x):
    """The sum over the rows of x (N, D): (D,)."""
    return moments.column_sum(x)


def linear(x, w, b=None):
    """x @ w.T + b: x (..., in), w (out, in), b (out,) -> (..., out)."""
    if not hasattr(x, "ndim"):
        raise TypeError(f"linear: x is a {type(x).__name__}, not a Tensor or an array (..., in)")
    if x.dtype.kind != "f":
        raise TypeError(f"linear: x {x.shape} is {x.dtype}; convert it, images to [0, 1]: x.astype(np.float32) / 255")
    if w.ndim != 2 or x.ndim < 1 or x.shape[-1] != w.shape[1]:
        raise ValueError(f"linear: x {x.shape} has {x.shape[-1] if x.ndim else 0} features in its last axis, weight {w.shape} "
                         f"expects {w.shape[-1] if w.ndim else 0}; layout is (..., in), weight (out, in)")
    if b is not None and b.shape != (w.shape[0],):
        raise ValueError(f"linear: bias {b.shape} does not fit weight {w.shape}; expected ({w.shape[0]},)")
    rows = x if x.ndim == 2 else reshape(x, shape=(-1, x.shape[-1]))
    y = _linear(rows, w) if b is None else _linear(rows, w, b)
    return y if x.ndim == 2 else reshape(y, shape=(*x.shape[:-1], w.shape[0]))
