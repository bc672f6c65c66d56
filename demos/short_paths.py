"""A GAN trained for short paths: min U with and without, on pairs of test images [000.2e]

    python -m demos short_paths

The sheet asks for decodings of which min U is small. The bi-level answer is built here: the generator's loss gets a term, the mean of U over
pairs of training images, at the codes that invert them and on the path between; by the envelope theorem its gradient is that at fixed codes and
path. Three things make it cheap and keep the samples. The codes of 2,000 training images are kept, and take two steps of Adam whenever they
are used; the path is the straight one, whose U bounds min U from above; and the weight of the term falls to 0, so it shapes latent space while that
is still soft and leaves the end of the training to the critic.

rho = 2 ||G - (xA+xB)/2||^2 + 1/2 ||xA-xB||^2 is least where the image is the mean of the two, so U asks for a fade, not for digits on the way.
A sample must not be a fade. The two do not clash where paths run through codes that are never drawn: z is a learned map of noise onto a sphere, and
the straight path between two points of it passes inside. The scale of z is then fixed, and U cannot fall by shrinking it.

Measured by the command above (about 4 minutes of one core): the same 40 pairs of test images and as many starts for all; "relative" is
min U / (||xA-xB||^2 ||zA-zB||^2), "own images" the same with G(zA), G(zB) for xA, xB; 2,000 samples against the test images. The errors of the
last line count the pairs of both seeds as independent:

                          min U        relative  own images  error a pixel  ||zA-zB||  Fréchet  sure  classes, TV
    without, seed 0   112 +- 10 k  1.231 +- .029        .927           .178       14.5     63.4  .572         .087
    without, seed 1   132 +-  9 k  1.296 +- .032        .981           .178       15.7     79.5  .554         .156
    with, seed 0       87 +-  6 k   .891 +- .009        .787           .078       15.2     53.7  .585         .058
    with, seed 1       86 +-  6 k   .898 +- .010        .798           .076       15.0     48.3  .581         .083
    lower by        29.2 +- 3.3 %  29.2 +- 1.0 %        17 %

Two things shorten the paths: test images are inverted more closely, and images between two codes are nearer to both (own images). The samples are
no worse: the Fréchet distance (in the judge's features) varies by 16 from seed to seed, and both seeds with the term lie below both without.
The price is paid where nobody draws: the judge is sure of 8 to 10 % of the images halfway, without the term of 15 to 35 %. The larger the weight, the
lower U: 6, 15, 25 lower the relative one of seed 0 by 16, 23, 28 %, at Fréchet distances of 66, 61, 54. The mapping alone makes paths longer: the
same synthesis without it and without the term comes to .92 with 16 normal numbers (Fréchet 70), to .84 on a sphere in R^64 (77), where less was
gained.

Tried before, each with one seed and three starts, and worse:
    a constant weight                       relative 17 to 21 % lower, Fréchet 85 to 99 against 64 to 70
    pairs of generated images               5 to 28 % lower, 80 to 199 against 70
    an optimizer of its own for the term    8 % lower, 95 against 64
    no mapping, z on a sphere or normal     1 to 10 % lower, 93 to 170 against 77; U falls less, or rises
    StyleGAN2's path length penalty on z    3 % lower, 90 against 70; U 13 % higher
"""
from pathlib import Path
from typing import NamedTuple

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, geometry, nn
from tinygen.losses.gan import LOSSES
from tinygen.metrics import class_abundance, frechet_score, load_judge
from tinygen.models.gan import Architecture, FCDiscriminator
from tinygen.models.mlp import mlp
from tinygen.nn import ExponentialMovingAverage
from tinygen.optim import Adam, linear_decay
from tinygen.training import Run

from demos.command_line import Grey
from demos.finished import load_weights
from demos.gan import generate, train_discriminator
from demos.latent_gan import LatentGAN, random_batches, small_generator
from demos.paths import held_out_pairs
from demos.sweeps import refuse_twice
from demos.tables import print_table

NOISE, CODE = 16, 128                       # numbers in u and in z
LR, BETAS, CRITIC_STEPS, BATCH = 1e-3, (0.5, 0.9), 3, 64
KNOWN, INNER_STEPS, PRIOR = 2000, 2, 0.2    # training images whose codes are followed; steps of Adam at a time; of their inversion
SHOWN = 9                                   # images in a strip


def main(*, data: Grey = "mnist-mini", weight=25.0, steps=2000, pairs=40, starts=10, iterations=200, segments=16, samples=2000, seeds=(0, 1),
         out="runs/short_paths", resume=False):
    """Train the same GAN without and with the term, once for each seed; measure paths and samples of both.

    data: digits: mnist-mini or mnist
    weight: of U in the generator's loss: it rises from 0 to nine tenths of this in the first tenth of the training, then falls to 0
    steps: updates of the generator
    pairs: of test images, each of two different classes
    starts: noise that every inversion begins from
    iterations: of an inversion, at most
    segments: of a path
    samples: judged, of each GAN
    seeds: one pair of trainings each, in OUT/without-N and OUT/with-N; more of them go on with --resume
    """
    settings = dict(locals())
    refuse_twice("short_paths", seeds=seeds)
    overview = Run(out, settings)
    judge, rows, shown = load_judge(data), {}, {}
    for seed in seeds:
        for name in ("without", "with"):
            folder = Path(out) / f"{name}-{seed}"
            train(folder, data=data, weight=weight if name == "with" else 0.0, steps=steps, seed=seed, resume=resume)
            gan = LatentGAN(load_weights(folder, ARCHITECTURE.generator(NOISE, (1, 28, 28)), "average"), ARCHITECTURE, data)
            tg.manual_seed((seed, 1))
            rows[name, seed] = measure(gan, held_out_pairs(gan, pairs, np.random.default_rng(0)), starts=starts, iterations=iterations, segments=segments)
            shown[name, seed] = generate(gan.generator, ARCHITECTURE, gan.draw(samples))
    with overview as run:
        table = {f"{name}, seed {seed}": {**summary(row), **quality(judge, shown[name, seed], row.middle)} for (name, seed), row in rows.items()}
        print_table(table, "GAN")
        falls = {f"seed {seed}": changes(rows["without", seed], rows["with", seed]) for seed in seeds}
        falls["all"] = changes(*(pooled([rows[name, seed] for seed in seeds]) for name in ("without", "with")))
        print_table(falls, "with the term, lower by")
        for name in ("without", "with"):
            run.figure(f"samples-{name}", figures.image_grid(shown[name, seeds[0]][:64], title=f"Samples {name} the term in U"))
        before, after = rows["without", seeds[0]], rows["with", seeds[0]]
        for i in range(min(4, pairs)):
            title = f"Paths of least U; relative U {before.relative[i]:.2f} without the term, {after.relative[i]:.2f} with it"
            run.figure(f"strip-{i + 1}", figures.path_strips({"without": before.strips[i], "with": after.strips[i]}, ends=before.ends[i], title=title))
        run.figure("energies", figures.bar_chart(
            {name: [rows[name, seed].relative.mean() for seed in seeds] for name in ("without", "with")}, [f"seed {seed}" for seed in seeds],
            errors={name: [standard_error(rows[name, seed].relative) for seed in seeds] for name in ("without", "with")},
            ylabel="min U / (||xA-xB||² ||zA-zB||²)", reference=("a linear fade from xA to xB", 0.6587),
            title=f"{pairs} pairs of test images; whiskers: standard error"))
        run.finish(**{f"{name}: {column}": value for part in (table, falls) for name, row in part.items() for column, value in row.items()})


# ---- the GAN -------------------------------------------------------------------------------------------------------------------


class MappedGenerator(nn.Module):
    """Noise u (N, 16) -> code z (N, 128), ||z||^2 = 128 -> image (N, 1, 28, 28) in [-1, 1].

    Paths run in the space of z, the W of StyleGAN (Karras et al. 2019): inside the sphere no sample lies, so images on the way need not be
    digits. On the sphere the scale of z is given: U cannot be made small by shrinking it.
    """

    def __init__(self, noise, image):
        super().__init__()
        self.mapping = nn.Sequential(*mlp(noise, 128, 128, CODE, activation=lambda: nn.LeakyReLU(0.2)))
        self.synthesis = small_generator(CODE, image)

    def code(self, u):
        z = self.mapping(u)
        return z * (CODE / ((z * z).sum(axis=1, keepdims=True) + 1e-8)) ** 0.5

    def forward(self, u):
        return self.synthesis(self.code(u))


ARCHITECTURE = Architecture(FCDiscriminator, MappedGenerator, NOISE, "normal", (-1, 1))


def train(folder, *, data, weight, steps, seed, resume=False):
    """A WGAN-GP, its generator's loss plus `weight` times the mean of U over pairs of training images, in a run of its own in `folder`."""
    with Run(folder, {"data": data, "weight": weight, "steps": steps, "seed": seed, "resume": resume}, resume=resume) as run:
        tg.manual_seed(seed)
        images, rng, pair = tgdata.load(data, "train")[0], np.random.default_rng(seed), LOSSES["wgan-gp"]
        critic, generator = ARCHITECTURE.discriminator(), ARCHITECTURE.generator(NOISE, images.shape[1:])
        c_optimizer, g_optimizer = (Adam(network.parameters(), LR, BETAS) for network in (critic, generator))
        average, batches, fixed = ExponentialMovingAverage(generator, 0.998), random_batches(images, rng, (-1, 1)), ARCHITECTURE.draw(64)
        known = KnownCodes(tgdata.to_float(images[rng.permutation(len(images))[:KNOWN]], (-1, 1)))
        run.keep(critic=critic, generator=generator, c_optimizer=c_optimizer, g_optimizer=g_optimizer, average=average, known=known, rng=rng)
        for step in run.steps(steps, every=max(1, steps // 8)):
            c_optimizer.lr = g_optimizer.lr = linear_decay(LR, step - 1, steps)
            for _ in range(CRITIC_STEPS):
                c_loss, *_ = train_discriminator(critic, generator, c_optimizer, pair, next(batches), ARCHITECTURE.draw(BATCH), penalty=10.0)
            loss = pair.generator(critic(generator(tg.tensor(ARCHITECTURE.draw(2 * BATCH)))))
            numbers = {"critic loss": c_loss, "adversarial": loss}
            if weight:
                numbers["U"] = energy = known.energy(generator, rng)
                loss = loss + energy * (weight * min(1.0, 10 * step / steps) * (1 - step / steps))
            g_optimizer.minimize(loss)
            average.update()
            run.update(**numbers)
        run.snapshot(figures.image_grid(generate(average.average, ARCHITECTURE, fixed), title="The same codes at the end"))
        run.finish()


class KnownCodes:
    """Training images x (M, C, H, W) and the noise u (M, 16) that makes them, or nearly: it follows the generator through the training."""

    def __init__(self, images):
        self.images, self.noise = images, ARCHITECTURE.draw(len(images))
        half = len(images) // 2
        self.scale = float(((images[:half] - images[half:2 * half]) ** 2).sum(axis=(1, 2, 3)).mean())      # ||xA - xB||^2 on average

    def energy(self, generator, rng):
        """U of the straight path, an upper bound of min U, without scale: the mean over pairs of known images, a Tensor.

        First their noise takes two more steps of the inversion. Then the integral over t is taken at one t a pair, and ||zA - zB||^2 cancels:
        mean (||G(z) - xA||^2 + ||G(z) - xB||^2) / scale at z = (1 - t) zA + t zB.
        """
        index = rng.permutation(len(self.images))[:2 * BATCH]
        images, pairs = self.images[index], len(index) // 2
        self.noise[index] = geometry.invert(generator, images, self.noise[index][:, None], steps=INNER_STEPS, prior=PRIOR).codes[-1][:, 0]
        z = generator.code(tg.tensor(self.noise[index]))
        t = ((rng.permutation(pairs) + rng.random(pairs)) / pairs).astype(z.dtype)[:, None]         # a pair in each of equal parts of [0, 1]
        on_the_way = generator.synthesis(z[:pairs] * (1 - t) + z[pairs:2 * pairs] * t)
        off = [((on_the_way - x) ** 2).sum(axis=(1, 2, 3)).mean() for x in (images[:pairs], images[pairs:2 * pairs])]
        return (off[0] + off[1]) * (1 / self.scale)

    def state_dict(self):
        return {"noise": self.noise}

    def load_state_dict(self, state):
        self.noise = np.array(state["noise"])


# ---- what is measured -----------------------------------------------------------------------------------------------------------


class Measured(NamedTuple):
    """Of P pairs of test images: min U, and divided by ||xA-xB||^2 ||zA-zB||^2; that of the straight path; that with G(zA), G(zB) for xA, xB, so that
    it matters how G goes from one to the other but not whether it reaches them; squared error a pixel of the two inversions; ||zA - zB||; the image
    in the middle of the path (uint8); images along it, and the ends."""
    energy: np.ndarray
    relative: np.ndarray
    straight: np.ndarray
    own: np.ndarray
    error: np.ndarray
    distance: np.ndarray
    middle: np.ndarray
    strips: list
    ends: list


def measure(gan, pairs, *, starts, iterations, segments):
    """Invert both images of every pair from the same starts, and find the path of least U between their codes: Measured."""
    (x_a, x_b, _), generator = pairs, gan.generator
    found = geometry.invert(generator, np.concatenate([x_a, x_b]), gan.draw(starts), method="lbfgs", steps=iterations, prior=PRIOR)
    with tg.no_grad():
        z = generator.code(tg.tensor(found.best))
        (z_a, z_b), own = np.split(z.numpy(), 2), np.split(generator.synthesis(z).numpy(), 2)

    def shortest(x_a, x_b):
        path = geometry.shortest_path(lambda nodes: geometry.path_energy(generator.synthesis, nodes, x_a, x_b), z_a, z_b, segments=segments, steps=60)
        return path, *(geometry.relative_energy(energy, z_a, z_b, x_a, x_b) for energy in (path.energy, path.before["straight"]))

    path, relative, straight = shortest(x_a, x_b)
    images, at = lambda z: generate(generator.synthesis, ARCHITECTURE, z), np.linspace(0, segments, SHOWN).round().astype(int)
    return Measured(path.energy, relative, straight, own=shortest(*own)[1], error=found.loss.min(axis=1).reshape(2, -1).mean(axis=0) / x_a[0].size,
                    distance=np.linalg.norm(z_a - z_b, axis=1), middle=images(path.nodes[:, segments // 2]),
                    strips=[images(nodes[at]) for nodes in path.nodes[:4]], ends=list(zip(tgdata.to_bytes(x_a[:4], (-1, 1)), tgdata.to_bytes(x_b[:4], (-1, 1)))))


def summary(row):
    """{column: number} of one GAN's pairs; +- is the standard error of the number before it."""
    return {"min U": row.energy.mean(), "+- ": standard_error(row.energy), "relative": row.relative.mean(), "+-": standard_error(row.relative),
            "straight": row.straight.mean(), "own images": row.own.mean(), "error a pixel": row.error.mean(), "||zA-zB||": row.distance.mean()}


def quality(judge, samples, middles):
    """{column: number}: how sure the judge is of the samples, and of the images in the middle of the paths; how far samples are from test images."""
    real = judge.features(tgdata.load(judge.data, "test")[0])
    return {"sure": (judge.confidence(samples) > 0.9).mean(), "classes, TV": class_abundance(judge.predict(samples)).total_variation,
            "Fréchet": float(frechet_score(judge.features(samples), real)), "sure in the middle": (judge.confidence(middles) > 0.9).mean()}


def changes(before, after, draws=2000):
    """{column: number}: by what share the means over pairs fell, and the standard error of that, by drawing the pairs anew (a bootstrap)."""
    columns = {"min U": (before.energy, after.energy), "relative": (before.relative, after.relative)}
    again = np.random.default_rng(0).integers(0, len(before.energy), (draws, len(before.energy)))
    found = {}
    for (name, (old, new)), plus in zip(columns.items(), ("+- ", "+-")):
        found |= {name: 1 - new.mean() / old.mean(), plus: (1 - new[again].mean(axis=1) / old[again].mean(axis=1)).std()}
    return found


def pooled(rows):
    """The pairs of several Measured as one."""
    return Measured(*(sum(part, []) if isinstance(part[0], list) else np.concatenate(part) for part in zip(*rows)))


def standard_error(values):
    return values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
