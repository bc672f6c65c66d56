"""What every metric asks of its input, said in one voice: features, labels and images are checked once, at the door.

A metric of NaN features or of images in the wrong range is still a number, and a wrong one; each check therefore
names the function, the shape, the rule and the remedy.
"""
import numpy as np

from ..backend import host


def as_features(x, function, name, minimum=2):
    """Finite float features (N, D) from an array or Tensor; float32 and float64 keep their dtype, integers become float64.

    Raises TypeError for what is not numeric, ValueError for another rank, fewer than `minimum` rows, NaN or infinity.
    """
    x = as_array(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{function}: {name} has dtype {x.dtype}; features are real numbers")
    if x.ndim != 2:
        raise ValueError(f"{function}: {name} {x.shape} must be (N, D): one row per sample; flatten it with x.reshape(len(x), -1)")
    if x.shape[1] == 0:
        raise ValueError(f"{function}: {name} {x.shape} has no columns; (N, D) needs D >= 1")
    if len(x) < minimum:
        raise ValueError(f"{function}: {name} {x.shape} has {len(x)} rows, at least {minimum} are needed; give more samples")
    if x.dtype not in (np.float32, np.float64):
        x = x.astype(np.float64)
    if not np.isfinite(x).all():
        bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
        raise ValueError(f"{function}: {name} {x.shape} holds NaN or infinity in {len(bad)} rows, the first is row {bad[0]}; "
                         "drop those samples or find where the network that made them overflowed")
    return x


def as_feature_pair(a, b, function, names, minimum=2):
    """Two feature sets (N, D) and (M, D) of equal D."""
    a, b = as_features(a, function, names[0], minimum), as_features(b, function, names[1], minimum)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"{function}: {names[0]} {a.shape} and {names[1]} {b.shape} differ in features (axis 1); "
                         "take both from the same extractor")
    return a, b


def as_labels(labels, function, name, rows=None, classes=None):
    """Integer labels (N,) in 0 .. classes - 1; `rows` is the number of samples they must match."""
    labels = as_array(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{function}: {name} has dtype {labels.dtype}; labels are integers, one class index per sample")
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"{function}: {name} {labels.shape} must be (N,), N >= 1: one class index per sample")
    if rows is not None and len(labels) != rows:
        raise ValueError(f"{function}: {name} {labels.shape} must hold one label for each of the {rows} samples")
    if labels.min() < 0 or (classes is not None and labels.max() >= classes):
        raise ValueError(f"{function}: {name} runs from {labels.min()} to {labels.max()}; "
                         f"labels are class indices 0 .. {'K - 1' if classes is None else classes - 1}")
    return labels


def as_images(images, function, name, channels=None, minimum=2):
    """uint8 images (N, C, H, W)."""
    images = as_array(images)
    if images.dtype != np.uint8:
        span = f", values from {images.min():.4g} to {images.max():.4g}" if images.size and images.dtype.kind in "fiu" else ""
        raise TypeError(f"{function}: {name} {images.shape} has dtype {images.dtype}{span}; it takes uint8 in 0 .. 255. "
                        "From [0, 1]: (x * 255).round().astype(np.uint8); from [-1, 1]: ((x + 1) * 127.5).round().astype(np.uint8)")
    if images.ndim != 4:
        raise ValueError(f"{function}: {name} {images.shape} must be (N, C, H, W)")
    if 0 in images.shape[1:]:
        raise ValueError(f"{function}: {name} {images.shape} (N, C, H, W) holds images without pixels")
    if channels is not None and images.shape[1] != channels:
        remedy = "repeat the grey channel: x.repeat(3, axis=1)" if images.shape[1] == 1 else "layout is (N, C, H, W): transpose it"
        raise ValueError(f"{function}: {name} {images.shape} has {images.shape[1]} channels (axis 1) where {channels} are needed; {remedy}")
    if len(images) < minimum:
        raise ValueError(f"{function}: {name} {images.shape} holds {len(images)} images, at least {minimum} are needed")
    return images


def as_array(x):
    """A NumPy array of an array or a Tensor, on the host."""
    return x.numpy() if hasattr(x, "numpy") else host(x)
