"""Against the real CuPy, which needs no GPU to say what it has: pytest -m wheel, where the CuPy wheel is installed.

The last test also needs nvidia-cuda-nvrtc and a C compiler: every kernel and every training step goes through CuPy and its compiler.
"""
import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fakecupy
import tinygen
from tinygen import backend
from tinygen.autograd import _memory
from tinygen.kernels.layout import is_channels_last

pytestmark = pytest.mark.wheel
PACKAGE = Path(tinygen.__file__).parent
MODULE_NAMES = {"m", "module"}                                   # parameters that hold the array module, in the kernels and operations


@pytest.fixture
def cupy():
    """The real one."""
    found = pytest.importorskip("cupy", reason="the CuPy wheel is not installed")
    assert not hasattr(found, "compute_types"), "this is the stand-in"
    return found


# ---- names and keywords ------------------------------------------------------------------------------------------------------


def is_module(node, names):
    """Whether an expression is the array module: xp(...), module_of(...), or a name that one was given to."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", "") in ("xp", "module_of")
    return isinstance(node, ast.Name) and node.id in names


def used_of_module(path, tree):
    """(dotted name, keywords of a call or None, line) of everything taken from the array module in a file."""
    parameters = MODULE_NAMES if path.parts[1] in ("kernels", "ops") else set()
    for scope in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        names = {a.arg for a in scope.args.args} & parameters
        for node in ast.walk(scope):
            for target, value in _assignments(node):
                if isinstance(target, ast.Name) and is_module(value, ()):
                    names.add(target.id)
        calls = {id(node.func): [k.arg for k in node.keywords if k.arg] for node in ast.walk(scope) if isinstance(node, ast.Call)}
        inner = {id(node.value) for node in ast.walk(scope) if isinstance(node, ast.Attribute)}
        for node in ast.walk(scope):
            path, at = [], node
            while isinstance(at, ast.Attribute):
                path.insert(0, at.attr)
                at = at.value
            if path and id(node) not in inner and is_module(at, names):
                yield ".".join(path), calls.get(id(node)), node.lineno


def _assignments(node):
    if not isinstance(node, ast.Assign):
        return
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts)
        else:
            yield target, node.value


def trees():
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE.parent), ast.parse(path.read_text(encoding="utf-8"))


def accepted(f):
    """The keywords of a function of CuPy, or of a method, whose signature is in its docstring."""
    import cupy
    if isinstance(f, cupy.ufunc):
        return {"out", "dtype", "casting"}
    try:
        return set(inspect.signature(f).parameters)
    except ValueError:
        return set(re.findall(r"(\w+)\s*[=,)]", (f.__doc__ or "").split("\n")[0]))


def test_every_name_taken_from_the_module_exists_with_its_keywords(cupy):
    found = 0
    for path, tree in trees():
        for name, keywords, line in used_of_module(path, tree):
            value = cupy
            for part in name.split("."):
                assert hasattr(value, part), f"{path}:{line}: cupy has no {name}"
                value = getattr(value, part)
            for keyword in keywords or ():
                assert keyword in accepted(value), f"{path}:{line}: cupy.{name} has no keyword {keyword}"
            found += 1
    assert found > 80


def test_methods_of_arrays_exist_with_their_keywords(cupy):
    """Where device arrays go: a method that NumPy's arrays have is one of CuPy's too, with the keywords that are passed."""
    for path, tree in trees():
        if path.parts[1] not in ("kernels", "ops", "nn", "autograd.py", "optim.py", "losses", "models", "distributions.py"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "np"):
                name = node.func.attr
                if hasattr(np.ndarray, name) and not name.startswith("_") and node.keywords:
                    method = getattr(cupy.ndarray, name, None)
                    assert method, f"{path}:{node.lineno}: cupy.ndarray has no {name}"
                    if name not in ("copy", "take", "clip"):                  # also the name of an operation or of other objects
                        assert {k.arg for k in node.keywords if k.arg} <= accepted(method), f"{path}:{node.lineno}: {name}"
                assert name not in fakecupy.MISSING_METHODS, f"{path}:{node.lineno}: cupy.ndarray has no {name}"


def test_random_generators_have_what_is_drawn(cupy):
    generator = cupy.random.Generator
    assert {"size", "dtype"} <= accepted(generator.standard_normal) and {"size", "dtype"} <= accepted(generator.random)
    assert callable(cupy.random.default_rng) and callable(cupy._core.set_compute_type)
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, MemoryError)


def test_without_a_gpu_the_error_says_so(cupy):
    if cupy.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match=r'device "cuda": CuPy is installed but finds no GPU or driver \(.*\).*cuda12.*; or use device "cpu"'):
        backend.to(np.zeros(3), "cuda")


# ---- the stand-in --------------------------------------------------------------------------------------------------------------


def test_the_stand_in_lacks_what_cupy_lacks(cupy):
    def functions(module):
        return {name for name in dir(module) if not name.startswith("_") and callable(getattr(module, name)) and not isinstance(getattr(module, name), type)}
    beside_arrays = {"busday_count", "busday_offset", "datetime_as_string", "datetime_data", "fromregex", "get_include", "geterrcall", "info", "is_busday",
                     "seterrcall", "setbufsize", "show_runtime", "test"}
    assert {n for n in functions(np) if not hasattr(cupy, n)} - fakecupy.MISSING <= beside_arrays
    assert {n for n in fakecupy.MISSING if hasattr(cupy, n)} == set()
    assert {n for n in functions(np.linalg) if not hasattr(cupy.linalg, n)} - {"test"} == {n for n in fakecupy.MISSING_LINALG if hasattr(np.linalg, n)}
    assert {n for n in dir(np.ndarray) if not n.startswith("_") and not hasattr(cupy.ndarray, n)} == fakecupy.MISSING_METHODS
    draws = {n for n in dir(cupy.random.Generator) if not n.startswith("_")} & {n for n in dir(np.random.Generator)}
    assert draws == fakecupy.DRAWS
    assert "out" in accepted(cupy.sum) and not fakecupy.MISSING_KEYWORDS & (accepted(cupy.sum) | accepted(cupy.max) | accepted(cupy.add) | {"keepdims"})


# ---- views, which the real arrays make of any memory -------------------------------------------------------------------------------


def over_host_memory(cupy, a):
    """A cupy.ndarray whose memory is that of a NumPy array: no kernel can run on it, but views can be made."""
    memory = cupy.cuda.UnownedMemory(a.ctypes.data, a.nbytes, a, device_id=0)
    return cupy.ndarray(a.shape, a.dtype, cupy.cuda.MemoryPointer(memory, 0), strides=a.strides)


def test_views_of_the_real_arrays_are_as_the_kernels_expect(cupy):
    a = np.zeros((4, 5, 6, 3), np.float32).transpose(0, 3, 1, 2)
    x = over_host_memory(cupy, a)
    assert is_channels_last(x) and is_channels_last(a) and x.strides == a.strides
    for view in (lambda v: v.transpose(None), lambda v: v.transpose(0, 2, 3, 1), lambda v: v[:, None, ..., 1], lambda v: v[::-1, ::2], lambda v: v.T,
                 lambda v: v.transpose(0, 2, 3, 1).reshape([4, -1]), lambda v: v[np.int64(2)], lambda v: v.transpose(0, 2, 3, 1).view(np.float32),
                 lambda v: v.transpose(0, 2, 3, 1)[:2].reshape(-1, 3), lambda v: v.reshape((1, *v.shape))):
        assert view(x).shape == view(a).shape and view(x).strides == view(a).strides
    wide = over_host_memory(cupy, np.zeros((2, 3, 8), np.float32))
    assert wide.view("c16").shape == (2, 3, 2) and wide.view("c8").shape == (2, 3, 4)
    assert x[0].base is x and x.T[1:].base is x and x.base is None and _memory(x.T[1:]) == _memory(x)
    assert x.data.ptr == a.__array_interface__["data"][0] and backend.xp(x) is cupy and backend.device_of(x) == "cuda" and backend.is_array(x)
    assert cupy.broadcast_to(x[:1, :, :1], (2, 3, 7, 6)).strides[2] == 0


# ---- everything ----------------------------------------------------------------------------------------------------------------------


def test_every_operation_and_training_step_goes_through_cupy_and_its_compiler(cupy):
    pytest.importorskip("nvidia.cu13", reason="nvidia-cuda-nvrtc is not installed")
    done = subprocess.run([sys.executable, str(Path(__file__).parent / "hollow_gpu.py")], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("\n0 failed\n"), done.stdout[-5000:] + done.stderr[-5000:]
