"""CuPy's ElementwiseKernel for the stand-in: the CUDA body, compiled as a C++ loop and run on the host.

The loop goes through the elements from both ends by turns, so that a body that counts on another element's being done is found
out. Types and shapes are checked as CuPy checks them: one type a letter, `raw` arrays contiguous, `size` if and only if all
arrays are raw; and addresses as a GPU checks them: multiples of the size of an element.
"""
import ctypes
import functools
import itertools
import math
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import fakecupy

COMPILER = shutil.which("c++")
C_TYPES = {"float32": "float", "float64": "double", "int32": "int", "int64": "long long", "uint8": "unsigned char", "int8": "signed char",
           "bool": "bool", "uint32": "unsigned", "uint64": "unsigned long long", "complex64": "std::complex<float>",
           "complex128": "std::complex<double>"}
FLAGS = ["-std=c++17", "-O1", "-w", "-fPIC"]
HEAD = """#include <cmath>
#include <complex>
#include <cstdint>
using namespace std;
template<class A> A max(A a, A b) { return a > b ? a : b; }
template<class A> A min(A a, A b) { return a < b ? a : b; }
"""


class Parameter:
    """One of "T x, raw float32 y": whether it is raw, its type (a letter stands for any), its name."""

    def __init__(self, text, is_output):
        *raw, self.type, self.name = text.split()
        self.raw, self.is_output = raw == ["raw"], is_output
        if raw not in ([], ["raw"]) or self.name == "i" or len(self.type) > 1 and self.type not in C_TYPES:
            raise ValueError(f"not a parameter of a kernel: {text!r}")


class ElementwiseKernel:
    """Runs `operation` for each element i."""

    def __init__(self, in_params, out_params, operation, name="kernel", reduce_dims=True, preamble="", no_return=False, return_tuple=False):
        parse = lambda text, is_output: [Parameter(p, is_output) for p in text.split(",") if p.strip()]
        self.inputs, self.outputs = parse(in_params, False), parse(out_params, True)
        self.operation, self.name, self.preamble = operation, name, preamble
        self.built = {}

    def __call__(self, *args, size=None):
        parameters = self.inputs + self.outputs
        if len(args) not in (len(self.inputs), len(parameters)):
            raise TypeError(f"Wrong number of arguments for {self.name!r}: {len(args)}")
        is_array = [isinstance(a, fakecupy.ndarray) for a in args]
        for a in args:
            fakecupy.unwrap(a)                                             # refuses host arrays
        looped = [a for p, a, yes in zip(parameters, args, is_array) if yes and not p.raw]
        if (size is None) != bool(looped):
            raise ValueError("size is given if and only if all arrays are raw")
        shape = (size,) if size is not None else np.broadcast_shapes(*(a.shape for a in looped))
        types = self._types(parameters, args, is_array)
        for p in self.outputs[len(args) - len(self.inputs):]:
            args += (fakecupy.wrap(np.empty(shape, types[p.type]), name="empty"),)
        fakecupy.LAUNCHES.append(self.name)
        self._run(parameters, args, types, shape)
        results = args[len(self.inputs):]
        return results[0] if len(results) == 1 else results

    def _types(self, parameters, args, is_array):
        """{letter or name: NumPy's type}; every array must agree."""
        types = {name: name for name in C_TYPES}
        for p, a, yes in zip(parameters, args, is_array):
            if yes and types.setdefault(p.type, str(a.dtype)) != str(a.dtype):
                raise TypeError(f"Type is mismatched. {self.name}: {p.name} is {a.dtype}, not {types[p.type]}")
        return types

    def _run(self, parameters, args, types, shape):
        count = math.prod(shape)
        if not count:
            return
        arrays, written = [], []
        for p, a in zip(parameters, args):
            memory = fakecupy.unwrap(a)
            if isinstance(memory, np.ndarray) and memory.size and memory.ctypes.data % memory.itemsize:
                raise ValueError(f"{self.name}: misaligned address: {p.name} does not begin at a multiple of {memory.itemsize} bytes")
            if p.raw and not memory.flags.c_contiguous:
                raise ValueError(f"{self.name}: the raw array {p.name} is not contiguous")
            if p.is_output and not p.raw and memory.shape != shape:
                raise ValueError("Out shape is mismatched")
            line = memory if p.raw else np.ascontiguousarray(np.broadcast_to(memory, shape), types[p.type])
            if p.is_output and not np.may_share_memory(line, memory):
                written.append((memory, line))
            arrays.append(line)
        self._compiled(parameters, types)(ctypes.c_longlong(count), *(ctypes.c_void_p(a.ctypes.data) for a in arrays))
        for memory, line in written:
            memory[...] = line

    def compile(self, **letters):
        """Compile for these types of the letters, without running."""
        self._compiled(self.inputs + self.outputs, {**{name: name for name in C_TYPES}, **letters})

    def _compiled(self, parameters, types):
        letters = tuple((p.type, types[p.type]) for p in parameters if len(p.type) == 1)
        if letters not in self.built:
            c = lambda p: C_TYPES[types[p.type]]
            signature = ", ".join(f"{'' if p.is_output else 'const '}{c(p)}* {p.name if p.raw else '_' + p.name}" for p in parameters)
            named = lambda p: p.type if len(p.type) == 1 else c(p)           # by its letter, as CuPy does: a parameter of that name would hide it
            elements = " ".join(f"{'' if p.is_output else 'const '}{named(p)}& {p.name} = _{p.name}[i];" for p in parameters if not p.raw)
            typedefs = " ".join(f"typedef {C_TYPES[t]} {letter};" for letter, t in dict(letters).items())
            self.built[letters] = compiled(f"""{typedefs}
{self.preamble}
extern "C" void run(long long _size, {signature}) {{
    for (long long _turn = 0; _turn < _size; ++_turn) {{ std::ptrdiff_t i = _turn % 2 ? _size - 1 - _turn / 2 : _turn / 2; {elements}
{self.operation};
    }} }}""")
        return self.built[letters]


_number = itertools.count()


@functools.cache
def workshop():
    """A folder with the compiled HEAD, which saves most of a kernel's compilation; it goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="fakecupy-")
    head = Path(folder.name) / "head.h"
    head.write_text(HEAD)
    subprocess.run([COMPILER, *FLAGS, "-x", "c++-header", str(head), "-o", f"{head}.gch"], check=True)
    return folder


def compiled(source):
    """The function `run` of a C++ source."""
    path = Path(workshop().name) / f"kernel{next(_number)}.cpp"           # a library is known by its name, even when it is gone
    path.write_text(source)
    library = path.with_suffix(".so")
    done = subprocess.run([COMPILER, *FLAGS, "-shared", "-include", str(path.parent / "head.h"), str(path), "-o", str(library)],
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the CUDA body does not compile as C++:\n{done.stderr}\n{source}")
    run = ctypes.CDLL(str(library)).run
    path.unlink()
    library.unlink()
    return run
