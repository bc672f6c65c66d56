"""What each GAN loss tells the generator, and the discriminators they lead to, against the formulas [003.2]

The slope of each generator's loss in the discriminator's output, and over D(G(z)): minimax goes to zero where the discriminator is sure
of a fake, non-saturating is largest there, Wasserstein and hinge never change, least squares grows. Then discriminators are trained on
two Gaussians on the line and held against D* = p / (p + q), and its least-squares form (b p + a q) / (p + q).
"""
import math

import numpy as np
from scipy.special import ndtri

import tinygen as tg
from tinygen import figures
from tinygen.divergences import js, total_variation
from tinygen.losses.gan import LOSSES, least_squares
from tinygen.models.mlp import mlp
from tinygen.nn import Tanh
from tinygen.optim import Adam, cosine
from tinygen.training import Run

from demos.tables import print_table

TRAINED = {"cross-entropy": LOSSES["minimax"], "least squares (-1, 1, 0)": LOSSES["lsgan"], "least squares (0, 1, 1)": least_squares(0, 1, 1)}


def main(*, mean=1.0, sigma=1.3, steps=2000, batch_size=500, width=32, lr=2e-2, seed=0, out="runs/gan_losses"):
    """Draw the slopes; train a discriminator a loss; print how far each is from its formula.

    mean: of the generator's Gaussian; the data are N(0, 1)
    sigma: its standard deviation
    steps: updates of each discriminator
    batch_size: points of either kind in a step
    width: of the two hidden layers
    lr: learning rate of Adam, which falls to 0 along half a cosine
    """
    with Run(out, locals()) as run:
        tg.manual_seed(seed)
        output = np.linspace(-4, 4, 161)
        slopes = {name: slope(LOSSES[name].generator, output) for name in ("minimax", "non-saturating", "lsgan")}
        slopes["lsgan (0, 1, 1)"] = slope(least_squares(0, 1, 1).generator, output)
        slopes["wgan, wgan-gp, hinge"] = slope(LOSSES["wgan"].generator, output)
        run.figure("slopes", figures.line_panels(
            output, {"slope of the generator's loss": slopes}, xlabel="output of the discriminator at G(z)", title="What each loss tells the generator"))
        run.figure("slopes-of-probability", figures.line_panels(
            1 / (1 + np.exp(-output)), {"slope in the logit": {name: slopes[name] for name in ("minimax", "non-saturating")}}, xlabel="D(G(z))",
            guides={"slope in the logit": {"wgan, hinge": -1.0}}, title="Saturating, and not"))

        x = np.linspace(-5, mean + 5 * sigma, 1201)
        p, q = (np.exp(-((x - m) / s) ** 2 / 2) / (s * math.sqrt(2 * math.pi)) for m, s in ((0, 1), (mean, sigma)))
        there, dx, table, curves = p + q > 0.01 * (p + q).max(), x[1] - x[0], {}, {}
        for name, pair in TRAINED.items():
            network, last = train(pair, mean, sigma, steps, batch_size, width, lr, np.random.default_rng(seed))
            with tg.no_grad():
                found = network(tg.tensor(x[:, None].astype(np.float32))).numpy()[:, 0].astype(np.float64)
            best = pair.optimal(p, q)
            if pair.squash:
                found, best = (1 / (1 + np.exp(-values)) for values in (found, best))
            curves[name] = found, best
            table[name] = {"largest difference from D*": np.abs(found - best)[there].max(), "loss": last, "loss at D*": at_the_optimum(name, p, q, dx)}
        print_table(table, f"N(0, 1) against N({mean:g}, {sigma:g}^2)")
        print(f"JS {js(p, q, dx=dx):.5f} nats, total variation {total_variation(p, q, dx=dx):.5f}; the hinge loss at its optimum is 2 - 2 TV = "
              f"{2 - 2 * total_variation(p, q, dx=dx):.5f}")
        run.figure("discriminators", figures.densities_1d(
            x[there], {"data, $p$": p[there], "generator, $q$": q[there]}, title="Trained discriminators, against the optimal one",
            discriminators={"$D^* = p / (p + q)$": curves["cross-entropy"][1][there], "trained, cross-entropy": curves["cross-entropy"][0][there],
                            "trained, least squares (0, 1, 1)": np.clip(curves["least squares (0, 1, 1)"][0][there], 0, 1)}))
        run.figure("least-squares", figures.line_panels(
            x[there], {"output": {"trained": curves["least squares (-1, 1, 0)"][0][there],
                                  "$D^* = (p - q) / (p + q)$": curves["least squares (-1, 1, 0)"][1][there]}}, xlabel="$x$",
            title="Least squares with the codes (-1, 1, 0), where p + q exceeds 1 % of its maximum"))
        run.finish(**{f"{name}: largest difference from D*": row["largest difference from D*"] for name, row in table.items()})


def slope(loss, output):
    """d loss / d output at each output (N,), by autograd; the loss is a mean over the batch, so each sample's share is 1 / N."""
    logits = tg.tensor(output[:, None], requires_grad=True)
    return tg.grad(loss(logits), [logits])[0].numpy()[:, 0] * len(output)


def train(pair, mean, sigma, steps, batch_size, width, lr, rng):
    """(a discriminator trained on N(0, 1) against N(mean, sigma^2), its mean loss over the last tenth of the steps)."""
    network = mlp(1, width, width, 1, activation=Tanh)
    optimizer, last = Adam(network.parameters(), lr), []
    for step in range(steps):
        z = ndtri((np.arange(batch_size) + rng.random((2, batch_size))) / batch_size)       # stratified draws: the tails are never empty
        real, fake = (tg.tensor(points[:, None].astype(np.float32)) for points in (z[0], mean + sigma * z[1]))
        optimizer.lr = cosine(lr, step, steps)
        loss = pair.discriminator(network(real), network(fake))
        optimizer.minimize(loss)
        if step >= steps - steps // 10:
            last.append(loss.item())
    return network, float(np.mean(last))


def at_the_optimum(name, p, q, dx):
    """The discriminator's loss at D*: log 4 - 2 JS, or (b - a)^2 / 2 int p q / (p + q)."""
    if name == "cross-entropy":
        return math.log(4) - 2 * js(p, q, dx=dx)
    return (2.0 if "-1" in name else 0.5) * float((p * q / (p + q)).sum() * dx)
