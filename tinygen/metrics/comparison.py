"""Two sets of images compared: FID, KID, precision and recall, each printed with what it depends on and with its floor.

    print(compare(samples, test_images, held_out=train_images[:10_000]))

An `Extractor` turns images into features and carries the names under which its numbers may go: only the Inception network of 2015
gives FID and KID. Features of real sets are kept in the data folder under a hash of their pixels, so a split is computed once.
"""
import contextlib
import hashlib
from dataclasses import dataclass
from typing import Callable, NamedTuple

import numpy as np

from .. import files
from ..data.registry import data_folder
from . import inception
from .checks import as_images
from .frechet import frechet_score, kernel_score, real_pair
from .neighbours import PrecisionRecall, precision_recall
from .score import Score

WORTH_KEEPING = 1000                                            # images; fewer are faster to compute again than to look after


@dataclass(frozen=True)
class Extractor:
    """Images (N, C, H, W) uint8 -> features (N, D), and the words for the numbers that come of them.

    key: a short word that changes whenever the features would; it names the cached files.
    """
    features: Callable
    name: str
    resizer: str
    key: str
    channels: int
    frechet: str = "Fréchet distance (not FID)"
    kernel: str = "kernel distance (not KID)"


INCEPTION = Extractor(inception.inception_features, inception.NAME, inception.RESIZER, "inception-2015-12-05", 3, "FID", "KID")


class Measures(NamedTuple):
    """The numbers of one pair of sets."""
    frechet: Score
    kernel: Score
    manifold: PrecisionRecall


class Comparison(NamedTuple):
    """samples: samples against the real set.  floor: real against real. Prints as a table with all that the numbers depend on."""
    samples: Measures
    floor: Measures

    def __str__(self):
        scores = [pair.frechet for pair in self]
        lines = [f"{where:8} N = {s.counts[0]:,} ({s.splits[0]}) against {s.counts[1]:,} ({s.splits[1]})"
                 for where, s in zip(("samples", "floor"), scores)]
        lines += [f"features {scores[0].extractor}", f"resizer  {scores[0].resizer}", f"{'':28}{'samples':>24}{'floor':>24}"]
        lines += [_row(scores[0].name, [f"{s:.4g}" for s in map(float, scores)])]
        kernels = [pair.kernel for pair in self]
        lines += [_row(kernels[0].name, [f"{float(score):.4g} +- {score.error:.2g}" for score in kernels]) + f"   +-: {kernels[0].error_kind}"]
        k = self.samples.manifold.k
        lines += [_row(f"precision, k = {k}", [f"{pair.manifold.precision:.3f}" for pair in self]),
                  _row(f"recall, k = {k}", [f"{pair.manifold.recall:.3f}" for pair in self])]
        return "\n".join(lines + [f"warning: {note}" for note in dict.fromkeys(scores[0].notes + scores[1].notes)])


def _row(name, cells):
    return f"{name:28}" + "".join(f"{cell:>24}" for cell in cells)


def fid(images_a, images_b, *, splits=("first set", "second set"), device="cpu"):
    """FID of two sets of uint8 images (N, 3, H, W) and (M, 3, H, W), as a `Score`: a float that prints what it depends on.

    The squared Fréchet distance between Gaussians fitted to Inception features; biased upwards for small N, with a warning below
    2,049 images.  splits: what the sets are, for the printout.  images_b is taken for the real set: its features are cached.
    Raises TypeError or ValueError for other dtypes or shapes, fewer than two images; FileNotFoundError where the weights are missing.
    Source: Heusel et al. 2017, Eq. 6.
    """
    a, b = _features_of_pair("fid", images_a, images_b, INCEPTION, device)
    return frechet_score(a, b, name=INCEPTION.frechet, splits=splits, extractor=INCEPTION.name, resizer=INCEPTION.resizer)


def kid(images_a, images_b, *, splits=("first set", "second set"), subsets=100, subset_size=1000, seed=0, device="cpu"):
    """KID of two sets of uint8 images (N, 3, H, W), as a `Score` with an error bar: `kernel_score` of Inception features.

    Arguments and errors as for `fid`. Source: Binkowski et al. 2018.
    """
    a, b = _features_of_pair("kid", images_a, images_b, INCEPTION, device)
    return kernel_score(a, b, subsets=subsets, subset_size=subset_size, seed=seed, name=INCEPTION.kernel, splits=splits,
                        extractor=INCEPTION.name, resizer=INCEPTION.resizer)


def compare(samples, real, *, held_out=None, extractor=INCEPTION, splits=("samples", "real", "held out"), k=3, seed=0, device="cpu"):
    """Fréchet and kernel distance, precision and recall of samples (N, C, H, W) against real images (M, C, H, W), and their floor.

    held_out: other real images; the floor is what as many of them as there are samples score. Without any, it is what one random half
    of the real set scores against the other, and its counts say so. Returns a `Comparison`, which prints all of it.
    Raises as `fid` does.
    """
    features = _features_of_pair("compare", samples, real, extractor, device)
    if held_out is not None:
        held_out = cached_features(as_images(held_out, "compare", "held_out", extractor.channels)[:len(samples)], extractor, device)
    return compare_features(*features, held_out=held_out, extractor=extractor, splits=splits, k=k, seed=seed)


def compare_features(samples, real, *, held_out=None, extractor=INCEPTION, splits=("samples", "real", "held out"), k=3, seed=0):
    """The same from features (N, D), (M, D) that are there already; `extractor` says whose they are."""
    if held_out is None:
        (first, second), names = real_pair(real, len(samples), seed=seed), (f"half of {splits[1]}", "the other half")
    else:
        first, second, names = held_out[:len(samples)], real, (splits[2] if len(splits) > 2 else "held out", splits[1])
    return Comparison(_measure(samples, real, extractor, splits[:2], k, seed), _measure(first, second, extractor, names, k, seed))


def cached_features(images, extractor=INCEPTION, device="cpu", *, keep=True):
    """Features (N, D) of images (N, C, H, W), from the data folder where these very images went through this extractor before.

    The file's name is a hash of the shape and the pixels, so a changed set is another file.  keep: store what had to be computed;
    meant for real sets, which come again, not for samples.
    """
    images = as_images(images, "cached_features", "images", extractor.channels, minimum=1)
    digest = hashlib.sha256(repr(images.shape).encode() + np.ascontiguousarray(images).tobytes()).hexdigest()[:20]
    path = data_folder() / "features" / f"{extractor.key}-{digest}.npy"
    if path.is_file():
        with contextlib.suppress(ValueError, EOFError):         # a damaged file is computed again
            features = np.load(path, allow_pickle=False)
            if len(features) == len(images):
                return features
    features = extractor.features(images, device=device)
    if keep and len(images) >= WORTH_KEEPING:
        files.keep(path, lambda file: np.save(file, features))
    return features


def _features_of_pair(function, images_a, images_b, extractor, device):
    images_a = as_images(images_a, function, "the first set", extractor.channels)
    images_b = as_images(images_b, function, "the second set", extractor.channels)
    return cached_features(images_a, extractor, device, keep=False), cached_features(images_b, extractor, device)


def _measure(a, b, extractor, splits, k, seed):
    described = dict(splits=splits, extractor=extractor.name, resizer=extractor.resizer)
    return Measures(frechet_score(a, b, name=extractor.frechet, **described),
                    kernel_score(a, b, seed=seed, name=extractor.kernel, **described),
                    precision_recall(b, a, k))
