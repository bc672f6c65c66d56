"""The data sets by name: where each is looked for, the files it consists of, where they can be had, and `load`.

A folder that holds the files wins over a download, and nothing is copied or converted: every reader takes the layout in
which people already have the set. What is downloaded goes to $TINYGEN_DATA, else to ~/.cache/tinygen.
"""
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np

from ..files import replacing
from . import mini
from .readers import CIFAR_RECORD, read_cifar_binary, read_cifar_pickle, read_idx
from .untrusted import reading

SPLITS = ("train", "test")
SYSTEM_FOLDERS = ("/usr/share/datasets",)       # Debian's package dataset-fashion-mnist


@dataclass(frozen=True)
class Layout:
    """A way in which a set lies in a folder: its names below a root, the files of each split, and their reader,
    which takes the paths and returns (images, labels)."""
    folders: tuple
    files: dict
    read: Callable


@dataclass(frozen=True)
class DataSet:
    """image: shape (C, H, W).  counts: images in each split.  classes: their names, in the order of the labels.
    downloads: {file: md5}, to be had from each of `mirrors`, in this order.  mini: the set in the package to use instead."""
    image: tuple
    counts: dict
    classes: tuple
    layouts: tuple
    downloads: dict
    mirrors: tuple
    mini: str


def _read_idx_pair(paths):
    images, labels = map(read_idx, paths)
    return images[:, None] if images.ndim else images, labels       # (N, H, W) -> (N, 1, H, W)


def _read_cifar(read):
    return lambda paths: [np.concatenate(parts) for parts in zip(*map(read, paths))]


IDX_FILES = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
             "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}
CIFAR_FILES = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}
CIFAR_BINARY_FILES = {split: tuple(f"{name}.bin" for name in names) for split, names in CIFAR_FILES.items()}

SETS = {
    "mnist": DataSet(
        (1, 28, 28), {"train": 60_000, "test": 10_000}, tuple("0123456789"),
        (Layout(("mnist", "MNIST/raw"), IDX_FILES, _read_idx_pair),),
        {"train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
         "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
         "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
         "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c"},
        ("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
        "mnist-mini"),
    "fashion-mnist": DataSet(
        (1, 28, 28), {"train": 60_000, "test": 10_000},
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        (Layout(("fashion-mnist", "FashionMNIST/raw"), IDX_FILES, _read_idx_pair),),
        {"train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
         "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
         "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
         "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310"},
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
         "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"),
        "fashion-mini"),
    "cifar-10": DataSet(
        (3, 32, 32), {"train": 50_000, "test": 10_000},
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        (Layout(("cifar-10-batches-bin",), CIFAR_BINARY_FILES, _read_cifar(read_cifar_binary)),
         Layout(("cifar-10-batches-py",), CIFAR_FILES, _read_cifar(read_cifar_pickle))),
        {"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
        ("https://www.cs.toronto.edu/~kriz/",),
        "fashion-mini"),
}
NAMES = (*SETS, *mini.SETS)


def load(name, split="train"):
    """images uint8 (N, C, H, W) and labels int64 (N,) of a data set's split.

    name: "mnist", "fashion-mnist" (60,000 and 10,000 images of 1 x 28 x 28), "cifar-10" (50,000 and 10,000 of 3 x 32 x 32);
        "mnist-mini", "fashion-mini": 6,000 and 1,000 real images of the first two, in the package    split: "train", "test"

    Looked for, plain or .gz, in the folders of `places(name)`; else downloaded, unless TINYGEN_OFFLINE=1. Raises ValueError
    for an unknown name or a damaged file, FileNotFoundError with all places and links where a set cannot be had.
    """
    if name not in NAMES:
        raise ValueError(_unknown("load", name))
    if split not in SPLITS:
        raise ValueError(f"load: there is no split {split!r}; there are {' and '.join(SPLITS)}")
    if name in mini.SETS:
        return mini.unpack(name, split)
    layout, paths = _find(name, split) or _fetch(name, split)
    images, labels = layout.read(paths)
    data_set = SETS[name]
    shape, classes = (data_set.counts[split], *data_set.image), len(data_set.classes)
    if (images.dtype != np.uint8 or images.shape != shape or labels.dtype.kind not in "iu" or labels.shape != shape[:1]
            or labels.min() < 0 or labels.max() >= classes):
        raise ValueError(f"load: the files in {paths[0].parent} hold images {images.shape} of {images.dtype} and labels {labels.shape} "
                         f"of {labels.dtype}; the {split} split of {name} has images {shape} (N, C, H, W) of uint8 and labels "
                         f"0 .. {classes - 1}; put the right files there or take these away")
    return images, labels.astype(np.int64)


def _unknown(caller, name):
    """What to say of a name that no data set has: the nearest that one has, and all."""
    import difflib                              # for this alone

    near = difflib.get_close_matches(str(name).lower().replace("_", "-"), NAMES, 1, 0.7)
    return f"{caller}: there is no data set {name!r}; {f'did you mean {near[0]}? There are' if near else 'there are'} {', '.join(NAMES)}"


def class_names(name):
    """The names of a data set's classes, in the order of its labels; ValueError for an unknown data set."""
    if name not in NAMES:
        raise ValueError(_unknown("class_names", name))
    return SETS[mini.SETS.get(name, name)].classes


def data_folder():
    """Where downloads go: $TINYGEN_DATA, else ~/.cache/tinygen."""
    chosen = os.environ.get("TINYGEN_DATA")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "tinygen"


def places(name):
    """Every (folder, layout) that `load` looks at for a data set, in this order."""
    roots = dict.fromkeys([data_folder(), Path.home() / ".cache" / "tinygen", *map(Path, SYSTEM_FOLDERS), Path("data")])
    return [(root / folder, layout) for root in roots for layout in SETS[name].layouts for folder in layout.folders]


def _find(name, split):
    """(layout, paths of the split's files) from the first folder that holds them all, or None."""
    for folder, layout in places(name):
        paths = [_plain_or_gz(folder / file) for file in layout.files[split]]
        if all(paths):
            return layout, paths
    return None


def _plain_or_gz(path):
    return next((p for p in (path, path.with_name(path.name + ".gz")) if p.is_file()), None)


def _fetch(name, split):
    """Download what the split lacks, then find it."""
    from .download import download              # what it imports takes longer to load than all else here

    data_set = SETS[name]
    folder, layout = places(name)[0]
    try:
        for file, md5 in data_set.downloads.items():
            archive = file.endswith(".tar.gz")
            target = data_folder() / file if archive else folder / file
            plain = file.removesuffix(".gz")
            if not archive and (plain not in layout.files[split] or _plain_or_gz(folder / plain)):
                continue
            urls = [mirror + file for mirror in data_set.mirrors]
            if os.environ.get("TINYGEN_OFFLINE", "0") not in ("", "0") and not target.exists():
                raise ConnectionError("untried, as TINYGEN_OFFLINE is set: " + ", ".join(urls))
            ours = not target.exists()
            download(urls, target, md5, label=f"{name}: {file}")
            if archive:
                unpack_cifar(target, folder)
                if ours:                        # an archive that somebody put there stays
                    target.unlink()
    except OSError as error:
        raise FileNotFoundError(_not_here(name, split, error)) from error
    return _find(name, split)


def _not_here(name, split, error):
    """What was looked for and where, which links failed, and what to do, in one line."""
    data_set, looked = SETS[name], places(name)
    files = " or ".join(dict.fromkeys(", ".join(layout.files[split]) for _, layout in looked))
    archives = [file for file in data_set.downloads if file.endswith(".tar.gz")]
    return (f"load: {name} ({split}) is not here and could not be downloaded. "
            f"Looked in {', '.join(str(folder) for folder, _ in looked)} for {files}, plain or .gz. "
            f"Links: {error}. Use load({data_set.mini!r}), which is in the package, or put "
            + (f"{archives[0]} into {data_folder()}" if archives else f"the files into {looked[0][0]}")
            + "; the environment variable TINYGEN_DATA names another folder")


def unpack_cifar(archive, folder):
    """Write the six data files of CIFAR-10's binary version from its .tar.gz into `folder`, each whole or not at all.

    Members are found by their exact names and written under names of our own, so no member can land anywhere else.
    Raises ValueError where one is missing, or too long to be 10,000 records, or the archive is damaged.
    """
    wanted = {f"cifar-10-batches-bin/{file}": folder / file for files in CIFAR_BINARY_FILES.values() for file in files}
    folder.mkdir(parents=True, exist_ok=True)
    with reading(archive, "unpack_cifar", "the CIFAR-10 archive"), tarfile.open(archive, "r|gz") as tar:
        for member in tar:
            path = wanted.pop(member.name, None)
            if path is None:
                continue
            if not member.isreg() or member.size > 10_000 * CIFAR_RECORD:
                raise ValueError(f"member {member.name} is not a file of at most 10,000 records")
            with replacing(path) as file:
                shutil.copyfileobj(tar.extractfile(member), file)
        if wanted:
            raise ValueError(f"it lacks {', '.join(wanted)}")
