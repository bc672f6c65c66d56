"""`load`: every place and layout in which a set may lie, downloads from mirrors, and the message when there is none."""
import dataclasses
import gzip
import hashlib
import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from damage import damaged, watched
from hypothesis import HealthCheck, given, settings
from server import serving

from tinygen.data import class_names, load, registry, write_idx
from tinygen.data.registry import CIFAR_BINARY_FILES, CIFAR_FILES, IDX_FILES, NAMES, SETS

COUNTS = {"train": 50, "test": 10}


@pytest.fixture(autouse=True)
def world(tmp_path, monkeypatch):
    """An empty home, an empty working folder, no network, and data sets of 50 and 10 images; returns the folder of it all."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TINYGEN_OFFLINE", "1")
    monkeypatch.delenv("TINYGEN_DATA", raising=False)
    monkeypatch.setattr(registry, "SYSTEM_FOLDERS", (str(tmp_path / "usr"),))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name, data_set in SETS.items():
        monkeypatch.setitem(SETS, name, dataclasses.replace(data_set, counts=COUNTS))
    return tmp_path


def a_split(split, shape=(28, 28), seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (COUNTS[split], *shape), dtype=np.uint8), rng.integers(0, 10, COUNTS[split])


def put_idx(folder, split, suffix="", seed=0):
    images, labels = a_split(split, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(IDX_FILES[split], (images, labels.astype(np.uint8))):
        write_idx(folder / (name + suffix), array)
    return images[:, None], labels


def put_cifar(folder, split, python=False):
    images, labels = a_split(split, (3, 32, 32))
    folder.mkdir(parents=True, exist_ok=True)
    names = (CIFAR_FILES if python else CIFAR_BINARY_FILES)[split]
    for name, some, its in zip(names, np.split(images, len(names)), np.split(labels, len(names))):
        if python:
            data = pickle.dumps({b"data": some.reshape(-1, 3072), b"labels": its.tolist()}, 2)
        else:
            data = b"".join(bytes([label]) + image.tobytes() for image, label in zip(some, its))
        (folder / name).write_bytes(data)
    return images, labels


def check(name, split, expected):
    images, labels = load(name, split)
    assert images.dtype == np.uint8 and labels.dtype == np.int64
    assert np.array_equal(images, expected[0]) and np.array_equal(labels, expected[1])


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("name, folder", [
    ("mnist", "home/.cache/tinygen/mnist"), ("mnist", "home/.cache/tinygen/MNIST/raw"), ("mnist", "work/data/MNIST/raw"),
    ("mnist", "work/data/mnist"), ("fashion-mnist", "usr/fashion-mnist"), ("fashion-mnist", "work/data/FashionMNIST/raw"),
    ("fashion-mnist", "home/.cache/tinygen/fashion-mnist")])
def test_mnist_is_found_where_people_have_it(world, name, folder, suffix, split):
    check(name, split, put_idx(world / folder, split, suffix))


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("folder", ["home/.cache/tinygen/cifar-10-batches-bin", "work/data/cifar-10-batches-bin", "work/data/cifar-10-batches-py"])
def test_cifar_is_found_where_people_have_it(world, folder, split):
    check("cifar-10", split, put_cifar(world / folder, split, python=folder.endswith("py")))


def test_the_chosen_folder_comes_first(world, monkeypatch):
    put_idx(world / "home/.cache/tinygen/mnist", "test", seed=1)
    monkeypatch.setenv("TINYGEN_DATA", str(world / "chosen"))
    expected = put_idx(world / "chosen/mnist", "test", seed=2)
    check("mnist", "test", expected)
    (world / "chosen/mnist" / IDX_FILES["test"][1]).unlink()                # incomplete: the next folder
    assert not np.array_equal(load("mnist", "test")[0], expected[0])


def test_unknown_names():
    with pytest.raises(ValueError, match=r"load: there is no data set 'mnsit'; did you mean mnist\? There are mnist, fashion-mnist, cifar-10, mnist-mini, fashion-mini"):
        load("mnsit")
    with pytest.raises(ValueError, match="load: there is no split 'valid'; there are train and test"):
        load("mnist", "valid")
    with pytest.raises(ValueError, match="class_names: there is no data set 'x'"):
        class_names("x")


def test_class_names():
    for name in NAMES:
        assert len(class_names(name)) == 10 and all(isinstance(one, str) for one in class_names(name))
    assert class_names("mnist-mini")[3] == "3" and class_names("fashion-mini")[9] == "Ankle boot"


def test_files_of_another_set_are_refused(world):
    folder = world / "home/.cache/tinygen/mnist"
    put_idx(folder, "test")
    images_file, labels_file = (folder / name for name in IDX_FILES["test"])
    for images, labels in ((np.zeros((9, 28, 28), np.uint8), np.zeros(9, np.uint8)), (np.zeros((10, 28, 28), np.uint8), np.zeros(9, np.uint8)),
                           (np.zeros((10, 28, 28), np.float32), np.zeros(10, np.uint8)), (np.zeros((10, 32, 28), np.uint8), np.zeros(10, np.uint8)),
                           (np.zeros((10, 28, 28), np.uint8), np.full(10, 10, np.uint8)), (np.zeros((10, 28, 28), np.uint8), np.zeros(10, np.float32)),
                           (np.uint8(1), np.zeros(10, np.uint8)), (np.zeros(10, np.uint8), np.uint8(1))):
        write_idx(images_file, images)
        write_idx(labels_file, labels)
        with pytest.raises(ValueError, match=r"load: the files in .*/mnist hold images .* and labels .* the test split of mnist has images \(10, 1, 28, 28\) "):
            load("mnist", "test")


def test_a_damaged_file_is_named(world):
    folder = world / "home/.cache/tinygen/mnist"
    put_idx(folder, "test", ".gz")
    path = folder / (IDX_FILES["test"][0] + ".gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=f"read_idx: {path} cannot be read as an IDX file: .*; delete it and fetch it again"):
        load("mnist", "test")


@pytest.mark.parametrize("name, mini, files, put", [
    ("mnist", "mnist-mini", "t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, plain or .gz", "the files into {home}/.cache/tinygen/mnist"),
    ("fashion-mnist", "fashion-mini", "t10k-images-idx3-ubyte", "the files into {home}/.cache/tinygen/fashion-mnist"),
    ("cifar-10", "fashion-mini", "test_batch.bin or test_batch", "cifar-10-binary.tar.gz into {home}/.cache/tinygen")])
def test_offline_without_the_files(world, name, mini, files, put):
    with pytest.raises(FileNotFoundError) as error:
        load(name, "test")
    message = str(error.value)
    assert message.startswith(f"load: {name} (test) is not here and could not be downloaded.") and "\n" not in message
    for folder, _ in registry.places(name):
        assert str(folder) in message
    assert files in message and f'Use load({mini!r})' in message and put.format(home=world / "home") in message
    assert "untried, as TINYGEN_OFFLINE is set: " in message
    for mirror in SETS[name].mirrors:
        assert mirror + next(file for file in SETS[name].downloads if "train" not in file) in message


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("TINYGEN_OFFLINE")
    with serving({}) as server:
        yield server


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def offer(monkeypatch, server, name, files, *manners):
    """Serve {name: bytes} as the downloads of a data set, from one mirror for each of the manners."""
    server.files = files
    monkeypatch.setitem(SETS, name, dataclasses.replace(
        SETS[name], downloads={file: md5(data) for file, data in files.items()}, mirrors=tuple(f"{server.url}/{manner}/" for manner in manners)))


def idx_files(folder):
    expected = {split: put_idx(folder, split, ".gz") for split in COUNTS}
    return expected, {path.name: path.read_bytes() for path in folder.iterdir()}


def test_mnist_is_downloaded_once_and_only_the_split(world, monkeypatch, server):
    expected, files = idx_files(world / "source")
    offer(monkeypatch, server, "mnist", files, "gone", "good")
    check("mnist", "test", expected["test"])
    assert [request[:2] for request in server.requests] == [(manner, f"{name}.gz") for name in IDX_FILES["test"] for manner in ("gone", "good")]
    assert sorted(os.listdir(world / "home/.cache/tinygen/mnist")) == sorted(f"{name}.gz" for name in IDX_FILES["test"])
    server.requests.clear()
    check("mnist", "test", expected["test"])
    assert server.requests == []


def test_downloads_go_to_the_chosen_folder_and_fetch_what_is_missing(world, monkeypatch, server):
    expected, files = idx_files(world / "source")
    offer(monkeypatch, server, "fashion-mnist", files, "good")
    monkeypatch.setenv("TINYGEN_DATA", str(world / "chosen"))
    put_idx(world / "chosen/fashion-mnist", "train")
    (world / "chosen/fashion-mnist" / IDX_FILES["train"][1]).unlink()
    check("fashion-mnist", "train", expected["train"])
    assert [request[1] for request in server.requests] == ["train-labels-idx1-ubyte.gz"]


def test_failed_links_are_named(world, monkeypatch, server):
    _, files = idx_files(world / "source")
    offer(monkeypatch, server, "mnist", files, "gone", "wrong")
    with pytest.raises(FileNotFoundError) as error:
        load("mnist", "test")
    assert f"{server.url}/gone/t10k-images-idx3-ubyte.gz: HTTP 404 Not Found" in str(error.value)
    assert f"{server.url}/wrong/t10k-images-idx3-ubyte.gz: wrong bytes" in str(error.value) and "mnist-mini" in str(error.value)


def test_a_folder_that_cannot_be_written(world, monkeypatch, server):
    _, files = idx_files(world / "source")
    offer(monkeypatch, server, "mnist", files, "good")
    (world / "blocked").write_text("a file where a folder should be")
    monkeypatch.setenv("TINYGEN_DATA", str(world / "blocked"))
    with pytest.raises(FileNotFoundError, match="Links: .*blocked.*TINYGEN_DATA names another folder"):
        load("mnist", "test")


def tar_of(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data or b""))
    return file.getvalue()


def cifar_members(folder):
    expected = {split: put_cifar(folder, split) for split in COUNTS}
    return expected, [(f"cifar-10-batches-bin/{path.name}", path.read_bytes()) for path in sorted(folder.iterdir())]


def test_cifar_is_downloaded_unpacked_and_the_archive_removed(world, monkeypatch, server):
    expected, members = cifar_members(world / "source")
    hostile = [("../evil", b"x"), ("/tmp/evil-absolute", b"x"), ("cifar-10-batches-bin/../../evil", b"x"), ("cifar-10-batches-bin/readme.html", b"x")]
    offer(monkeypatch, server, "cifar-10", {"cifar-10-binary.tar.gz": tar_of(hostile + members)}, "good")
    check("cifar-10", "test", expected["test"])
    check("cifar-10", "train", expected["train"])
    assert len(server.requests) == 1
    cache = world / "home/.cache/tinygen"
    assert os.listdir(cache) == ["cifar-10-batches-bin"]
    assert sorted(os.listdir(cache / "cifar-10-batches-bin")) == sorted(sum(CIFAR_BINARY_FILES.values(), ()))
    assert not list(world.rglob("evil*")) and not Path("/tmp/evil-absolute").exists()


def test_a_cifar_archive_put_there_by_hand_needs_no_network(world, monkeypatch, server):
    expected, members = cifar_members(world / "source")
    archive = tar_of(members)
    offer(monkeypatch, server, "cifar-10", {"cifar-10-binary.tar.gz": archive}, "good")
    monkeypatch.setenv("TINYGEN_OFFLINE", "1")
    (world / "home/.cache/tinygen").mkdir(parents=True)
    (world / "home/.cache/tinygen/cifar-10-binary.tar.gz").write_bytes(archive)
    check("cifar-10", "test", expected["test"])
    assert server.requests == [] and (world / "home/.cache/tinygen/cifar-10-binary.tar.gz").exists()


@pytest.mark.parametrize("spoil, reason", [
    (lambda members: members[:-1], "it lacks cifar-10-batches-bin/test_batch.bin"),
    (lambda members: members[:-1] + [(members[-1][0], None)], "not a file of at most 10,000 records"),
    (lambda members: members[:-1] + [(members[-1][0], bytes(10_001 * 3073))], "not a file of at most 10,000 records")])
def test_a_spoilt_cifar_archive(world, spoil, reason):
    _, members = cifar_members(world / "source")
    (world / "archive").write_bytes(tar_of(spoil(members)))
    with pytest.raises(ValueError, match=f"unpack_cifar: .*archive cannot be read as the CIFAR-10 archive: .*{reason}"):
        registry.unpack_cifar(world / "archive", world / "target")
    assert "test_batch.bin" not in os.listdir(world / "target")


def test_a_truncated_cifar_archive(world):
    _, members = cifar_members(world / "source")
    whole = tar_of(members)
    for data in (b"", b"no archive", whole[:len(whole) // 2], whole[:100]):
        (world / "archive").write_bytes(data)
        with pytest.raises(ValueError, match="unpack_cifar: .* cannot be read as the CIFAR-10 archive"):
            registry.unpack_cifar(world / "archive", world / "target")
        for path in (world / "target").iterdir():
            assert path.stat().st_size == 10 * 3073                         # each file whole, or not there


SMALL_TAR = gzip.decompress(tar_of([(f"cifar-10-batches-bin/{name}", bytes(3073)) for names in CIFAR_BINARY_FILES.values() for name in names[:2]]))


@given(damaged(SMALL_TAR).map(lambda data: gzip.compress(data, 1)) | damaged(gzip.compress(SMALL_TAR)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_fuzzed_cifar_archives_write_nothing_else(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "archive").write_bytes(data)
    assert isinstance(watched(registry.unpack_cifar, folder / "archive", folder / "target"), ValueError)     # some are missing anyway
    assert set(os.listdir(folder)) <= {"archive", "target"}
    assert {path.name for path in (folder / "target").iterdir()} <= set(sum(CIFAR_BINARY_FILES.values(), ()))


def test_official_files_have_two_mirrors_where_they_exist_and_a_checksum():
    for name, data_set in SETS.items():
        assert len(data_set.mirrors) == (1 if name == "cifar-10" else 2)
        assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in data_set.mirrors)
        assert all(len(digest) == 32 for digest in data_set.downloads.values())


@pytest.mark.fulldata
@pytest.mark.parametrize("name, counts", [("mnist", {"train": 60_000, "test": 10_000}), ("fashion-mnist", {"train": 60_000, "test": 10_000}),
                                          ("cifar-10", {"train": 50_000, "test": 10_000})])
def test_the_full_sets(monkeypatch, name, counts):
    monkeypatch.undo()
    for split, count in counts.items():
        images, labels = load(name, split)
        assert len(images) == count and np.bincount(labels).min() > count / 12
