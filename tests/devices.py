"""The devices that tests run on: the CPU, the stand-in for CuPy (fakecupy.py), and a GPU where there is one."""
import functools
import sys

import numpy as np
import pytest

import fakecupy
from tinygen import backend

stand_in = functools.cache(fakecupy.make)          # one a process: it keeps the kernels that it compiled


def use_stand_in(monkeypatch):
    """Let "cuda" mean the stand-in for this test."""
    import fakecupy_kernels
    if fakecupy_kernels.COMPILER is None:
        pytest.skip("no C++ compiler (c++): the CUDA bodies cannot be run")
    monkeypatch.setitem(sys.modules, "cupy", stand_in())
    monkeypatch.delitem(backend._generators, "cuda", raising=False)
    monkeypatch.setattr(fakecupy, "LIMIT", None)
    fakecupy.READS.clear()
    fakecupy.LAUNCHES.clear()
    return stand_in()


def use_gpu():
    """Skip the test where there is no GPU."""
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    if not cupy.cuda.is_available():
        pytest.skip("no GPU")


@pytest.fixture(params=["fake", pytest.param("cuda", marks=pytest.mark.cuda)])
def gpu(request, monkeypatch):
    """"cuda", meaning the stand-in or a real GPU; the test compares with the CPU itself."""
    use_stand_in(monkeypatch) if request.param == "fake" else use_gpu()
    yield "cuda"
    backend._generators.pop("cuda", None)


@pytest.fixture(params=["cpu", "fake", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request, monkeypatch):
    """"cpu" or "cuda", the latter once meaning the stand-in and once a real GPU."""
    if request.param == "fake":
        use_stand_in(monkeypatch)
    elif request.param == "cuda":
        use_gpu()
    yield "cpu" if request.param == "cpu" else "cuda"
    backend._generators.pop("cuda", None)


class HostDraws:
    """A generator for a GPU that draws on the host."""

    def __init__(self, generator):
        self.generator = generator

    def standard_normal(self, shape, dtype):
        """N(0, 1)."""
        return backend.to(self.generator.standard_normal(shape, dtype=dtype), "cuda")

    def random(self, shape, dtype):
        """U[0, 1)."""
        return backend.to(self.generator.random(shape, dtype=dtype), "cuda")


def draw_alike(device, seed=0):
    """Let `device` draw from now on what every other device draws from `seed`, so that devices can be compared."""
    backend._generators["cpu"] = generator = np.random.default_rng(seed)
    if device != "cpu":
        backend._generators[device] = HostDraws(generator)
