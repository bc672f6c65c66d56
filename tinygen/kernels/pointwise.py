"""Elementwise kernels of several passes, done a block at a time so that the passes after the first stay in the cache."""
import math

import numpy as np

from ..backend import xp
from .cuda import Everywhere, with_cuda
from .layout import SPLIT, aligned, blockwise, everywhere, in_layout_of


def _fused(work, *arrays):
    """A new array `out` of the first array's shape and order, filled by work(*blocks, out block)."""
    first = arrays[0]
    arrays = [first, *(in_layout_of(a, first) for a in arrays[1:])]
    out = xp(first).empty_like(first)
    if type(first) is not np.ndarray or first.size < SPLIT or not blockwise(work, *arrays, out):
        work(*arrays, out)
    return out


@with_cuda("T x, T slope", "T y", "y = x <= T(0) ? (slope == T(0) ? T(0) : x * slope) : x")
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


@with_cuda("T g, T x, T slope", "T gx", "gx = x > T(0) ? g : g * slope")
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


@with_cuda("T x, T alpha", "T y", "y = x > T(0) ? x : alpha * expm1(x)")
def elu(x, alpha):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere."""
    m = xp(x)

    def work(x, y):
        m.minimum(x, 0.0, out=y)
        m.expm1(y, out=y)
        if alpha != 1:
            y *= alpha
        y += m.maximum(x, 0.0)
    return _fused(work, x)


@with_cuda("T g, T y", "T gx", "gx = y >= T(0) ? g : g * (T(1) + y)")
def tail(g, y):
    """g * (1 + min(y, 0)): the backward of elu(x) = y, for alpha = 1."""
    m = xp(y)

    def work(y, g, out):
        m.minimum(y, 0.0, out=out)
        out += 1.0
        out *= g
    return _fused(work, y, g)


@with_cuda("T x, T t", "T y", "y = (x > T(0) ? x : T(0)) - x * t + log1p(exp(-fabs(x)))")
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


@with_cuda("T x", "T y", "T e = exp(-fabs(x)); y = (x < T(0) ? e : T(1)) / (T(1) + e)")
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


@with_cuda("T x", "T y", "y = (x > T(0) ? x : T(0)) + log1p(exp(-fabs(x)))")
def softplus(x):
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), without overflow."""
    m = xp(x)
    return m.maximum(x, 0.0) + m.log1p(m.exp(-m.abs(x)))


@with_cuda("T mu, T logvar, T eps", "T z", "z = mu + eps * exp(logvar * T(0.5))")
def reparameterize(mu, logvar, eps):
    """mu + eps exp(logvar / 2)."""
    return mu + eps * np.exp(logvar * 0.5, dtype=mu.dtype)


@with_cuda("T mu, T logvar", "T y", "y = mu * mu + (expm1(logvar) - logvar)")
def twice_kl(mu, logvar):
    """mu^2 + exp(logvar) - logvar - 1."""
    return mu * mu + (np.expm1(logvar, dtype=mu.dtype) - logvar)       # near logvar = 0 the difference is all there is


@with_cuda("T x, T a, T y, T b", "T z", "z = a * x + b * y")
def weighted(x, a, y, b):
    """a x + b y, for numbers a and b."""
    return a * x + b * y


def adam(tensors, lr, beta1, beta2, eps, correction1, correction2, decay):
    """One step of Adam in place for every (p, g, m, v) in `tensors`: p, m and v change. `decay` is AdamW's.

    m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;  p <- (1 - lr decay) p - lr / c1 * m / (sqrt(v / c2) + eps)

    computed as p - a m / (sqrt(v) + eps sqrt(c2)) with a = lr sqrt(c2) / c1, which is one pass less.
    """
    rate, floor, root = lr * math.sqrt(correction2) / correction1, eps * math.sqrt(correction2), math.sqrt(1 - beta2)

    def work(p, g, m, v):
        a = xp(p)
        if decay:
            p *= 1 - lr * decay
        m *= beta1
        t = a.multiply(g, 1 - beta1)
        m += t
        v *= beta2
        a.multiply(g, root, out=t)
        a.multiply(t, t, out=t)
        v += t
        a.sqrt(v, out=t)
        t += floor
        a.divide(m, t, out=t)
        t *= rate
        p -= t
    if all(type(p) is np.ndarray for p, *_ in tensors):
        everywhere(work, [(p, in_layout_of(g, p), m, v) for p, g, m, v in tensors])
    else:
        _adam(work, [(p, aligned(g, p), m, v) for p, g, m, v in tensors], rate, floor, beta1, beta2, 1 - lr * decay)


_adam = Everywhere("adam", "p g m v", "rate floor beta1 beta2 keep", """
    m = T(beta1) * m + T(1 - beta1) * g;
    v = T(beta2) * v + T(1 - beta2) * g * g;
    p = T(keep) * p - T(rate) * m / (sqrt(v) + T(floor));""")


def approach(pairs, weight):
    """a <- a + weight (b - a) in place for every (a, b) in `pairs`: a moving average."""
    def work(a, b):
        a += weight * (b - a)

    if all(type(a) is np.ndarray for a, _ in pairs):
        for a, b in pairs:
            work(a, b)
    else:
        _approach(work, [(a, aligned(b, a)) for a, b in pairs], weight)


_approach = Everywhere("approach", "a b", "weight", "a += T(weight) * (b - a);")
