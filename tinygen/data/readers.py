"""Readers for the files data sets come in: IDX (MNIST), .npz, and both forms of CIFAR-10; and the writer of IDX.

Each reads from an untrusted file (untrusted.py) and checks every number of its header against the bytes that are there.
Damaged files raise ValueError, missing ones FileNotFoundError; nothing in a file is ever run.
"""
import gzip
import math
import re
import struct
from pathlib import Path

import numpy as np

from ..files import replacing
from .pickles import read_pickle
from .untrusted import read_plain, read_zip, reading

IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
CIFAR_IMAGE = (3, 32, 32)
CIFAR_RECORD = 1 + math.prod(CIFAR_IMAGE)
CIFAR_CLASSES = 10


def read_idx(path):
    """The array in an IDX file, plain, .gz or .xz; its shape and type are the file's, its byte order this machine's.

    IDX (LeCun, Cortes, Burges, "The MNIST database", file formats): 00 00, a byte for the type, a byte for the number of
    axes, each axis as a big-endian uint32, then the values, big-endian, last axis fastest.
    """
    with reading(path, "read_idx", "an IDX file"):
        data = read_plain(path)
        if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES:
            raise ValueError(f"it begins with the bytes {data[:4].hex(' ') or '(none)'}, an IDX file with 00 00 and a type from "
                             "08 to 0e")
        start = 4 + 4 * data[3]
        shape = struct.unpack(f">{data[3]}I", data[4:start])
        dtype = np.dtype(IDX_TYPES[data[2]])
        promised = math.prod(shape) * dtype.itemsize
        if len(data) - start != promised:
            raise ValueError(f"its header promises an array {shape} of {promised:,} bytes, {len(data) - start:,} are there")
        return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def write_idx(path, array):
    """Write an array as IDX; compressed where `path` ends in .gz or .xz.

    Raises TypeError for a dtype that IDX does not have (it has uint8, int8, int16, int32, float32, float64).
    """
    types = {np.dtype(name).newbyteorder("="): code for code, name in IDX_TYPES.items()}
    array = np.asarray(array)
    if array.dtype.newbyteorder("=") not in types:
        raise TypeError(f"write_idx: IDX has no {array.dtype}; convert to one of {', '.join(map(str, types))}")
    code = types[array.dtype.newbyteorder("=")]
    data = (struct.pack(f">4B{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
            + np.ascontiguousarray(array, IDX_TYPES[code]).tobytes())
    if Path(path).suffix == ".gz":
        data = gzip.compress(data, mtime=0)                         # no date inside: the same array, the same file
    elif Path(path).suffix == ".xz":
        import lzma
        data = lzma.compress(data, preset=6 | lzma.PRESET_EXTREME)
    with replacing(path) as file:
        file.write(data)


def read_npz(path):
    """{name: array} of an .npz file; arrays of Python objects, which only pickle can read, are refused."""
    with reading(path, "read_npz", "an .npz file"):
        return {name.removesuffix(".npy"): _read_npy(name, data) for name, data in read_zip(path).items()}


# All that NumPy writes for arrays of numbers or strings; its own reader would evaluate the header as a Python literal.
NPY_HEADER = re.compile(rb"\{'descr': '([<>|]?[biufcSU][0-9]{1,9})', 'fortran_order': (True|False), "
                        rb"'shape': \(((?:[0-9]{1,18}(?:, ?|(?=\))))*)\),? *\}[ \n]*")


def _read_npy(name, data):
    """The array in the bytes (uint8 array) of a .npy file, sharing their memory."""
    version, length = {1: ("<H", 2), 2: ("<I", 4), 3: ("<I", 4)}.get(data[6] if len(data) > 12 else 0, (None, 0))
    if version is None or data[:6].tobytes() != b"\x93NUMPY":
        raise ValueError(f"member {name!r} is not a .npy file")
    start = 8 + length + struct.unpack(version, data[8:8 + length])[0]
    header = NPY_HEADER.fullmatch(data[8 + length:min(start, 4096)].tobytes())
    if header is None:
        raise ValueError(f"member {name!r} is not an array of plain numbers or strings")
    descr, fortran, axes = header.groups()
    dtype, shape = np.dtype(descr.decode()), tuple(int(n) for n in axes.split(b",") if n.strip())
    promised = math.prod(shape) * dtype.itemsize
    if dtype.itemsize == 0 or len(data) - start != promised:
        raise ValueError(f"member {name!r} promises an array {shape} of {promised:,} bytes, {len(data) - start:,} are there")
    array = np.frombuffer(data, dtype, offset=start) if promised else np.empty(0, dtype)
    return array.reshape(shape, order="F" if fortran == b"True" else "C")


def read_cifar_binary(path):
    """images uint8 (N, 3, 32, 32), labels int64 (N,) of one CIFAR-10 file in the binary version.

    A record is a label byte, then 32 x 32 bytes each of red, green and blue (Krizhevsky 2009, the data set's page).
    """
    with reading(path, "read_cifar_binary", "a CIFAR-10 binary file"):
        data = np.frombuffer(read_plain(path), np.uint8)
        if len(data) == 0 or len(data) % CIFAR_RECORD:
            raise ValueError(f"it has {len(data):,} bytes, not a whole number of records of {CIFAR_RECORD:,}")
        records = data.reshape(-1, CIFAR_RECORD)
        return records[:, 1:].copy().reshape(-1, *CIFAR_IMAGE), _labels(records[:, 0])


def read_cifar_pickle(path):
    """images uint8 (N, 3, 32, 32), labels int64 (N,) of one CIFAR-10 file in the Python version, through a pickle reader
    that can import nothing (pickles.py)."""
    with reading(path, "read_cifar_pickle", "a CIFAR-10 Python file"):
        batch = read_pickle(read_plain(path), NUMPY_NAMES)
        if not isinstance(batch, dict):
            raise ValueError("it does not hold a dict")
        batch = {key.decode("latin-1") if isinstance(key, bytes) else key: value for key, value in batch.items()}
        images, labels = getattr(batch.get("data"), "array", None), batch.get("labels")
        if images is None or images.dtype != np.uint8 or images.ndim != 2 or images.shape[1] != CIFAR_RECORD - 1:
            raise ValueError(f"its entry 'data' is not a uint8 array (N, {CIFAR_RECORD - 1})")
        if not isinstance(labels, list) or len(labels) != len(images) or not all(type(label) is int for label in labels):
            raise ValueError(f"its entry 'labels' is not a list of {len(images):,} integers")
        return images.reshape(-1, *CIFAR_IMAGE).copy(), _labels(labels)


def _labels(labels):
    labels = np.array(labels, np.int64)
    if len(labels) and not 0 <= labels.min() <= labels.max() < CIFAR_CLASSES:
        raise ValueError(f"its labels run from {labels.min()} to {labels.max()}, the classes are 0 .. {CIFAR_CLASSES - 1}")
    return labels


class _Dtype:
    """What a pickle says of a dtype: its code, such as u1, then its byte order."""

    def __init__(self, code, *_):
        if not (isinstance(code, str) and re.fullmatch("[biuf][1248]", code)):
            raise ValueError("its pickle holds an array that is not of plain numbers")
        self.dtype = np.dtype(code)

    def set_state(self, state):
        self.dtype = self.dtype.newbyteorder(state[1] if state[1] in (">", "<") else "=")


class _Array:
    """What a pickle says of an array: nothing at first, then (version, shape, dtype, Fortran order, bytes)."""

    def __init__(self, *_):
        self.array = None

    def set_state(self, state):
        _, shape, dtype, fortran, data = state
        if isinstance(data, str):                                   # bytes, as Python 2 wrote them
            data = data.encode("latin-1")
        self.array = np.frombuffer(data, dtype.dtype).reshape(shape, order="F" if fortran else "C")


def _from_buffer(data, dtype, shape, order):
    """Arrays since pickle protocol 5."""
    made = _Array()
    made.set_state((1, shape, dtype, order == "F", data))
    return made


def _encode(text, encoding):
    """Bytes, as Python 3 writes them for Python 2."""
    if encoding != "latin1":
        raise ValueError("its pickle encodes text, which plain data do not need")
    return text.encode("latin-1")


NUMPY_NAMES = {("numpy", "ndarray"): None, ("numpy", "dtype"): _Dtype, ("_codecs", "encode"): _encode}
for _core in ("core", "_core"):                                     # NumPy 1 and 2
    NUMPY_NAMES[f"numpy.{_core}.multiarray", "_reconstruct"] = _Array
    NUMPY_NAMES[f"numpy.{_core}.numeric", "_frombuffer"] = _from_buffer
