"""Maps between two domains without pairs: two GANs against DiscoGAN and CycleGAN [002.5.8]

    python -m demos domain_mapping                                two mixtures of six Gaussians in the plane, five seeds
    python -m demos domain_mapping --domains rotated --seeds 0    digits, upright and turned by a quarter turn
    python -m demos domain_mapping --domains inverted --seeds 0   digits, white on black and black on white

The simple model trains G_AB and G_BA as two GANs: nothing ties the one to the other, so many points may share an image, and G_BA need not
lead back. DiscoGAN and CycleGAN add E d(G_BA(G_AB(a)), a) + E d(G_AB(G_BA(b)), b), which is small only if both maps are nearly one-to-one and
each the other's inverse. Here b = T(a) is known, so the maps can be judged:

    map error    E |G_AB(a) - T(a)|            many to one   components of A less the components of B that they are sent to
    cycle error  E |G_BA(G_AB(a)) - a|         sent to       the component of B that each is sent to

What the cycle does not settle is the correspondence itself: a permutation of the components, with its inverse, has no cycle error and
fits both domains. The last model is told one pair a component, which settles it. Measured by the first command, means of five seeds (the
circles have radius 1). Of the 15 runs of the three models that reach B without pairs, 14 come to a wrong correspondence, the ring turned or
mirrored: no component is lost, and the cycle models have next to no cycle error.

                         map error  cycle error (largest)  many to one  on a component of B
    two GANs                  1.63           1.30 (1.87)           4.0                 .000
    two WGAN-GPs              1.17           1.50 (2.02)             0                1.000
    DiscoGAN                  1.30           .022 (.024)             0                 .689
    CycleGAN                  1.25           .004 (.006)             0                 .988
    CycleGAN with pairs       .005           .006 (.008)             0                 .999

and by the other two, on digits (errors are means over pixels in [-1, 1]; what a judge reads in 1,000 test images once they are upright again, and
after the cycle):

                           map error  cycle error  many to one  digit kept  by the cycle
    rotated   two GANs          .313         .299            4        14 %          14 %
              CycleGAN          .305         .101            2        25 %          89 %
    inverted  two GANs          .340         .302            5         6 %          10 %
              CycleGAN          .287         .101            3        27 %          91 %

The cycle brings nine in ten digits back, though on the way most of them are other digits: a wrong correspondence again.
"""
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, nn
from tinygen.data.toy import ring_centres
from tinygen.losses.gan import LOSSES, gradient_penalty, least_squares
from tinygen.metrics import load_judge
from tinygen.models.mlp import mlp
from tinygen.optim import Adam
from tinygen.training import Run

from demos.command_line import Grey
from demos.finished import load_weights
from demos.sweeps import refuse_twice
from demos.tables import print_table


class Recipe(NamedTuple):
    """How the two maps are trained. distance: of the cycle, "absolute" (L1) or "squared", a mean over components; weights of the terms."""
    adversary: object
    cycle: float = 0.0
    distance: str = "absolute"
    pairs: float = 0.0
    critic_steps: int = 1


RECIPES = {
    "gaussians": {
        "two GANs": Recipe(LOSSES["non-saturating"]),
        "two WGAN-GPs": Recipe(LOSSES["wgan-gp"], critic_steps=3),
        "DiscoGAN": Recipe(LOSSES["non-saturating"], cycle=10.0, distance="squared"),       # Kim et al. 2017, with a larger weight than their 1
        "CycleGAN": Recipe(least_squares(0, 1, 1), cycle=3.0),                              # Zhu et al. 2017, section 4, with 3 for their 10
        "CycleGAN with pairs": Recipe(least_squares(0, 1, 1), cycle=3.0, pairs=3.0),
    },
    "digits": {                             # with the other losses these small networks make one image of all digits
        "two GANs": Recipe(LOSSES["wgan-gp"], critic_steps=3),
        "CycleGAN": Recipe(LOSSES["wgan-gp"], cycle=100.0, critic_steps=3),
    },
}
DEFAULTS = {"gaussians": {"steps": 600, "batch_size": 128, "penalty": 0.1}, "digits": {"steps": 800, "batch_size": 64, "penalty": 10.0}}


class Domains(NamedTuple):
    """Two domains and the truth. a, b: (n, rng) -> a batch, drawn independently; truth: batch of A -> its images in B.

    map, critic: () -> a network.    pairs: (points of A, their images), a component each.
    """
    a: object
    b: object
    truth: object
    map: object
    critic: object
    pairs: tuple


def main(*, domains: Literal["gaussians", "rotated", "inverted"] = "gaussians", models: tuple[str, ...] | None = None, steps: int | None = None,
         batch_size: int | None = None, lr=1e-3, penalty: float | None = None, data: Grey = "mnist-mini", seeds=(0, 1, 2, 3, 4),
         out="runs/domain_mapping", resume=False):
    """Train every model once for each seed; tables, and pictures of the maps.

    domains: what is mapped
    models: which; by default all: two GANs, two WGAN-GPs, DiscoGAN, CycleGAN, CycleGAN with pairs (digits: two GANs and CycleGAN)
    steps: updates of the two maps; 600, for digits 800
    batch_size: examples of each domain in a step; 128, for digits 64
    penalty: weight of the gradient penalty, for every loss: without it the critics of two GANs chase one cluster around the plane; .1, for digits 10
    data: the digits
    seeds: one run each, in OUT/MODEL/seed-N
    """
    refuse_twice("domain_mapping", seeds=seeds, models=models or ())
    settings, plane = dict(locals()), domains == "gaussians"
    kind = "gaussians" if plane else "digits"
    given = {"steps": steps, "batch_size": batch_size, "penalty": penalty}
    chosen = DEFAULTS[kind] | {name: value for name, value in given.items() if value is not None}
    settings |= chosen
    models = models or tuple(RECIPES[kind])
    unknown = [name for name in models if name not in RECIPES[kind]]
    if unknown:
        raise ValueError(f"domain_mapping: there is no model {', '.join(unknown)}; for {domains} there are {', '.join(RECIPES[kind])}")
    world = gaussians() if plane else digits(data, domains)
    measure = measure_gaussians if plane else measure_digits(data, domains)
    table, found = {}, {}
    overview = Run(out, settings)
    for name in models:
        for seed in seeds:
            folder = Path(out) / name.replace(" ", "-") / f"seed-{seed}"
            with Run(folder, {**settings, "model": name, "seed": seed}, resume=resume) as run:
                tg.manual_seed(seed)
                maps = Maps(world.map(), world.map())
                train(run, world, maps, RECIPES[kind][name], np.random.default_rng(seed), lr=lr, **chosen)
                run.finish(**measure(world, maps).numbers)
            found[name, seed] = restored(folder, world)
            table[name, seed] = measure(world, found[name, seed])
    numbers = {f"{name}, seed {seed}": {**row.numbers, "sent to": row.text} for (name, seed), row in table.items()}
    means = {name: mean_row([table[name, seed].numbers for seed in seeds]) for name in models}
    print_table(numbers, "model")
    if len(seeds) > 1:
        print_table(means, f"mean of {len(seeds)} seeds")
    with overview as run:
        for title, figure in (draw_gaussians if plane else draw_digits)(world, found, table, models, seeds):
            run.figure(title, figure)
        run.finish(**{f"{name}: {column}": value for name, row in {**numbers, **means}.items() for column, value in row.items() if column != "sent to"})


# ---- training ------------------------------------------------------------------------------------------------------------------


class Maps(NamedTuple):
    """G_AB and G_BA."""
    forward: nn.Module
    backward: nn.Module


def train(run, world, maps, recipe, rng, *, steps, batch_size, lr, penalty):
    """Train the two maps against two critics, one for each domain."""
    critics, pair = (world.critic(), world.critic()), recipe.adversary
    m_optimizer, c_optimizer = (Adam(a.parameters() + b.parameters(), lr, (0.0 if recipe.critic_steps > 1 else 0.5, 0.9)) for a, b in (maps, critics))
    run.keep(forward=maps.forward, backward=maps.backward, critic_a=critics[0], critic_b=critics[1], m_optimizer=m_optimizer, c_optimizer=c_optimizer, rng=rng)
    for step in run.steps(steps, every=max(1, steps // 4)):
        m_optimizer.lr = c_optimizer.lr = lr * min(1, 2 - 2 * (step - 1) / steps)           # falls to 0 over the second half
        for _ in range(recipe.critic_steps):
            real = world.a(batch_size, rng), world.b(batch_size, rng)
            with tg.no_grad():
                fake = maps.backward(tg.tensor(real[1])).data, maps.forward(tg.tensor(real[0])).data
            loss = sum(pair.discriminator(critic(tg.tensor(x)), critic(tg.tensor(y))) + penalty * gradient_penalty(critic, x, y)
                       for critic, x, y in zip(critics, real, fake))
            c_optimizer.minimize(loss)
        a, b = (tg.tensor(x) for x in real)
        in_b, in_a = maps.forward(a), maps.backward(b)
        fool = pair.generator(critics[0](in_a)) + pair.generator(critics[1](in_b))
        cycle = difference(maps.backward(in_b), a, recipe.distance) + difference(maps.forward(in_a), b, recipe.distance)
        loss = fool + cycle * recipe.cycle
        if recipe.pairs:
            points, images = (tg.tensor(x) for x in world.pairs)
            loss = loss + (difference(maps.forward(points), images, "absolute") + difference(maps.backward(images), points, "absolute")) * recipe.pairs
        m_optimizer.minimize(loss)
        run.update(**{"adversarial": fool, "cycle": cycle})


def difference(x, y, distance):
    """The mean over all numbers of |x - y| or (x - y)^2."""
    return tg.abs(x - y).mean() if distance == "absolute" else ((x - y) ** 2).mean()


def restored(folder, world):
    """The Maps of a finished run."""
    return Maps(*(load_weights(folder, world.map(), name) for name in Maps._fields))


@tg.no_grad()
def there_and_back(maps, a):
    """(G_AB(a), G_BA(G_AB(a))) as arrays."""
    b = maps.forward(tg.tensor(a))
    return b.numpy(), maps.backward(b).numpy()


class Measured(NamedTuple):
    """{column: number}, where each component is sent, and that as text."""
    numbers: dict
    sent: list
    text: str


def mean_row(rows):
    """{column: mean}, with the range of the cycle error."""
    return {column: float(np.mean([row[column] for row in rows])) for column in rows[0]} | {
        "largest cycle error": max(row["cycle error"] for row in rows)}


def where_sent(targets, sources, count):
    """For each of `count` components, the target that most of its examples were sent to."""
    return [int(np.bincount(targets[sources == k], minlength=count).argmax()) for k in range(count)]


# ---- Gaussians in the plane --------------------------------------------------------------------------------------------------------

COMPONENTS, SIGMA, ANGLE = 6, 0.05, np.pi / 6


def turn(points):
    """The true map T: a turn by 30 degrees."""
    cos, sin = np.cos(ANGLE), np.sin(ANGLE)
    return (points @ np.array([[cos, sin], [-sin, cos]])).astype(np.float32)


def components(n, rng):
    """(points (n, 2) of domain A, component of each): six Gaussians on a circle of radius 1."""
    which = rng.integers(0, COMPONENTS, n)
    return (ring_centres(COMPONENTS)[which] + SIGMA * rng.standard_normal((n, 2))).astype(np.float32), which


def gaussians():
    """Domain A: the ring; domain B: the ring turned by 30 degrees, so that every component of B lies between two of A."""
    centres = ring_centres(COMPONENTS).astype(np.float32)
    activation = lambda: nn.LeakyReLU(0.2)
    return Domains(lambda n, rng: components(n, rng)[0], lambda n, rng: turn(components(n, rng)[0]), turn,
                   lambda: mlp(2, 64, 64, 2, activation=activation), lambda: mlp(2, 64, 64, 1, activation=activation), (centres, turn(centres)))


def measure_gaussians(world, maps, count=3000):
    """Errors are Euclidean distances; the circles have radius 1."""
    a, which = components(count, np.random.default_rng(99))
    b, back = there_and_back(maps, a)
    off = np.linalg.norm(b[:, None] - turn(ring_centres(COMPONENTS)), axis=2)
    sent = where_sent(off.argmin(axis=1), which, COMPONENTS)
    return Measured({"map error": float(np.linalg.norm(b - turn(a), axis=1).mean()), "cycle error": float(np.linalg.norm(back - a, axis=1).mean()),
                     "many to one": COMPONENTS - len(set(sent)), "on a component of B": float((off.min(axis=1) < 3.5 * SIGMA).mean())},
                    sent, " ".join(map(str, sent)) + (" (true)" if sent == list(range(COMPONENTS)) else ""))


def draw_gaussians(world, found, table, models, seeds):
    """(name, figure) of the maps of every model: one seed each, the first whose correspondence is wrong if there is one."""
    a, which = components(150, np.random.default_rng(7))
    target = world.b(300, np.random.default_rng(8))
    maps = {}
    for name in models:
        wrong = [seed for seed in seeds if table[name, seed].sent != list(range(COMPONENTS))]
        seed = (wrong or list(seeds))[0]
        maps[f"{name}, seed {seed}"] = a, there_and_back(found[name, seed], a)[0]
    maps["the true map"] = a, turn(a)
    yield "maps", figures.domain_maps(maps, labels=which, target=target)
    columns = ("map error", "cycle error")
    rows = {column: [round(float(np.mean([table[name, seed].numbers[column] for seed in seeds])), 3) for name in models] for column in columns}
    spread = {column: [np.std([table[name, seed].numbers[column] for seed in seeds]) for name in models] for column in columns}
    yield "errors", figures.bar_chart(rows, models, ylabel="distance (radius 1)", errors=spread,
                                      title=f"Mean of {len(seeds)} seeds; whiskers: standard deviation over the seeds")


# ---- digits ------------------------------------------------------------------------------------------------------------------------

TRUTHS = {"rotated": lambda x: np.ascontiguousarray(np.rot90(x, 1, axes=(-2, -1))), "inverted": lambda x: -x}
UNDO = {"rotated": lambda x: np.ascontiguousarray(np.rot90(x, -1, axes=(-2, -1))), "inverted": lambda x: -x}


def digits(data, kind):
    """Domain A: the even images of the training set in [-1, 1]; B: the odd ones, rotated or inverted. No image is in both."""
    images, labels = tgdata.load(data, "train")
    take = lambda part: lambda n, rng: tgdata.to_float(part[rng.integers(0, len(part), n)], (-1, 1))
    of_b = take(images[1::2])
    first = tgdata.to_float(images[[np.flatnonzero(labels == k)[0] for k in np.unique(labels)]], (-1, 1))
    activation = lambda: nn.LeakyReLU(0.2)
    network = lambda: nn.Sequential(nn.Flatten(), *mlp(784, 512, 784, activation=activation), nn.Tanh(), nn.Unflatten(1, 28, 28))
    critic = lambda: nn.Sequential(nn.Flatten(), *mlp(784, 256, 256, 1, activation=activation))
    return Domains(take(images[::2]), lambda n, rng: TRUTHS[kind](of_b(n, rng)), TRUTHS[kind], network, critic, (first, TRUTHS[kind](first)))


def measure_digits(data, kind):
    """The measure for digits: errors are means of |difference| over pixels in [-1, 1]; a judge reads the images, brought back upright."""
    judge, (images, labels) = load_judge(data), tgdata.load(data, "test")

    def measure(world, maps):
        a = tgdata.to_float(images, (-1, 1))
        b, back = there_and_back(maps, a)
        said = judge.predict(tgdata.to_bytes(UNDO[kind](b), (-1, 1)))
        sent = where_sent(said, labels, 10)
        return Measured({"map error": float(abs(b - world.truth(a)).mean()), "cycle error": float(abs(back - a).mean()), "many to one": 10 - len(set(sent)),
                         "digit kept": float((said == labels).mean()), "digit kept by the cycle": float((judge.predict(tgdata.to_bytes(back, (-1, 1))) == labels).mean())},
                        sent, " ".join(map(str, sent)))
    return measure


def draw_digits(world, found, table, models, seeds):
    """(name, figure): a training digit of each class, what each model makes of it, and what it makes of that on the way back."""
    a = world.pairs[0]
    rows = {"a": a, "T(a)": world.truth(a)}
    for name in models:
        there, back = there_and_back(found[name, seeds[0]], a)
        rows |= {f"{name}: in B": there, f"{name}: back in A": back}
    yield "maps", figures.image_rows(rows, value_range=(-1, 1), title="A digit of each class, and where the maps send it")
