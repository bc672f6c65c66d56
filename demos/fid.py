"""Judge images: FID or its like, KID, precision, recall, the noise floor, nearest real neighbours [004.2]

SAMPLES and REAL are each one of
    a data set and split      cifar-10:test, mnist-mini:train
    a folder of PNG files     all of one size
    an .npz file              an array "images", uint8 (N, C, H, W)
    a run folder              with samples.npz, as the demos that draw images leave it

    python -m demos fid runs/cifar cifar-10:test --held-out cifar-10:train
    python -m demos fid cifar-10:test cifar-10:train

Colour images go through the Inception network of 2015, and only then is the number an FID. Grey 28 x 28 images go through a small
classifier trained here (the judge of REAL, or of --extractor), and its distance carries that name.
"""
from pathlib import Path
from typing import Literal

from tinygen import data as tgdata
from tinygen import figures
from tinygen.metrics import INCEPTION, cached_features, compare_features, load_judge, nearest
from tinygen.training import Run

JUDGES = ("mnist", "fashion-mnist", "mnist-mini", "fashion-mini")


def main(samples="mnist-mini:test", real="mnist-mini:train", *, held_out: str | None = None,
         extractor: Literal["auto", "inception", "mnist", "fashion-mnist", "mnist-mini", "fashion-mini"] = "auto",
         limit=10_000, k=3, shown=10, device="cpu", seed=0, out="runs/fid"):
    """Compare two sets of images.

    samples: the images to judge
    real: what they should look like
    held_out: other real images, for the noise floor; without, the floor is one half of REAL against the other
    extractor: inception, or the judge of a data set; auto takes inception for colour, else the judge of REAL
    limit: use only the first so many images of each set (the test set of MNIST is ordered, easy images first: take all of it)
    k: the neighbour that precision and recall look at
    shown: samples drawn with their nearest real images
    """
    with Run(out, locals()) as run:
        images, others = match_channels(read_images(samples, limit), read_images(real, limit))
        network = choose_extractor(extractor, real, others.shape[1])
        if network is INCEPTION and others.shape[1] == 1:
            images, others = images.repeat(3, axis=1), others.repeat(3, axis=1)
        sample_features = cached_features(images, network, device, keep=False)
        real_features = cached_features(others, network, device)
        floor = None
        if held_out is not None:
            floor, _ = match_channels(read_images(held_out, len(images)), others)
            floor = cached_features(floor, network, device)
        result = compare_features(sample_features, real_features, held_out=floor, extractor=network,
                                  splits=(samples, real, held_out), k=k, seed=seed)
        print(result)
        run.figure("neighbours", neighbours_figure(images[:shown], sample_features[:shown], others, real_features))
        run.finish(**numbers(result.samples), **numbers(result.floor, ", floor"))


def numbers(measures, suffix=""):
    """The four numbers of a comparison by name."""
    values = {measures.frechet.name: measures.frechet, measures.kernel.name: measures.kernel,
              "precision": measures.manifold.precision, "recall": measures.manifold.recall}
    return {name + suffix: value for name, value in values.items()}


def read_images(source, limit):
    """uint8 images (N, C, H, W) of a data set's split, a folder of PNG files, an .npz file or a run folder; the first `limit`."""
    name, _, split = source.partition(":")
    if name in tgdata.NAMES:
        return tgdata.load(name, split or "test")[0][:limit]
    path = Path(source)
    if (path / "samples.npz").is_file():
        path = path / "samples.npz"
    if path.suffix == ".npz":
        if not path.is_file():
            raise FileNotFoundError(f"fid: there is no file {str(path)!r}")
        arrays = tgdata.read_npz(path)
        if "images" not in arrays and len(arrays) != 1:
            raise ValueError(f"fid: {path} holds {', '.join(arrays)}; name the array of images 'images'")
        return arrays.get("images", *arrays.values())[:limit]
    if path.is_dir():
        if (path / "config.json").is_file():
            raise FileNotFoundError(f"fid: the run folder {path} holds no samples.npz; write one with the array "
                                    "'images', uint8 (N, C, H, W)")
        return figures.read_images(path, limit)
    raise FileNotFoundError(f"fid: {source!r} is no data set ({', '.join(tgdata.NAMES)}, with :train or :test), folder or .npz file")


def match_channels(images, others):
    """Colour images that are grey in truth lose two channels where the other set has one: PNG files often store grey as colour."""
    def grey(a, b):
        return a[:, :1] if a.ndim == 4 and a.shape[1] == 3 and b.shape[1] == 1 and (a == a[:, :1]).all() else a
    return grey(images, others), grey(others, images)


def choose_extractor(name, real, channels):
    """The extractor of that name; for "auto", Inception for three channels, else the judge of the data set that REAL names."""
    if name == "auto":
        name = "inception" if channels == 3 else real.partition(":")[0]
        if name not in ("inception", *JUDGES):
            raise ValueError(f"fid: {real!r} does not say which judge fits its grey images; give --extractor {'|'.join(JUDGES)}, "
                             "or --extractor inception, which takes them as colour")
    return INCEPTION if name == "inception" else load_judge(name).extractor()


def neighbours_figure(images, features, others, other_features):
    """Samples in the first row, below each its four nearest real images in feature space."""
    ranks = ("nearest real", "second", "third", "fourth")
    _, index = nearest(features, other_features, len(ranks))
    rows = {"sample": images} | {rank: others[index[:, j]] for j, rank in enumerate(ranks)}
    return figures.image_rows(rows, title="Samples, and the real images nearest to them in feature space")
