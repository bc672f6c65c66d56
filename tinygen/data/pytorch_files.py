"""A reader for what `torch.save` writes (.pth, .pt), without PyTorch and without running anything.

Such a file is a zip archive: NAME/data.pkl describes the object, in which every tensor stands for (storage, offset, size,
stride), and NAME/data/KEY holds the bytes of storage KEY. The description is read by the closed machine of pickles.py.
"""
import math

import numpy as np

from .pickles import as_dict, read_pickle
from .untrusted import read_zip, reading

STORAGES = {"FloatStorage": "f4", "DoubleStorage": "f8", "HalfStorage": "f2", "BFloat16Storage": "bfloat16", "LongStorage": "i8",
            "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?"}
DEEPEST, LONGEST_NAME = 50, 1000
REMEDY = "save it again with torch.save(module.state_dict(), path)"


def read_state_dict(path):
    """{dotted name: array} of the tensors in a file that `torch.save` wrote since PyTorch 1.6, in the file's order.

    Nested dicts and lists give dotted names: {"state_dict": {"0.weight": w}, "epoch": 3} gives {"state_dict.0.weight": w};
    what is not a tensor is left out. bfloat16, which NumPy lacks, becomes float32, exactly. Tensors that share a storage
    share memory here too. Raises FileNotFoundError, and ValueError for a file that is damaged, of the older format, a
    TorchScript archive, or that holds objects other than tensors in plain containers.
    """
    with reading(path, "read_state_dict", "a PyTorch state dict", REMEDY):
        with open(path, "rb") as file:
            if file.read(4) != b"PK\3\4":
                raise ValueError("it is not a zip archive, which torch.save writes since PyTorch 1.6")
        members = read_zip(path)
        descriptions = [name for name in members if name.rsplit("/", 1)[-1] == "data.pkl"]
        if len(descriptions) != 1:
            raise ValueError(f"it holds {len(descriptions)} members named data.pkl instead of one")
        folder = descriptions[0].removesuffix("data.pkl")
        if f"{folder}constants.pkl" in members:
            raise ValueError("it is a TorchScript archive, a program with weights in it")
        description = members[descriptions[0]].tobytes()
        content = read_pickle(description, NAMES, _Storages(members, folder))
        if not isinstance(content, dict):
            raise ValueError(f"it holds a {type(content).__name__.replace('ndarray', 'single tensor')}, not a dict of tensors")
        # A pickle can refer to one container many times over; a walk that is longer than the pickle itself is a trap.
        tensors = {}
        for name, tensor in _tensors(content, "", 0, iter(range(len(description)))):
            if name in tensors:
                raise ValueError(f"it holds two tensors that would both be named {name!r}")
            tensors[name] = tensor
        return tensors


def _tensors(value, name, depth, steps):
    """(dotted name, array) for every tensor within `value`."""
    if next(steps, None) is None or depth > DEEPEST or len(name) > LONGEST_NAME:
        raise ValueError("its containers are nested without end")
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, (dict, list, tuple)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _tensors(item, f"{name}.{key}" if depth else str(key), depth + 1, steps)


class _Storages:
    """Turns a persistent id ("storage", type, key, device, elements) into a 1-D array, each storage once."""

    def __init__(self, members, folder):
        self.members, self.folder, self.loaded = members, folder, {}
        order = members.get(f"{folder}byteorder", np.frombuffer(b"little", np.uint8)).tobytes()
        self.order = {b"little": "<", b"big": ">"}[order]

    def __call__(self, persistent_id):
        kind, dtype, key, _, count = persistent_id
        if kind != "storage" or dtype not in STORAGES.values():
            raise ValueError("it refers to something that is not a storage of numbers")
        if (key, dtype) not in self.loaded:
            data = self.members.get(f"{self.folder}data/{key}")
            if data is None:
                raise ValueError(f"the bytes of storage {key!s:.100} are missing")
            self.loaded[key, dtype] = self.convert(data, dtype)
        if len(self.loaded[key, dtype]) != count:
            raise ValueError(f"storage {key} has {len(self.loaded[key, dtype]):,} elements where {count:,} are promised")
        return self.loaded[key, dtype]

    def convert(self, data, dtype):
        if dtype == "?":
            return data != 0
        if dtype == "bfloat16":                                     # the upper half of a float32
            return (data.view(f"{self.order}u2").astype(np.uint32) << 16).view(np.float32)
        return data.view(np.dtype(dtype).newbyteorder(self.order)).astype(dtype, copy=False)


def _rebuild_tensor(storage, offset, size, stride, *_):
    """The tensor at element `offset` of a storage, with strides in elements: a view, whose every element lies inside."""
    if not isinstance(storage, np.ndarray) or len(size) != len(stride) or not all(
            type(n) is int and n >= 0 for n in (offset, *size, *stride)):
        raise ValueError("it describes a tensor without a storage, or with negative sizes")
    count = math.prod(size)
    if count == 0:
        return np.empty(size, storage.dtype)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride))
    if last >= len(storage):
        raise ValueError(f"a tensor {tuple(size)} reaches beyond its storage of {len(storage):,} elements")
    if count > len(storage):
        raise ValueError(f"a tensor {tuple(size)} repeats the {len(storage):,} elements of its storage; clone() it before saving")
    return np.lib.stride_tricks.as_strided(storage[offset:], size, [step * storage.itemsize for step in stride])


def _rebuild_parameter(data, *_):
    return data


def _ordered_dict(pairs=()):
    return as_dict([item for key, value in pairs for item in (key, value)])


def _size(axes=()):
    return tuple(axes)


NAMES = {("torch", name): dtype for name, dtype in STORAGES.items()} | {
    ("collections", "OrderedDict"): _ordered_dict,
    ("torch", "Size"): _size,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _rebuild_parameter,
}
