"""The readers of IDX, .npz and both CIFAR-10 forms: exact on whole files, a clear ValueError on every other."""
import gzip
import io
import lzma
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from damage import damaged, quiet_escapes, watched
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygen.data import read_cifar_binary, read_cifar_pickle, read_idx, read_npz, write_idx

pytestmark = quiet_escapes
fuzz = settings(max_examples=120, deadline=None)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    """Writes bytes to one file, again and again, and returns its path."""
    path = tmp_path_factory.mktemp("scratch") / "file"

    def write(data):
        path.write_bytes(data)
        return path
    return write


def check_outcome(outcome, function, path):
    if isinstance(outcome, ValueError):
        assert str(outcome).startswith(f"{function.__name__}: {path} cannot be read as a")
        assert "delete it" in str(outcome)
    return outcome


# IDX

@given(hnp.arrays(st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)),
       st.sampled_from(["", ".gz", ".xz"]))
@settings(max_examples=60, deadline=None)
def test_idx_round_trip(scratch, array, suffix):
    path = scratch(b"").with_name(f"array{suffix}")
    write_idx(path, array)
    read = read_idx(path)
    assert read.dtype == array.dtype and read.shape == array.shape and read.flags.writeable
    assert read.tobytes() == array.tobytes()


def test_idx_is_big_endian(scratch):
    read = read_idx(scratch(b"\0\0\x0b\x02" + struct.pack(">2I", 1, 2) + b"\x01\x02\xff\xfe"))
    assert read.tolist() == [[258, -2]] and read.dtype == np.int16


def test_write_idx_refuses_what_idx_lacks(tmp_path):
    with pytest.raises(TypeError, match="write_idx: IDX has no int64; convert to one of"):
        write_idx(tmp_path / "x", np.arange(3))
    assert os.listdir(tmp_path) == []


IDX = b"\0\0\x08\x03" + struct.pack(">3I", 2, 3, 4) + bytes(range(24))


@pytest.mark.parametrize("data, reason", [
    (b"", "begins with the bytes (none)"), (b"\x89PNG\r\n", "begins with the bytes 89 50 4e 47"), (b"\0\0\x07\x01", "00 00 and a type"),
    (IDX[:9], "requires a buffer"), (IDX[:-1], "promises an array (2, 3, 4) of 24 bytes, 23 are there"), (IDX + b"x", "25 are there"),
    (b"\0\0\x0e\x04" + b"\xff" * 16, "0 are there"), (b"\0\0\x08\xff" + b"\0\0\0\x01" * 255 + b"x", "dimension"),
    (gzip.compress(IDX)[:-9], "end too soon"), (gzip.compress(IDX) + b"x", "1 bytes follow"), (lzma.compress(IDX)[:-5], "end too soon"),
    (gzip.compress(IDX)[:-8] + b"\0" * 8, "incorrect data check"), (lzma.compress(IDX)[:20] + b"\xff" * 40, "orrupt")])
def test_damaged_idx_says_how(scratch, data, reason):
    path = scratch(data)
    with pytest.raises(ValueError) as error:
        read_idx(path)
    check_outcome(error.value, read_idx, path)
    assert reason in str(error.value)


@pytest.mark.parametrize("compress", [lambda data: gzip.compress(data, 9), lambda data: lzma.compress(data)])
def test_bombs_are_not_unpacked(scratch, compress):
    bomb = compress(b"\0\0\x08\x01" + struct.pack(">I", 50 << 20) + bytes(50 << 20))
    assert len(bomb) < 100_000
    outcome = watched(read_idx, scratch(bomb))
    assert "out of all proportion" in str(outcome)


def test_missing_files_and_folders(tmp_path):
    for read in (read_idx, read_npz, read_cifar_binary, read_cifar_pickle):
        for path in (tmp_path, tmp_path / "none"):
            with pytest.raises(FileNotFoundError, match=f"{read.__name__}: .* is not a file"):
                read(path)


@given(damaged(IDX) | damaged(gzip.compress(IDX)) | damaged(lzma.compress(IDX)))
@fuzz
def test_fuzzed_idx(scratch, data):
    path = scratch(data)
    check_outcome(watched(read_idx, path), read_idx, path)


# .npz

def npz(compressed=False, **arrays):
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


@given(st.dictionaries(st.sampled_from(["a", "b.weight", "c d"]),
                       hnp.arrays(st.sampled_from(["u1", "<i8", ">f4", "f8", "?", "c8", "U3", "S2"]),
                                  hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)), max_size=3),
       st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_npz_round_trip(scratch, arrays, compressed, fortran):
    arrays = {name: np.asfortranarray(array) if fortran else array for name, array in arrays.items()}
    read = read_npz(scratch(npz(compressed, **arrays)))
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype and read[name].shape == array.shape and read[name].tobytes() == array.tobytes()


def test_npz_arrays_can_be_written_to(scratch):
    read = read_npz(scratch(npz(a=np.zeros(3))))["a"]
    read[0] = 1
    assert read.sum() == 1


def test_npz_never_unpickles(scratch, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trace"),)

    path = scratch(npz(a=np.array([Evil()], object)))
    outcome = watched(read_npz, path)
    assert "'a.npy' is not an array of plain numbers" in str(check_outcome(outcome, read_npz, path))
    assert not (tmp_path / "trace").exists()


def archive(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def npy(header, data=b"", version=1):
    header = header.encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(header)) + header + data


@pytest.mark.parametrize("name", ["../a.npy", "/etc/a.npy", "a/../../b.npy", "C:/a.npy", "..\\a.npy", ".."])
def test_archive_members_cannot_lead_out(scratch, name):
    outcome = watched(read_npz, scratch(archive([(name, b"x")])))
    assert isinstance(outcome, ValueError) and "would leave the archive's folder" in str(outcome)


@pytest.mark.parametrize("data, reason", [
    (b"", "not a zip file"), (b"PK\3\4" + b"x" * 50, "not a zip file"), (npz(a=np.arange(5))[:-8], "not a zip file"),
    (archive([("a.npy", b"")]), "not a .npy file"), (archive([("a.npy", b"x" * 100)]), "not a .npy file"),
    (archive([("a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", b"x" * 11))]), "promises an array (3,) of 12 bytes"),
    (archive([("a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 99999999999), }"))]), "promises"),
    (archive([("a.npy", npy("{'descr': '<S0', 'fortran_order': False, 'shape': (9999999999,), }"))]), "promises"),
    (archive([("a.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"x" * 8))]), "plain numbers"),
    (archive([("a.npy", npy("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (), }", b"x" * 4))]), "plain numbers"),
    (archive([("a.npy", npy("(" * 3000))]), "plain numbers"), (archive([("a.npy", npy("__import__('os')", version=3))]), "plain numbers"),
    (archive([("a.npy", b"x" * 2000)], zipfile.ZIP_LZMA), "another way than deflate")])
def test_damaged_npz_says_how(scratch, data, reason):
    path = scratch(data)
    outcome = watched(read_npz, path)
    assert isinstance(check_outcome(outcome, read_npz, path), ValueError) and reason in str(outcome)


def test_npz_with_two_members_of_one_name(scratch):
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = archive([("a.npy", b""), ("a.npy", b"")])
    assert "two members named 'a.npy'" in str(watched(read_npz, scratch(data)))


def test_npz_bomb(scratch):
    bomb = archive([("a.npy", bytes(60 << 20))], zipfile.ZIP_DEFLATED)
    assert "out of all proportion" in str(watched(read_npz, scratch(bomb)))


def test_npz_checksum(scratch):
    whole = npz(a=np.full(50, 7, np.uint8))
    at = whole.index(bytes([7] * 50))
    assert "Bad CRC-32" in str(watched(read_npz, scratch(whole[:at] + b"\x08" + whole[at + 1:])))


NPZ = npz(a=np.arange(6.0).reshape(2, 3), b=np.int64(4))
NPZ_SMALL = npz(True, a=np.zeros(500, np.float32))


@given(damaged(NPZ) | damaged(NPZ_SMALL) | damaged(NPZ[-180:]).map(lambda end: NPZ[:-180] + end))
@fuzz
def test_fuzzed_npz(scratch, data):
    path = scratch(data)
    check_outcome(watched(read_npz, path), read_npz, path)


# CIFAR-10

def cifar(count=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), rng.integers(0, 10, count)


def test_cifar_binary(scratch):
    images, labels = cifar()
    data = b"".join(bytes([label]) + image.tobytes() for image, label in zip(images, labels))
    read_images, read_labels = read_cifar_binary(scratch(data))
    assert np.array_equal(read_images, images) and read_images.dtype == np.uint8 and read_images.flags.writeable
    assert np.array_equal(read_labels, labels) and read_labels.dtype == np.int64


@pytest.mark.parametrize("data, reason", [(b"", "0 bytes"), (bytes(3072), "records of 3,073"), (bytes(3074), "records of 3,073"),
                                          (b"\x0a" + bytes(3072), "run from 10 to 10")])
def test_damaged_cifar_binary_says_how(scratch, data, reason):
    path = scratch(data)
    outcome = watched(read_cifar_binary, path)
    assert reason in str(check_outcome(outcome, read_cifar_binary, path))


def python_2_string(text):
    data = text.encode("latin-1")
    return b"U" + bytes([len(data)]) + data if len(data) < 256 else b"T" + struct.pack("<i", len(data)) + data


def python_2_batch(images, labels):
    """A CIFAR-10 batch byte by byte as Python 2's cPickle and NumPy 1 wrote it: protocol 2, bytes as strings."""
    count = len(images)
    array = (b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85" + python_2_string("b") + b"\x87Rq\x03("
             b"K\x01" + b"J" + struct.pack("<i", count) + b"M\x00\x0c\x86cnumpy\ndtype\nq\x04(" + python_2_string("u1")
             + b"K\x00K\x01tRq\x05(K\x03" + python_2_string("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
             + python_2_string(images.tobytes().decode("latin-1")) + b"tb")
    return (b"\x80\x02}q\x06(" + python_2_string("batch_label") + python_2_string("training batch 1 of 5")
            + python_2_string("labels") + b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
            + python_2_string("data") + array + python_2_string("filenames") + b"](" + python_2_string("leptodactylus.png") + b"eu.")


def test_cifar_pickle_as_python_2_wrote_it(scratch):
    images, labels = cifar()
    data = python_2_batch(images, labels)
    known = pickle.loads(data, encoding="latin-1")                          # the real unpickler agrees that this is such a file
    assert np.array_equal(known["data"], images.reshape(3, -1)) and known["labels"] == labels.tolist()
    read_images, read_labels = read_cifar_pickle(scratch(data))
    assert np.array_equal(read_images, images) and np.array_equal(read_labels, labels) and read_labels.dtype == np.int64
    assert read_images.flags.writeable


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("as_bytes", [False, True])
def test_cifar_pickle_as_python_3_writes_it(scratch, protocol, as_bytes):
    images, labels = cifar()
    batch = {"data": images.reshape(3, -1), "labels": labels.tolist(), "batch_label": "x"}
    if as_bytes:
        batch = {key.encode(): value for key, value in batch.items()}
    read_images, read_labels = read_cifar_pickle(scratch(pickle.dumps(batch, protocol)))
    assert np.array_equal(read_images, images) and np.array_equal(read_labels, labels)


@pytest.mark.parametrize("batch, reason", [
    ([1], "does not hold a dict"), ({}, "entry 'data'"), ({"data": b"x"}, "entry 'data'"), ({"data": np.zeros((2, 3072))}, "entry 'data'"),
    ({"data": np.zeros((2, 3071), np.uint8)}, "entry 'data'"), ({"data": np.zeros((2, 3072), np.uint8)}, "entry 'labels'"),
    ({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, "a list of 2 integers"),
    ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, "x"]}, "a list of 2 integers"),
    ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 10]}, "run from 1 to 10"),
    ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 2**80]}, "too large"),
    ({"data": np.array([{}])}, "not of plain numbers"), ({"data": np.zeros(2, "f4,i4")}, "not of plain numbers")])
def test_damaged_cifar_pickle_says_how(scratch, batch, reason):
    path = scratch(pickle.dumps(batch))
    outcome = watched(read_cifar_pickle, path)
    assert reason in str(check_outcome(outcome, read_cifar_pickle, path))


def test_cifar_pickle_that_would_run_code(scratch, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trace"),)

    path = scratch(pickle.dumps({"data": Evil(), "labels": []}))
    outcome = watched(read_cifar_pickle, path)
    assert "mkdir, which is not plain data" in str(check_outcome(outcome, read_cifar_pickle, path))
    assert not (tmp_path / "trace").exists()


SMALL_BATCH = python_2_batch(*cifar(1))
HEAD, TAIL = SMALL_BATCH[:320], SMALL_BATCH[320:]


@given(damaged(SMALL_BATCH) | damaged(HEAD).map(lambda head: head + TAIL) | damaged(pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [1]})))
@fuzz
def test_fuzzed_cifar_pickle(scratch, data):
    path = scratch(data)
    check_outcome(watched(read_cifar_pickle, path), read_cifar_pickle, path)


@given(damaged(bytes(3073)))
@settings(max_examples=40, deadline=None)
def test_fuzzed_cifar_binary(scratch, data):
    path = scratch(data)
    check_outcome(watched(read_cifar_binary, path), read_cifar_binary, path)
