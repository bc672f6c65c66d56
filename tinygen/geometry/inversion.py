"""GAN inversion: the code that makes an image, by descent on ||G(z) - x||^2 from several starts at once (sheet 000, question c)."""
from typing import NamedTuple

import numpy as np

from ..autograd import Tensor
from ..backend import to, uniform, xp
from ..losses import squared_error
from .checks import as_codes, frozen, values_of
from .descent import descend


class Inversion(NamedTuple):
    """What was found for B images from S starts each, in arrays on the host.

    z (B, S, D): of the codes visited from each start, the one with the lowest objective.    loss (B, S): ||G(z) - x||^2 there.
    objective (T + 1, B, S): ||G(z) - x||^2 + prior / 2 ||z||^2 before every step and after the last.    codes (T + 1, B, S, D).
    """

    z: np.ndarray
    loss: np.ndarray
    objective: np.ndarray
    codes: np.ndarray

    @property
    def best(self):
        """(B, D): for each image the code of the start that came closest."""
        return self.z[np.arange(len(self.z)), self.loss.argmin(axis=1)]


def invert(generator, images, starts, *, method="adam", steps=300, lr=0.1, clip=None, prior=0.0):
    """z* = argmin_z ||G(z) - x||^2 + prior / 2 ||z||^2 for every image from every start: an `Inversion`.

    images (B, ...): floats in the range of G's pixels.    starts (S, D), the same for every image, or (B, S, D); float, where G lives.
    The error is a sum over pixels. prior: weight of -log N(z; 0, I); with weight 2 sigma^2 the minimum is the most likely z given
    x = G(z) + N(0, sigma^2).    method, steps, lr: see `descend`; G is not convex in z, so different starts end in different z*.
    clip: stochastic clipping: after every step of Adam, numbers of z outside [-clip, clip] are drawn anew from U[-clip, clip].
    Raises TypeError or ValueError for codes or images of other shapes or types, a clip that is not positive, a negative prior.
    Source: Creswell & Bharath 2016; stochastic clipping: Lipton & Tripathi 2017, section 2.
    """
    starts = as_codes("invert", starts, "starts", "(S, D)" if getattr(starts, "ndim", 2) != 3 else "(B, S, D)")
    starts = starts.data if isinstance(starts, Tensor) else starts
    images = images.data if isinstance(images, Tensor) else images
    if getattr(images, "dtype", None) != starts.dtype:
        raise TypeError(f"invert: images are {getattr(images, 'dtype', type(images).__name__)}, starts {starts.dtype}; give images as floats in "
                        "the range of the generator's pixels, data.to_float(images, scale)")
    count = len(images)
    if starts.ndim == 3 and len(starts) != count:
        raise ValueError(f"invert: starts {starts.shape} (B, S, D) are for {len(starts)} images, there are {count}; (S, D) serves all")
    if clip is not None and not clip > 0:
        raise ValueError(f"invert: clip = {clip} must be positive: codes stay within [-clip, clip]")
    if not prior >= 0:
        raise ValueError(f"invert: prior = {prior} must be 0 or more, a weight of 1/2 ||z||^2")
    module = xp(starts)
    starts = module.broadcast_to(starts, (count, *starts.shape[-2:]))
    shape = starts.shape
    targets = module.repeat(to(images, Tensor(starts).device), shape[1], axis=0)

    def objective(z):
        y = values_of("invert", generator, z)
        if y.shape != targets.shape:
            raise ValueError(f"invert: the generator makes {y.shape[1:]} of a code, the images (B, ...) are {images.shape}; they must agree")
        error = squared_error(y, targets)
        return error + (z * z).sum(axis=1) * (0.5 * prior) if prior else error

    with frozen(generator):
        found = descend(objective, starts.reshape(-1, shape[2]), method=method, steps=steps, lr=lr, after=_redraw(clip) if clip else None)
    z = found.point.reshape(shape)
    loss = found.value.reshape(shape[:2]) - 0.5 * prior * (z * z).sum(axis=2)
    return Inversion(z, loss, found.values.reshape(-1, *shape[:2]), found.points.reshape(-1, *shape))


def _redraw(limit):
    def clipped(z):
        outside = abs(z) > limit
        return xp(z).where(outside, uniform(z.shape, like=z, low=-limit, high=limit), z) if outside.any() else z
    return clipped
