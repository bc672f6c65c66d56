"""Elementwise kernels of several passes, done a block at a time so that the passes after the first stay in the cache."""
import numpy as np

from ..backend import xp
from .layout import SPLIT, in_layout_of, blockwise


def _fused(work, *arrays):
    """A new array `out` of the first array's shape and order, filled by work(*blocks, out block)."""
    first = arrays[0]
    arrays = [first, *(in_layout_of(a, first) for a in arrays[1:])]
    out = xp(first).empty_like(first)
    if type(first) is not np.ndarray or first.size < SPLIT or not blockwise(work, *arrays, out):
        work(*arrays, out)
    return out


def rectify(x, slope):
    """x where x > 0, slope * x elsewhere, for 0 <= slope < 1."""
    m = xp(x)
    if type(x) is np.ndarray and x.size < SPLIT:
        return m.maximum(x, 0.0) if slope == 0 else m.maximum(x, x * slope)

    def work(x, y):
        if slope == 0:
            m.maximum(x, 0.0, out=y)
        else:
            m.multiply(x, slope, out=y)
            m.maximum(x, y, out=y)
    return _fused(work, x)


def gate(g, x, slope):
    """g where x > 0, slope * g elsewhere; in the memory order of x."""
    m = xp(x)
    if type(x) is np.ndarray and x.size < SPLIT:
        return g * (x > 0) if slope == 0 else g * ((x > 0) * x.dtype.type(1 - slope) + x.dtype.type(slope))

    def work(x, g, out):
        mask = m.greater(x, 0.0)
        if slope == 0:
            m.multiply(g, mask, out=out)
        else:
            m.multiply(mask, 1 - slope, out=out, dtype=out.dtype)
            out += slope
            out *= g
    return _fused(work, x, g)


def bce_with_logits(x, t):
    """max(x, 0) - x t + log(1 + exp(-|x|)): minus the log-probability of a Bernoulli target t under the logit x."""
    m = xp(x)

    def work(x, t, y):
        m.abs(x, out=y)
        m.negative(y, out=y)
        m.exp(y, out=y)
        m.log1p(y, out=y)
        y += m.maximum(x, 0.0)
        y -= x * t
    return _fused(work, x, t)


def sigmoid(x):
    """1 / (1 + exp(-x)), exact in both tails: exp(min(x, 0)) / (1 + exp(-|x|)) never overflows."""
    m = xp(x)

    def work(x, y):
        m.abs(x, out=y)
        m.negative(y, out=y)
        m.exp(y, out=y)
        y += 1.0
        m.divide(m.exp(m.minimum(x, 0.0)), y, out=y)
    return _fused(work, x)


def adam(p, g, m, v, lr, beta1, beta2, eps, correction1, correction2, decay):
    """One step of Adam in place: p, m and v change. With `decay`, the weights shrink by lr * decay first (AdamW).

    m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;  p <- p - lr / c1 * m / (sqrt(v / c2) + eps)
    """
    a = xp(p)

    def work(p, g, m, v):
        if decay:
            p *= 1 - lr * decay
        t = a.subtract(g, m)
        t *= 1 - beta1
        m += t
        a.multiply(g, g, out=t)
        t -= v
        t *= 1 - beta2
        v += t
        a.multiply(v, 1 / correction2, out=t)
        a.sqrt(t, out=t)
        t += eps
        a.divide(m, t, out=t)
        t *= lr / correction1
        p -= t
    g = in_layout_of(g, p)
    if type(p) is not np.ndarray or not blockwise(work, p, g, m, v, chunk=1 << 14):
        work(p, g, m, v)
