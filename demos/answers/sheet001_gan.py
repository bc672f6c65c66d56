"""Sheet 001, questions 3 and 4: the game of a GAN, distances of uniforms, and the networks of the coding part."""
import math

import numpy as np

import tinygen as tg
from demos.descent import minimise
from demos.divergences import uniforms_figure
from tinygen import nn
from tinygen.divergences import js, js_gaussian, kl, total_variation, wasserstein_1d
from tinygen.losses import gan as gan_losses
from tinygen.models import gan as gan_models

from .derivatives import gradient
from .grids import DX, log_normal_density, normal, normal_nodes, uniform
from .questions import check, drawing, holds, question


@question("001.3a", "The cost of the classical GAN")
def cost():
    """min over theta, max over omega of  E_data log D_omega(x) + E_z log(1 - D_omega(G_theta(z))).
    The sheet's solution is the same with the sign turned and without saying who minimises: it is the loss of D alone,
    and G wants it large. A discriminator that cannot tell (D = 1/2) has the value -log 4, a perfect one 0."""
    rng = np.random.default_rng(0)
    real_logits, fake_logits = rng.standard_normal(1000) + 1, rng.standard_normal(1000) - 1
    d = lambda logits: 1 / (1 + np.exp(-logits))
    by_formula = np.log(d(real_logits)).mean() + np.log(1 - d(fake_logits)).mean()
    loss = gan_losses.cross_entropy_discriminator(real_logits[:, None], fake_logits[:, None])
    yield check("minus D's loss from its logits, against the formula", -loss, by_formula, 1e-12)
    undecided = np.zeros((1, 1))
    yield check("value at D = 1/2, against -log 4", -gan_losses.cross_entropy_discriminator(undecided, undecided), -math.log(4), 1e-12)


@question("001.3b", "The same problem in terms of p_G")
def in_terms_of_densities():
    """min over p_G, max over D of  int p_data(x) log D(x) + p_G(x) log(1 - D(x)) dx:
    the law of G(z) is all that counts, for E_z f(G(z)) = int p_G(x) f(x) dx whatever f is."""
    eps, weights = normal_nodes(100)
    x = np.geomspace(1e-4, 1e4, 400_001)
    p_g = np.exp(log_normal_density(np.log(x), 0, 0.25)) / x                # G(z) = exp(z / 2), z ~ N(0, 1)
    log_not_d = lambda x: -np.logaddexp(0, 1.5 - x)                         # log(1 - D) of some discriminator
    yield check("E_z log(1 - D(exp(z/2))), against the integral over its density", (weights * log_not_d(np.exp(eps / 2))).sum(),
                np.trapezoid(p_g * log_not_d(x), x), 1e-7)


def value(p, q, d):
    """int p log D + q log(1 - D), with 0 log 0 = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return (np.where(p > 0, p * np.log(d), 0) + np.where(q > 0, q * np.log(1 - d), 0)).sum() * DX


@question("001.3c", "The optimal discriminator")
def optimal_discriminator():
    """Point by point: p log D + q log(1 - D) is concave in D, and p/D - q/(1 - D) = 0 gives
    D* = p_data / (p_data + p_G). (No derivative of D appears, so the sheet's Euler-Lagrange equation is that plain
    derivative; its minus sign got lost on the way.)"""
    x = np.linspace(-4, 5, 91)
    p, q = normal(0, 1, x), normal(1, 1.3, x)
    share = p / (p + q)                                 # each point by itself: its weight does not move its optimum
    _, (logits,) = minimise(lambda a: (tg.softplus(-a) * share + tg.softplus(a) * (1 - share)).sum(), np.zeros(91))
    yield check("logit of D found by gradient ascent at 91 points, against log p - log q", logits, np.log(p / q), 1e-3)
    far = log_normal_density(60.0, 0, 1) - log_normal_density(60.0, 1, 1.69)
    with np.errstate(invalid="ignore"):
        naive = normal(0, 1, np.array(60.0)) / (normal(0, 1, np.array(60.0)) + normal(1, 1.3, np.array(60.0)))
    log_d = -np.logaddexp(0, -far)
    yield holds("far out (x = 60), p/(p + q) is 0/0 in floats; log D* = -log(1 + exp(log q - log p)) is not",
                not np.isfinite(naive) and np.isfinite(log_d), f"{naive} and {log_d:.6g}")
    yield drawing("optimal-discriminator", lambda: tg.figures.line_panels(
        x, {"density": {"p data": p, "p G": q}, "D(x)": {"found by ascent": 1 / (1 + np.exp(-logits)), "p / (p + q)": p / (p + q)}},
        xlabel="x", title="The optimal discriminator"))


@question("001.3d", "The optimal generator")
def optimal_generator():
    """V(D*) = int p log p/(p+q) + q log q/(p+q) = -log 4 + 2 JSD(p_data, p_G) >= -log 4,
    with equality only for p_G = p_data. The sheet loses the log 4 in its second line and has it back in the third."""
    p, q = normal(0, 1), normal(1, 1.3)
    with np.errstate(invalid="ignore"):
        at_optimum = value(p, q, np.where(p + q > 0, p / (p + q), 0.5))
    jsd = js_gaussian(0, 1, 1, 1.69)
    yield check("V(D*) for N(0, 1) and N(1, 1.3^2) by quadrature, against -log 4 + 2 JSD", at_optimum, -math.log(4) + 2 * jsd, 1e-9,
                sheet=2 * jsd)
    data = np.random.default_rng(0).dirichlet(np.ones(8))

    def value_of(logits):                               # V(D*) of a generator that is any distribution on 8 points
        log_q = tg.log_softmax(logits)
        q = tg.exp(log_q)
        return (tg.log(data / (q + data)) * data).sum() + (q * (log_q - tg.log(q + data))).sum()

    lowest, (logits,) = minimise(value_of, np.linspace(-2, 2, 8))
    yield check("least V(D*) over all p_G on 8 points, found by descent, against -log 4", lowest, -math.log(4), 1e-9)
    yield check("p_G there, against p_data", np.exp(logits - np.logaddexp.reduce(logits)), data, 1e-4)


@question("001.3e", "KL and W1 of shifted uniforms")
def uniforms():
    """KL(P1, P2) = KL(P1, P3) = infinity: P1 has mass where the others have none, and one such interval is enough.
    (The sheet says 0 and 0.) W1(P1, P2) = 1/2 and W1(P1, P3) = 1: all the mass moves by the shift. JS = 1/2 log 2 and
    log 2, total variation 1/2 and 1, and both stay there for any larger shift, with no gradient. Smoothing by a
    background of weight eps makes KL finite and as large as one likes."""
    p1, p2, p3 = uniform(0, 1), uniform(0.5, 1.5), uniform(1, 2)
    yield check("KL(P1, P2)", kl(p1, p2, dx=DX), math.inf, sheet=0)
    yield check("KL(P1, P3)", kl(p1, p3, dx=DX), math.inf, sheet=0)
    spread = (np.arange(2000) + 0.5) / 2000             # P1, cell by cell
    for name, shift, density in (("P2", 0.5, p2), ("P3", 1.0, p3)):
        yield check(f"W1(P1, {name})", wasserstein_1d(spread, spread + shift), shift, 1e-12)
        yield check(f"JS(P1, {name})", js(p1, density, dx=DX), shift * math.log(2), 1e-9)
        yield check(f"total variation of P1 and {name}", total_variation(p1, density, dx=DX), shift, 1e-9)
    for eps in (1e-2, 1e-4, 1e-8):
        smoothed = (1 - eps) * p2 + eps * uniform(-1, 3)
        yield check(f"KL(P1, (1 - eps) P2 + eps U[-1, 3]) at eps = {eps:g}, against 1/2 log(4/eps) - 1/2 log(1 - 3 eps/4)",
                    kl(p1, smoothed, dx=DX), 0.5 * math.log(4 / eps) - 0.5 * math.log(1 - 0.75 * eps), 1e-6)
    by_shift = gradient(lambda s: wasserstein_1d(tg.tensor(spread), tg.tensor(spread) + s), 1.0)[0]
    yield check("d W1 / d shift by autograd, at disjoint supports", by_shift, 1.0, 1e-9)

    yield drawing("uniforms", lambda: uniforms_figure(np.linspace(0, 2, 81)))


@question("001.4a", "The discriminator of table 1")
def discriminator():
    """28 -> 14 -> 7 -> 5: the last convolution has no padding, so 8 x 5 x 5 = 200 features reach the linear layer.
    593 parameters: conv 1->2: 20, conv 2->4: 76, conv 4->8: 296, linear 200->1: 201."""
    net = gan_models.DNet()
    yield check("parameters", net.count_parameters(), (9 * 1 + 1) * 2 + (9 * 2 + 1) * 4 + (9 * 4 + 1) * 8 + 201)
    images = np.random.default_rng(0).random((3, 1, 28, 28), np.float32)
    yield holds("images (3, 1, 28, 28) give logits of shape", net(tg.tensor(images)).shape == (3, 1), net(tg.tensor(images)).shape)


@question("001.4b", "The generator of table 2")
def generator():
    """(32, 7, 7) -> 14 -> 28 by two upsamplings, the convolutions keep the size. 107,777 parameters for z of 64
    dimensions: linear 101,920, conv 32->16: 4,624, conv 16->8: 1,160, conv 8->1: 73."""
    net = gan_models.GNet(64)
    yield check("parameters", net.count_parameters(), (64 + 1) * 1568 + (9 * 32 + 1) * 16 + (9 * 16 + 1) * 8 + (9 * 8 + 1))
    images = net(tg.tensor(np.random.default_rng(0).uniform(-1, 1, (3, 64)).astype(np.float32))).numpy()
    yield holds("codes (3, 64) give images", images.shape == (3, 1, 28, 28) and 0 < images.min() and images.max() < 1,
                f"{images.shape}, values {images.min():.3f} to {images.max():.3f}")


@question("001.4c", "The initialisation")
def initialisation():
    """kaiming_uniform with its default a = 0: weights U[-b, b] with b = sqrt(6 / fan_in), that is gain sqrt 2,
    variance 2 / fan_in, so that a rectifier halves and the layer doubles the second moment again; biases 0. (It is
    not the layers' own default, b = 1 / sqrt(fan_in).)"""
    tg.manual_seed(0)
    layer = nn.Linear(300, 2000)
    nn.init.kaiming_uniform_(layer.weight, a=0.0)
    nn.init.constant_(layer.bias, 0.0)
    weight = layer.weight.numpy().astype(np.float64)
    yield check("largest |weight| of 600,000, against sqrt(6 / 300)", np.abs(weight).max(), math.sqrt(6 / 300), 1e-5)
    yield check("their variance, against 2 / fan_in", weight.var(), 2 / 300, 5e-5)
    yield check("biases", layer.bias.numpy(), 0)
    yield check("GNet(64): largest |weight| of its linear layer, against sqrt(6 / 64)", np.abs(gan_models.GNet(64)[0].weight.numpy()).max(),
                math.sqrt(6 / 64), 1e-3)
    h = np.random.default_rng(0).standard_normal((500, 300))
    out = np.maximum(h @ weight.T, 0)
    yield check("second moment after the layer and a ReLU, over that before", (out ** 2).mean() / (h ** 2).mean(), 1.0, 0.02)


@question("001.4d", "The discriminator's loss")
def discriminator_loss():
    """mean BCE(D(x), 1) + mean BCE(D(G(z)), 0), from logits: softplus(-d_real) + softplus(d_fake). Computed that way
    it is finite for any logit, where -log(sigmoid) is not. Gradients: -(1 - D) on real, D on fake logits."""
    real, fake = np.array([[2.0], [-1.0], [0.5]]), np.array([[-3.0], [0.2], [1.0]])
    loss = gan_losses.cross_entropy_discriminator
    d = lambda logits: 1 / (1 + np.exp(-logits))
    yield check("value, against -log D - log(1 - D)", loss(real, fake), -np.log(d(real)).mean() - np.log(1 - d(fake)).mean(), 1e-12)
    on_real, on_fake = gradient(loss, real, fake)
    yield check("gradient by the logits of real images, against -(1 - D)/3", on_real, -(1 - d(real)) / 3, 1e-12)
    yield check("... of fake images, against D/3", on_fake, d(fake) / 3, 1e-12)
    yield check("at logits -10,000 and 10,000 the loss is", loss(np.full((3, 1), -1e4), np.full((3, 1), 1e4)), 2e4, 1e-6)


@question("001.4e", "The generator's loss")
def generator_loss():
    """mean BCE(D(G(z)), 1) = softplus(-d_fake), the non-saturating loss: gradient -(1 - D) by the logit, largest
    where D rejects the image. Only the generator's weights are updated by it; at the equilibrium D = 1/2 its value is
    log 2."""
    fake = np.array([[-4.0], [0.0], [3.0]])
    d = 1 / (1 + np.exp(-fake))
    loss = gan_losses.non_saturating_generator
    yield check("value, against -log D", loss(fake), -np.log(d).mean(), 1e-12)
    yield check("gradient by the logits, against -(1 - D)/3", gradient(loss, fake)[0], -(1 - d) / 3, 1e-12)
    yield check("value at D = 1/2, against log 2", loss(np.zeros((1, 1))), math.log(2), 1e-12)

    tg.manual_seed(0)
    g, critic = gan_models.GNet(8), gan_models.DNet()
    before = [p.numpy().copy() for p in critic.parameters()]
    was = [p.numpy().copy() for p in g.parameters()]
    codes = tg.tensor(np.random.default_rng(0).uniform(-1, 1, (4, 8)).astype(np.float32))
    tg.optim.Adam(g.parameters(), 2e-4).minimize(loss(critic(g(codes))))
    yield holds("one step of it moves every weight of G and none of D",
                all(np.array_equal(b, p.numpy()) for b, p in zip(before, critic.parameters()))
                and all((w != p.numpy()).any() for w, p in zip(was, g.parameters())),
                f"{len(was)} arrays of G changed, {len(before)} of D did not")
