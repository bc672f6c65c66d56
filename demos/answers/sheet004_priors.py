"""Sheet 004, question 4: is a fixed prior optimal? Both claims need a condition that the sheet omits."""
import math

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import ndtr

import tinygen as tg
from demos.descent import minimise
from tinygen.divergences import kl

from .grids import log_normal_density, normal_nodes
from .questions import check, drawing, holds, less, note, question


@question("004.4a", "Gaussian prior, Gaussian conditionals, data that are not Gaussian")
def gaussian_prior():
    """True where the decoder's covariance is constant or diagonal: a Gaussian posterior and Gaussian decoder for a
    Gaussian prior then make (x, z) jointly Gaussian, so p(x) is Gaussian, and ELBO = log p_d cannot be attained. The
    gap may still tend to 0 for a rich decoder: not attained is not the same as bounded away. For a linear decoder the
    gap is the negentropy of the data.
    False for a full covariance that depends on z, in two dimensions or more: z ~ N(0, 1), x|z ~ N(0, [[1 + z^2, -z],
    [-z, 1]]) has the exact posterior N(-x1 x2 / (1 + x2^2), 1 / (1 + x2^2)), a Gaussian, so the ELBO is tight; yet x1
    has kurtosis 4.5 and is not Gaussian."""
    x = np.linspace(-2, 2, 4001)
    dx = x[1] - x[0]
    data = sum(np.exp(log_normal_density(x, m, 0.01)) for m in (-0.5, 0.5)) / 2
    entropy = -(data * np.log(data)).sum() * dx
    variance = (data * x * x).sum() * dx
    negentropy = 0.5 * math.log(2 * math.pi * math.e * variance) - entropy

    def negative_elbo(w, a, log_v, log_s):                          # x|z ~ N(w z, s2), q = N(a x, v); exact expectations over q and data
        v, s2 = tg.exp(log_v), tg.exp(log_s)
        error = (1.0 - w * a) ** 2 * variance + w ** 2 * v
        return error * 0.5 / s2 + (log_s + math.log(2 * math.pi)) * 0.5 + (a ** 2 * variance + v - 1.0 - log_v) * 0.5

    loss, _ = minimise(negative_elbo, 0.3, 0.5, -0.5, -1.0)
    yield check("target 1/2 N(-.5, .1^2) + 1/2 N(.5, .1^2): least gap E log p_d - ELBO of a linear VAE, found by descent, "
                "against the negentropy", loss - entropy, negentropy, 1e-6)
    yield note(f"that gap is {negentropy:.5f} nats")

    eps, weights = normal_nodes(60)
    rng = np.random.default_rng(0)
    gaps = []
    z = np.linspace(-15, 15, 60_001)
    for x1, x2 in rng.standard_normal((20, 2)) * 1.5:
        quadratic = lambda z: x1 * x1 + 2 * z * x1 * x2 + (1 + z * z) * x2 * x2         # the covariance has determinant 1
        joint = lambda z: -0.5 * (z * z + quadratic(z)) - 1.5 * math.log(2 * math.pi)
        evidence = math.log(np.exp(joint(z)).sum() * (z[1] - z[0]))
        m, v = -x1 * x2 / (1 + x2 * x2), 1 / (1 + x2 * x2)
        draws = m + math.sqrt(v) * eps
        gaps.append(evidence - (weights * (joint(draws) - log_normal_density(draws, m, v))).sum())
    yield check("the counterexample: log p(x) by quadrature minus the ELBO with that Gaussian q, 20 random x", gaps, 0, 1e-9)
    moments = [(weights * 3 ** (k - 1) * (1 + eps ** 2) ** k).sum() for k in (1, 2)]         # E x1^2 = E(1+z^2), E x1^4 = 3 E(1+z^2)^2
    yield check("... kurtosis of x1, by quadrature", moments[1] / moments[0] ** 2, 4.5, 1e-9)
    latent = rng.standard_normal(400_000)
    noise = rng.standard_normal((2, 400_000))
    sampled = noise[0] - latent * noise[1], noise[1]                # covariance [[1 + z^2, -z], [-z, 1]]
    yield check("... x1 sampled: E x1^2", (sampled[0] ** 2).mean(), 2, 0.03)
    yield check("... x1 sampled: E x1 x2 z, against -E z^2", (sampled[0] * sampled[1] * latent).mean(), -1, 0.03)
    gaussian = np.exp(log_normal_density(x, 0, variance))
    yield drawing("target", lambda: tg.figures.line_panels(x, {"density": {"data": data, "best linear VAE": gaussian}}, xlabel="x",
                                                           title=f"The gap of {negentropy:.3f} nats is the KL between the two"))


@question("004.4b", "Gaussian data, a prior that is not Gaussian")
def laplace_prior():
    """With a Laplace prior, p_d = N(0, 1): a decoder that ignores z leaves the gap min over q of KL(q || Laplace) =
    1/2 + log(2/pi); an affine decoder lowers it, and it is never 0 where the encoder's covariance is diagonal or
    constant (though with a nonlinear decoder the infimum may be 0). Without that condition the claim is false:
    exchange x and z in the counterexample of (a), and a non-Gaussian marginal becomes the prior of a tight model of
    Gaussian data. The best prior for a given encoder is the aggregate q(z)."""
    def laplace_kl(m, log_s):                                       # KL(N(m, s^2) || Laplace(0, 1)) in closed form
        s = np.exp(log_s)
        mean_size = s * math.sqrt(2 / math.pi) * np.exp(-0.5 * (m / s) ** 2) + m * (1 - 2 * ndtr(-m / s))
        return -0.5 * (1 + math.log(2 * math.pi)) - log_s + math.log(2) + mean_size

    z = np.linspace(-40, 40, 80_001)
    q = np.exp(log_normal_density(z, 0.4, 0.49))
    yield check("KL(N(.4, .7^2) || Laplace), closed form against quadrature", laplace_kl(0.4, math.log(0.7)),
                kl(q / (q.sum() * 1e-3), 0.5 * np.exp(-np.abs(z)), dx=1e-3), 1e-6)
    ignoring = minimize_scalar(lambda t: laplace_kl(0.0, t), bounds=(-2, 2), method="bounded", options={"xatol": 1e-10}).fun
    yield check("decoder ignoring z: least gap, against 1/2 + log(2/pi)", ignoring, 0.5 + math.log(2 / math.pi), 1e-8)

    x, weights = normal_nodes(40)                                   # E over the data N(0, 1)

    def gap(parameters):                                            # affine decoder N(a z, v); its own best Gaussian q(z|x) at every node x
        a, v = parameters[0], math.exp(parameters[1])
        m, log_s = parameters[2:].reshape(2, -1)
        likelihood = log_normal_density(x, a * m, v) - a * a * np.exp(2 * log_s) / (2 * v)
        return -0.5 * math.log(2 * math.pi * math.e) - (weights * (likelihood - laplace_kl(m, log_s))).sum()

    found = minimize(gap, np.concatenate([[0.5, -0.8], 0.5 * x, np.full(40, -0.3)]), method="L-BFGS-B",
                     options={"maxiter": 5000, "maxfun": 10 ** 6})
    yield less("affine decoder, best Gaussian q for each x: the least gap is below that", found.fun, ignoring)
    yield check("... and it is 0.0235 nats, as by a search over slope and variance with Newton's method for each q", found.fun, 0.0235, 2e-4)
    yield note(f"at slope {found.x[0]:.3f}, variance {math.exp(found.x[1]):.3f}")
    z = np.linspace(-30, 30, 6001)
    slope, variance = found.x[0], math.exp(found.x[1])
    marginal = np.array([np.exp(log_normal_density(xi, slope * z, variance) - np.abs(z)).sum() * 0.5 * 0.01 for xi in x])
    fit = (weights * (log_normal_density(x, 0, 1) - np.log(marginal))).sum()
    m, log_s = found.x[2:].reshape(2, -1)
    slack = found.fun - fit
    yield holds("... of which the part of p(x) and that of the posterior", 0 < fit and 0 < slack,
                f"KL(p_d || p(x)) = {fit:.4f}, mean KL(q || p(z|x)) = {slack:.4f}")

    # Exchanged: (x1, x2) of (a) is the latent, and its prior is no Gaussian; the datum is Gaussian, and the decoder is (a)'s posterior.
    rng = np.random.default_rng(0)
    datum = rng.standard_normal(400_000)
    noise = rng.standard_normal((2, 400_000))
    z1, z2 = noise[0] - datum * noise[1], noise[1]                  # the encoder: N(0, [[1 + x^2, -x], [-x, 1]])
    again = -z1 * z2 / (1 + z2 ** 2) + rng.standard_normal(400_000) / np.sqrt(1 + z2 ** 2)          # the decoder, a Gaussian
    yield check("exchanged counterexample: variance and kurtosis of the data that the decoder makes of prior samples",
                [again.var(), (again ** 4).mean() / again.var() ** 2], [1, 3], 0.05)
    yield less("... while 4 is below the kurtosis of its prior's first coordinate", 4, (z1 ** 4).mean() / z1.var() ** 2)

    p, q = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(7), 5)  # five data points, an encoder over seven codes
    _, (logits,) = minimise(lambda r: -(tg.log_softmax(r) * (p @ q)).sum(), np.zeros(7))
    yield check("best prior for a given encoder, discrete, found by ascent of the ELBO, against the aggregate q(z)",
                np.exp(logits - np.logaddexp.reduce(logits)), p @ q, 1e-5)
