"""Random views of images that keep what they show: crops, shifts, mirror images, brightness, contrast, colour, rotations, noise.

All take float batches x (N, C, H, W) in [0, 1] and a NumPy generator, work on the host, and return new arrays of the same dtype.
"""
import numpy as np

from .batches import check_generator


def _check(function, x, rng):
    if x.ndim != 4 or x.dtype.kind != "f":
        raise ValueError(f"{function}: x {x.shape} of {x.dtype} must be floats (N, C, H, W) in [0, 1]")
    check_generator(function, rng)


def mirrored(x, rng):
    """Every image turned left to right with probability 1/2."""
    _check("mirrored", x, rng)
    turn = rng.random(len(x)) < 0.5
    return np.where(turn[:, None, None, None], x[:, :, :, ::-1], x)


def shifted(x, rng, most=4):
    """Every image moved by up to `most` pixels each way, edges repeated: a random crop of the padded image."""
    _check("shifted", x, rng)
    if not 0 <= most < min(x.shape[2:]):
        raise ValueError(f"shifted: most = {most} does not fit images {x.shape}")
    height, width = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (most, most), (most, most)), mode="edge")
    places = rng.integers(0, 2 * most + 1, (len(x), 2))
    return np.stack([image[:, a:a + height, b:b + width] for image, (a, b) in zip(padded, places)])


def cropped(x, rng, least=0.25):
    """A rectangle of every image, at least the share `least` of its area and sides in a ratio within 3/4 to 4/3, stretched to full size.

    Where such a rectangle is longer than the image, its side is cut to the image's (so of a `least` of 1 at least .866 remain). Bilinear. Of all views this one teaches a contrastive loss most (Chen et al. 2020, figure 5).
    """
    _check("cropped", x, rng)
    if not 0 < least <= 1:
        raise ValueError(f"cropped: least = {least} must be in (0, 1], a share of the area")
    n, height, width = len(x), *x.shape[2:]
    area, ratio = rng.uniform(least, 1, n), np.exp(rng.uniform(-1, 1, n) * np.log(4 / 3) / 2)
    sides = np.minimum(np.sqrt(area) * np.stack([ratio, 1 / ratio]), 1)                # of the rectangle, shares of height and width
    corners = rng.random((2, n)) * (1 - sides)
    y = x
    for axis, length, corner, side in ((2, height, corners[0], sides[0]), (3, width, corners[1], sides[1])):
        centres = (corner[:, None] + side[:, None] * (np.arange(length) + 0.5) / length) * length - 0.5
        centres = np.clip(centres, 0, length - 1)
        low = np.minimum(centres.astype(int), max(length - 2, 0))
        along = [1] * 4
        along[0], along[axis] = n, length
        weight = (centres - low).astype(x.dtype).reshape(along)
        take = lambda index: np.take_along_axis(y, index.reshape(along), axis)
        y = take(low) * (1 - weight) + take(np.minimum(low + 1, length - 1)) * weight
    return y


def recoloured(x, rng, strength=0.4):
    """Brightness, contrast and the balance of the channels changed by factors in 1 +- strength (the balance: strength / 2); grey with probability 1/5."""
    _check("recoloured", x, rng)
    brightness, contrast = rng.uniform(1 - strength, 1 + strength, (2, len(x), 1, 1, 1))
    balance = rng.uniform(1 - strength / 2, 1 + strength / 2, (len(x), x.shape[1], 1, 1))
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    y = ((x - mean) * contrast + mean) * brightness * balance
    grey = rng.random(len(x)) < 0.2
    y[grey] = y[grey].mean(axis=1, keepdims=True)
    return np.clip(y, 0, 1).astype(x.dtype)


def rotated(x, rng):
    """(x with every image turned by a quarter turn 0 to 3 times, counter-clockwise, and how often (N,))."""
    _check("rotated", x, rng)
    if x.shape[2] != x.shape[3]:
        raise ValueError(f"rotated: images {x.shape} are not square")
    turns = rng.integers(0, 4, len(x))
    y = np.empty_like(x)
    for k in range(4):
        y[turns == k] = np.rot90(x[turns == k], k, axes=(2, 3))
    return y, turns


def noisy(x, rng, sigma=0.1):
    """x plus Gaussian noise of standard deviation sigma, kept within [0, 1]."""
    _check("noisy", x, rng)
    return np.clip(x + float(sigma) * rng.standard_normal(x.shape, dtype=x.dtype), 0, 1)


def view(x, rng):
    """A view for contrastive learning: cropped, mirrored, recoloured."""
    return recoloured(mirrored(cropped(x, rng), rng), rng)
