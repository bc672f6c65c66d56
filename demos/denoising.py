"""Denoising autoencoders: a parabola, digits, and what the best denoiser is [002.3.2]

Corruptions C(y|x): Gaussian, N(y; x, s^2 I); masking, y_d = 0 with probability p, else x_d; salt and pepper, y_d = 0 or 1 with
probability p/2 each, else x_d.

The denoiser of least squared error is r(y) = E[x|y], and for Gaussian corruption that is y + s^2 grad log p_s(y), where p_s is the density
of the corrupted data (Tweedie's formula): a denoiser that was trained on examples has learned the slope of a density. It is checked for
x ~ N(0, 1), where r(y) = y / (1 + s^2), and on points of the parabola y = x^2, where p_s is computed from 20,000 points. Measured
on the bundled digits (`python -m demos denoising`, half a minute of one core): the learned slope is .7999, 1 / (1 + s^2) is .8; on the
parabola points are .0794 from the curve when corrupted and .0051 when denoised, and the denoiser differs from Tweedie's formula by .0036 on
average. Squared error of a digit, summed over its pixels:

    corruption                  corrupted    denoised
    Gaussian, s = .5            196.2        13.2
    masking, p = .5             41.7         12.4
    salt and pepper, p = .4     151.2        18.3
"""
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, losses
from tinygen.backend import generator, to
from tinygen.models.autoencoders import Autoencoder, DenseAutoencoder
from tinygen.models.corruption import CORRUPTIONS, gaussian_noise
from tinygen.models.mlp import mlp
from tinygen.models.vae import as_input
from tinygen.training import Run

from demos.command_line import Grey
from demos.finished import load_weights
from demos.tables import print_table
from demos.vae_training import rows


def main(*, data: Grey = "mnist-mini", epochs=20, steps=3000, sigma=0.1, gaussian=0.5, masking=0.5, salt_and_pepper=0.4, batch_size=100, lr=1e-3, device="cpu",
         seed=0, out="runs/denoising", resume=False):
    """Denoise the parabola, then digits under each of the three corruptions.

    steps: training steps on the parabola
    sigma: standard deviation of the noise on the parabola
    gaussian: standard deviation of the Gaussian noise on digits, whose pixels lie in [0, 1]
    masking: probability that a pixel is set to 0
    salt_and_pepper: probability that a pixel is set to 0 or to 1
    lr: the learning rate of Adam
    """
    settings = dict(locals())
    slope = slope_of_one_dimension(seed)
    print(f"x ~ N(0, 1), s = 0.5: learned slope {slope:.4f}; Tweedie's is 1 / (1 + s^2) = 0.8")
    points, error, figure = parabola(steps, sigma, seed)
    print(f"parabola, s = {sigma:g}: distance to the curve {points['corrupted']:.4f} corrupted, {points['denoised']:.4f} denoised; "
          f"the denoiser differs from Tweedie's formula by {error:.4f} on average")

    train, test = (rows(tgdata.load(data, split)[0]) for split in ("train", "test"))
    shown = tgdata.to_float(test[:10])
    table, pictures = {}, {"clean": shown}
    overview = Run(out, settings)
    for name, amount in {"gaussian": gaussian, "masking": masking, "salt-and-pepper": salt_and_pepper}.items():
        corrupt = CORRUPTIONS[name]
        with Run(Path(out) / name, settings, resume=resume) as run:
            tg.manual_seed(seed)
            model = digit_denoiser().to(device)
            optimizer = tg.optim.Adam(model.parameters(), lr)
            run.keep(model=model, optimizer=optimizer)
            for epoch in run.epochs(epochs, images=len(train)):
                for x in tgdata.batches(train, batch_size, np.random.default_rng((seed, epoch))):
                    x = to(x, device)
                    loss = losses.bernoulli(model(corrupt(x, amount)), x).mean()
                    optimizer.minimize(loss)
                    run.update(len(x), loss=loss)
                run.log(**errors(model, test, corrupt, amount, seed))
            run.finish(**{name: run.history[-1][name] for name in ("error corrupted", "error denoised")})
        table[name] = run.results
        tg.manual_seed(seed)
        corrupted = corrupt(shown, amount)
        pictures |= {name: np.clip(corrupted, 0, 1), f"{name}, denoised": load_weights(run.out, digit_denoiser()).reconstruct(corrupted)}
    print_table(table, "digits")

    with overview as run:
        run.figure("parabola", figure)
        run.figure("digits", figures.image_rows(pictures, title="Digits, corrupted in three ways and denoised"))
        run.finish(**{f"{name}: {column}": value for name, row in table.items() for column, value in row.items()},
                   **{"slope": slope, "difference from Tweedie": error}, **{f"parabola: distance {name}": value for name, value in points.items()})


def digit_denoiser():
    """784-500-250-500-784: the code is wide, for the noise keeps it from copying."""
    return DenseAutoencoder((500,), 250)


def errors(model, data, corrupt, amount, seed):
    """Mean squared distance to the clean images, summed over pixels, before and after denoising; the noise is that of `seed`."""
    state = generator().bit_generator.state
    tg.manual_seed(seed)
    clean = as_input(data, model)
    noisy = tg.backend.host(corrupt(clean, amount))
    generator().bit_generator.state = state
    clean = tg.backend.host(clean)
    return {"error corrupted": float(losses.squared_error(noisy, clean).mean()),
            "error denoised": float(losses.squared_error(model.reconstruct(noisy), clean).mean())}


def train_denoiser(model, draw, steps, sigma, batch_size=256, lr=3e-3):
    """Minimise E |model(x + sigma eps) - x|^2 over fresh draws x = draw(n), with a rate that falls to 0."""
    optimizer = tg.optim.Adam(model.parameters(), lr)
    for step in range(steps):
        optimizer.lr = tg.optim.cosine(lr, step, steps)
        x = draw(batch_size)
        optimizer.minimize(losses.squared_error(model(gaussian_noise(x, sigma)), x).mean())
    return model


def slope_of_one_dimension(seed, sigma=0.5):
    """The slope that a linear denoiser learns for x ~ N(0, 1)."""
    tg.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = train_denoiser(tg.nn.Linear(1, 1), lambda n: rng.standard_normal((n, 1), dtype=np.float32), 2000, sigma, 1024, 1e-2)
    return model.weight.item()


def parabola(steps, sigma, seed):
    """({name: mean distance to the curve}, mean |r(y) - Tweedie's r(y)|, figure) of a denoiser trained on y = x^2."""
    tg.manual_seed(seed)
    rng = np.random.default_rng(seed)
    draw = lambda n: tgdata.parabola(n, rng)
    model = train_denoiser(Autoencoder(mlp(2, 64, 64), mlp(64, 64, 2)), draw, steps, sigma)
    clean = draw(600)
    corrupted = gaussian_noise(clean, sigma)
    denoised = model.reconstruct(corrupted)
    best = corrupted + sigma ** 2 * score(corrupted, draw(20_000), sigma)
    distances = {name: distance_to_parabola(points) for name, points in (("corrupted", corrupted), ("denoised", denoised), ("Tweedie", best))}
    clouds = {"data": clean, f"corrupted, s = {sigma:g}": corrupted, "denoised": denoised, "Tweedie's formula": best}
    figure = figures.point_panels(clouds, curve=parabola_grid(), title="A denoising autoencoder on $y = x^2$, and the best denoiser")
    return distances, float(np.linalg.norm(denoised - best, axis=1).mean()), figure


def score(y, centres, sigma):
    """grad log p_s at y (N, 2), for p_s = mean_k N(y; centre_k, s^2 I): the weighted mean of (centre_k - y) / s^2."""
    y = y.astype(np.float64)
    squared = ((y[:, None] - centres) ** 2).sum(axis=2)
    weights = np.exp(-(squared - squared.min(axis=1, keepdims=True)) / (2 * sigma ** 2))
    return (weights @ centres / weights.sum(axis=1, keepdims=True) - y) / sigma ** 2


def parabola_grid(count=1001):
    """Points (count, 2) of the curve y = x^2, |x| <= 1."""
    x = np.linspace(-1, 1, count)
    return np.stack([x, x * x], axis=1)


def distance_to_parabola(points):
    """Mean distance of points (N, 2) to the curve."""
    return float(np.sqrt(((points[:, None] - parabola_grid()) ** 2).sum(axis=2).min(axis=1)).mean())
