"""The two data sets in the package: real images, few enough to be carried along, so that everything runs without a network.

Packing: the first 600 training and the first 100 test images of every class, in their original order, each array as an IDX
file compressed with xz. Predicting pixels from their neighbours first (left, up, JPEG-LS's median) was measured and makes
the files larger: LZMA finds more in the rows as they are. `pack_all` makes the files again from the full sets.
"""
from pathlib import Path

import numpy as np

from .readers import read_idx, write_idx

SETS = {"mnist-mini": "mnist", "fashion-mini": "fashion-mnist"}         # and the full sets they are taken from
PER_CLASS = {"train": 600, "test": 100}
BUNDLED = Path(__file__).parent / "bundled"


def unpack(name, split, folder=BUNDLED):
    """images uint8 (N, 1, 28, 28) and labels int64 (N,): N = 6,000 for "train", 1,000 for "test"."""
    images, labels = map(read_idx, _paths(name, split, folder))
    return images[:, None], labels.astype(np.int64)


def pack(name, split, images, labels, folder=BUNDLED):
    """Select from a full split, images uint8 (N, 1, H, W) and labels (N,), and write the two files that `unpack` reads."""
    keep = first_of_each_class(labels, PER_CLASS[split])
    images_path, labels_path = _paths(name, split, folder)
    write_idx(images_path, images[keep, 0])
    write_idx(labels_path, labels[keep].astype(np.uint8))


def pack_all(folder=BUNDLED):
    """Make every file of the bundled sets from the full ones."""
    from .registry import load                  # which itself needs this file

    for name, full in SETS.items():
        for split in PER_CLASS:
            pack(name, split, *load(full, split), folder)


def first_of_each_class(labels, count):
    """Indices of the first `count` examples of every class, in ascending order; ValueError where a class has fewer."""
    found = [np.flatnonzero(labels == label)[:count] for label in np.unique(labels)]
    if min(map(len, found), default=0) < count:
        raise ValueError(f"first_of_each_class: labels {labels.shape} have a class with fewer than {count} examples")
    return np.sort(np.concatenate(found))


def _paths(name, split, folder):
    return [Path(folder) / f"{name}-{split}-{part}.xz" for part in ("images-idx3-ubyte", "labels-idx1-ubyte")]
