"""From a whole set of bytes to the batches a network sees: shuffled, scaled and binarised one batch at a time.

Images stay uint8 in memory, a quarter of their size in float32, and become floats batch by batch.
"""
import numpy as np

SCALES = ((0, 1), (-1, 1))


def batches(data, batch_size, rng=None, *, labels=None, scale=(0, 1), binary=False, drop_last=False, start=0):
    """One epoch: yields x float32 (B, ...), or (x, y) where labels are given.

    data: (N, ...): uint8 images become float32 in `scale`, (0, 1) or (-1, 1); float data pass as they are
    rng: a NumPy generator for the order (and `binary`); None takes the examples as they lie
    labels: (N,), cut up in the same order        drop_last: leave out a last batch that is smaller
    binary: dynamic binarisation (Salakhutdinov and Murray 2008): pixel x / 255 is the probability of a 1, drawn anew each time
    start: batches to skip, with the numbers they would have drawn: an epoch that was interrupted goes on exactly as it was

        for epoch in range(1, epochs + 1):              # (seed, 0) would be the stream of seed
            for x, y in batches(images, 100, np.random.default_rng((seed, epoch)), labels=labels):
                ...

    A generator of its own for each epoch, as here, makes `start` all that a resumed run needs to know.
    Raises ValueError or TypeError before the first batch.
    """
    data = _check_data(data, labels, batch_size, rng, scale, binary, start)
    labels = None if labels is None else np.asarray(labels)
    return _epoch(data, batch_size, rng, labels, scale, binary, drop_last, start)


def _epoch(data, batch_size, rng, labels, scale, binary, drop_last, start):
    count = len(data)
    order = np.arange(count) if rng is None else rng.permutation(count)
    stop = count - count % batch_size if drop_last else count
    for number, first in enumerate(range(0, stop, batch_size)):
        chosen = order[first:first + batch_size]
        if number < start:
            if binary:
                rng.random((len(chosen), *data.shape[1:]), np.float32)
            continue
        x = data[chosen]
        x = binarize(x, rng) if binary else to_float(x, scale)
        yield x if labels is None else (x, labels[chosen])


def to_float(images, scale=(0, 1)):
    """uint8 images as float32 in [0, 1] (x / 255) or [-1, 1] (x / 127.5 - 1); the ends are exact. Floats pass unchanged."""
    _check_scale("to_float", scale)
    if images.dtype.kind in "iu" and images.dtype != np.uint8:
        raise TypeError(f"to_float: images {images.shape} are {images.dtype}; give uint8, or floats in the range of the network")
    if images.dtype != np.uint8:
        return images
    x = images.astype(np.float32)
    x /= 255
    if scale == (-1, 1):
        x *= 2
        x -= 1
    return x


def to_bytes(images, scale=(0, 1)):
    """Float images in [0, 1] or [-1, 1] as uint8, rounded, what lies outside cut off: to_bytes(to_float(x, scale), scale) = x.

    Raises TypeError where they are bytes already, ValueError for NaN or infinity.
    """
    _check_scale("to_bytes", scale)
    if images.dtype.kind != "f":
        raise TypeError(f"to_bytes: images {images.shape} of {images.dtype} must be floats")
    if not np.isfinite(images).all():
        raise ValueError(f"to_bytes: images {images.shape} hold NaN or infinity: the network that made them has diverged; lower the learning rate")
    low, high = scale
    return np.clip((images - low) * (255 / (high - low)), 0, 255).round().astype(np.uint8)


def binarize(images, rng):
    """float32 zeros and ones, drawn with the generator `rng`: a pixel x of uint8 images is 1 with probability x / 255, one of
    float images, in [0, 1], with probability x. A test set is binarised once: binarize(images, np.random.default_rng(seed))."""
    check_generator("binarize", rng)
    images = np.asarray(images)
    probability = to_float(images)
    if images.dtype != np.uint8 and not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError(f"binarize: images {images.shape} of {images.dtype} hold values outside [0, 1]; "
                         "give uint8, or probabilities")
    return (rng.random(probability.shape, np.float32) < probability).astype(np.float32)


def threshold(images):
    """float32 zeros and ones: uint8 pixels rounded, 128 and above to 1. For likelihoods to compare with others', use binarize."""
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(f"threshold: images have dtype {images.dtype}, not uint8; round floats with numpy.round")
    return (images >= 128).astype(np.float32)


def check_generator(function, rng):
    """Raise TypeError where `rng` is not a NumPy generator."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"{function}: rng is a {type(rng).__name__}, not a NumPy generator; "
                        "make one with numpy.random.default_rng(seed)")


def _check_scale(function, scale):
    if scale not in SCALES:
        raise ValueError(f"{function}: scale = {scale!r} must be {' or '.join(map(str, SCALES))}")


def _check_data(data, labels, batch_size, rng, scale, binary, start):
    data = np.asarray(data)
    if data.ndim == 0 or len(data) == 0:
        raise ValueError(f"batches: data {data.shape} must be (N, ...) with N >= 1")
    if data.dtype != np.uint8 and data.dtype.kind != "f":
        raise TypeError(f"batches: data have dtype {data.dtype}; give uint8 images, or floats that need no scaling")
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        raise ValueError(f"batches: data {data.shape} (N, ...) hold NaN or infinity; drop those examples")
    if binary and data.dtype.kind == "f" and not ((data >= 0) & (data <= 1)).all():
        raise ValueError(f"batches: data {data.shape} of {data.dtype} hold values outside [0, 1]; binary=True takes uint8, or probabilities")
    if labels is not None and len(labels) != len(data):
        raise ValueError(f"batches: labels {np.shape(labels)} (N,) must be as many as the examples in data {data.shape}")
    for name, value, least in (("batch_size", batch_size, 1), ("start", start, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"batches: {name} = {value!r} must be an integer, {least} or more")
    if rng is not None:
        check_generator("batches", rng)
    _check_scale("batches", scale)
    if binary and (rng is None or scale != (0, 1)):
        raise ValueError("batches: binary=True draws pixels of 0 and 1, so it needs rng and scale (0, 1); without a generator, "
                         "binarise the whole set first: batches(binarize(images, generator), ...)")
    return data
