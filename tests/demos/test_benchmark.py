"""The benchmark on a GPU that is not there: who takes part and why not, TF32 for both or neither, whose memory is measured."""
import subprocess
import sys
import types

import numpy as np
import pytest

import fakecupy
from demos import benchmark
from demos.benchmark import frameworks, memory
from devices import use_stand_in


def torch(available, cuda="13.0"):
    """A stand-in for PyTorch: what frameworks.py asks of it before a network is built."""
    switch = lambda: types.SimpleNamespace(allow_tf32="as PyTorch likes it")
    return types.SimpleNamespace(
        __version__="2.13.0", nn=None, manual_seed=lambda seed: None, version=types.SimpleNamespace(cuda=cuda),
        cuda=types.SimpleNamespace(is_available=lambda: available, synchronize=lambda: None, max_memory_allocated=lambda: 5 << 20),
        backends=types.SimpleNamespace(cudnn=switch(), cuda=types.SimpleNamespace(matmul=switch())))


@pytest.mark.parametrize("device, module, why", [
    ("cpu", torch(False, None), ""), ("cuda", torch(True), ""), ("cpu", None, "PyTorch is not installed"), ("cuda", None, "PyTorch is not installed"),
    ("cuda", torch(False, None), "PyTorch 2.13.0 is built for the CPU alone"), ("cuda", torch(False), "PyTorch 2.13.0 finds no GPU")])
def test_pytorch_takes_part_where_it_can(monkeypatch, device, module, why):
    use_stand_in(monkeypatch)
    monkeypatch.setitem(sys.modules, "torch", module)
    found, left_out = frameworks.peers(device)
    assert ([f.name for f in found], left_out) == (["tinygen"] if why else ["tinygen", "PyTorch"], why)


def test_the_header_says_why_pytorch_is_left_out_and_what_the_gpu_is(monkeypatch, capsys):
    use_stand_in(monkeypatch)
    monkeypatch.setitem(sys.modules, "torch", torch(False, None))
    assert benchmark.main(networks="2-D", steps=1, kernels=False, device="cuda") == {}
    header = capsys.readouterr().out.splitlines()[0]
    assert header.endswith("device cuda: stand-in, CuPy 14.2.0, float32, no TF32; PyTorch 2.13.0 is built for the CPU alone, so there are no ratios")


@pytest.mark.parametrize("tf32", [False, True])
def test_tf32_is_for_both_or_for_neither(monkeypatch, capsys, tf32):
    cupy, pytorch = use_stand_in(monkeypatch), torch(True)
    monkeypatch.setattr(cupy, "compute_types", {})
    monkeypatch.setitem(sys.modules, "torch", pytorch)
    frameworks.peers("cpu")
    assert cupy.compute_types == {} and pytorch.backends.cudnn.allow_tf32 == "as PyTorch likes it"
    frameworks.peers("cuda", tf32)
    assert cupy.compute_types == {np.float32: 7 if tf32 else 1}
    assert (pytorch.backends.cudnn.allow_tf32, pytorch.backends.cuda.matmul.allow_tf32) == (tf32, tf32)
    monkeypatch.setitem(sys.modules, "torch", None)
    benchmark.main(networks="2-D", steps=1, kernels=False, device="cuda", tf32=tf32)
    assert ("float32 with TF32 products and convolutions" if tf32 else "float32, no TF32") in capsys.readouterr().out


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r'benchmark: --tf32 is for device "cuda"; on \'cpu\' everything is float32'):
        benchmark.main(tf32=True)
    with pytest.raises(ValueError, match="unknown device 'tpu'"):
        benchmark.main(device="tpu")


# ---- memory ----------------------------------------------------------------------------------------------------------------


def test_on_a_gpu_it_is_the_memory_of_the_gpu(monkeypatch):
    cupy = use_stand_in(monkeypatch)
    monkeypatch.setattr(cupy, "get_default_memory_pool", lambda: types.SimpleNamespace(total_bytes=lambda: 3 << 20), raising=False)
    monkeypatch.setitem(sys.modules, "torch", torch(True))
    assert memory.measure("Tinygen", "WGAN-GP critic, 2-D", "cuda", "False") == 3 and fakecupy.LAUNCHES
    steps = []
    monkeypatch.setitem(memory.networks.NETWORKS, "none", lambda f: lambda: steps.append(f.device))
    assert memory.measure("PyTorch", "none", "cuda", "False") == 5 and steps == ["cuda"] * 3


@pytest.mark.parametrize("device, heading", [("cpu", "peak memory of a step"), ("cuda", "device memory of a step")])
def test_each_step_is_measured_in_a_process_that_knows_the_device(monkeypatch, capsys, device, heading):
    use_stand_in(monkeypatch)
    commands = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: (commands.append(command[3:]), types.SimpleNamespace(stdout="12.0\n"))[1])
    benchmark._print_memory({"MLP VAE": None}, [frameworks.Tinygen(device)], device, False)
    assert commands == [["Tinygen", "MLP VAE", device, "False"]]
    assert capsys.readouterr().out.split("\n")[1:3] == [f"{heading:24}    tinygen MB", f"{'MLP VAE':24}            12"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_process_measures_itself():
    assert 0 < memory.measure_apart("Tinygen", "WGAN-GP critic, 2-D", "cpu", False) < 1000
