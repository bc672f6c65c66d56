"""Sheet 002, problem 5: GANs, conditional GANs, VAE against GAN, the choice of z, mapping between domains."""
import itertools
import math

import numpy as np
from scipy.special import gammaln, ndtr

import tinygen as tg
from demos.descent import minimise
from demos.gan import train_discriminator, train_generator
from tinygen import metrics
from tinygen.divergences import wasserstein_gaussian
from tinygen.losses.gan import LOSSES
from tinygen.models.mlp import mlp

from .derivatives import gradient
from .grids import DX, GRID, normal
from .questions import check, drawing, holds, less, note, question
from .small import image_gan, images, pixel_distance, plane_gan, vae
from .training import latest, reported


@question("002.5.1", "The training routine of a GAN", trained=True)
def routine():
    """In turn: train_discriminator minimises -log D(x) - log(1 - D(G(z))) over D's weights, with G(z) a constant;
    train_generator minimises -log D(G(z)) over G's weights, through D, which stays. Fresh z each time. An undecided D
    begins at log 4 = 1.386."""
    tg.manual_seed(0)
    rng = np.random.default_rng(0)
    generator, critic = mlp(2, 16, 2), mlp(2, 16, 1)
    for p in (critic[-1].weight, critic[-1].bias):
        tg.nn.init.constant_(p, 0.0)
    x, z = tg.data.sample("ring", 64, rng), tg.standard_normal((64, 2))
    optimizers = {net: tg.optim.Adam(net.parameters(), 1e-2) for net in (generator, critic)}
    weights = lambda net: np.concatenate([p.numpy().ravel() for p in net.parameters()])
    pair = LOSSES["non-saturating"]

    before = {net: weights(net) for net in optimizers}
    loss = train_discriminator(critic, generator, optimizers[critic], pair, x, z)[0].item()
    yield check("loss of a D that says 1/2 everywhere, against log 4", loss, math.log(4), 1e-6)
    yield check("train_discriminator: change of G's weights", weights(generator) - before[generator], 0)
    yield less("... 0 is below the change of D's", 0, np.abs(weights(critic) - before[critic]).max())
    for _ in range(100):
        later = train_discriminator(critic, generator, optimizers[critic], pair, x, z)[0].item()
    yield less("... after a hundred more steps its loss", later, loss)
    before = {net: weights(net) for net in optimizers}
    first = train_generator(critic, generator, optimizers[generator], pair, z)[0].item()
    yield check("train_generator: change of D's weights", weights(critic) - before[critic], 0)
    yield less("... 0 is below the change of G's", 0, np.abs(weights(generator) - before[generator]).max())
    for _ in range(100):
        later = train_generator(critic, generator, optimizers[generator], pair, z)[0].item()
    yield less("... after a hundred more steps its loss", later, first)


@question("002.5.2", "The GAN on Fashion-MNIST", trained=True)
def fashion():
    """It learns outlines and brightness within a few hundred steps; textures take long, and some classes may never
    come. The losses do not tell: D's stays somewhere between 0 (it knows all fakes) and log 4 (it knows none) whether
    the samples improve or not. So samples are judged, by a distance to real ones."""
    run = latest("gan", data="fashion-mnist") or latest("gan", data="fashion-mini")
    yield note(run.origin + ": " + reported(run) if run else "there is no finished run of gan on clothes")
    found = image_gan()
    yield note("trained here, small: z-128-256-784 against 784-256-64-1 on 3,000 images of fashion-mini, 1,000 steps")
    real, _ = images("fashion-mini", 500)
    scores = pixel_distance(found.before), pixel_distance(found.after), pixel_distance(real)
    yield less("Fréchet distance on 20 principal axes of the pixels (not FID), 500 samples: after training against before", scores[1],
               scores[0])
    yield less("... real training images against real test images, the floor, is below both", scores[2], scores[1])
    yield note(f"before {scores[0]:.1f}, after {scores[1]:.1f}, floor {scores[2]:.2f}; D's loss, mean of the last 50 steps: "
               f"{found.d_losses[-50:].mean():.3f} (log 4 = {math.log(4):.3f})")
    yield drawing("samples", lambda: tg.figures.image_grid(found.after[:60], 6, 10, title="A small GAN on fashion-mini, 1,000 steps"))


@question("002.5.3", "Learning rates, and steps of G for each of D", trained=True)
def schemes():
    """Near the equilibrium the two players turn around each other. In the smallest GAN (data at 0, generator at
    theta, D(x) = psi x) simultaneous gradient steps multiply the distance by sqrt(1 + eta_d eta_g / 4): they never
    converge, while turns taken one after the other keep it. In practice a discriminator that keeps ahead gives the
    generator a gradient worth following. In the plane, short runs need that lead (more steps of D, a larger rate):
    with equal turns, several steps of G for each of D, or a slow D they fail. On clothes (`python -m demos gan_sweep
    --data fashion-mnist --epochs 3 --lr 2e-4 --samples 5000`; Fréchet distance in features of a classifier, and classes,
    exp(entropy), of 10) the best scheme is D at four times the rate of G with TWO steps of G for each of its own: 323,
    7.5 classes. Two things differ from the plane: equal rates and turns work (441, 7.3 classes), and a second step of G
    helps, if D is fast (with one step 494, 6.8). A slow D fails here as there: at a quarter of G's rate 1228 or more,
    all samples of one class. Problems met: that collapse to one picture, and losses that do not tell of it."""
    eta_d, eta_g = 0.3, 0.2
    value = lambda theta, psi: -tg.softplus(-psi * theta)          # f(psi theta), what D's opinion of theta adds to the game; f'(0) = 1/2

    def distance_after(steps, in_turn):
        theta, psi = 1e-4, 0.0
        for _ in range(steps):
            by_theta, by_psi = gradient(value, theta, psi)
            psi = psi - eta_d * by_psi
            if in_turn:
                by_theta, _ = gradient(value, theta, psi)
            theta = theta + eta_g * by_theta
        return math.hypot(theta * math.sqrt(eta_d / eta_g), psi) / (1e-4 * math.sqrt(eta_d / eta_g))

    yield check("simultaneous: growth of the distance over 200 steps, against (1 + eta_d eta_g / 4)^100", distance_after(200, False),
                (1 + eta_d * eta_g / 4) ** 100, 1e-3)
    yield less("in turn: distance after 200 steps, against twice the first", distance_after(200, True), 2.0)

    sweep = latest("gan_sweep")
    if sweep:
        yield note(sweep.origin + ": " + reported(sweep))
    _, classify = clothes_classifier()
    on_clothes = {"equal rates and turns": {}, "D four times as fast, two steps of G": {"d_rate": 4.0, "g_steps": 2},
                  "D four times as slow, two steps of G": {"d_rate": 0.25, "g_steps": 2}}
    made = {name: image_gan(**settings).after for name, settings in on_clothes.items()}
    scores = {name: pixel_distance(samples) for name, samples in made.items()}
    for name, samples in made.items():
        yield note(f"3,000 images of clothes, 1,000 turns: {name}: Fréchet distance {scores[name]:.1f} on 20 principal axes of the pixels (not "
                   f"FID), {math.exp(metrics.class_abundance(classify(samples)).entropy):.1f} classes")
    equal, fast, slow = scores.values()
    yield less("clothes: distance of the fast D with two steps of G, against equal rates and turns", fast, equal)
    yield less("... of equal rates and turns, which work there, against a third of that before training", equal,
               pixel_distance(image_gan().before) / 3)
    yield less("... of equal rates and turns, against the slow D", equal, slow)
    centres, sigma = tg.data.modes("bimodal")
    schemes = {"one step each, equal rates": {}, "three steps of D": {"d_steps": 3},
               "three steps of D, three times its rate": {"d_steps": 3, "d_lr": 3e-3},
               "three steps of G": {"g_steps": 3}, "D ten times slower": {"d_lr": 1e-4}, "G ten times slower": {"g_lr": 1e-4}}
    found = {name: plane_gan("bimodal", "non-saturating", **settings) for name, settings in schemes.items()}
    for name, gan in found.items():
        coverage = metrics.mode_coverage(gan.snapshots[300], centres, sigma)
        yield note(f"two Gaussians in the plane, 300 turns: {name}: W1 {gan.distance:.3f}, {coverage.hit} of 2 modes, "
                   f"{coverage.quality:.0%} of samples near one")
    ahead = min(found[name].distance for name in ("three steps of D", "three steps of D, three times its rate", "G ten times slower"))
    without = min(found[name].distance for name in ("one step each, equal rates", "three steps of G", "D ten times slower"))
    yield less("W1 to the data: the best scheme with D ahead, against the best without", ahead, without)
    yield drawing("clothes", lambda: tg.figures.image_rows({name: samples[:12] for name, samples in made.items()}, title="Small GANs on fashion-mini"))
    shown = ("one step each, equal rates", "three steps of D, three times its rate", "three steps of G")
    yield drawing("schemes", lambda: tg.figures.point_panels({name: found[name].snapshots[300] for name in shown}))


def clothes_classifier():
    """A linear classifier of clothes, trained on 3,000 real images: its accuracy on test images, and a function rows -> labels."""
    (x, labels), (test, test_labels) = images("fashion-mini", 3000), images("fashion-mini", 500, "test")
    probe = metrics.linear_probe(x, labels, test, test_labels, penalty=1e-2)
    return probe.accuracy, lambda rows: (rows @ probe.weight.T + probe.bias).argmax(axis=1)


@question("002.5.4", "The conditional GAN", trained=True)
def conditional():
    """Both players are told the label y: min over G, max over D of E log D(x, y) + E log(1 - D(G(z, y), y)). A sharp
    trouser under the label "shirt" is now a fake, so G must obey. At the optimum D*(x, y) = p(x|y) / (p(x|y) +
    p_G(x|y)), and p_G(x|y) = p(x|y) for every y."""
    run = latest("conditional_gan")
    yield note(run.origin + ": " + reported(run) if run else "there is no finished run of a conditional GAN")
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(6), (2, 3))                        # p(x|y), p_G(x|y) for three labels, on six points
    _, (logits,) = minimise(lambda a: (tg.softplus(-a) * p + tg.softplus(a) * q).sum(), np.zeros((3, 6)))
    yield check("best D(x, y) found by ascent, against p(x|y) / (p(x|y) + p_G(x|y))", 1 / (1 + np.exp(-logits)), p / (p + q), 1e-4)

    found = image_gan(conditional=True)
    accuracy, classify = clothes_classifier()
    agreement = (classify(found.after) == found.labels).mean()
    yield note("trained here, small, on 3,000 images of fashion-mini, 1,000 steps; labels judged by a linear classifier of accuracy "
               f"{accuracy:.0%} on real images")
    yield less("0.4 (chance is 0.1) is below the share of samples that are judged to be of the class they were asked for", 0.4, agreement)
    yield less("... and before training it was", (classify(found.before) == found.labels).mean(), agreement)
    order = np.argsort(found.labels, kind="stable").reshape(10, 50)[:, :8].ravel()
    yield drawing("classes", lambda: tg.figures.class_rows(found.after[order], found.labels[order], tg.data.class_names("fashion-mini"),
                                                           per_class=8, title="A small conditional GAN, asked for each class"))


@question("002.5.5", "Conditional against plain: quality and abundance", trained=True)
def abundance():
    """The plain GAN chooses its classes itself: some are over-represented, some missing. The conditional one is asked
    for each class equally often, so abundance is given, and what is left to fail is obedience: it is measured as the
    abundance among what a classifier sees."""
    plain, asked = image_gan(), image_gan(conditional=True)
    accuracy, classify = clothes_classifier()
    shares = {name: metrics.class_abundance(classify(gan.after)) for name, gan in (("plain", plain), ("conditional", asked))}
    for name, share in shares.items():
        yield note(f"{name}, trained here, small: {share}")
    yield less("total variation of the classes from uniform: conditional against plain", shares["conditional"].total_variation,
               shares["plain"].total_variation)
    scores = {name: pixel_distance(gan.after) for name, gan in (("plain", plain), ("conditional", asked))}
    yield less("Fréchet distance on 20 principal axes of the pixels (not FID): conditional against plain", scores["conditional"],
               scores["plain"])
    counts = {name: np.round(share.shares * share.count).astype(int) for name, share in shares.items()}
    yield drawing("abundance", lambda: tg.figures.class_shares(counts, tg.data.class_names("fashion-mini")))


@question("002.5.6", "GAN and VAE compared")
def compared():
    """VAE: an explicit density with a bound on its likelihood, an encoder, reconstructions; minimising KL(p || p_G)
    it covers all data and puts mass between them: blur, over-dispersion. GAN: an implicit density, sharp samples, no
    likelihood, no encoder; it may ignore modes: collapse. VAE for compression, representation, missing data,
    anomalies; GAN for synthesis, editing, mapping between domains."""
    two = 0.5 * (normal(-2, 0.3) + normal(2, 0.3))
    mid = np.linspace(-8, 8, 1601)
    data = 0.5 * (normal(-2, 0.3, mid) + normal(2, 0.3, mid))
    density = lambda m, log_s: tg.exp((mid - m) ** 2 * (-0.5 * tg.exp(log_s * -2.0)) - log_s) * (1 / math.sqrt(2 * math.pi))

    _, (m, log_s) = minimise(lambda m, log_s: ((((mid - m) ** 2) * (0.5 * tg.exp(log_s * -2.0)) + log_s) * data).sum() * 0.01, 0.5, 0.0)
    yield check("one Gaussian fitted to two bumps at +-2, sigma 0.3, by least KL(p || q), what a VAE does: mean and deviation, "
                "against the data's moments", [m, math.exp(log_s)], [0, math.sqrt(4 + 0.3 ** 2)], 1e-4)
    between = ndtr((1 - m) / math.exp(log_s)) - ndtr((-1 - m) / math.exp(log_s))
    real = (two[np.abs(GRID) < 1]).sum() * DX
    yield holds("its share of samples in (-1, 1), where the data have hardly any", between > 0.3 and real < 1e-3,
                f"{between:.3f} against {real:.5f}")

    def jensen_shannon(m, log_s):
        q = density(m, log_s)
        middle = (q + data) * 0.5
        entropies = [(p * tg.log(p + 1e-30)).sum() * -0.01 for p in (data, q, middle)]
        return entropies[2] - (entropies[0] + entropies[1]) * 0.5

    fits = [minimise(jensen_shannon, start, -0.5) for start in (-1.0, 0.3, 1.5)]
    _, (m, log_s) = min(fits, key=lambda f: f[0])
    yield holds("by least JS, what a GAN does: it takes one bump and drops the other", abs(abs(m) - 2) < 0.1 and math.exp(log_s) < 0.5,
                f"mean {float(m):.3f}, deviation {math.exp(log_s):.3f}")

    roughness = lambda rows: float(np.abs(np.diff(np.asarray(rows).reshape(-1, 28, 28), axis=2)).mean())
    tg.manual_seed(0)
    smooth, rough = roughness(vae("fashion-mini").model.sample(500)), roughness(image_gan().after)
    real = roughness(images("fashion-mini", 500, "test")[0])
    yield less("in practice, small runs on clothes, roughness between neighbouring pixels: VAE samples against real images", smooth, real)
    yield less("... and VAE samples against GAN samples", smooth, rough)


@question("002.5.7", "Why z is Gaussian, and what is wrong with it")
def gaussian_z():
    """It is easy to sample, isotropic, smooth, of full support, and the closed forms are known. Problems: (1) its
    support is connected, so a continuous G must put samples between modes that are apart: at least 2 Phi(gap / 2K) -
    1 of them for a Lipschitz constant K, if both modes are to get equal shares; (2) in high dimensions its mass lies on a shell of radius sqrt d, so the
    middle of two draws is unlike any draw: interpolate on the sphere; (3) any rotation of z is as good, so single
    coordinates mean nothing."""
    d = 100
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 200_000, d), np.float32)
    norm = lambda x: np.sqrt((x * x).sum(1, dtype=np.float64))
    exact = math.sqrt(2) * math.exp(gammaln((d + 1) / 2) - gammaln(d / 2))
    yield check("d = 100: mean norm of 200,000 draws, against sqrt 2 Gamma(50.5) / Gamma(50)", norm(a).mean(), exact, 0.01)
    yield check("... the middle of two draws, against the same over sqrt 2", norm((a + b) / 2).mean(), exact / math.sqrt(2), 0.01)
    yield less("... hardly any draw is that short: share of 200,000 norms below it", (norm(a) < exact / math.sqrt(2)).mean(), 1e-4)
    angle = np.arccos((a[:1000] * b[:1000]).sum(1) / norm(a[:1000]) / norm(b[:1000]))[:, None]
    arc = np.sin(angle / 2) / np.sin(angle) * (a[:1000] + b[:1000])
    yield check("... the middle on the arc between them: mean norm", norm(arc).mean(), exact, 0.05)
    for k in (2.0, 10.0):                                           # G(z) = tanh(k z): two modes at -1 and 1, slope at most k
        z = rng.standard_normal(400_000)
        measured = (np.abs(np.tanh(k * z)) < 0.5).mean()
        yield check(f"G = tanh({k:g} z): share of samples in (-1/2, 1/2), against 2 Phi(atanh(1/2) / {k:g}) - 1", measured,
                    2 * ndtr(math.atanh(0.5) / k) - 1, 0.003)
        yield less("... which is above the bound for any G of that slope that gives both sides equal shares", 2 * ndtr(0.5 / k) - 1, measured)
    samples = plane_gan("bimodal", "non-saturating", d_steps=3, d_lr=3e-3).snapshots[300]
    centres, sigma = tg.data.modes("bimodal")
    bridge = (np.linalg.norm(samples[:, None] - centres, axis=2).min(1) > 4 * sigma).mean()
    real = (np.linalg.norm(tg.data.sample("bimodal", 20_000, rng)[:, None] - centres, axis=2).min(1) > 4 * sigma).mean()
    yield less("a GAN trained on two Gaussians: share of samples beyond 4 sigma of both; of the data, and of the GAN", real, bridge)


@question("002.5.8", "Why cycles help in mapping domains")
def cycles():
    """Two one-way GANs only ask that G maps the law of A to the law of B, and F back. Any measure-preserving map does
    that: it may pair any black-haired face with any blond one. A cycle loss, F(G(a)) = a and G(F(b)) = b, forces the
    two to invert each other, so nothing is lost on the way and no two inputs collapse into one. It does not fix which
    pairing: a permutation and its inverse also have zero loss. What favours the natural pairing in practice is that
    networks are smooth, and losses that ask G to leave B as it is."""
    orders = list(itertools.permutations(range(4)))
    uniform = sum(len(set(image)) == 4 for image in itertools.product(range(4), repeat=4))       # of all 256 maps, those that keep the law
    one_way = uniform ** 2
    cyclic = sum(all(f[g[i]] == i for i in range(4)) for g in orders for f in orders)
    yield check("domains of 4 equally likely items: pairs (G, F) of zero GAN loss", one_way, math.factorial(4) ** 2)
    yield check("... of these, of zero cycle loss", cyclic, math.factorial(4))
    right = sum(all(f[g[i]] == i for i in range(4)) and g == tuple(range(4)) for g in orders for f in orders)
    yield check("... of these, with the pairing that was meant", right, 1)

    rng = np.random.default_rng(0)
    a = rng.standard_normal((400, 2))
    turn = lambda angle: np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    forward, back = turn(1.0), turn(0.4)
    covariance = forward @ forward.T
    yield check("N(0, I) to N(0, I): W2 of the law of a rotated sample, in closed form",
                wasserstein_gaussian([0, 0], covariance, [0, 0], 1), 0, 1e-7)
    yield less("... yet G a turn by 1.0 and F by 0.4 do not invert each other: 0.5 is below the mean cycle error", 0.5,
               np.linalg.norm(a @ forward.T @ back.T - a, axis=1).mean())

    def losses(g, f):
        """(GAN part, cycle part) of two linear maps of N(0, I) to itself: KL of the mapped law, and the mean squared error of the cycle."""
        laws = [x @ x.T for x in (g, f)]
        gan = sum((law[0, 0] + law[1, 1]) * 0.5 - 1.0 - tg.log(law[0, 0] * law[1, 1] - law[0, 1] * law[1, 0]) * 0.5 for law in laws)
        error = f @ g - np.eye(2)
        return gan, (error * error).sum()

    # Descent cannot carry a turn over into a mirror image (det = 0 lies between), so each pair starts as two turns or as two mirror images.
    starts = rng.standard_normal((6, 2, 2, 2))
    starts[:, 1, 0] *= np.sign(np.linalg.det(starts).prod(axis=1))[:, None]
    without = [minimise(lambda g, f: losses(g, f)[0], *start)[1] for start in starts]
    with_cycle = [minimise(lambda g, f: losses(g, f)[0] + losses(g, f)[1], *start)[1] for start in starts]
    broken = np.array([np.abs(f @ g - np.eye(2)).max() for g, f in without])
    closed = np.array([np.abs(f @ g - np.eye(2)).max() for g, f in with_cycle])
    yield holds("linear maps by descent from 6 starts, GAN loss alone: F G is far from the identity", broken.min() > 0.05,
                f"largest entry of F G - I: {broken.min():.2f} to {broken.max():.2f}")
    yield check("... with the cycle loss: largest entry of F G - I over all starts", closed.max(), 0, 1e-4)
    turns = np.array([math.atan2(g[1, 0], g[0, 0]) for g, _ in with_cycle])
    yield less("... and the maps still differ from start to start: 0.5 is below the spread of their angles", 0.5, np.ptp(turns))
