"""Sheet 002, problems 3 and 4: autoencoders, denoising, the four divergences, the VAEs."""
import math

import numpy as np
from scipy.special import erfinv

import tinygen as tg
from demos import divergences as sliding
from demos.descent import minimise
from demos.finished import load_weights
from demos.rate_distortion import mean_image_distortion
from tinygen import divergences as dv
from tinygen.models.autoencoders import DenseAutoencoder
from tinygen.models.corruption import gaussian_noise

from .grids import GRID, normal, normal_nodes
from .questions import check, drawing, holds, less, note, question
from .small import images, latent_scores, vae
from .training import latest, reported, trained


@question("002.3.1", "Keeping an autoencoder from learning the identity")
def no_identity():
    """Any of: a bottleneck, noise on the input, a sparsity penalty on the code, a contraction penalty on the
    encoder's Jacobian (or weight decay). Left alone, an overcomplete linear autoencoder does learn the identity: W2
    W1 = I, zero error, nothing about the data. Bottleneck k: the best it can do is PCA's error, so it must find the
    directions in which the data vary: useful for compression. Noise: it must project back towards the data, so it
    learns where the data are. Sparsity: few units may answer to each point, so they are spent on the directions of
    large variance. Each rebuilds data better than what lies elsewhere. Too strong a penalty is no answer either: it
    kills the code, and 0 is rebuilt from everything; that data are still rebuilt has to be looked at too."""
    rng = np.random.default_rng(0)
    spectrum = np.array([3.0, 2.0, 1.0, 0.5, 0.2, 0.1])
    x = rng.standard_normal((400, 6)) * spectrum @ np.linalg.qr(rng.standard_normal((6, 6)))[0]
    x -= x.mean(axis=0)

    def fitted(width, noise=0.0, sparsity=0.0):
        """W2 W1 of a linear autoencoder 6 -> width -> 6, by L-BFGS; noise enters in expectation. With sparsity the loss has many minima, and
        it stops near one. |c| is rounded off there: L-BFGS stalls at the kink of the true one, with W2 W1 = 0."""
        def loss(first, second):
            through, code = first @ second, x @ first
            error = ((x @ through - x) ** 2).sum() * (1.0 / len(x)) + (through ** 2).sum() * noise ** 2
            return error + (tg.sqrt(code * code + 1e-4).sum() + 0.1 * (second ** 2).sum()) * (sparsity / len(x))
        _, (first, second) = minimise(loss, rng.standard_normal((6, width)) * 0.3, rng.standard_normal((width, 6)) * 0.3, iterations=1000)
        return first @ second

    error = lambda through: ((x @ through - x) ** 2).sum() / len(x)
    yield check("no constraint, width 10: ||W2 W1 - I||", np.linalg.norm(fitted(10) - np.eye(6)), 0, 1e-3)
    eigenvalues = np.linalg.eigvalsh(x.T @ x / len(x))[::-1]
    narrow = {width: fitted(width) for width in (2, 4)}
    for width, through in narrow.items():
        yield check(f"bottleneck {width}: squared error, against PCA's (the sum of the left out eigenvalues)", error(through),
                    eigenvalues[width:].sum(), 1e-5)
    noisy = fitted(10, noise=1.0)
    yield check("noise of variance 1, width 10: gains along the principal axes, against l / (l + 1)",
                np.sort(np.linalg.eigvals(noisy).real)[::-1], eigenvalues / (eigenvalues + 1), 1e-3)
    sparse = fitted(10, sparsity=2.0)
    yield less("sparsity, width 10: 1 is below ||W2 W1 - I||", 1.0, np.linalg.norm(sparse - np.eye(6)))
    elsewhere = rng.standard_normal(x.shape)
    elsewhere *= np.linalg.norm(x, axis=1, keepdims=True) / np.linalg.norm(elsewhere, axis=1, keepdims=True)
    for name, through in (("bottleneck 2", narrow[2]), ("noise", noisy), ("sparsity", sparse)):
        yield less(f"{name}: squared error on data, against half their energy (W2 W1 = 0 would leave all of it)", error(through),
                   error(np.zeros((6, 6))) / 2)
        yield less(f"{name}: squared error on data, against points of the same lengths in random directions", error(through),
                   ((elsewhere @ through - elsewhere) ** 2).sum() / len(x))


@question("002.3.2", "A corruption process, and the best denoiser")
def corruption():
    """C(xhat | x) = N(xhat; x, s^2 I): every coordinate gets Gaussian noise. (Others: masking, salt and pepper.) The
    best denoiser in squared error is the posterior mean, r(y) = E[x | y] = y + s^2 grad log p_s(y), with p_s the
    density of the corrupted data (Tweedie): denoising learns the score. For x ~ N(0, 1), s = 0.5: r(y) = 0.8 y. On y
    = x^2 it moves points back to the parabola."""
    s = 0.5
    eps, weights = normal_nodes(40)
    data, noise = np.meshgrid(eps, s * eps)
    joint = np.outer(weights, weights)
    slope = minimise(lambda a: (((data + noise) * a - data) ** 2 * joint).sum(), 0.1)[1][0]
    yield check("x ~ N(0, 1), s = 0.5: slope of the best linear denoiser, found by descent", slope, 0.8, 1e-6)

    two = 0.5 * (normal(-1, 0.3) + normal(1, 0.3))          # a density that is not Gaussian: the formula is general
    y = np.linspace(-2.5, 2.5, 41)
    kernel = normal(GRID[None], s, y[:, None])
    posterior_mean = (kernel * two * GRID).sum(1) / (kernel * two).sum(1)
    smoothed = lambda y: 0.5 * (normal(-1, math.hypot(0.3, s), y) + normal(1, math.hypot(0.3, s), y))
    score = (np.log(smoothed(y + 1e-4)) - np.log(smoothed(y - 1e-4))) / 2e-4
    yield check("two bumps: E[x | y] by quadrature at 41 points, against y + s^2 d log p_s / dy", posterior_mean, y + s * s * score, 1e-6)

    rng = np.random.default_rng(0)
    clean = tg.data.parabola(400, rng).astype(np.float64)
    tg.manual_seed(0)
    corrupted = gaussian_noise(clean, 0.15)
    yield check("y = x^2, s = 0.15: variance of what was added to 400 points", (corrupted - clean).var(), 0.15 ** 2, 0.003)
    curve = np.stack([np.linspace(-1, 1, 2001), np.linspace(-1, 1, 2001) ** 2], axis=1)
    weight = np.exp(-((corrupted[:, None] - curve) ** 2).sum(-1) / (2 * 0.15 ** 2))
    denoised = weight @ curve / weight.sum(1, keepdims=True)
    off = lambda points: np.sqrt(((points[:, None] - curve) ** 2).sum(-1).min(1)).mean()
    yield less("mean distance to the parabola: after E[x | y] against before", off(denoised), off(corrupted) / 2)
    yield less("mean squared error: E[x | y] against doing nothing", ((denoised - clean) ** 2).sum(1).mean(),
               ((corrupted - clean) ** 2).sum(1).mean())
    yield drawing("denoising", lambda: tg.figures.point_panels(
        {"original, y = x^2": clean, "corrupted, s = 0.15": corrupted, "denoised, E[x | y]": denoised}, curve=curve[::20]))


@question("002.3.3", "An autoencoder of two dimensions", trained=True)
def two_dimensions():
    """784-512-128-2-128-512-784. The digits form clusters although no label was used: 0 and 1 lie apart, 4, 7 and 9
    run into each other, and so do 3, 5 and 8. The codes fill no prescribed shape, there are gaps between them that
    decode to nothing, and two numbers are too few to keep ten classes apart; but more than two principal components
    give."""
    run = latest("autoencoder", data="mnist") or trained("autoencoder", {"epochs": 5}, data="mnist-mini")
    yield note(run.origin)
    yield note(reported(run))
    found = run.results
    yield less("squared error on the test images: autoencoder against two principal components", found["test squared error"],
               found["PCA squared error"])
    yield less("accuracy of the five nearest neighbours in the plane: PCA against the autoencoder", found["PCA 5-NN accuracy"],
               found["5-NN accuracy"])
    yield check("a linear autoencoder of width 2 minus PCA, squared error", found["linear autoencoder minus PCA"], 0, 1e-3)
    model = load_weights(run.folder, DenseAutoencoder(tuple(run.settings["hidden"])))
    pixels, labels = tg.data.load(run.settings["data"], "test")
    codes = model.codes(pixels[:1000].reshape(-1, 784))
    labels = labels[:1000]
    vote = tg.metrics.knn_classify(codes[:500], labels[:500], codes[500:])
    confused = np.zeros((10, 10), int)
    np.add.at(confused, (labels[500:], vote), 1)
    pairs = np.triu(confused + confused.T, 1)
    worst = [divmod(int(k), 10) for k in np.argsort(-pairs, axis=None)[:3]]
    right = confused.diagonal() / np.maximum(confused.sum(1), 1)
    yield note("most often confused: " + ", ".join(f"{a} and {b}" for a, b in worst))
    yield note("told right: " + ", ".join(f"{d} {right[d]:.0%}" for d in range(10)))
    yield less("0 and 1 are told apart better than the others are on average", right[2:].mean(), right[:2].min())
    yield drawing("embedding", lambda: tg.figures.latent_scatter(codes, labels, title="1,000 test digits in the plane of the autoencoder"))


@question("002.4.1", "KL, JS, MMD, Wasserstein")
def four_divergences():
    """KL: from densities; asymmetric; infinite where supports differ. JS: symmetric, bounded by log 2, where it stays
    once the supports part. MMD: from samples, no densities, by a kernel; it saturates beyond the kernel's width.
    Wasserstein: from samples, by a ground distance; it has a gradient across disjoint supports, and W1 of a shift is
    the shift; costly in high dimensions, and biased from samples."""
    x = np.linspace(-9, 9, 1801)                        # wider, and the narrow density would be zero in floats, and KL infinite
    yield check("KL(N(0,1) || N(2, 0.5^2)), quadrature against closed form", dv.kl(normal(0, 1, x), normal(2, 0.5, x), dx=0.01),
                dv.kl_gaussian(0, 1, 2, 0.25), 1e-8)
    yield holds("... the other way round it is another number", abs(dv.kl_gaussian(2, 0.25, 0, 1) - dv.kl_gaussian(0, 1, 2, 0.25)) > 1,
                f"{dv.kl_gaussian(0, 1, 2, 0.25):.4f} and {dv.kl_gaussian(2, 0.25, 0, 1):.4f}")
    yield check("JS of N(0,1) and N(40,1), against log 2", dv.js_gaussian(0, 1, 40, 1), math.log(2), 1e-9)
    p, q = normal(0, 1, x) * 0.01, normal(0.7, 1, x) * 0.01
    kernel = np.exp(-0.5 * (x[:, None] - x) ** 2)
    yield check("MMD^2 of N(0,1) and N(0.7,1), width 1: double integral, against 2/sqrt 3 (1 - exp(-0.7^2/6))", (p - q) @ kernel @ (p - q),
                2 / math.sqrt(3) * (1 - math.exp(-0.49 / 6)), 1e-8)
    rng = np.random.default_rng(0)
    samples, shifted = rng.standard_normal((2, 2000, 1)) + [[[0.0]], [[0.7]]]
    floor = dv.noise_floor(lambda a, b: dv.mmd(a, b, unbiased=True), lambda n, rng: rng.standard_normal((n, 1)), 2000, repeats=5)
    yield check("... from 2,000 samples each, unbiased", dv.mmd(samples, shifted, unbiased=True), dv.mmd_gaussian(0, 1, 0.7, 1), 0.02)
    yield less("... its noise floor is far below that", floor.deviation, 0.01)
    yield check("W1 of a shift by 3.7, from samples", dv.wasserstein_1d(samples, samples + 3.7), 3.7, 1e-9)
    yield check("W2 of N(0,1) and N(1, 2^2): quantiles, against sqrt(1 + 1)",
                dv.wasserstein_1d(*(m + s * math.sqrt(2) * _probit(20_000) for m, s in ((0, 1), (1, 2))), p=2), math.sqrt(2), 2e-3)
    shifts = np.array([0.0, 1.0, 2.0, 4.0, 6.0])
    _, slopes = sliding.sliding_gaussians(shifts, 0.5, samples=200)
    yield holds("gradients by the shift, at a shift of 12 sigma",
                abs(slopes["JS"][-1]) < 1e-6 and abs(slopes["MMD^2"][-1]) < 1e-3 and abs(slopes["W1"][-1] - 1) < 1e-9,
                ", ".join(f"{name} {slope[-1]:.3g}" for name, slope in slopes.items()))
    many = np.linspace(0, 6, 41)
    yield drawing("divergences", lambda: sliding.gaussians_figure(many, *sliding.sliding_gaussians(many, 0.5, samples=200), 0.5))


def _probit(count):
    """The quantiles of N(0, 1/2) at the middles of `count` equal cells: erfinv(2 t - 1)."""
    return erfinv((np.arange(count) + 0.5) * 2 / count - 1)


def trained_vae(name, full):
    """The checks that hold for a VAE on either data set; 002.4.2 and 002.4.3."""
    run = latest("vae_digits", data=full) or latest("vae_digits", data=name)
    if run:
        yield note(run.origin + ": " + reported(run))
        yield less("-ELBO on the test set, nats, of that run: against the mean image", run.results["test -ELBO"],
                   mean_image(run.settings["data"]))
    found = vae(name)
    yield note(("beside it, " if run else "there is no finished run of vae_digits on these data; ")
               + f"trained here, small: 784-200-10, 3,000 images of {name}, 10 epochs")
    test = images(name, 500, "test")[0]
    yield less("-ELBO on 500 test images, nats: trained against the mean image", sum(found.after), mean_image(name))
    error = lambda reconstruction: float(((reconstruction - test[:8]) ** 2).sum(1).mean())
    yield less("squared error of the 8 reconstructions: last epoch against first", error(found.last), error(found.first))
    yield less("1 nat is below the KL: the code is in use", 1.0, found.after[1])
    yield drawing("reconstructions", lambda: tg.figures.image_rows(
        {"input": test[:8], "first epoch": found.first, "last epoch": found.last}, title=f"A small VAE on {name}"))


def mean_image(name):
    """The cross-entropy of the test images under the mean training image, nats per image."""
    return mean_image_distortion(*(tg.data.load(name, split)[0].reshape(-1, 784) for split in ("train", "test")))


@question("002.4.2", "The VAE on MNIST", trained=True)
def vae_mnist():
    """Loss per image: cross-entropy summed over the pixels, plus KL. After the first epoch the reconstructions are
    blurred (in a small run hardly more than the mean image); after the last they keep class and slant, mostly, and
    lose the fine strokes."""
    yield from trained_vae("mnist-mini", "mnist")


@question("002.4.3", "The VAE on Fashion-MNIST", trained=True)
def vae_fashion():
    """The same network. Outlines and brightness are kept, texture and prints are averaged away: they cost few nats
    under independent pixels, but many to encode. A smaller beta sharpens reconstructions and worsens samples
    from the prior."""
    yield from trained_vae("fashion-mini", "fashion-mnist")
    found, test = vae("fashion-mini"), images("fashion-mini", 200, "test")[0]
    roughness = lambda rows: float(np.abs(np.diff(rows.reshape(-1, 28, 28), axis=2)).mean())
    yield less("roughness between neighbouring pixels: reconstructions against originals", roughness(found.model.reconstruct(test)),
               roughness(test))
    base, small_beta = latent_scores(), latent_scores(beta=0.1)
    yield less("roughness of reconstructions: beta = 1 against beta = 0.1, latent of 64",
               *(roughness(vae("fashion-mini", 64, beta).model.reconstruct(test)) for beta in (1.0, 0.1)))
    yield less("beta = 0.1: Fréchet distance of the reconstructions on 20 principal axes (not FID), against beta = 1",
               small_beta["reconstruction"], base["reconstruction"])
    yield less("... of samples from the prior: beta = 1 against beta = 0.1", base["generation"], small_beta["generation"])
    sweep = latest("vae_sweep")
    if sweep:
        yield note(sweep.origin + ": " + reported(sweep))
