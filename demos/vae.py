"""A Bernoulli VAE with a code of two numbers: samples, latent space, interpolation [001.2]

Encoder 784-500-(2, 2) with tanh, decoder 2-500-784 with sigmoid, trained on digits rounded to 0 and 1 by minus the ELBO. The sheet's
own setting, its first 10,000 training images of MNIST for 200 epochs, is

    python -m demos vae --data mnist

without `--data mnist`, the 6,000 digits in the package are used. Measured: minus the ELBO is 132.6 nats on the 10,000 training images and 157.1 on the
test set; .42 seconds an epoch on two idle cores, so a minute and a half in all.
"""
from typing import Literal

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, losses
from tinygen.backend import to
from tinygen.distributions import sample_bernoulli, sample_diagonal_gaussian
from tinygen.models.vae import SheetVAE, evaluate
from tinygen.training import Run

from demos.command_line import Grey

RATES = {"eq1": lambda z, mu, logvar: losses.rate(mu, logvar), "eq2": losses.sampled_rate, "path": losses.path_derivative_rate}


def main(*, data: Grey = "mnist-mini", images=10_000, epochs=200, hidden_layers=1, estimator: Literal["eq1", "eq2", "path"] = "eq2",
         batch_size=100, lr=1e-3, every=20, device="cpu", seed=1234, out="runs/vae", resume=False):
    """Train the VAE and draw the three figures of the sheet.

    images: how many of the training images are used, from the first on
    hidden_layers: of the decoder, 1 or 2, as the sheet's text can be read in two ways
    estimator: eq1 takes the KL in closed form, eq2 samples all terms (the sheet's question 2c), path is eq2 with gradients
        through the sample alone
    lr: the learning rate of Adam
    every: epochs between two pictures of samples
    """
    with Run(out, locals(), resume=resume) as run:
        tg.manual_seed(seed)
        pixels, labels = tgdata.load(data, "train")
        train, labels = tgdata.threshold(pixels[:images]).reshape(-1, 784), labels[:images]
        test = tgdata.threshold(tgdata.load(data, "test")[0]).reshape(-1, 784)
        model = SheetVAE(hidden_layers).to(device)
        optimizer = tg.optim.Adam(model.parameters(), lr)
        noise = model.draw_prior(64)
        run.keep(model=model, optimizer=optimizer)

        for epoch in run.epochs(epochs, images=len(train)):
            for x in tgdata.batches(train, batch_size, np.random.default_rng((seed, epoch))):
                x = to(x, device)
                logits, z, mu, logvar = model(x)
                loss, distortion, rate = losses.beta_vae(losses.bernoulli(logits, x), RATES[estimator](z, mu, logvar))
                optimizer.minimize(loss)
                run.update(len(x), **{"-ELBO": loss, "reconstruction": distortion, "KL": rate})
            run.log(**{"test -ELBO": sum(evaluate(model, test))})
            if epoch % every == 0 or epoch in (1, epochs):
                run.snapshot(figures.image_grid(model.generate(noise), title=f"64 codes from the prior, after epoch {epoch}"))

        run.figure("data-space", visualize_data_space(model))
        run.figure("latent-space", visualize_latent_space(model, train, labels))
        run.figure("interpolation", visualize_inter_class_interpolation(model, train, labels, np.random.default_rng(seed)))
        run.figure("manifold", figures.latent_manifold(model.generate, 20, title="$p(x|z)$ over the latent plane"))
        train_terms, test_terms = evaluate(model, train), evaluate(model, test)
        run.finish(**{"train -ELBO": sum(train_terms), "test -ELBO": sum(test_terms), "test reconstruction": test_terms[0],
                      "test KL": test_terms[1]})


def visualize_data_space(model, count=10):
    """The sheet's 10 x 2 figure: for z from the prior, the probabilities p(x|z) on the left, a sample of them on the right."""
    p = model.generate(sample_diagonal_gaussian(np.zeros((count, model.latent), np.float32), 1.0))
    pairs = np.stack([p, sample_bernoulli(p)], axis=1).reshape(2 * count, -1)
    return figures.image_grid(pairs, count, 2, col_labels=["$p(x|z)$", "$x$"], title="Ten $z$ from the prior")


def visualize_latent_space(model, images, labels):
    """The means of q(z|x) of the training images in the plane, coloured by digit."""
    return figures.latent_scatter(model.codes(images), labels, title="Means of $q(z|x)$, training images")


def visualize_inter_class_interpolation(model, images, labels, rng, pairs=3):
    """Three pairs of images of different classes: p(x|z) for z from the mean of the one to the mean of the other, in steps of 0.1."""
    strips = {}
    for _ in range(pairs):
        first, second = rng.choice(np.unique(labels), 2, replace=False)
        chosen = [rng.choice(np.flatnonzero(labels == label)) for label in (first, second)]
        a, b = model.codes(images[chosen])
        strips[f"{first} to {second}"] = model.generate(np.stack([interpolate_mu(a, b, alpha) for alpha in np.linspace(0, 1, 11)]))
    return figures.path_strips(strips, title="$p(x|z)$ on the straight line between two means")


def interpolate_mu(a, b, alpha):
    """The point at alpha in [0, 1] on the way from a to b: (1 - alpha) a + alpha b."""
    return (1 - alpha) * a + alpha * b
