"""Sheet 001, question 2: densities, samplers, the ELBO in both forms, and what the trained model shows."""
import math
from collections import Counter

import numpy as np
from scipy import stats

import tinygen as tg
from demos.finished import load_weights
from demos.vae import interpolate_mu
from tinygen import distributions as d
from tinygen.losses import elbo, elbo_closed_form
from tinygen.metrics import knn_classify, knn_probe
from tinygen.models.vae import SheetVAE, evaluate

from .derivatives import gradient
from .questions import check, holds, less, note, question
from .training import latest, trained


@question("001.2b", "Densities and samplers")
def densities():
    """log N(z; mu, sigma^2 I) = -1/2 sum [(z - mu)^2 / sigma^2 + log sigma^2 + log 2 pi]
    log Ber(x; p) = sum [x log p + (1 - x) log(1 - p)]
    z = mu + sigma eps with eps ~ N(0, I): dz/dmu = 1, dz/d sigma^2 = eps / (2 sigma), so gradients pass through.
    x = [u < p] with u ~ U[0, 1]: no gradient passes."""
    rng = np.random.default_rng(0)
    z, mu, variance = rng.standard_normal((50, 2)), rng.standard_normal((50, 2)), rng.gamma(2, size=(50, 2))
    yield check("logpdf_diagonal_gaussian of 50 points, against scipy.stats.norm", d.logpdf_diagonal_gaussian(z, mu, variance),
                stats.norm.logpdf(z, mu, np.sqrt(variance)).sum(1), 1e-10)
    x, p = (rng.random((50, 784)) < 0.3).astype(float), rng.uniform(0.01, 0.99, (50, 784))
    yield check("logpdf_bernoulli of 50 images, against scipy.stats.bernoulli", d.logpdf_bernoulli(x, p),
                stats.bernoulli.logpmf(x, p).sum(1), 1e-9)

    tg.manual_seed(0)
    draws = d.sample_diagonal_gaussian(np.full((200_000, 1), 1.5), 0.49)
    yield check("mean of 200,000 draws of N(1.5, 0.49)", draws.mean(), 1.5, 5 * 0.7 / math.sqrt(200_000))
    yield check("their variance", draws.var(), 0.49, 5 * 0.49 * math.sqrt(2 / 200_000))
    yield check("Kolmogorov-Smirnov distance to N(1.5, 0.49)", stats.kstest(draws[:, 0], stats.norm(1.5, 0.7).cdf).statistic, 0,
                2 / math.sqrt(200_000))

    def drawn(m, v):
        tg.manual_seed(7)
        return d.sample_diagonal_gaussian(m, v).sum()

    tg.manual_seed(7)
    eps = tg.standard_normal((4, 2), like=np.empty(0))
    by_mean, by_variance = gradient(drawn, mu[:4], variance[:4])
    yield check("dz/dmu by autograd", by_mean, 1.0, 1e-12)
    yield check("dz/d sigma^2 by autograd, against eps / (2 sigma)", by_variance, eps / (2 * np.sqrt(variance[:4])), 1e-10)
    yield check("mean of 200,000 draws of Ber(0.3)", d.sample_bernoulli(np.full(200_000, 0.3)).mean(), 0.3, 5 * math.sqrt(0.21 / 200_000))


@question("001.2c", "The ELBO by both equations")
def elbo_both():
    """Eq. 2, one sample: log p(x|z) + log p(z) - log q(z|x), mean over the batch. Eq. 1 replaces the last two by
    -KL(q || p) in closed form. On the same draws they differ; their expectations are equal."""
    rng = np.random.default_rng(0)
    mu, variance = np.array([[0.7, -0.4]]), np.array([[0.3, 0.8]])
    x, decoder = (rng.random((1, 20)) < 0.4).astype(float), rng.standard_normal((2, 20))
    tg.manual_seed(1)
    draws = 200_000
    z = d.sample_diagonal_gaussian(np.tile(mu, (draws, 1)), np.tile(variance, (draws, 1)))
    p = 1 / (1 + np.exp(-(z @ decoder)))
    images, means, variances = (np.tile(a, (draws, 1)) for a in (x, mu, variance))
    second, first = elbo(z, means, variances, images, p), elbo_closed_form(means, variances, images, p)
    error = 4 * (d.logpdf_diagonal_gaussian(z, 0.0, 1.0) - d.logpdf_diagonal_gaussian(z, means, variances)).std() / math.sqrt(draws)
    yield check("Eq. 2 over 200,000 draws, against Eq. 1 (four standard errors)", second, first, error)
    log_q = stats.norm.logpdf(z[0], mu[0], np.sqrt(variance[0])).sum()
    by_hand = stats.bernoulli.logpmf(x[0], p[0]).sum() + stats.norm.logpdf(z[0]).sum() - log_q
    yield check("Eq. 2 of one draw, against scipy", elbo(z[:1], mu, variance, x, p[:1]), by_hand, 1e-10)
    one = elbo_closed_form(mu, variance, x, p[:1])
    yield holds("Eq. 1 of the same draw is another number", abs(one - by_hand) > 1e-3, f"{float(one):.6f} and {by_hand:.6f}")


SMALL = {"epochs": 4, "images": 3000}


@question("001.2d", "Training the VAE", trained=True)
def training():
    """784-500-(2, 2), decoder 2-500-784, 788,788 parameters with one hidden layer in the decoder; digits rounded to 0
    and 1, Adam, minus the ELBO of Eq. 2 in nats per image. (The sheet's text can be read as two hidden layers:
    1,039,288.) It has learned something when it beats the decoder that shows the mean image for every z."""
    yield check("parameters, one hidden layer in the decoder", SheetVAE(1).count_parameters(),
                (784 + 1) * 500 + (500 + 1) * 4 + (2 + 1) * 500 + (500 + 1) * 784)
    yield check("... two hidden layers, 500 x 501 more", SheetVAE(2).count_parameters(), SheetVAE(1).count_parameters() + 500 * 501)
    run = latest("vae", data="mnist") or trained("vae", SMALL, data="mnist-mini")
    yield note(run.origin)
    test = tg.data.threshold(tg.data.load(run.settings["data"], "test")[0]).reshape(-1, 784)
    train = tg.data.threshold(tg.data.load(run.settings["data"], "train")[0]).reshape(-1, 784).astype(np.float64)
    mean = np.clip(train.mean(0), 1e-3, 1 - 1e-3)
    yield less("-ELBO on the test set against the mean image, in nats", run.results["test -ELBO"],
               -d.logpdf_bernoulli(test.astype(np.float64), np.tile(mean, (len(test), 1))).mean())
    model = load_weights(run.folder, SheetVAE(run.settings["hidden_layers"]))
    yield check("... against the same model measured again, one z per image", run.results["test -ELBO"], sum(evaluate(model, test)), 1.0)


@question("001.2e", "What the trained VAE shows", trained=True)
def visualisation():
    """Left p(x|z) for z from the prior, right a sample of it: the probabilities are smooth, each sample is speckled,
    since the pixels are independent given z. In the latent plane the digits form neighbourhoods although no label was
    used; the classes that overlap are named below. Between two means the decoder passes through intermediate shapes,
    some of them no digits."""
    run = latest("vae", data="mnist") or trained("vae", SMALL, data="mnist-mini")
    yield note(run.origin)
    figures = [f"{name}.png" for name in ("data-space", "latent-space", "interpolation")]
    yield holds("the three figures are there", all((run.folder / f).is_file() for f in figures), ", ".join(figures))
    model = load_weights(run.folder, SheetVAE(run.settings["hidden_layers"]))
    (train, labels), (test, test_labels) = (tg.data.load(run.settings["data"], split) for split in ("train", "test"))
    codes, test_codes = (model.codes(tg.data.threshold(images[:2000]).reshape(-1, 784)) for images in (train, test))
    probe = knn_probe(codes, labels[:2000], test_codes, test_labels[:2000])
    yield less("0.35 (chance is 0.10) is below the accuracy of the five nearest neighbours in the plane", 0.35, probe)
    tg.manual_seed(3)
    p = model.sample(20)
    roughness = lambda images: np.abs(np.diff(images.reshape(-1, 28, 28), axis=2)).mean()
    digits = tg.data.threshold(test[:200]).reshape(-1, 784)
    yield less("roughness between neighbouring pixels: p(x|z) against binary test digits", roughness(p), roughness(digits))
    yield less("... and these against samples of p(x|z)", roughness(digits), roughness(d.sample_bernoulli(p)))
    predicted = knn_classify(codes, labels[:2000], test_codes)
    confused = Counter(tuple(sorted(pair)) for pair in zip(test_labels[:2000].tolist(), predicted.tolist()) if pair[0] != pair[1])
    yield note("most often taken for each other in the plane: " + ", ".join(f"{a} and {b} ({count})" for (a, b), count in confused.most_common(4)))
    a, b = test_codes[0], test_codes[1]
    path = model.generate(np.stack([interpolate_mu(a, b, t) for t in np.linspace(0, 1, 11)]))
    yield check("an interpolation begins and ends with the two reconstructions", path[[0, -1]], model.reconstruct(digits[:2]), 1e-6)
