"""A walk through the latent space of a trained model: samples, interpolation, traversals, a plane of images [002.5.7]

    python -m demos latent                              trains a small 784-400-20 VAE first
    python -m demos latent --run runs/vae_digits/seed-1
    python -m demos latent --run runs/echo/echo-beta-1

reads any finished run of vae, vae_digits, rate_distortion, echo, iwae, vae_sweep, vae_variants or autoencoder; those of binary digits (echo, iwae)
are shown the grey ones.

Between the codes of two images lie a straight and a spherical path. In many dimensions draws of N(0, I) have a norm near sqrt(d), and the
middle of two is nearer to the origin, at sqrt(d / 2), where hardly any draw lies; the spherical path keeps the norm. The blur of an image is
given as the entropy of its pixels.
"""
import json
import shlex
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures
from tinygen.geometry import spherical, straight
from tinygen.models.autoencoders import DenseAutoencoder
from tinygen.models.vae import DenseVAE, SheetVAE
from tinygen.nn import Tanh
from tinygen.training import Run

from demos import echo, vae_digits, vae_sweep, vae_variants
from demos.command_line import Grey
from demos.finished import load_weights, require
from demos.tables import print_table
from demos.vae_training import rows

BUILD = {
    "vae": lambda s: SheetVAE(s["hidden_layers"]),
    "vae_digits": lambda s: DenseVAE((s["hidden"],), s["latent"]),
    "rate_distortion": lambda s: DenseVAE((s["hidden"],), s["latent"]),
    "iwae": lambda s: DenseVAE(tuple(s["hidden"]), s["latent"], Tanh),
    "echo": lambda s: echo.build(s["model"], s["hidden"], s["latent"], s["depth"], s["decoder"]),
    "vae_sweep": vae_sweep.build,
    "vae_variants": lambda s: vae_variants.build(s["kind"], s["hidden"], s["latent"], s["components"]),
    "autoencoder": lambda s: DenseAutoencoder(tuple(s["hidden"])),
}
"""The model of a finished run, from the demo that wrote it and its settings."""


def main(*, run: str | None = None, data: Grey = "mnist-mini", epochs=20, pairs=4, dimensions=8, seed=0, out="runs/latent"):
    """Draw the figures for one model, and measure what lies in the middle of two codes.

    run: the folder of a finished run; without it a VAE is trained here
    data: what the VAE is trained on; a run has its own
    epochs: of that training
    pairs: of test images to interpolate between
    dimensions: how many are traversed, those that vary most over the test images
    """
    settings = dict(locals())
    if run is None:
        vae_digits.main(data=data, epochs=epochs, seeds=(seed,), out=f"{out}/vae")
        model, data = read_run(f"{out}/vae/seed-{seed}", "vae_digits")
    else:
        model, data = read_run(run)
    tg.manual_seed(seed)
    rng = np.random.default_rng(seed)
    train = rows(tgdata.load(data, "train")[0])
    images, labels = tgdata.load(data, "test")
    test, names = rows(images), tgdata.class_names(data)
    codes = model.codes(test)
    chosen = [[rng.choice(np.flatnonzero(labels == k)) for k in rng.choice(len(names), 2, replace=False)] for _ in range(pairs)]
    ends = [codes[[pair[i] for pair in chosen]] for i in (0, 1)]
    paths = {"straight": straight(*ends, 10), "spherical": spherical(*ends, 10)}

    with Run(out, settings) as folder:
        if hasattr(model, "draw_prior"):
            folder.figure("samples", figures.image_grid(model.generate(draw(model, train, 64)), title="Samples"))
        shown = tgdata.to_float(test[:10])
        folder.figure("reconstructions", figures.reconstruction_pairs(shown, model.reconstruct(shown), title="The first test images"))
        strips = {f"{names[labels[a]]} to {names[labels[b]]}, {kind}": model.generate(path[i])
                  for i, (a, b) in enumerate(chosen) for kind, path in paths.items()}
        folder.figure("interpolation", figures.path_strips(strips, title="Between the codes of two test images"))
        spread = codes.std(axis=0)
        order = np.argsort(-spread)[:dimensions]
        values, turned = traverse(codes[0], spread, order)
        folder.figure("traversals", figures.latent_traversals(model.generate(turned).reshape(len(order), -1, 28, 28), values, order + 1,
                                                              title="One dimension at a time, in its standard deviations, around one code"))
        if codes.shape[1] == 2:
            low, high = np.quantile(codes, 0.01), np.quantile(codes, 0.99)
            folder.figure("plane", figures.latent_manifold(model.generate, 20, (low, high)))
            folder.figure("codes", figures.latent_scatter(codes, labels, names, title="Codes of the test images"))
        else:
            a, b, c = codes[[np.flatnonzero(labels == k)[0] for k in (0, 1, 2)]]
            plane = lambda uv: model.generate(a + uv[:, :1] * (b - a) + uv[:, 1:] * (c - a))
            folder.figure("plane", figures.latent_manifold(plane, 14, (-0.25, 1.25), title=f"The plane through a {names[0]} (0, 0), a {names[1]} (1, 0) and a {names[2]} (0, 1)"))
        table = middles(model, draw(model, train, 2000)) if hasattr(model, "draw_prior") else middles(model, codes[rng.permutation(len(codes))])
        print_table(table, "codes")
        folder.finish(**{f"{name}: {column}": value for name, row in table.items() for column, value in row.items()})


def read_run(folder, demo=None):
    """(model, data set) of a finished run of `demo`, by default the one its command names.

    Raises FileNotFoundError or ValueError, saying what is there instead.
    """
    folder = Path(folder)
    require(folder, "config.json", "model.npz", "results.json", what="run of one model, such as runs/vae_digits/seed-1")
    config = json.loads((folder / "config.json").read_text())
    words = shlex.split(config["command"])
    demo = demo or (words[words.index("demos") + 1] if "demos" in words[:-1] else "")
    if demo not in BUILD or config["settings"].get("kind") == "conditional":
        raise ValueError(f"latent: {folder} was written by {config['command']!r}; this demo reads unconditional models of {', '.join(BUILD)}")
    return load_weights(folder, BUILD[demo](config["settings"])), config["settings"]["data"]


def draw(model, train, count):
    """Codes from the prior, or from the marginal where a model has that instead."""
    return model.draw_marginal(train, count) if hasattr(model, "draw_marginal") else tg.backend.host(model.draw_prior(count))


def traverse(code, spread, order, steps=9):
    """(values (steps,), codes (len(order) * steps, D)): `code` with each of the dimensions `order` set to -3 .. 3 times its spread."""
    values = np.linspace(-3, 3, steps)
    turned = np.tile(code, (len(order), steps, 1))
    for row, dimension in enumerate(order):
        turned[row, :, dimension] = values * spread[dimension]
    return values, turned.reshape(-1, len(code))


def middles(model, codes):
    """{where: {"norm", "pixel entropy"}}: means over codes, and over the middles of pairs of them on the two kinds of path."""
    half = len(codes) // 2
    first, second = codes[:half], codes[half:2 * half]
    cosine = (first * second).sum(axis=1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    first, second = first[cosine > -0.999], second[cosine > -0.999]         # no great circle through opposite codes is the shortest
    at = {"ends": codes, "middle of the straight path": straight(first, second, 2)[:, 1], "middle of the spherical path": spherical(first, second, 2)[:, 1]}
    return {name: {"norm": float(np.linalg.norm(z, axis=1).mean()), "pixel entropy (nats)": pixel_entropy(model.generate(z))} for name, z in at.items()}


def pixel_entropy(p):
    """Mean over images (N, D) of sum_d -p log p - (1 - p) log(1 - p): 0 where every pixel is black or white."""
    p = np.clip(p.astype(np.float64), 1e-9, 1 - 1e-9)
    return float(-(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(axis=1).mean())
