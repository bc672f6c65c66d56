"""Vanishing gradients: what is left for the generator where the discriminator is right.

The data are N(0, 1), the generator's samples N(d, 1). With l(x) = log p(x) / q(x) the push on a sample at x, minus the gradient of its
generator loss, is for the best discriminator of each loss

    minimax              s(l) l'             s the sigmoid: 0 where D is sure of a fake
    non-saturating       (1 - s(l)) l'
    least squares        -t t', t = tanh(l / 2) = D*, for the codes (-1, 1, 0): t is flat where D is sure
    Wasserstein          the slope of the best critic, 1 towards the data

so a loss that does not saturate in D(x) still does in x where D* itself is flat. A critic of slope k under a penalty lambda (k - 1)^2 does
not stop at 1: it maximises k d - lambda (k - 1)^2, at k = 1 + d / (2 lambda). Source: Arjovsky & Bottou 2017, theorems 2.4 and 2.6.
"""
import numpy as np

import tinygen as tg
from tinygen import figures
from tinygen.distributions import logpdf_gaussian
from tinygen.losses.gan import LOSSES, gradient_penalty
from tinygen.models.mlp import mlp
from tinygen.nn import Tanh
from tinygen.optim import Adam

# The output of the best discriminator, from the logit l = log p / q and the point x; the samples lie right of the data.
BEST = {"minimax": lambda l, x: l, "non-saturating": lambda l, x: l, "lsgan": lambda l, x: tg.tanh(l * 0.5), "wgan": lambda l, x: -x}


def push(pair, output, points):
    """The push to the left, (N,), on samples at `points` (N, 1), under a discriminator `output`, a function of a Tensor (N, 1)."""
    x = tg.tensor(points, requires_grad=True)
    slope, = tg.grad(pair.generator(output(x)), [x])                # the loss is a mean: each sample's share is 1 / N
    return slope.numpy()[:, 0] * len(points)


def best_output(name, d):
    """The best discriminator under the loss `name` for samples N(d, 1), a function of a Tensor (N, 1)."""
    def output(x):
        logit = logpdf_gaussian(x, 0.0, 0.0) - logpdf_gaussian(x, float(d), 0.0)
        return BEST[name](logit.reshape(-1, 1), x)
    return output


def by_distance(distances, cells=2001):
    """{loss: mean push (D,)} under the best discriminators, for samples N(d, 1) at each distance d from the data N(0, 1), by quadrature."""
    off = np.linspace(-10, 10, cells)
    weight = np.exp(-off * off / 2) / np.exp(-off * off / 2).sum()
    return {name: np.array([weight @ push(LOSSES[name], best_output(name, d), d + off[:, None]) for d in distances]) for name in BEST}


def by_training(distance=10.0, steps=400, every=10, width=64, lr=5e-3, batch_size=256, penalty=10.0, seed=0):
    """(steps (T,), {loss: mean push (T,)}) while discriminators are trained and the generator stands still at N(distance, 1).

    Minimax and non-saturating read the same discriminator: it is the generator's loss that differs.
    """
    steps_read, found = np.arange(0, steps + 1, every), {}
    for trained, readers in (("minimax", ("minimax", "non-saturating")), ("lsgan", ("lsgan",)), ("wgan-gp", ("wgan-gp",))):
        tg.manual_seed(seed)
        rng = np.random.default_rng(seed)
        network = mlp(1, width, width, 1, activation=Tanh)
        optimizer = Adam(network.parameters(), lr)
        watched = (distance + rng.standard_normal((1000, 1))).astype(np.float32)
        for step in range(steps + 1):
            if step % every == 0:
                for name in readers:
                    found.setdefault(name, []).append(push(LOSSES[name], network, watched).mean())
            real, fake = rng.standard_normal((2, batch_size, 1)).astype(np.float32) + np.float32([0, distance]).reshape(2, 1, 1)
            loss = LOSSES[trained].discriminator(network(tg.tensor(real)), network(tg.tensor(fake)))
            if trained == "wgan-gp":
                loss = loss + penalty * gradient_penalty(network, real, fake)
            optimizer.minimize(loss)
    return steps_read, {name: np.array(values) for name, values in found.items()}


def figure_by_distance(distances, found):
    """The push over the distance."""
    return figures.line_panels(distances, {"mean push": found}, xlabel="distance d of the samples N(d, 1) from the data N(0, 1)", logy=True,
                               title="What the best discriminators leave for the generator")


def figure_by_training(steps, found, distance):
    """The push over the updates of the discriminator."""
    return figures.line_panels(steps, {"mean push": found}, xlabel="updates of the discriminator", logy=True,
                               title=f"What discriminators in training leave: data N(0, 1), samples N({distance:g}, 1)")
