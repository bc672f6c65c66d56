"""Demos with --device cuda, on the stand-in for a GPU and on a real one: they run to their end, and their networks were there."""
import importlib
import json

import numpy as np
import pytest

from demos import benchmark
from demos.command_line import find, run
from devices import use_stand_in
from tinygen import autograd
from toy_demos import FLAGS, few_images_and_a_judge_that_guesses

QUICK = ["vae", "gan_2d"]
SLOW = ["autoencoder", "gan", "conditional_gan", "denoising", "echo", "iwae", "rate_distortion", "vae_digits", "vae_sweep", "vae_variants", "gan_sweep",
        "gan_vs_wgan", "vae_vs_gan", "cifar"]
ELSEWHERE = {"benchmark", "fid"}         # the first is timed below; the second needs Inception's weights, or a judge, which is a CPU's


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    few_images_and_a_judge_that_guesses(monkeypatch)


@pytest.fixture
def devices(monkeypatch):
    """The devices of all parameters that are updated."""
    seen, mark = set(), autograd.mark_updated

    def marked(t):
        seen.add(t.device)
        mark(t)
    monkeypatch.setattr("tinygen.optim.mark_updated", marked)
    return seen


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_demo_on_a_gpu(gpu, name, tmp_path, devices, capsys):
    assert run([name, *FLAGS[name], "--device", gpu, "--out", str(tmp_path / "run")]) == 0, capsys.readouterr().err
    assert devices == {gpu}
    for file in (tmp_path / "run").rglob("results.json"):
        assert np.isfinite([v for v in json.loads(file.read_text()).values() if v is not None]).all()


def test_no_demo_with_a_device_is_left_out():
    having = {demo.name for demo in find() if "device" in (importlib.import_module(f"demos.{demo.name}").main.__kwdefaults__ or ())}
    assert having - ELSEWHERE == {*QUICK, *SLOW}


def test_the_benchmark_on_a_gpu(gpu, capsys):
    benchmark.main(networks="2-D", steps=1, kernels=False, device=gpu)
    assert "WGAN-GP critic, 2-D" in capsys.readouterr().out


def test_without_a_gpu_one_line_says_so(monkeypatch, tmp_path, capsys):
    cupy = use_stand_in(monkeypatch)
    monkeypatch.setattr(cupy.cuda, "is_available", lambda: False)
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", lambda: 0)
    assert run(["vae", "--device", "cuda", "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "finds no GPU or driver" in error
    monkeypatch.setitem(importlib.import_module("sys").modules, "cupy", None)
    assert run(["vae", "--device", "cuda", "--out", str(tmp_path / "run")]) == 2
    assert 'pip install ".[cuda]"' in capsys.readouterr().err
