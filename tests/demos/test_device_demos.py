"""Demos with --device cuda, on the stand-in for a GPU and on a real one: they run to their end, and their networks were there."""
import importlib
import json

import numpy as np
import pytest

import tinygen as tg
from demos.command_line import find, run
from devices import use_stand_in
from tinygen import autograd
from tinygen.metrics.judge import Classifier, Judge

load = tg.data.load
QUICK = {
    "vae": ["--epochs", "1", "--images", "40"],
    "gan_2d": ["--steps", "2", "--every", "2", "--width", "8", "--batch-size", "16", "--transported", "20"],
}
SLOW = {
    "autoencoder": ["--epochs", "1", "--hidden", "16"],
    "gan": ["--epochs", "1", "--batch-size", "20", "--samples", "20"],
    "conditional_gan": ["--epochs", "1", "--batch-size", "20", "--samples", "20"],
    "denoising": ["--epochs", "1", "--steps", "20"],
    "echo": ["--epochs", "1", "--models", "vae", "echo", "--hidden", "16", "--latent", "4", "--depth", "10"],
    "iwae": ["--epochs", "1", "--draws", "2", "--samples", "3", "--hidden", "16", "--latent", "4"],
    "rate_distortion": ["--epochs", "1", "--betas", "1", "--hidden", "16", "--latent", "2"],
    "vae_digits": ["--epochs", "1", "--hidden", "16", "--latent", "4", "--seeds", "1"],
    "vae_sweep": ["--epochs", "1"],
    "vae_variants": ["--epochs", "1", "--hidden", "16", "--latent", "3", "--components", "4", "--samples", "3"],
    "gan_sweep": ["--epochs", "1", "--batch-size", "20", "--samples", "20", "--ratios", "1", "--generator-steps", "1"],
    "gan_vs_wgan": ["--losses", "minimax", "wgan-gp", "--epochs", "1", "--batch-size", "20", "--samples", "20"],
    "vae_vs_gan": ["--epochs", "1", "--samples", "20", "--inverted", "2", "--starts", "1", "--steps", "2"],
    "cifar": ["--epochs", "1", "--images", "16", "--batch-size", "8", "--no-fid", "--no-probe"],
}
ELSEWHERE = {"benchmark", "fid"}         # the first is timed below; the second needs Inception's weights, or a judge, which is a CPU's


@pytest.fixture(autouse=True)
def few_images_and_a_judge_that_guesses(monkeypatch):
    """40 images of each split, and a classifier with random weights."""
    monkeypatch.setattr(tg.data, "load", lambda name, split="train": tuple(part[:40] for part in load(name, split)))
    judge = Judge("mnist-mini", Classifier().eval(), 0.1, 40)
    for name in ("gan", "conditional_gan", "gan_sweep", "gan_vs_wgan", "vae_vs_gan"):
        monkeypatch.setattr(importlib.import_module(f"demos.{name}"), "load_judge", lambda data: judge)


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
    flags = {**QUICK, **SLOW}[name]
    assert run([name, *flags, "--device", gpu, "--out", str(tmp_path / "run")]) == 0, capsys.readouterr().err
    assert devices == {gpu}
    for file in (tmp_path / "run").rglob("results.json"):
        assert np.isfinite([v for v in json.loads(file.read_text()).values() if v is not None]).all()


def test_no_demo_with_a_device_is_left_out():
    having = {demo.name for demo in find() if "device" in (importlib.import_module(f"demos.{demo.name}").main.__kwdefaults__ or ())}
    assert having - ELSEWHERE == {*QUICK, *SLOW}


def test_the_benchmark_on_a_gpu(gpu, capsys, monkeypatch):
    import demos.benchmark
    monkeypatch.setattr(demos.benchmark, "peers", lambda device: [demos.benchmark.frameworks.Tinygen(device)])
    demos.benchmark.main(networks="2-D", steps=1, kernels=False, device=gpu)
    assert "WGAN-GP critic, 2-D" in capsys.readouterr().out


def test_without_a_gpu_one_line_says_so(monkeypatch, tmp_path, capsys):
    cupy = use_stand_in(monkeypatch)
    monkeypatch.setattr(cupy.cuda, "is_available", lambda: False)
    assert run(["vae", "--device", "cuda", "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "finds no GPU or driver" in error
    monkeypatch.setitem(importlib.import_module("sys").modules, "cupy", None)
    assert run(["vae", "--device", "cuda", "--out", str(tmp_path / "run")]) == 2
    assert 'pip install "tinygen[cuda]"' in capsys.readouterr().err
