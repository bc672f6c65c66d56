"""What a figure accepts: host NumPy arrays of a stated shape, finite, in range; everything else gets a clear error."""

import math
import numbers

import numpy as np


def as_array(caller, name, value, axes, *, finite=True):
    """`value` as a NumPy array whose shape fits `axes`, e.g. "(N, 2)": names fit any size, numbers only themselves.

    "(N, H, W) or (N, D)" allows both. Raises TypeError for anything but NumPy arrays, numbers and lists of them (a
    Tensor or a GPU array would otherwise be copied, or fail, deep inside Matplotlib); ValueError for a wrong shape, no
    elements, or NaN and infinities.
    """
    remedy = "figures draw NumPy arrays: pass x.numpy() of a Tensor, tinygen.backend.host(x) of an array on a device"
    if not isinstance(value, (np.ndarray, np.generic, numbers.Number, list, tuple, range)):
        raise TypeError(f"{caller}: {name} is a {type(value).__name__}; {remedy}")
    try:
        array = np.asarray(value)
    except TypeError as error:
        raise TypeError(f"{caller}: {name} cannot be read as numbers ({error}); {remedy}") from None
    except ValueError:
        raise ValueError(f"{caller}: the parts of {name} differ in shape; they must form one array {axes}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{caller}: {name} holds {array.dtype}; it must hold real numbers")
    if not any(_fits(array.shape, choice) for choice in axes.split(" or ")):
        raise ValueError(f"{caller}: {name} has shape {array.shape}; it must be {axes}")
    if array.size == 0:
        raise ValueError(f"{caller}: {name} {array.shape} is empty; there is nothing to draw")
    if finite and array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int(array.size - np.isfinite(array).sum())
        raise ValueError(f"{caller}: {name} holds {bad} NaN or infinite values of {array.size}; leave them out first, or, where a "
                         "network made them, look for the training that diverged: a lower learning rate (lr) is the first thing to try")
    return array


def _fits(shape, axes):
    """Whether a shape fits one choice of axes: the same rank, and the same size wherever the axis is a number."""
    wanted = [axis for axis in axes.strip("()").replace(" ", "").split(",") if axis]
    return len(shape) == len(wanted) and all(
        not axis.isdigit() or int(axis) == size for axis, size in zip(wanted, shape))


def as_points(caller, name, value):
    """(N, 2) finite points as float64."""
    return as_array(caller, name, value, "(N, 2)").astype(np.float64)


def as_labels(caller, name, value, count, classes=None):
    """(N,) integer class labels in [0, classes); classes=None takes the largest label plus one."""
    labels = as_array(caller, name, value, "(N,)")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{caller}: {name} holds {labels.dtype}; class labels are integers (one-hot rows: argmax(axis=1))")
    if len(labels) != count:
        raise ValueError(f"{caller}: {name} (N,) = ({len(labels)},) but there are {count} points; one label a point")
    classes = int(labels.max()) + 1 if classes is None else classes
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"{caller}: {name} lie in [{labels.min()}, {labels.max()}]; with {classes} classes they must lie "
                         f"in [0, {classes - 1}]")
    return labels


def as_mapping(caller, name, value):
    """A non-empty mapping from names to data."""
    if not hasattr(value, "items"):
        raise TypeError(f"{caller}: {name} is a {type(value).__name__}; it must be a dict from names to arrays")
    if not value:
        raise ValueError(f"{caller}: {name} is empty; there is nothing to draw")
    return dict(value)


def as_limits(caller, limits):
    """((x low, x high), (y low, y high)) as floats; one pair (low, high) serves both axes."""
    try:
        array = np.asarray(limits, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)                       # ragged, or no numbers: refused below
    if array.shape == (2,):
        array = np.stack([array, array])
    if array.shape != (2, 2) or not np.isfinite(array).all() or (array[:, 0] >= array[:, 1]).any():
        raise ValueError(f"{caller}: limits {limits!r} must be (low, high) or ((x low, x high), (y low, y high)) with "
                         "low < high")
    return tuple(map(tuple, array.tolist()))


def as_count(caller, name, value, least=1):
    """A whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{caller}: {name} is {value!r}; it must be a whole number")
    if value < least:
        raise ValueError(f"{caller}: {name} = {value}; it must be at least {least}")
    return int(value)


def unflatten(caller, name, images):
    """(N, H*W) rows of square grey images or (N, 3*H*W) of square colour ones -> (N, C, H, W); others unchanged."""
    if images.ndim != 2:
        return images
    for channels in (1, 3):                    # a square is never three times a square, so at most one of them fits
        side = math.isqrt(images.shape[1] // channels)
        if channels * side * side == images.shape[1]:
            return images.reshape(len(images), channels, side, side)
    raise ValueError(f"{caller}: {name} (N, D) = {images.shape}: D is neither H*W nor 3*H*W of a square image; "
                     "reshape to (N, C, H, W)")


def as_pixels(caller, name, value, value_range=None):
    """Images as uint8 pixels: grey (N, H, W) or colour (N, H, W, 3).

    Takes (N, C, H, W) with one or three channels, (N, H, W), or flat square images (N, D). uint8 is shown as it is;
    other dtypes are mapped from value_range = (low, high), by default (0, 1), to 0..255. A value outside by more than
    a thousandth of the range raises: a picture clipped in silence looks like a better model.
    """
    images = unflatten(caller, name, as_array(caller, name, value, "(N, C, H, W) or (N, H, W) or (N, D)"))
    if images.ndim == 4:
        if images.shape[1] not in (1, 3):
            hint = "; channels come second: transpose(0, 3, 1, 2)" if images.shape[3] in (1, 3) else ""
            raise ValueError(f"{caller}: {name} (N, C, H, W) = {images.shape} has {images.shape[1]} channels; it must have "
                             f"1 or 3{hint}")
        images = images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1)
    if images.dtype == np.uint8:
        if value_range is not None:
            raise ValueError(f"{caller}: {name} are uint8, always 0..255; leave value_range out")
        return images
    if value_range is not None and not (np.shape(value_range) == (2,) and value_range[0] < value_range[1]):
        raise ValueError(f"{caller}: value_range {value_range!r} must be (low, high) with low < high")
    low, high = (0.0, 1.0) if value_range is None else map(float, value_range)
    slack = 1e-3 * (high - low)
    if images.min() < low - slack or images.max() > high + slack:
        raise ValueError(f"{caller}: {name} lie in [{images.min():.4g}, {images.max():.4g}], outside value_range "
                         f"({low:g}, {high:g}); pass value_range=(low, high), e.g. (-1, 1) after tanh, or np.clip them")
    return np.rint(np.clip((images.astype(np.float64) - low) / (high - low), 0, 1) * 255).astype(np.uint8)
