"""Every demo at a size at which it ends in about a second: flags, a few images, a judge that guesses."""
import importlib

import tinygen as tg
from demos import benchmark
from tinygen.metrics.judge import Classifier, Judge

FLAGS = {
    "answers": ["001.3e", "--no-figures"],
    "autoencoder": ["--epochs", "1", "--hidden", "16"],
    "benchmark": ["--networks", "2-D", "--steps", "1", "--no-kernels", "--no-memory"],
    "cifar": ["--epochs", "1", "--images", "16", "--batch-size", "8", "--no-fid", "--no-probe"],
    "cifar_table": [],
    "conditional_gan": ["--epochs", "1", "--batch-size", "20", "--samples", "20"],
    "denoising": ["--epochs", "1", "--steps", "20"],
    "divergences": ["--samples", "40"],
    "domain_mapping": ["--models", "two GANs", "--steps", "2", "--batch-size", "8", "--seeds", "0"],
    "echo": ["--epochs", "1", "--models", "vae", "echo", "--hidden", "16", "--latent", "4", "--depth", "10", "--batch-size", "20"],
    "estimators": ["--epochs", "1", "--draws", "2", "--latent", "2", "--batch-size", "20"],
    "explain": ["--images", "10", "--hidden", "16", "--latent", "2"],
    "fid": ["--limit", "20"],
    "gan": ["--epochs", "1", "--batch-size", "20", "--samples", "20"],
    "gan_2d": ["--steps", "2", "--every", "2", "--width", "8", "--batch-size", "16", "--transported", "20"],
    "gan_losses": ["--steps", "20", "--batch-size", "20", "--width", "8"],
    "gan_sweep": ["--epochs", "1", "--batch-size", "20", "--samples", "20", "--ratios", "1", "--generator-steps", "1"],
    "gan_vs_wgan": ["--losses", "minimax", "wgan-gp", "--epochs", "1", "--batch-size", "20", "--samples", "20"],
    "identity": ["--epochs", "1", "--width", "16", "--batch-size", "20"],
    "inversion": ["--z-dim", "3", "--steps", "2", "--images", "2", "--starts", "2", "--iterations", "2"],
    "iwae": ["--epochs", "1", "--draws", "2", "--samples", "3", "--hidden", "16", "--latent", "4"],
    "judge": ["--epochs", "1"],
    "latent": ["--epochs", "1", "--pairs", "2", "--dimensions", "2"],
    "loss_lab": ["--parts", "games", "--steps", "10"],
    "magnification": ["--epochs", "1", "--steps", "2", "--side", "4", "--iterations", "2"],
    "paths": ["--z-dim", "3", "--steps", "2", "--pairs", "2", "--segments", "4", "--iterations", "2", "--starts", "2"],
    "rate_distortion": ["--epochs", "1", "--betas", "1", "--hidden", "16", "--latent", "2"],
    "regularisation": ["--images", "40", "--epochs", "1", "--outer", "2"],
    "short_paths": ["--steps", "2", "--pairs", "2", "--starts", "1", "--iterations", "2", "--segments", "4", "--samples", "20", "--seeds", "0"],
    "tour": ["1"],
    "vae": ["--epochs", "1", "--images", "40"],
    "vae_digits": ["--epochs", "1", "--hidden", "16", "--latent", "4", "--seeds", "1"],
    "vae_sweep": ["--epochs", "1"],
    "vae_variants": ["--epochs", "1", "--hidden", "16", "--latent", "3", "--components", "4", "--samples", "3"],
    "vae_vs_gan": ["--epochs", "1", "--samples", "20", "--inverted", "2", "--starts", "1", "--steps", "2"],
}
LARGE = {"mnist": "mnist-mini", "fashion-mnist": "fashion-mini", "cifar-10": "fashion-mini"}
load = tg.data.load


def toy_size(arguments):
    """A command, ["gan", "--data", "mnist", ...], at toy size and on bundled data."""
    name, *flags = arguments
    if name in ("answers", "benchmark"):            # one question, one network, whatever was asked for
        return [name, *FLAGS[name]]
    parts = (flag.partition(":") for flag in flags)                                          # "mnist", or "mnist:test"
    return [name, *(LARGE.get(data, data) + colon + split for data, colon, split in parts), *FLAGS[name]]


def few_images_and_a_judge_that_guesses(monkeypatch):
    """80 images of each split, a classifier with random weights wherever a demo asks for one, and no PyTorch."""
    few = lambda name, split="train": tuple(part[:80] for part in load(name, split))
    monkeypatch.setattr(tg.data, "load", few)
    monkeypatch.setattr(benchmark, "peers", lambda device, tf32: ([benchmark.frameworks.Tinygen(device, tf32)], "PyTorch is left out"))
    monkeypatch.setattr(benchmark, "sgemm_rate", lambda: 100.0)
    judge = Judge("mnist-mini", Classifier().eval(), 0.1, 80)
    for name in FLAGS:
        module = importlib.import_module(f"demos.{name}")
        if hasattr(module, "load_judge"):
            monkeypatch.setattr(module, "load_judge", lambda data: judge)
