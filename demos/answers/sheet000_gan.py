"""Sheet 000, question 2: the two generator losses, the gradient penalty, inversion, and paths between codes."""
import math

import numpy as np

import tinygen as tg
from tinygen.divergences import wasserstein_1d
from tinygen.geometry import invert, path_energy, path_speed, pull_back_energy, relative_energy, shortest_path, spherical, straight
from tinygen.losses import gan

from .derivatives import central_difference, gradient
from .grids import sigmoid
from .questions import check, drawing, holds, less, note, question
from .small import ring_comparison


@question("000.2a", "BCE[D(G), 1] and -BCE[D(G), 0] are two different losses")
def two_losses():
    """With p = D(G(z)): BCE[D(G), 1] = -log p, but -BCE[D(G), 0] = log(1 - p). The sheet's "=" between them is false.
    Both fall with the logit of p and have the same optimum, yet their gradients differ: -(1 - p) against -p. The
    first (non-saturating) is large where the discriminator rejects the sample, the second (minimax) vanishes just
    there."""
    logits = tg.tensor(np.array([[-4.0], [0.0], [4.0]]), requires_grad=True)
    one_by_one = lambda loss: np.array([loss(logits[i:i + 1]).item() for i in range(3)])
    first, second = gan.non_saturating_generator, gan.minimax_generator
    p = sigmoid(logits.numpy()[:, 0])
    slopes = {loss: tg.grad(loss(logits) * 3.0, [logits])[0].numpy()[:, 0] for loss in (first, second)}
    yield check("values of BCE[D(G), 1], against -log p", one_by_one(first), -np.log(p), 1e-12)
    yield check("values of -BCE[D(G), 0], against log(1 - p)", one_by_one(second), np.log(1 - p), 1e-12)
    yield check("their difference at logit -4, against -log p(1 - p)", (one_by_one(first) - one_by_one(second))[0],
                -math.log(p[0] * (1 - p[0])), 1e-12, sheet=0)
    yield check("gradient of the first at logit -4, by autograd, against -(1 - p)", slopes[first][0], -(1 - p[0]), 1e-12)
    yield check("gradient of the second at logit -4, by autograd, against -p", slopes[second][0], -p[0], 1e-12)

    axis = np.linspace(-6, 6, 121)
    yield drawing("two-losses", lambda: tg.figures.line_panels(
        axis, {"loss": {"non-saturating, -log p": np.logaddexp(0, -axis), "minimax, log(1 - p)": -np.logaddexp(0, axis)},
               "gradient by the logit": {"non-saturating": -(1 - sigmoid(axis)), "minimax": -sigmoid(axis)}},
        xlabel="logit of D(G(z))", title="Two generator losses"))


@question("000.2b", "The gradient penalty, and WGAN-GP against the GAN")
def penalty():
    """Penalty: lambda E (||grad D(xhat)|| - 1)^2 at xhat = u x_real + (1 - u) x_fake, one u per sample; its own
    gradient by the critic's weights is a gradient of a gradient. For a linear critic w.x it is lambda (||w|| - 1)^2,
    with gradient 2 lambda (1 - 1 / ||w||) w. Against the regular GAN: where real and fake hardly overlap, the optimal
    discriminator's minimax gradient is zero, the critic's is one."""
    rng = np.random.default_rng(0)
    weight, strength = np.array([[3.0], [-1.0], [2.0]]), 10.0
    real, fake = rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
    penalised = lambda w: gan.gradient_penalty(lambda x: x @ w, real, fake) * strength
    length = np.linalg.norm(weight)
    yield check("penalty of a linear critic, against lambda (||w|| - 1)^2", penalised(tg.tensor(weight, requires_grad=True)).item(),
                strength * (length - 1) ** 2, 1e-9)
    yield check("its gradient by w, autograd twice, against 2 lambda (1 - 1 / ||w||) w", gradient(penalised, weight)[0],
                2 * strength * (1 - 1 / length) * weight, 1e-9)

    # Real N(0, 1), fake N(6, 1): the logit of D* is log p - log q = 18 - 6 x.
    best_logit = lambda x: 18.0 - x * 6.0
    at = np.array([[6.0]])
    minimax, non_saturating = (gradient(lambda x: loss(best_logit(x)), at)[0].item()
                               for loss in (gan.minimax_generator, gan.non_saturating_generator))
    yield check("minimax gradient at the middle of the fake samples, against 6 D*", minimax, 6 * sigmoid(-18.0), 1e-12)
    yield check("... non-saturating, against 6 (1 - D*)", non_saturating, 6 * (1 - sigmoid(-18.0)), 1e-9)
    normal_samples = rng.standard_normal(1000)
    transport = gradient(lambda shift: wasserstein_1d(normal_samples, tg.tensor(normal_samples) + shift), 6.0)[0]
    yield check("... of W1, which the best critic stands for, by the shift of the fake samples", transport, 1.0, 1e-9)
    yield less("so the minimax GAN stands still where WGAN moves", minimax, 1e-6)
    ring = ring_comparison()
    for name, (distance, hit) in ring.items():
        yield note(f"trained here, small, on a ring of 8 Gaussians: {name}: {hit} of 8 modes hit, W1 to the data {distance:.3f}")
    wgan, equal = ring["WGAN-GP, three steps of the critic"], ring["GAN, three steps of D"]
    yield check("modes of 8 that WGAN-GP hits", wgan[1], 8)
    yield less("W1 to the data: WGAN-GP against the untrained generator", wgan[0], ring["untrained"][0])
    yield note(f"at equal steps and rates W1 is {wgan[0]:.3f} for WGAN-GP and {equal[0]:.3f} for the GAN, whose gradient has not vanished so "
               "early: how much D is trained, in steps and rate, matters more here than the loss")


@question("000.2c", "Inversion: does every start find the same z*?")
def inversion():
    """No. ||G(z) - x||^2 is not convex in z, so descent ends in a local minimum, or on a plateau where units are
    saturated, and different starts give different z*, some of them with a positive loss although x is in the range of
    G. The smallest case: G(z) = (z^2, z/2) and x = G(1) have a second minimum at z = -(2 + sqrt 2)/4. The exception is
    a linear G of full column rank: one minimum, z* = pinv(W) x, reached from every start."""
    rng = np.random.default_rng(4)
    weight, x = rng.standard_normal((4, 30)), rng.standard_normal((1, 30))
    found = invert(lambda z: z @ weight, x, rng.standard_normal((10, 4)) * 5, method="lbfgs")
    yield check("linear G: 10 starts of L-BFGS, against x pinv(W)", found.z[0], x @ np.linalg.pinv(weight), 1e-5)

    fold = lambda z: tg.concatenate([z * z, z * 0.5], axis=1)
    found = invert(fold, np.array([[1.0, 0.5]]), np.array([[-2.0], [-0.5], [0.5], [2.0]]), method="adam", steps=1000)
    yield check("G(z) = (z^2, z/2), x = G(1): four starts, against -(2 + sqrt 2)/4 and 1", found.z[0, :, 0],
                np.array([-(2 + math.sqrt(2)) / 4, -(2 + math.sqrt(2)) / 4, 1, 1]), 1e-4)
    yield check("... the loss left over at the first, against ((z^2 - 1)^2 + (z - 1)^2 / 4)", found.loss[0, 0],
                ((2 + math.sqrt(2)) ** 2 / 16 - 1) ** 2 + ((2 + math.sqrt(2)) / 4 + 1) ** 2 / 4, 1e-6)

    hidden, bias, out = rng.standard_normal((2, 16)) * 4.0, rng.standard_normal(16), rng.standard_normal((16, 50)) / 4
    generate = lambda z: tg.tanh(z @ hidden + bias) @ out
    truth = np.array([[0.4, -0.7]])
    found = invert(generate, generate(truth), rng.standard_normal((20, 2)) * 4, method="lbfgs", steps=1500)
    losses, distances = found.loss[0], np.linalg.norm(found.z[0] - truth, axis=1)
    stuck = losses > 0.1
    different = len(np.unique(found.z[0].round(1), axis=0))
    yield note(f"a tanh network 2 -> 16 -> 50, an image of its own, 20 starts: {different} different z* (to one digit)")
    yield less("the best start gave back the true z, to within", distances[losses.argmin()], 1e-3)
    yield holds("others stop elsewhere, in minima or on plateaus", stuck.any() and distances[stuck].min() > 0.05,
                f"{stuck.sum()} starts, losses {losses[stuck].min():.3g} to {losses[stuck].max():.3g}" if stuck.any() else "none")


def least_energy(generator, z_a, z_b, x_a, x_b, segments=64):
    """The `Path` of least U between two codes (1, D) and two images (1, ...)."""
    return shortest_path(lambda nodes: path_energy(generator, nodes, x_a, x_b), z_a, z_b, segments=segments,
                         starts=("straight",) if z_a.shape[1] == 1 else ("straight", "spherical"), steps=1000)


@question("000.2d", "A path between two codes of least U")
def path():
    """Discretise Z into N segments with fixed ends, U_N = N sum rho(midpoint) ||dZ||^2, with rho = ||G - xA||^2 + ||G
    - xB||^2; start from the straight and from the spherical path, descend on the inner nodes by gradient, and keep
    the lower one.
    U is the energy of the conformal metric rho(z) I, since rho = 2 ||G - (xA + xB)/2||^2 + 1/2 ||xA - xB||^2 depends
    on z alone; it is not the energy of image differences per step that the sheet's words describe (the pull-back
    metric int ||dG(Z)/dt||^2 dt). At the minimum sqrt(rho) ||Z'|| is constant. The print leaves open whether
    ||dZ/dt|| is squared: here it is; unsquared, U is a length, which no reparametrisation changes."""
    ends = np.array([[-1.0]]), np.array([[1.0]])
    identity = lambda z: z
    line = straight(*ends, 64)
    best = least_energy(identity, *ends, *ends)
    yield check("G = identity from -1 to 1: least U over 64 segments, against (2 + sqrt 2 asinh 1)^2", best.energy[0],
                (2 + math.sqrt(2) * math.asinh(1)) ** 2, 1e-3)
    yield check("... U of the straight path, against 32/3", path_energy(identity, tg.tensor(line), *ends).item(), 32 / 3, 2e-3)
    yield check("... unsquared, on either path, against 16/3",
                [path_energy(identity, tg.tensor(p), *ends, squared=False).item() for p in (line, best.nodes)], 16 / 3, 2e-3)
    nodes = best.nodes[0, :, 0]
    speed = np.sqrt(2 * ((nodes[1:] + nodes[:-1]) / 2) ** 2 + 2) * np.diff(nodes) * 64
    yield check("... sqrt(rho) ||Z'|| along the best path, against its mean", speed, speed.mean(), 2e-3)
    even = pull_back_energy(identity, tg.tensor(np.stack([line[0], best.nodes[0]]))).numpy()
    yield less("... the pull-back energy, int ||dG/dt||^2, has another minimiser: the straight path's against that of least U", even[0],
               even[1])

    rng = np.random.default_rng(1)
    weight, out = rng.standard_normal((2, 12)) * 0.8, rng.standard_normal((12, 20)) / 3
    generate = lambda z: tg.tanh(z @ weight) @ out
    codes = np.array([[1.6, 0.2]]), np.array([[-0.6, 1.4]])
    image_a, image_b = (generate(c) for c in codes)
    found = least_energy(generate, *codes, image_a, image_b, 32)
    yield holds("a 2-D generator: descent lowers U from both starts", all(found.after[n][0] < found.before[n][0] for n in found.after),
                ", ".join(f"{n} {found.before[n][0]:.4f} -> {found.after[n][0]:.4f}" for n in found.after))
    z = rng.standard_normal((100, 2))
    images, half = generate(z), (image_a + image_b) / 2
    yield check("rho = 2 ||G - (xA + xB)/2||^2 + 1/2 ||xA - xB||^2 at 100 random z",
                ((images - image_a) ** 2).sum(1) + ((images - image_b) ** 2).sum(1),
                2 * ((images - half) ** 2).sum(1) + 0.5 * ((image_a - image_b) ** 2).sum(), 1e-10)
    paths = {"straight": straight(*codes, 32), "spherical": spherical(*codes, 32), "least U": found.nodes}
    energies = {**{name: energy[0] for name, energy in found.before.items()}, "least U": found.energy[0]}
    yield drawing("path", lambda: tg.figures.path_profiles(
        {name: path_speed(generate, tg.tensor(p), image_a, image_b).numpy()[0] for name, p in paths.items()}, energies=energies,
        ylabel="speed in the metric, sqrt(rho) |Z'|", energy_label="U", title="Paths between two codes of a small generator"))


@question("000.2e", "Training so that min U is small")
def shaped_latent():
    """Bi-level: add mu E over pairs of min_Z U(Z) to the generator's loss. The inner minimum needs no
    differentiation: by the envelope theorem its derivative by the weights is the partial derivative at the path
    found, Z* held fixed. Cheaper: a path-length or Jacobian penalty. A plain small U can be had for nothing, by
    shrinking the codes (z -> z/c divides U by c^2 and changes no image) or by fading through the mean of the two
    images; so normalise U by ||zA - zB||^2 and keep the reconstruction or GAN loss beside it."""
    ends = np.array([[-1.0]]), np.array([[1.0]])
    generate = lambda z, theta: z * theta + tg.tanh(z * 2.0) * (theta * theta)
    least = lambda theta: least_energy(lambda z: generate(z, theta), *ends, *ends, 32)
    theta = 0.7
    best = least(theta)
    by_envelope = gradient(lambda t: path_energy(lambda z: generate(z, t), tg.tensor(best.nodes), *ends).sum(), theta)[0]
    yield check("d min U / d theta: at the fixed path by autograd, against differences of the re-minimised U", by_envelope,
                central_difference(lambda t: least(t).energy[0], theta, 1e-3), 1e-3)
    closer = [end / 3 for end in ends]
    scaled = least_energy(lambda z: generate(z * 3.0, theta), *closer, *ends, 32)
    yield check("codes three times closer, the same images: U, against U / 9", scaled.energy[0], best.energy[0] / 9, 1e-5)
    relative = [relative_energy(p.energy, *codes, *ends)[0] for p, codes in ((best, ends), (scaled, closer))]
    yield check("... and U / (||xA - xB||^2 ||zA - zB||^2) is unchanged", relative[1], relative[0], 1e-6)
