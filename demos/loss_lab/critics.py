"""Optimal critics against trained ones on the line, for the losses whose best critic is no ratio of densities: hinge and Wasserstein.

Hinge: D* = sign(p - q). Wasserstein: on the line the best function of slope at most 1 has D*' = sign(Q - P), with the distribution functions
P and Q of data and samples, since E_p D - E_q D = integral of D' (Q - P). It is free up to a constant, which is fitted here, and with clipped
weights up to a scale, which is fitted too. (For the logarithmic losses and least squares see the demo gan_losses.)
"""
import math

import numpy as np
from scipy.special import ndtr

import tinygen as tg
from tinygen import figures
from tinygen.losses.gan import LOSSES, clip_weights, gradient_penalty
from tinygen.models.mlp import mlp
from tinygen.nn import Tanh
from tinygen.optim import Adam, cosine

MEANS, SIGMAS = (0.0, 0.5), (1.0, 2.0)          # of the data and of the samples


def densities(x):
    """(p, q), (N,) each: the data and the samples."""
    return tuple(np.exp(-((x - m) / s) ** 2 / 2) / (s * math.sqrt(2 * math.pi)) for m, s in zip(MEANS, SIGMAS))


def optimal(name, x):
    """The best critic at the increasing points x (N,)."""
    if name == "hinge":
        return LOSSES["hinge"].optimal(*densities(x))
    below, above = (ndtr((x - m) / s) for m, s in zip(MEANS, SIGMAS))
    slope = np.sign(above - below)
    return np.concatenate([[0.0], np.cumsum((slope[1:] + slope[:-1]) / 2 * np.diff(x))])


def train(name, *, steps, batch_size=500, width=64, lr=1e-2, penalty=10.0, clip=0.1, seed=0):
    """A critic trained on draws of the two Gaussians under the loss `name`, as a function (N,) -> (N,)."""
    tg.manual_seed(seed)
    rng, pair, network = np.random.default_rng(seed), LOSSES[name], mlp(1, width, width, 1, activation=Tanh)
    optimizer = Adam(network.parameters(), lr)
    for step in range(steps):
        optimizer.lr = cosine(lr, step, steps)
        real, fake = (rng.normal(m, s, (batch_size, 1)).astype(np.float32) for m, s in zip(MEANS, SIGMAS))
        loss = pair.discriminator(network(tg.tensor(real)), network(tg.tensor(fake)))
        if name == "wgan-gp":
            loss = loss + penalty * gradient_penalty(network, real, fake)
        optimizer.minimize(loss)
        if name == "wgan":
            clip_weights(network.parameters(), clip)
    return tg.no_grad()(lambda x: network(tg.tensor(x[:, None].astype(np.float32))).numpy()[:, 0].astype(np.float64))


def compare(steps, seed=0, cells=601):
    """(x (N,), p, q, {loss: (best (N,), trained (N,))}) where p + q exceeds 1 % of its maximum; constants are fitted where they are free."""
    x = np.linspace(-7, 8, cells)
    p, q = densities(x)
    there = p + q > 0.01 * (p + q).max()
    x, p, q, curves = x[there], p[there], q[there], {}
    for name in ("hinge", "wgan", "wgan-gp"):
        best, found = optimal(name, x), train(name, steps=steps, seed=seed)(x)
        if name != "hinge":
            best, found = (values - np.average(values, weights=p + q) for values in (best, found))
        if name == "wgan":
            found *= (best * best).sum() / (best * found).sum()
        curves[name] = best, found
    return x, p, q, curves


def figure(x, p, q, curves):
    """The densities, and a panel for each loss."""
    panels = {"density": {"data, $p$": p, "samples, $q$": q}}
    for name, (best, found) in curves.items():
        panels["critic, wgan (scaled)" if name == "wgan" else f"critic, {name}"] = {"optimal": best, "trained": found}
    return figures.line_panels(x, panels, xlabel="$x$", columns=2, title="Critics on the line: data N(0, 1), samples N(0.5, 2²)")
