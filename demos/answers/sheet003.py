"""Sheet 003: the loss of the VAE, the least-squares GAN, the three GANs."""
import math

import numpy as np

import tinygen as tg
from demos.descent import minimise
from tinygen.divergences import kl, kl_gaussian
from tinygen.losses.gan import least_squares
from tinygen.models.gan import DCGANDiscriminator, DCGANGenerator, FCDiscriminator, FCGenerator

from .grids import DX, normal
from .questions import check, drawing, holds, less, note, question
from .small import image_gan, images, pixel_distance
from .training import latest, reported


@question("003.1", "The loss of the VAE, step by step")
def vae_loss():
    """log p(x) = E_q log p(x)                                                      it does not depend on z
             = E_q log [p(x|z) p(z) / p(z|x)]                                   Bayes
             = E_q log [p(x|z) p(z)/q(z|x) q(z|x)/p(z|x)]                       times one
             = E_q log p(x|z) - KL(q(z|x) || p(z)) + KL(q(z|x) || p(z|x))       the logarithm of a product
    The last term needs p(z|x) = p(x|z) p(z) / p(x), and p(x) is the integral that could not be done: it cannot be
    estimated. It is >= 0, so dropping it leaves a lower bound, and the loss is L = -E_q log p(x|z) + KL(q(z|x) ||
    p(z)): reconstruction, by sampling z through the reparametrisation, and the KL to the prior, in closed form for
    Gaussians. Assumptions: q and p(z) Gaussian with diagonal covariance, p(x|z) tractable."""
    rng = np.random.default_rng(0)
    prior, likelihood = rng.dirichlet(np.ones(6)), rng.random(6)
    evidence = (prior * likelihood).sum()
    posterior = prior * likelihood / evidence
    q = rng.dirichlet(np.ones(6), 500)
    terms = q @ np.log(likelihood), kl(q, prior), kl(q, posterior)
    yield check("the three terms for 500 random q, discrete z, against log p(x)", terms[0] - terms[1] + terms[2], math.log(evidence), 1e-12)
    yield less("0 is below the smallest of the dropped terms", 0, terms[2].min())

    # z ~ N(0, 1), x|z ~ N(2 z, 1), x = 1.5, so that p(x) = N(0, 5) and everything can be done by quadrature
    z = np.linspace(-12, 12, 24_001)
    p_z, p_x_given_z, q_z = normal(0, 1, z), normal(2 * z, 1, 1.5), normal(0.3, 0.6, z)
    integrate = lambda f: f.sum() * (z[1] - z[0])
    evidence = integrate(p_z * p_x_given_z)
    yield check("Gaussian case: p(x) by quadrature, against N(1.5; 0, 5)", evidence, float(normal(0, math.sqrt(5), 1.5)), 1e-10)
    logs = [-0.5 * z ** 2 - 0.5 * math.log(2 * math.pi), -0.5 * (1.5 - 2 * z) ** 2 - 0.5 * math.log(2 * math.pi),
            -0.5 * ((z - 0.3) / 0.6) ** 2 - math.log(0.6 * math.sqrt(2 * math.pi))]
    first, second = integrate(q_z * logs[1]), integrate(q_z * (logs[2] - logs[0]))
    third = kl_gaussian(0.3, 0.36, 0.6, 0.2)                    # to the posterior p(z|x = 1.5) = N(0.6, 0.2)
    yield check("... its three terms add up to log p(x)", first - second + third, math.log(evidence), 1e-9)
    yield check("... the KL to the prior, against 1/2 (mu^2 + s^2 - 1 - log s^2)", second, 0.5 * (0.09 + 0.36 - 1 - math.log(0.36)), 1e-9)


@question("003.2", "The optimal D of the least-squares GAN")
def least_squares_gan():
    """Point by point: p_d (D - b) + p_g (D - a) = 0 gives D* = (b p_d + a p_g) / (p_d + p_g): a weighted mean of the
    codes, where the GAN's D* = p_d / (p_d + p_g) is a probability (the same thing for a = 0, b = 1). Its gradient
    grows with the distance from the code, so fakes far on the right side of the boundary are pulled back, where the
    log loss is flat. With b - c = 1 and b - a = 2, and C = V(G) + 1/2 E_pd (D* - c)^2 (a term without gradient in G
    for fixed D):  2 C = int (p_d - p_g)^2 / (p_d + p_g) = chi^2(2 p_g || p_d + p_g).
    The usual code, a = 0, b = c = 1, does not satisfy those equations, and its C is no such divergence."""
    p, q = normal(0, 1), normal(1, 1.3)
    inside = p + q > 1e-200
    p, q = p[inside], q[inside]
    integrate = lambda f: f.sum() * DX
    pick = slice(None, None, len(p) // 200)
    share = p[pick] / (p + q)[pick]
    pair = least_squares()
    _, (found,) = minimise(lambda d: ((d - 1.0) ** 2 * share + (d + 1.0) ** 2 * (1 - share)).sum(), np.zeros(len(share)))
    yield check("D found by descent, codes (-1, 1, 0), against (b p_d + a p_g) / (p_d + p_g)", found, pair.optimal(p[pick], q[pick]), 1e-6)
    best = pair.optimal(p, q)
    c = 0.5 * integrate(p * best ** 2) + 0.5 * integrate(q * best ** 2)
    closed = integrate((p - q) ** 2 / (p + q))
    yield check("N(0, 1) against N(1, 1.3^2): 2 C at D*, against int (p_d - p_g)^2 / (p_d + p_g)", 2 * c, closed, 1e-9)
    yield check("... against chi^2(2 p_g || p_d + p_g)", integrate((2 * q - (p + q)) ** 2 / (p + q)), closed, 1e-9)
    yield note(f"that number is {closed:.5f}")
    usual = least_squares(0, 1, 1)
    d = usual.optimal(p, q)
    c = 0.5 * integrate(p * (d - 1) ** 2) + 0.5 * integrate(q * (d - 1) ** 2)
    yield holds("codes (0, 1, 1): b - c = 1 and b - a = 2 fail, and 2 C is another number", abs(2 * c - closed) > 0.1,
                f"b - c = 0, b - a = 1, 2 C = {2 * c:.5f}")
    half = usual.optimal(p, p)                                      # p_g = p_d: D* = 1/2
    yield check("... and where p_g = p_d its C is 1/4, not 0", 0.5 * integrate(p * (half - 1) ** 2) + 0.5 * integrate(p * (half - 1) ** 2),
                0.25, 1e-9)

    x = tg.tensor(np.array([[4.0]]), requires_grad=True)            # a fake that D is sure to be real
    slope = lambda loss: abs(tg.grad(loss(x), [x])[0].item())
    yield less("pull on a fake that D calls real with a score of 4: log loss (1 - D), against least squares (D - c)",
               slope(lambda t: tg.softplus(-t).mean()), slope(pair.generator))
    axis = np.linspace(-3, 4, 141)
    both = normal(0, 1, axis), normal(1, 1.3, axis)
    yield drawing("optimal", lambda: tg.figures.line_panels(axis, {"density": {"p data": both[0], "p G": both[1]}, "D*(x)": {
        "GAN": both[0] / sum(both), "LSGAN (-1, 1, 0)": pair.optimal(*both), "LSGAN (0, 1, 1)": usual.optimal(*both)}},
        xlabel="x", title="Optimal discriminators"))


@question("003.3", "Vanilla GAN, LSGAN, DCGAN", trained=True)
def three_gans():
    """The vanilla GAN and the LSGAN share their networks (267,009 and, at z = 4, 1,858,320 parameters), and differ in
    the loss alone; the DCGAN is convolutional (1,102,721 and 6,580,801): neighbouring pixels are made together, by the
    same weights everywhere. Which samples are better is no matter of the losses, which are not on one scale: it is
    measured, as a distance to real images: here for two small ones, for all three in finished runs of the demo."""
    for name, net, size in (("fully connected D", FCDiscriminator(), 267_009), ("fully connected G at z = 4", FCGenerator(4), 1_858_320),
                            ("DCGAN D", DCGANDiscriminator(), 1_102_721), ("DCGAN G at z = 4", DCGANGenerator(4), 6_580_801)):
        yield check(f"parameters of the {name}", net.count_parameters(), size)
    for name, wanted in (("vanilla GAN", {"arch": "fc", "loss": "non-saturating"}), ("LSGAN", {"arch": "fc", "loss": "lsgan"}),
                         ("DCGAN", {"arch": "dcgan"})):
        run = latest("gan", **wanted)
        yield note(f"{name}: {run.origin}: {reported(run)}" if run else f"{name}: there is no finished run")
    real = images("mnist-mini", 500)[0]
    floor = pixel_distance(real, "mnist-mini")
    distances = {}
    for name, loss in (("vanilla GAN", "non-saturating"), ("LSGAN", "lsgan")):
        found = image_gan(name="mnist-mini", loss=loss, steps=300)
        before, after = pixel_distance(found.before, "mnist-mini"), pixel_distance(found.after, "mnist-mini")
        yield less(f"{name}, trained here, small (z-128-256-784, 300 steps): Fréchet distance on 20 principal axes of the pixels (not FID, "
                   f"floor {floor:.2f}): after against before", after, before)
        distances[name] = after
    yield note("... beside each other, after as many steps at the same rates: " + ", ".join(f"{name} {d:.2f}" for name, d in distances.items()))

    tg.manual_seed(0)
    generator, critic = DCGANGenerator(16), DCGANDiscriminator()
    optimizer = tg.optim.Adam(critic.parameters(), 1e-3, betas=(0.5, 0.999))
    x = tg.tensor(real[:32].reshape(-1, 1, 28, 28) * 2 - 1)
    with tg.no_grad():
        fake = generator(tg.tensor(tg.uniform((32, 16), low=-1.0)))
    yield holds("DCGAN: 32 codes give images", fake.shape == (32, 1, 28, 28) and np.abs(fake.numpy()).max() <= 1,
                f"{fake.shape}, in [{fake.numpy().min():.2f}, {fake.numpy().max():.2f}]")
    d_losses = []
    for _ in range(6):
        loss = tg.losses.gan.cross_entropy_discriminator(critic(x), critic(fake))
        optimizer.minimize(loss)
        d_losses.append(loss.item())
    yield less("... six steps of its D on one batch: last loss against first", d_losses[-1], d_losses[0])
