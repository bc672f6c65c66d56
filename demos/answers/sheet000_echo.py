"""Sheet 000, question 1: rate and distortion, the marginal q(z), and Echo noise."""
import itertools
import math

import numpy as np

import tinygen as tg
from demos.descent import minimise
from tinygen.divergences import kl, kl_gaussian, wasserstein_1d
from tinygen.models.echo import echo_indices, echo_noise, error_bound, largest_scale

from .grids import DX, normal, normal_nodes
from .questions import check, drawing, holds, less, note, question


def linear_gaussian_vae(source_variance, decoder_variance, beta):
    """(rate, distortion) of the best linear beta-VAE: x ~ N(0, L), q(z|x) = N(a x, v), p(x|z) = N(w z, s2), all of a, v, w free.

    rate = KL(q || p(z)) in nats; distortion = E (x - w z)^2 over sampled z. Both expectations are exact.
    """
    def parts(w, a, log_v):
        v = tg.exp(log_v)
        distortion = (1.0 - w * a) ** 2 * source_variance + w ** 2 * v
        return (a ** 2 * source_variance + v - 1.0 - log_v) * 0.5, distortion

    def loss(w, a, log_v):
        rate, distortion = parts(w, a, log_v)
        return distortion * (0.5 / decoder_variance) + rate * beta

    _, best = minimise(loss, 0.5, 0.5, -0.5)
    rate, distortion = parts(*(tg.tensor(b) for b in best))
    return rate.item(), distortion.item()


@question("000.1a", "The beta-VAE at beta -> 0 and beta -> infinity")
def extremes():
    """beta -> 0: a deterministic autoencoder. Each q(z|x) shrinks to a point, the rate against q(z) grows up to log N on
    N images, that against p(z) without bound, reconstructions are at their best, and samples from the prior are
    garbage, because the codes cover almost nothing of it.
    beta -> infinity: q(z|x) = p(z). The rate is 0, z says nothing of x, and the decoder gives the mean image for
    every z. In between (source variance L, decoder variance s2, linear):  R = 1/2 log(L / (beta s2)), D = beta s2,
    until beta s2 = L; then R = 0, D = L."""
    source, decoder = 2.0, 0.5
    for beta in (0.1, 1.0, 3.0, 8.0):
        rate, distortion = linear_gaussian_vae(source, decoder, beta)
        yield check(f"rate at beta = {beta:g}, against the formula", rate, max(0.0, 0.5 * math.log(source / (beta * decoder))), 1e-6)
        yield check(f"distortion at beta = {beta:g}, against the formula", distortion, min(source, beta * decoder), 1e-6)

    codes = np.linspace(-3, 3, 8)                       # N = 8 images encoded almost deterministically
    narrow = [normal(m, 0.02) for m in codes]
    marginal = sum(narrow) / len(narrow)
    yield check("beta -> 0: rate of 8 images with sigma = 0.02, against log 8", np.mean([kl(q, marginal, dx=DX) for q in narrow]),
                math.log(8), 1e-9)
    covered = sum(normal()[np.abs(np.linspace(-20, 20, len(marginal)) - m) < 0.06].sum() * DX for m in codes)
    yield less("... share of the prior within three sigma of any code", covered, 0.15)

    pixels = tg.data.load("mnist-mini", "train")[0].reshape(-1, 784) / 255.0
    mean = np.clip(pixels.mean(axis=0), 1e-6, 1 - 1e-6)
    by_formula = -(pixels.mean(axis=0) * np.log(mean) + (1 - pixels.mean(axis=0)) * np.log(1 - mean)).sum()
    target = tg.tensor(pixels.mean(axis=0))
    found, _ = minimise(lambda logits: (tg.softplus(logits) - target * logits).sum(), np.zeros(784))
    yield check("beta -> infinity: best decoder that ignores z, in nats, against the mean image", found, by_formula, 0.01)

    betas = np.geomspace(0.02, 8, 25)
    curve = np.array([linear_gaussian_vae(source, decoder, b) for b in betas])
    yield drawing("rate-distortion", lambda: tg.figures.line_panels(
        curve[:, 1], {"rate R (nats)": {"found by gradient descent": curve[:, 0], "1/2 log(L / D)": 0.5 * np.log(source / curve[:, 1])}},
        xlabel="distortion D", markers=True, title="Linear beta-VAE, source variance 2, beta from 0.02 to 8"))


@question("000.1b", "Why q(z) is hard with Gaussian encoders")
def marginal():
    """q(z) = 1/N sum_n N(z; mu_n, S_n) is a mixture of as many Gaussians as there are images: its entropy has no
    closed form, one value of its density costs O(N), and the estimate from a minibatch is biased, because the
    logarithm of a mean is not the mean of the logarithms. What it costs to use p(z) instead is exactly known:
        mean_n KL(q_n || p) = I(x; z) + KL(q(z) || p(z))."""
    means, sigmas = np.array([-2.0, -1.1, -0.3, 0.4, 1.5, 2.6]), np.array([0.3, 0.5, 0.2, 0.6, 0.4, 0.3])
    components = [normal(m, s) for m, s in zip(means, sigmas)]
    q, prior = sum(components) / 6, normal()
    information = np.mean([kl(c, q, dx=DX) for c in components])
    closed_forms = np.mean([kl_gaussian(m, s * s, 0, 1) for m, s in zip(means, sigmas)])
    yield check("mean KL(q_n || p), closed form, against I(x;z) + KL(q(z) || p) by quadrature", closed_forms,
                information + kl(q, prior, dx=DX), 1e-6)
    yield less("I(x; z) is below log N", information, math.log(6))
    log_q = np.log(q + 1e-300)
    biases = []
    for size in (1, 2, 4, 6):                           # every minibatch of that size
        estimates = [np.log(sum(components[i] for i in batch) / size + 1e-300) for batch in itertools.combinations(range(6), size)]
        biases.append(((np.mean(estimates, axis=0) - log_q) * q).sum() * DX)
    yield note("bias of E log q(z) from minibatches of 1, 2, 4, 6 of the 6: " + ", ".join(f"{b:.3f}" for b in biases))
    yield holds("the bias is negative and vanishes with the full sum", biases[0] < biases[1] < biases[2] < 0 and abs(biases[3]) < 1e-12,
                f"{biases[0]:.3f} < {biases[1]:.3f} < {biases[2]:.3f} < 0, {biases[3]:.1g}")


@question("000.1c", "Two recursions of Echo noise")
def recursion():
    """    z = m(x) + s(x) z1
          = m(x) + s(x) m(x1) + s(x) s(x1) z2
          = m(x) + s(x) m(x1) + s(x) s(x1) m(x2) + s(x) s(x1) s(x2) z3.
    The coefficient of the remainder is a product of |s| < 1, so it converges in law, whatever the remainder is."""
    rng = np.random.default_rng(0)
    x, x1, x2 = rng.standard_normal((3, 1000))
    z3 = rng.standard_normal(1000)
    m, s = lambda x: np.tanh(2 * x), lambda x: 0.8 / (1 + x * x)
    nested = m(x) + s(x) * (m(x1) + s(x1) * (m(x2) + s(x2) * z3))
    yield check("nested against expanded, 1000 draws", nested, m(x) + s(x) * m(x1) + s(x) * s(x1) * m(x2) + s(x) * s(x1) * s(x2) * z3,
                1e-12)
    for depth in (2, 4, 8):                             # m in {0, 1/2}, s = 1/2, remainder 0: the atoms are the binary fractions
        choices = np.array(list(itertools.product((0, 0.5), repeat=depth)))
        atoms = choices @ 0.5 ** np.arange(depth)
        middles = (np.arange(4096) + 0.5) / 4096        # the uniform distribution, cell by cell
        yield check(f"m in {{0, 1/2}}, s = 1/2: W1 of depth {depth} to its limit U[0, 1], against 2^-{depth + 1}",
                    wasserstein_1d(atoms, middles), 0.5 ** (depth + 1), 1e-12)


def echo(m, s, sample_x, count, depth, rng):
    """(x, z): `count` draws of Echo noise of this depth, every level on new data. m, s: functions of x."""
    x = sample_x(count)
    z, scale, level = np.zeros(count), np.ones(count), x
    for _ in range(depth):
        z += scale * m(level)
        scale *= s(level)
        level = sample_x(count)
    return x, z


def binned_information(x, z, bins=64):
    """I(x; z) in nats from the joint histogram of a discrete x and of z in equal bins."""
    joint = np.histogram2d(np.unique(x, return_inverse=True)[1], z, bins=(len(np.unique(x)), bins))[0] / len(x)
    return kl(joint.ravel(), (joint.sum(1, keepdims=True) * joint.sum(0)).ravel())


@question("000.1d", "The rate of Echo noise, with its sign")
def rate():
    """Given x, z = m(x) + S(x) z1 is an affine image of z1, so H(z|x) = E log|det S(x)| + H(z), and
        E_x KL(q(z|x) || q(z)) = I(x; z) = H(z) - H(z|x) = -E log|det S(x)| >= 0.
    The sheet's +E[log det S] has the wrong sign: with |s| < 1 it would be a negative KL. It also leaves out the E_x on
    the left: the KL of one x is a function of x, and only its mean is I(x; z). For x ~ N(0, 1), m = 0.8 x, s = 0.6 it
    is .191, .511, 1.471 at x = 0, 1, 2, and .511 = -log s on average. With matrices, x ~ N(0, I), z = A x + S z1:
        Sigma = A A' + S Sigma S',   I(x; z) = 1/2 log(det Sigma / det(S Sigma S')) = -log|det S|.
    The formula needs z to have a density. Where it has none (m in {0, 1/2}, s = 1/4: a Cantor set) it overstates I(x;
    z), which never exceeds H(x), and on N data points never log N."""
    rng = np.random.default_rng(1)
    coin = lambda p: lambda n: (rng.random(n) < p).astype(float)

    x, z = echo(lambda x: x / 2, lambda x: 0.5, coin(0.5), 200_000, 40, rng)
    yield check("m in {0, 1/2}, s = 1/2 gives U[0, 1]: W1 of 200,000 draws", wasserstein_1d(z, (np.arange(200_000) + 0.5) / 200_000), 0,
                3e-3)
    yield check("... I(x;z) from the histogram, against -log s", binned_information(x, z), -math.log(0.5), 1e-3, sheet=math.log(0.5))

    p = 0.3                                             # s depends on x: 0.3 where x = 1, 0.7 where x = 0; z is again uniform
    x, z = echo(lambda x: (1 - x) * p, lambda x: np.where(x == 1, p, 1 - p), coin(p), 200_000, 80, rng)
    formula = -(p * math.log(p) + (1 - p) * math.log(1 - p))
    yield check("s = 0.3 with probability 0.3, else 0.7: I(x;z), against -E log s", binned_information(x, z, 100), formula, 3e-3,
                sheet=-formula)

    a, s = 0.8, 0.6
    x, z = echo(lambda x: a * x, lambda x: s, rng.standard_normal, 200_000, 60, rng)
    yield check("x ~ N(0, 1), m = 0.8 x, s = 0.6: var z, against a^2 / (1 - s^2)", z.var(), a * a / (1 - s * s), 0.01)
    correlation = np.corrcoef(x, z)[0, 1]
    yield check("... I(x;z) = -1/2 log(1 - correlation^2), against -log s", -0.5 * math.log(1 - correlation ** 2), -math.log(s), 0.01,
                sheet=math.log(s))

    by_x = lambda x: kl_gaussian(a * x, s * s, 0, 1)                # q(z) = N(0, 1) here
    for at, printed in ((0, 0.191), (1, 0.511), (2, 1.471)):
        yield check(f"... KL(q(z|x) || q(z)) at x = {at}, quadrature against the number above", kl(normal(a * at, s), normal(), dx=DX), printed, 5e-4)
    nodes, weights = normal_nodes(40)
    yield check("... its mean over x, against -log s", sum(w * by_x(x) for x, w in zip(nodes, weights)), -math.log(s), 1e-9)

    matrix, scale = np.array([[1.0, 0.0], [0.5, 0.7]]), np.array([[0.5, 0.3], [-0.2, 0.6]])
    sigma = np.linalg.solve(np.eye(4) - np.kron(scale, scale), (matrix @ matrix.T).ravel()).reshape(2, 2)
    draws = np.zeros((200_000, 2))
    for _ in range(60):
        x = rng.standard_normal(draws.shape)
        draws = x @ matrix.T + draws @ scale.T
    yield check("two dimensions: covariance of 200,000 draws, against the Sigma that solves Sigma = A A' + S Sigma S'", np.cov(draws.T), sigma, 0.02)
    log_det = math.log(abs(np.linalg.det(scale)))
    given = sigma - matrix @ matrix.T                               # cov(z|x) = Sigma - cov(z, x) cov(x)^-1 cov(x, z)
    yield check("... I(x;z) = 1/2 log(det cov(z) / det cov(z|x)), against -log|det S|",
                0.5 * math.log(np.linalg.det(sigma) / np.linalg.det(given)), -log_det, 1e-9, sheet=log_det)
    both = np.cov(np.concatenate([x, draws], axis=1).T)
    yield check("... and from the covariance of the draws alone",
                0.5 * math.log(np.linalg.det(both[:2, :2]) * np.linalg.det(both[2:, 2:]) / np.linalg.det(both)), -log_det, 0.01)

    x, z = echo(lambda x: x / 2, lambda x: 0.25, coin(0.5), 200_000, 40, rng)
    cantor = binned_information(x, z)
    yield check("no density (s = 1/4): I(x;z) is H(x) = log 2", cantor, math.log(2), 1e-3)
    yield less("... and the formula's log 4 is too much", cantor, math.log(4))


@question("000.1e", "Sampling Echo noise")
def sampling():
    """The recursion never ends, and every level needs a new data point and its own encoding, so an exact draw costs
    infinitely many. Scheme: bound |s(x)| <= r < 1; encode a batch once; take the x_k of each noise from the rest of
    the batch, none twice; stop at depth d, where the rest is at most M r^d / (1 - r) for |m| <= M, below the
    precision of the floats; multiply the s in log space. The levels then share one batch, so draws of a batch are
    slightly dependent: a bias that falls with the batch size."""
    rng = np.random.default_rng(2)
    largest = largest_scale(100)
    yield check("largest |s| for depth 100 in float32 (|m| <= 1), found by bisection: its r^100 / (1 - r) in units of 2^-23",
                largest ** 100 / (1 - largest) * 2 ** 23, 1, 1e-6)
    yield check("... which is about 0.84", largest, 0.84, 0.005)

    batches, size = 60, 150
    x = rng.standard_normal((batches, size, 1))
    m, log_s = np.tanh(x), np.log(largest) - 0.5 * x ** 2
    indices = [echo_indices(rng, size, 140, size) for _ in range(batches)]
    in_batch = lambda depth: np.stack([echo_noise(m[b], log_s[b], indices[b][:, :depth]) for b in range(batches)])
    whole = in_batch(140)
    for depth in (10, 30):
        yield less(f"stopping at depth {depth} changes z by less than M r^d / (1 - r)", np.abs(in_batch(depth) - whole).max(),
                   error_bound(largest, depth))
    s = np.exp(log_s)
    mean = m.mean() / (1 - s.mean())
    variance = ((m * m).mean() + 2 * (m * s).mean() * mean + (s * s).mean() * mean ** 2 - mean ** 2) / (1 - (s * s).mean())
    yield check("variance of the noise by in-batch sampling, against the fixed point of the recursion", whole.var(), variance,
                0.04 * variance)
