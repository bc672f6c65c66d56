"""Three estimators of the ELBO's gradient: their variances, measured and in closed form [001.1e]

Eq. 1 takes the KL in closed form; Eq. 2 samples all of log p(x|z) + log p(z) - log q(z|x); the path derivative is Eq. 2 with gradients
through the sample z alone. All three have the same expectation. For p(x|z) = N(z, t^2), p(z) = N(0, 1) and q = N(mu, s^2), the gradient by
mu of one draw has the variance

    Eq. 1: s^2 / t^4      Eq. 2: s^2 (1 + 1/t^2)^2      path derivative: (1/s - s (1 + 1/t^2))^2

so none is always best; the last is 0 at the exact posterior. Then the same in a VAE of digits, as it trains: the variance of the gradient
by all weights of the encoder over draws of the noise, for one batch.

Measured (`python -m demos estimators`, 15 seconds of one core): at the exact posterior, t = 1, s^2 = 1/2, .496, 1.984 and 6e-32 for .5, 2 and 0;
from s = .3 to 3 the largest relative difference from the formulas is .8 %. In the VAE, after epoch

    variance           1     5     20
    Eq. 1              76    233   452
    Eq. 2              86    293   476
    path derivative    61    127   200
"""
import math

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, losses
from tinygen.distributions import sample_gaussian
from tinygen.models.vae import DenseVAE
from tinygen.training import Run

from demos.command_line import Grey
from demos.tables import print_table
from demos.vae_training import rows, train_vae

RATES = {"Eq. 1": lambda z, mu, logvar: losses.rate(mu, logvar), "Eq. 2": losses.sampled_rate, "path derivative": losses.path_derivative_rate}
# Of t and the variance s^2, so that 0 at the exact posterior is 0 in floating point as well.
CLOSED_FORMS = {"Eq. 1": lambda t, v: v / t ** 4, "Eq. 2": lambda t, v: v * (1 + 1 / t ** 2) ** 2,
                "path derivative": lambda t, v: (1 - v * (1 + 1 / t ** 2)) ** 2 / v}


def main(*, data: Grey = "mnist-mini", epochs=20, draws=50, latent=10, batch_size=100, seed=0, out="runs/estimators", resume=False):
    """Measure the variances in one dimension, then train a VAE by Eq. 1 and measure them in it after every epoch.

    draws: of the noise, for each variance in the VAE
    latent: numbers in the code of the VAE
    batch_size: images in a training step, and in the batch that the gradients are taken on
    """
    settings = dict(locals())
    if draws < 2:
        raise ValueError(f"estimators: draws = {draws} must be at least 2: a variance is measured over them")
    scales = np.geomspace(0.3, 3, 13)
    measured = {name: np.array([variance_in_one_dimension(name, 1.0, s, seed) for s in scales]) for name in RATES}
    exact = {name: CLOSED_FORMS[name](1.0, scales ** 2) for name in RATES}
    at = 0.5
    print_table({name: {"closed form": CLOSED_FORMS[name](1.0, at), "measured": f"{variance_in_one_dimension(name, 1.0, math.sqrt(at), seed):.3g}"}
                 for name in RATES}, "variance at the exact posterior, t = 1, s^2 = 1/2")
    worst = max(abs(measured[name] / exact[name] - 1)[exact[name] > 1e-3].max() for name in RATES)
    print(f"largest relative difference over s from 0.3 to 3: {worst:.1%}")

    with Run(out, settings, resume=resume) as run:
        tg.manual_seed(seed)
        train, test = (rows(tgdata.load(data, split)[0]) for split in ("train", "test"))
        batch = tgdata.to_float(train[:batch_size])
        model = DenseVAE((200,), latent)
        for epoch in train_vae(run, model, train, epochs=epochs, batch_size=batch_size, seed=seed, test=test):
            run.log(**variances_of_encoder_gradient(model, batch, draws))
        variances = {name: [row[f"variance, {name}"] for row in run.history] for name in RATES}
        run.figure("one-dimension", figures.line_panels(
            scales, {"variance by mu, formula": exact, "variance by mu, measured": measured}, xlabel="s, the standard deviation of q",
            logx=True, logy=True, markers=True, title="p(x|z) = N(z, 1), whose exact posterior has s = 0.71"))
        run.figure("in-a-vae", figures.line_panels(np.arange(1, epochs + 1), {"variance of the encoder's gradient": variances}, xlabel="epoch",
                                                   logy=True, title=f"One batch of {batch_size} digits, {draws} draws"))
        run.finish(**{f"variance, {name}": values[-1] for name, values in variances.items()}, **{"largest relative difference": worst})


def variance_in_one_dimension(name, t, s, seed, count=20_000, x=1.0, mu=0.5):
    """The variance over `count` draws of the gradient by mu of one estimate of the ELBO."""
    tg.manual_seed(seed)
    m = tg.tensor(np.full((count, 1), mu), requires_grad=True)
    logvar = tg.tensor(np.full((count, 1), 2 * math.log(s)))
    z = sample_gaussian(m, logvar)
    loss = losses.gaussian(z, np.full((count, 1), x), 2 * math.log(t)) + RATES[name](z, m, logvar)
    return float(tg.grad(loss.sum(), [m])[0].numpy().var())


def variances_of_encoder_gradient(model, x, draws):
    """{"variance, NAME": sum over all weights of the encoder of the variance of their gradient of minus the ELBO}."""
    parameters = model.encoder.parameters()
    found = {}
    for name, rate in RATES.items():
        total, squares = [0.0] * len(parameters), 0.0
        for _ in range(draws):
            logits, z, mu, logvar = model(x)
            loss = losses.beta_vae(losses.bernoulli(logits, x), rate(z, mu, logvar)).loss
            gradients = [g.numpy().astype(np.float64) for g in tg.grad(loss, parameters)]
            total = [a + g for a, g in zip(total, gradients)]
            squares += sum((g * g).sum() for g in gradients)
        found[f"variance, {name}"] = float(squares - sum((a * a).sum() for a in total) / draws) / (draws - 1)
    return found
