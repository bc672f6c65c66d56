"""What the operations of op_cases.py should compute, in plain NumPy and one case at a time, where NumPy has no name for it."""
import numpy as np

import loops


def clipped(x, low, high):
    """np.clip, which takes no call with neither bound in older versions."""
    return np.clip(x, -np.inf if low is None else low, np.inf if high is None else high)


def summed_to(x, shape):
    """x summed down to `shape`, one axis at a time."""
    while x.ndim > len(shape):
        x = x.sum(axis=0)
    for axis, n in enumerate(shape):
        x = x.sum(axis=axis, keepdims=True) if n == 1 else x
    return x


def placed(x, index, shape):
    """x added into zeros at `index`, repeats too."""
    y = np.zeros(shape)
    np.add.at(y, index, x)
    return y


def picked(x, which, kernel, stride, padding):
    """Element number `which` of every window, one window at a time."""
    numbers = iter(which.ravel())
    return loops.pool(x, kernel, lambda window: window.ravel()[next(numbers)], stride=stride, padding=padding)


def as_adjoint(forward):
    """The adjoint of a linear function of x (N, C, H, W), from its values on all unit vectors."""
    def adjoint(y, size, **settings):
        x = np.zeros((*y.shape[:2], *size))
        for index in np.ndindex(x.shape):
            unit = np.zeros(x.shape)
            unit[index] = 1
            x[index] = (forward(unit, **settings) * y).sum()
        return x
    return adjoint


def averaged(x, kernel_size, stride, padding, count_include_pad):
    """The mean of each window; padding is left out as NaN where it does not count."""
    value = 0.0 if count_include_pad else np.nan
    return loops.pool(x, kernel_size, np.nanmean, stride=stride, padding=padding, value=value)


def enlarged(x, scale_factor, mode):
    """np.repeat, or the loops."""
    if mode == "bilinear":
        return loops.bilinear(x, scale_factor)
    return x.repeat(loops.two(scale_factor)[0], axis=2).repeat(loops.two(scale_factor)[1], axis=3)


def batch_normed(x, w, b, eps=1e-5, running_mean=None, running_var=None):
    """Ioffe & Szegedy's formula, channel by channel, with given statistics or the batch's."""
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        m, v = (x[:, c].mean(), x[:, c].var()) if running_mean is None else (running_mean[c], running_var[c])
        y[:, c] = (x[:, c] - m) / np.sqrt(v + eps) * w[c] + b[c]
    return y


def layer_normed(x, w, b, normalized_shape, eps):
    """The formula, row by row."""
    rows = x.reshape(-1, int(np.prod(normalized_shape)))
    return np.stack([(r - r.mean()) / np.sqrt(r.var() + eps) for r in rows]).reshape(x.shape) * w + b


def log_sum_exp(x, axis, keepdims):
    """log(sum(exp(x))), no care taken: the inputs are small."""
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def soft_max(x, axis):
    """exp(x) / sum(exp(x))."""
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def logistic(x):
    """The sigmoid."""
    return 1 / (1 + np.exp(-x))


def winners(x, y, axis):
    """Where x equals the extremum y, each winner's share."""
    found = x == (np.expand_dims(y, axis) if axis is not None else y)
    return found / found.sum(axis=axis, keepdims=True)
