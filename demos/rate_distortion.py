"""Rate against distortion: the beta-VAE from copying to collapse, and the linear case in closed form [000.1]

A VAE of grey digits is trained for several beta. Small beta: the rate grows without bound and samples from the prior are garbage, because
the codes cover little of it (of the rate at most log N, for N images, is I(x; z); the rest is KL(q(z) || p(z))). Large beta: the rate falls
to 0, q(z|x) = p(z), and the decoder shows the mean image; the distortion is then that of the mean image of the training set, 205.8 nats on
the test set of MNIST.

In the linear-Gaussian case (independent sources of variances L_i, a decoder of fixed variance s2, exact expectations) the best rate and
distortion are known: R = sum_i 1/2 log(L_i / (beta s2)) over the sources with L_i > beta s2, D = sum_i min(L_i, beta s2), and gradient
descent finds them to 1e-6.

Measured: the linear case to 2.9e-7. Full MNIST, test set (`python -m demos rate_distortion --data mnist --epochs 4 --betas .1 1 10 100`, half a
minute of one core; the last line with `--epochs 15 --betas 100`, as long), where the training set's mean image has 205.80:

    beta                 rate       distortion    -ELBO    active units
    .1                   42.30      98.15         140.4    10
    1                    16.69      105.4         122.1    10
    10                   2.65       162.1         164.8    9
    100                  7e-4       206.3         206.3    0
    100, 15 epochs       1e-5       205.9         205.9    0
"""
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, losses
from tinygen.models.vae import DenseVAE
from tinygen.training import Run

from demos.command_line import Grey
from demos.descent import minimise
from demos.finished import load_weights
from demos.sweeps import refuse_twice
from demos.tables import print_table
from demos.vae_training import one_of, rows, train_vae

SOURCES = np.array([4.0, 2.0, 1.0, 0.25])


def main(*, data: Grey = "mnist-mini", betas=(0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 20.0, 100.0), epochs=10, hidden=200, latent=10,
         batch_size=128, lr=1e-3, device="cpu", seed=0, out="runs/rate_distortion", resume=False):
    """Solve the linear case, then train one VAE for each beta and draw the curve.

    betas: the weights of the rate
    hidden: units of the one hidden layer of encoder and of decoder
    latent: numbers in the code
    lr: the learning rate of Adam, which falls to a hundredth along half a cosine
    """
    settings = dict(locals())
    refuse_twice("rate_distortion", betas=betas)
    gap = max(linear_gap(beta, 0.5) for beta in (0.1, 0.3, 1.0, 3.0, 9.0))
    print(f"linear-Gaussian, 4 sources, 5 betas: largest difference from the closed form {gap:.1e}")

    train, test = (rows(tgdata.load(data, split)[0]) for split in ("train", "test"))
    collapsed = mean_image_distortion(train, test)
    print(f"the training set's mean image as the only reconstruction: {collapsed:.2f} nats on the test set")
    tg.manual_seed(seed)
    noise = DenseVAE((hidden,), latent).draw_prior(10)
    shown = tgdata.to_float(test[:10])
    table, pictures = {}, {"input": shown}
    overview = Run(out, settings)
    for beta in betas:
        with Run(Path(out) / f"beta-{beta:g}", one_of(settings, beta=beta), resume=resume) as run:
            tg.manual_seed(seed)
            model = DenseVAE((hidden,), latent)
            for _ in train_vae(run, model, train, epochs=epochs, batch_size=batch_size, lr=lr, floor=lr / 100, seed=seed, device=device, beta=beta,
                               test=test):
                run.log(**{"active units": losses.active_units(model.codes(test))})
            last = run.history[-1]
            run.finish(rate=last["test rate"], distortion=last["test distortion"], **{
                "-ELBO": last["test -ELBO"], "active units": last["active units"],
                "bits per pixel": losses.bits_per_dimension(last["test -ELBO"], test.shape[1])})
        table[f"{beta:g}"] = run.results
        model = load_weights(run.out, DenseVAE((hidden,), latent))
        pictures |= {rf"$\beta$ = {beta:g}": model.reconstruct(shown), rf"$\beta$ = {beta:g}, prior": model.generate(noise)}
    print_table(table, "beta")

    rates, distortions = ([row[name] for row in table.values()] for name in ("rate", "distortion"))
    with overview as run:
        run.figure("rate-distortion", figures.rate_distortion({"VAE": (rates, distortions, betas)}, title=f"{data}, test set"))
        run.figure("images", figures.image_rows(pictures, title="Reconstructions, and samples from the prior"))
        run.finish(**{f"beta {beta}: {name}": row[name] for beta, row in table.items() for name in row},
                   **{"mean image": collapsed, "linear: largest difference": gap})


def mean_image_distortion(train, test):
    """The cross-entropy of the test images under the mean image of the training set, in nats per image."""
    p = np.clip(tgdata.to_float(train).mean(axis=0, dtype=np.float64), 1e-6, 1 - 1e-6)
    x = tgdata.to_float(test).mean(axis=0, dtype=np.float64)
    return float(-(x * np.log(p) + (1 - x) * np.log(1 - p)).sum())


def linear_gap(beta, decoder_variance):
    """The largest difference, in rate or in distortion, of the best linear beta-VAE found by gradients from the closed form.

    x_i ~ N(0, L_i) independent, q(z_i|x_i) = N(a_i x_i, v_i), p(x_i|z_i) = N(w_i z_i, s2): distortion E (x - w z)^2 over sampled z and
    rate KL(q || N(0, 1)), both exact expectations, minimised over a, v and w as distortion / (2 s2) + beta rate.
    """
    def parts(w, a, log_v):
        v = tg.exp(log_v)
        distortion = (1.0 - w * a) ** 2 * SOURCES + w ** 2 * v
        return (a ** 2 * SOURCES + v - 1.0 - log_v).sum() * 0.5, distortion.sum()

    def loss(w, a, log_v):
        rate, distortion = parts(w, a, log_v)
        return distortion * (0.5 / decoder_variance) + rate * beta

    start = np.full(len(SOURCES), 0.5)
    _, best = minimise(loss, start, start, -start)
    found = [part.item() for part in parts(*map(tg.tensor, best))]
    level = beta * decoder_variance                             # reverse water-filling: every source is described down to this error
    known = [np.maximum(0, 0.5 * np.log(SOURCES / level)).sum(), np.minimum(SOURCES, level).sum()]
    return float(np.abs(np.subtract(found, known)).max())
