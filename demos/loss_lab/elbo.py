"""The ELBO of one data point over (mu, sigma), and the clouds of gradients that its estimators draw.

p(z) = N(0, 1), p(x|z) = N(z, t^2), q(z|x) = N(mu, sigma^2): everything is known, the surface

    ELBO(mu, sigma) = -((x - mu)^2 + sigma^2) / (2 t^2) - 1/2 log(2 pi t^2) - 1/2 (mu^2 + sigma^2 - 1 - log sigma^2)

as well as its top, the exact posterior mu = x / (1 + t^2), sigma^2 = t^2 / (1 + t^2), where the ELBO is log p(x). Eq. 1 takes the KL in
closed form, Eq. 2 samples everything, the path derivative is Eq. 2 with gradients through the sample alone. A gradient is made from one
number of noise, so the cloud of many is a curve; for the path derivative at the posterior it is a point. (The variances over sigma alone,
against their closed forms, are in the demo estimators.)
"""
import math

import numpy as np

import tinygen as tg
from tinygen import figures, losses

from demos.estimators import RATES


def surface(mu, sigma, x, t):
    """The ELBO in nats, of broadcast mu and sigma."""
    return (-((x - mu) ** 2 + sigma ** 2) / (2 * t ** 2) - 0.5 * math.log(2 * math.pi * t ** 2)
            - 0.5 * (mu ** 2 + sigma ** 2 - 1 - 2 * np.log(sigma)))


def posterior(x, t):
    """(mu, sigma) of p(z|x)."""
    return x / (1 + t ** 2), t / math.sqrt(1 + t ** 2)


def gradients(name, mu, sigma, x, t, draws, seed=0):
    """(draws, 2): the gradient of the ELBO by (mu, sigma), each from one draw of z, by the estimator `name`."""
    tg.manual_seed(seed)
    m, s = (tg.tensor(np.full((draws, 1), float(v)), requires_grad=True) for v in (mu, sigma))
    logvar = 2.0 * tg.log(s)
    z = m + s * tg.standard_normal((draws, 1), like=m)
    elbo = -(losses.gaussian(z, np.full((draws, 1), float(x)), 2 * math.log(t)) + RATES[name](z, m, logvar))
    return np.concatenate([g.numpy() for g in tg.grad(elbo.sum(), [m, s])], axis=1)


def clouds(x, t, draws, seed=0):
    """(points (4, 2), {estimator: (4, draws, 2)}): at the posterior, and at three points around it."""
    best = np.array(posterior(x, t))
    points = np.stack([best, best + (-0.9, 0.15), best + (0.1, 0.6), best + (0.95, -0.25)])
    return points, {name: np.stack([gradients(name, *point, x, t, draws, seed) for point in points]) for name in RATES}


def figure(x, t, points, drawn):
    """The surface with the clouds, a panel for each estimator."""
    mu, sigma = np.linspace(-1.2, 2.2, 171), np.linspace(0.15, 1.75, 161)
    return figures.gradient_clouds(mu, sigma, surface(mu[None, :], sigma[:, None], x, t), {name: (points, cloud) for name, cloud in drawn.items()},
                                   best=posterior(x, t), best_name="exact posterior", xlabel=r"$\mu$", ylabel=r"$\sigma$", label="ELBO (nats)",
                                   title=f"One data point, x = {x:g}: the ELBO and {next(iter(drawn.values())).shape[1]} gradients of each estimator")
