"""Sheet 001, question 1: the variational auto-encoder in writing."""
import itertools
import math

import numpy as np

import tinygen as tg
from demos.descent import minimise
from tinygen.divergences import kl, kl_gaussian

from .derivatives import gradient
from .grids import DX, normal, normal_nodes, sigmoid
from .questions import check, drawing, holds, less, question


def small_discrete_model(seed=0, states=5):
    """(prior p(z), likelihood p(x|z) of one observed x, evidence p(x), posterior p(z|x)) of a made-up model with few states."""
    rng = np.random.default_rng(seed)
    prior, likelihood = rng.dirichlet(np.ones(states)), rng.random(states)
    evidence = (prior * likelihood).sum()
    return prior, likelihood, evidence, prior * likelihood / evidence


@question("001.1a", "The decoder of binary images")
def bernoulli_decoder():
    """p(x|z) = prod_j yhat_j^x_j (1 - yhat_j)^(1 - x_j), with one probability yhat_j = yhat_j(z) for every pixel j.
    The sheet's solution writes one p for all pixels: then all pixels of an image would be equally likely to be white."""
    yhat = np.array([0.9, 0.2, 0.6, 0.05, 0.5, 0.75])
    images = np.array(list(itertools.product((0.0, 1.0), repeat=6)))
    log_p = tg.distributions.logpdf_bernoulli(images, np.tile(yhat, (64, 1)))
    yield check("logpdf_bernoulli of all 64 images of 6 pixels, against the product", np.exp(log_p),
                np.prod(yhat ** images * (1 - yhat) ** (1 - images), axis=1), 1e-9)
    yield check("sum of p(x|z) over all images", np.exp(log_p).sum(), 1.0, 1e-9)
    draws = (np.random.default_rng(0).random((5000, 6)) < yhat).astype(float)
    fit = lambda p: (draws * np.log(p) + (1 - draws) * np.log(1 - p)).sum(axis=1).mean()
    shared = fit(np.full(6, draws.mean()))
    yield less("log-likelihood of draws: the best single p for all pixels is below one p per pixel", shared, fit(draws.mean(axis=0)))


@question("001.1b", "How many numbers the encoder puts out")
def encoder_outputs():
    """Two: the mean. With an identity covariance nothing else of q(z|x) is left to choose, and z has two dimensions.
    The sheet's 4 (two means, two variances) belongs to a diagonal covariance, and a full one would take 5.
    Shown by counting the directions in which the log-density can change: the rank of its gradients by all parameters."""
    z = np.random.default_rng(0).standard_normal((200, 2))

    def rank(log_density, *parameters):
        rows = [np.concatenate([g.ravel() for g in gradient(lambda *p: log_density(zi, *p), *parameters)]) for zi in z]
        return np.linalg.matrix_rank(np.array(rows))

    mean, log_variance, factor = np.array([0.3, -0.2]), np.array([0.1, -0.4]), np.array([[1.2, 0.1], [0.3, 0.8]])
    identity = rank(lambda z, m: ((m - z) ** 2).sum() * -0.5, mean)
    diagonal = rank(lambda z, m, lv: ((m - z) ** 2 * tg.exp(-lv) + lv).sum() * -0.5, mean, log_variance)
    full = rank(lambda z, m, a: (((z - m).reshape(1, 2) @ a) ** 2).sum() * -0.5 + tg.log(a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]), mean,
                factor)
    yield check("free numbers of N(mu, I) in two dimensions", identity, 2, sheet=4)
    yield check("... of N(mu, diag(sigma^2))", diagonal, 4)
    yield check("... of N(mu, S), any covariance S", full, 5)


@question("001.1c", "The ELBO by Jensen's inequality")
def elbo():
    """log p(x) = log sum_z q p(x,z)/q >= sum_z q log(p(x,z)/q) = E_q log p(x|z) - KL(q || p(z)),
    as the logarithm is concave. What Jensen drops is exactly KL(q || p(z|x)), so equality holds for q = p(z|x) alone."""
    prior, likelihood, evidence, posterior = small_discrete_model()
    rng = np.random.default_rng(1)
    q = rng.dirichlet(np.ones(5), 1000)
    bound = q @ np.log(likelihood) - kl(q, prior)
    yield check("ELBO + KL(q || p(z|x)) for 1000 random q, against log p(x)", bound + kl(q, posterior), math.log(evidence), 1e-12)
    yield less("the largest ELBO among them is below log p(x)", bound.max(), math.log(evidence))
    yield check("ELBO at q = p(z|x), against log p(x)", posterior @ np.log(likelihood) - kl(posterior, prior), math.log(evidence), 1e-12)


@question("001.1d", "Properties of the KL divergence")
def kl_properties():
    """KL(p || q) >= 0, and it is zero only if p = q. It is not symmetric, so it is no distance, and it is infinite
    where p has mass and q has none. It is jointly convex, unchanged by any invertible change of variable, and adds up
    over independent parts."""
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(4), (2, 10_000))
    yield less("0 is below the smallest KL of 10,000 random pairs", 0, kl(p, q).min())
    yield check("largest KL(p || p)", kl(p, p).max(), 0, 1e-15)
    yield holds("not symmetric: KL(N(0,1) || N(0,4)) and back", abs(kl_gaussian(0, 1, 0, 4) - kl_gaussian(0, 4, 0, 1)) > 0.1,
                f"{kl_gaussian(0, 1, 0, 4):.6f} and {kl_gaussian(0, 4, 0, 1):.6f}")
    yield check("KL((1/2, 1/2) || (1, 0))", kl([0.5, 0.5], [1.0, 0.0]), math.inf)
    pairs_p, pairs_q = (a[:, :, None] * b[:, None, :] for a, b in ((p[:5000], p[5000:]), (q[:5000], q[5000:])))
    yield check("independent pairs: KL of the pair, against the sum of the two", kl(pairs_p.reshape(5000, 16), pairs_q.reshape(5000, 16)),
                kl(p[:5000], q[:5000]) + kl(p[5000:], q[5000:]), 1e-12)


@question("001.1e", "Eq. 1 or Eq. 2")
def two_estimators():
    """Not the same: equal in expectation, different as estimators. Eq. 1 puts the KL in closed form and samples only
    log p(x|z); Eq. 2 samples all three terms and works for any densities that can be evaluated.
    For z ~ N(0,1), x|z ~ N(z, t^2), q = N(mu, s^2), one sample z = mu + s eps, the gradient by mu has the variance
        Eq. 1: s^2 / t^4,    Eq. 2: s^2 (1 + 1/t^2)^2,    Eq. 2, only along the path of z: (1/s - s (1 + 1/t^2))^2,
    and the last vanishes at the exact posterior: here Eq. 1 always has less than Eq. 2, and between Eq. 1 and the
    path form neither dominates. The sheet's reason ("Eq. 1 needs two independent expectations") does not hold: its KL
    needs none."""
    eps, weights = normal_nodes(16)
    mean_and_variance = lambda g: ((weights * g).sum(), (weights * g * g).sum() - (weights * g).sum() ** 2)

    def gradients(x, t, s, mu):
        """Gradient by mu of each estimator at every node eps, by autograd."""
        at = {}
        for name in ("Eq. 1", "Eq. 2", "Eq. 2, path"):
            m = tg.tensor(np.full(len(eps), mu), requires_grad=True)
            z = m + s * eps
            likelihood = (z - x) ** 2 * (-0.5 / t ** 2)
            if name == "Eq. 1":
                bound = likelihood - (m * m) * 0.5
            else:
                centre = m if name == "Eq. 2" else mu               # "path": the mean inside log q is held constant
                bound = likelihood - z * z * 0.5 + (z - centre) ** 2 * (0.5 / s ** 2)
            at[name] = tg.grad(bound.sum(), [m])[0].numpy()
        return at

    for x, t, s, mu, where in ((1.0, 1.0, math.sqrt(0.5), 0.5, "exact posterior"), (1.3, 0.7, 0.9, 0.2, "elsewhere")):
        found = {name: mean_and_variance(g) for name, g in gradients(x, t, s, mu).items()}
        yield check(f"{where} (t = {t:g}, s^2 = {s * s:.2f}): the three mean gradients, against (x - mu)/t^2 - mu",
                    [f[0] for f in found.values()], (x - mu) / t ** 2 - mu, 1e-12)
        wanted = {"Eq. 1": s ** 2 / t ** 4, "Eq. 2": s ** 2 * (1 + 1 / t ** 2) ** 2, "Eq. 2, path": (1 / s - s * (1 + 1 / t ** 2)) ** 2}
        for name in wanted:
            yield check(f"... variance of the gradient, {name}", found[name][1], wanted[name], 1e-12)
    wide = [mean_and_variance(g)[1] for g in gradients(1.0, 3.0, 1.2, 0.3).values()]
    yield less("neither dominates: at t = 3, s = 1.2 Eq. 1 has less variance than the path form", wide[0], wide[2])

    s = np.geomspace(0.1, 2, 100)
    yield drawing("gradient-variance", lambda: tg.figures.line_panels(
        s, {"variance of the gradient of one sample": {"Eq. 1": s ** 2, "Eq. 2": 4 * s ** 2, "Eq. 2, path": (1 / s - 2 * s) ** 2}},
        xlabel="standard deviation s of q (exact posterior: 0.707)", logy=True, title="Three estimators of one gradient, t = 1"))


@question("001.1f", "Why an encoder is necessary")
def no_encoder():
    """With q(z|x) = N(0, I) for every x the KL is zero, but z says nothing of x. The decoder then maximises E_x E_z
    log p(x|z) with z independent of x: by Jensen its best answer is the mean image for every z, and nothing is
    generated but that. Equality of KL and 0 is no virtue. The sheet's solution, "to better represent organization of z
    space irregularity", says neither what goes wrong without an encoder nor that z then carries no information."""
    images = np.array([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], [1, 0, 1, 0, 1, 0]])
    mean = images.mean(axis=0)
    entropy = -(mean * np.log(mean) + (1 - mean) * np.log(1 - mean)).sum()
    eps, weights = normal_nodes(20)

    def without_encoder(slope, bias):                   # decoder logits slope z + bias, z ~ N(0, 1) whatever x is; exact expectation
        logits = eps[:, None] @ slope.reshape(1, 6) + bias
        return ((tg.softplus(logits) - logits * mean).sum(axis=1) * weights).sum()

    value, (slope, bias) = minimise(without_encoder, np.full(6, 0.7), np.zeros(6))
    yield check("best loss of a linear decoder, against the entropy of the mean image (nats)", value, entropy, 1e-6)
    yield check("its slope in z", np.abs(slope).max(), 0, 1e-3)
    yield check("its output, against the mean image", sigmoid(bias), mean, 1e-3)

    def with_encoder(means, log_variance, slope, bias):  # q(z|x_n) = N(mu_n, v): loss + KL, exact expectations
        z = means.reshape(3, 1) + tg.exp(log_variance * 0.5) * eps
        logits = z.reshape(60, 1) @ slope.reshape(1, 6) + bias
        terms = (tg.softplus(logits) - logits * np.repeat(images, 20, axis=0)).sum(axis=1).reshape(3, 20)
        divergence = ((means * means).sum() / 3.0 + tg.exp(log_variance) - 1.0 - log_variance) * 0.5
        return ((terms * weights).sum(axis=1).mean() + divergence).sum()

    start = np.array([-1.0, 1.0, 0.2]), np.array(-1.0), np.array([-1.0, -1, -1, 1, 1, 1]), np.zeros(6)
    yield less("with an encoder, reconstruction + KL is lower", minimise(with_encoder, *start)[0], entropy)


@question("001.1g", "KL of a distribution to itself")
def same():
    """KL(q || q) = E_q log(q/q) = E_q log 1 = 0."""
    mu, log_variance = np.array([[0.7, -1.2]]), np.array([[0.3, -0.8]])
    yield check("closed form", kl_gaussian(mu[0], np.exp(log_variance[0]), mu[0], np.exp(log_variance[0])), 0, 1e-15)
    yield check("by quadrature", kl(normal(0.7, 1.3), normal(0.7, 1.3), dx=DX), 0, 1e-15)


@question("001.1h", "KL of two Gaussians of equal variance")
def equal_variances():
    """KL(q || p) = E_q [(z - mu_p)^2 - (z - mu_q)^2] / (2 s^2) = (mu_q - mu_p)^2 / (2 s^2): the normalisers cancel,
    and symmetric it is here."""
    for mu_q, mu_p, s in ((0.5, 2.0, 0.8), (-1.0, 0.3, 1.7)):
        yield check(f"N({mu_q:g}, {s:g}^2) to N({mu_p:g}, {s:g}^2): quadrature, against the formula",
                    kl(normal(mu_q, s), normal(mu_p, s), dx=DX), (mu_q - mu_p) ** 2 / (2 * s * s), 1e-9)
        yield check("... the other way round", kl(normal(mu_p, s), normal(mu_q, s), dx=DX), (mu_q - mu_p) ** 2 / (2 * s * s), 1e-9)


@question("001.1i", "The best q by a Lagrangian")
def lagrangian():
    """L = sum_z q [log p(x|z) - log(q / p(z))] - lambda (sum_z q - 1)
    dL/dq = log p(x|z) - log(q / p(z)) - 1 - lambda = 0 gives q = p(x|z) p(z) exp(-1 - lambda);
    the constraint gives lambda = log p(x) - 1; so q = p(x|z) p(z) / p(x) = p(z|x), and the maximum is log p(x)."""
    prior, likelihood, evidence, posterior = small_discrete_model(3, 7)

    def negative_bound(logits):
        log_q = tg.log_softmax(logits)
        return (tg.exp(log_q) * (log_q - np.log(prior) - np.log(likelihood))).sum()

    value, (logits,) = minimise(negative_bound, np.zeros(7))
    q = np.exp(logits - np.logaddexp.reduce(logits))
    yield check("maximum found by gradient ascent, against log p(x)", -value, math.log(evidence), 1e-9)
    yield check("q there, against p(x|z) p(z) / p(x)", q, posterior, 1e-5)
    stationary = np.log(likelihood) - np.log(q / prior) - 1
    yield check("log p(x|z) - log(q / p(z)) - 1 there, all z, against lambda = log p(x) - 1", stationary, math.log(evidence) - 1, 1e-4)


@question("001.1j", "What q(z|x) should be")
def which():
    """(3), the posterior p(z|x). The prior ignores x; p(x|z) is not normalised over z and forgets the prior; p(x, z)
    sums to p(x), not to one."""
    prior, likelihood, evidence, posterior = small_discrete_model(3, 7)
    bound = lambda q: (q * (np.log(likelihood) + np.log(prior) - np.log(q))).sum()
    yield check("ELBO of (3) p(z|x), against log p(x)", bound(posterior), math.log(evidence), 1e-12)
    yield less("ELBO of (1) p(z)", bound(prior), math.log(evidence))
    yield less("ELBO of (2) p(x|z), divided by its sum", bound(likelihood / likelihood.sum()), math.log(evidence))
    yield holds("(2) and (4) are not distributions over z: their sums", abs(likelihood.sum() - 1) > 0.01 and abs(evidence - 1) > 0.01,
                f"{likelihood.sum():.4f} and p(x) = {evidence:.4f}")
