"""GANs in the plane: a bimodal Gaussian, 8 and 25 Gaussians, every stage of the learning drawn [004.1]

    python -m demos gan_2d                                     the two Gaussians of sheet 004
    python -m demos gan_2d --target 8-gaussians --steps 6000 --lr 1e-3 --noise normal
    python -m demos gan_2d --target 25-gaussians --width 256 --steps 20000 --lr 1e-3 --noise normal
    python -m demos gan_2d --loss minimax --critic-steps 1     what happens without Wasserstein

Every 500 steps of the generator 2,000 of its samples are drawn as a density, beside that of real ones; samples.gif shows them in turn.
At the end come the critic's contours with the direction in which it pushes each sample, and the plane of codes as the generator folds it.

Measured by the first three commands (1, 2 and 11 minutes of one core): modes hit, smallest and largest share of a mode, samples within
3 sigma of one; Wasserstein distance of 1,000 samples to 1,000 real points, and of two sets of real points, mean of 20 pairs:

    bimodal          2/2     47.8 to 49.1 %    96.9 %    W1 .030    real .035
    8 Gaussians      8/8     11.6 to 12.5 %    96.6 %    W1 .104    real .078 +- .022
    25 Gaussians    25/25     3.3 to  4.4 %    97.5 %    W1 .199    real .200 +- .040
"""
from functools import partial
from typing import Literal

import numpy as np
from scipy.special import ndtri

import tinygen as tg
from tinygen import figures
from tinygen.backend import standard_normal, to, uniform
from tinygen.data import toy
from tinygen.divergences import noise_floor, wasserstein
from tinygen.losses.gan import LOSSES
from tinygen.metrics import CollapseMonitor, mode_coverage
from tinygen.models.mlp import mlp
from tinygen.nn import ExponentialMovingAverage
from tinygen.optim import Adam, gradient_norm, linear_decay
from tinygen.training import Run

from demos.gan import monitor_figure, report, train_discriminator, train_generator

MIXTURES = ("bimodal", "8-gaussians", "25-gaussians", "ring", "grid")
DRAWN = 2000


def main(*, target: Literal["bimodal", "8-gaussians", "25-gaussians", "ring", "grid", "spiral", "swiss-roll", "two-moons"] = "bimodal",
         loss: Literal["minimax", "non-saturating", "lsgan", "hinge", "wgan", "wgan-gp"] = "wgan-gp", steps=3000, every=500, batch_size=256,
         sigma: float | None = None, z_dim=2, noise: Literal["uniform", "normal"] = "uniform", width=128, depth=3, lr=5e-4, lr_ratio=1.0,
         betas=(0.5, 0.9), critic_steps=5, penalty=0.1, clip=0.01, decay=True, ema=0.999, transported=1000, device="cpu", seed=0, out="runs/gan_2d", resume=False):
    """Train a generator and a critic, both fully connected, on points of the plane.

    target: the distribution to learn
    loss: what the two minimise
    steps: updates of the generator
    every: updates of the generator between two pictures
    batch_size: points in a training step
    sigma: standard deviation of every Gaussian of bimodal, ring or grid; by default their own. Sheet 004's .10 is taken for one, though the
        sheet says variance: 0.316 is the other reading
    z_dim: numbers in a code; from a single one the generator can only draw a curve
    noise: the codes are U[-1, 1] or N(0, 1)
    width: of the hidden layers of both networks
    depth: number of hidden layers
    lr: learning rate of the generator's Adam
    lr_ratio: the critic's learning rate, as a multiple of the generator's
    betas: of both Adams
    critic_steps: updates of the critic for each of the generator
    penalty: weight of the gradient penalty (wgan-gp)
    clip: largest absolute weight of the critic (wgan)
    decay: let both learning rates fall to zero along a line
    ema: decay of the average of the generator, from which the samples are drawn
    transported: samples between which the Wasserstein distance is computed at the end
    """
    if sigma is not None and not (sigma > 0 and target in ("bimodal", "ring", "grid")):
        raise ValueError(f"gan_2d: sigma = {sigma} with the target {target}: it must be above 0, and is for bimodal, ring and grid only")
    with Run(out, locals(), resume=resume) as run:
        tg.manual_seed(seed)
        rng, pair, hidden = np.random.default_rng(seed), LOSSES[loss], [width] * depth
        generator, critic = mlp(z_dim, *hidden, 2).to(device), mlp(2, *hidden, 1).to(device)
        g_optimizer, c_optimizer = Adam(generator.parameters(), lr, betas), Adam(critic.parameters(), lr * lr_ratio, betas)
        average = ExponentialMovingAverage(generator, ema)
        draw = lambda n, like=generator[0].weight: (standard_normal((n, z_dim), like) if noise == "normal" else uniform((n, z_dim), like, -1.0, 1.0))
        sample = tg.no_grad()(lambda n: average(tg.tensor(draw(n))).numpy())
        points = partial(toy.sample, target) if sigma is None else partial(toy.TOYS[target], sigma=sigma)
        real = points(DRAWN, np.random.default_rng((seed, 1)))
        centres, own = toy.modes(target) if target in MIXTURES else (None, None)
        deviation = own if sigma is None else sigma
        monitor = CollapseMonitor(real, centres=centres, sigma=deviation, critic=not pair.squash)
        run.keep(generator=generator, critic=critic, g_optimizer=g_optimizer, c_optimizer=c_optimizer, average=average, monitor=monitor, rng=rng)

        for step in run.steps(steps, every=every):
            g_optimizer.lr = linear_decay(lr, step - 1, steps) if decay else lr
            c_optimizer.lr = g_optimizer.lr * lr_ratio
            for _ in range(critic_steps):
                x = to(points(batch_size, rng), device)
                c_loss, real_logits, fake_logits, c_gradients = train_discriminator(
                    critic, generator, c_optimizer, pair, x, draw(batch_size), penalty=penalty if loss == "wgan-gp" else 0, clip=clip if loss == "wgan" else 0)
            g_loss, g_gradients = train_generator(critic, generator, g_optimizer, pair, draw(batch_size))
            average.update()
            run.update(critic_loss=c_loss, generator_loss=g_loss)
            if step % every == 0 or step == steps:
                samples = sample(DRAWN)
                monitor.read(step, samples, real_logits=real_logits, fake_logits=fake_logits,
                             gradients={"C": gradient_norm(c_gradients), "G": gradient_norm(g_gradients)})
                report(monitor)
                run.snapshot(figures.density_pair(samples, real, title=f"{target}, {loss}: after {step:,} generator steps"))

        run.figure("monitor", monitor_figure(monitor, f"{target}, {loss}: what the collapse monitor saw"))
        run.figure("critic", critic_figure(critic, pair, sample(300), real[:300], f"{target}, {loss}: the critic, and where it pushes the samples"))
        if z_dim <= 2:
            run.figure("manifold", manifold_figure(average, z_dim, noise, real[:500], f"{target}, {loss}: where the generator puts its codes"))
        run.finish(**measured(points, centres, deviation, sample, seed, transported))


@tg.no_grad()
def measured(points, centres, sigma, sample, seed, transported, count=10_000):
    """{what: number} of the samples, printed: modes and their shares; the Wasserstein distance to real points beside its noise floor."""
    results = {}
    if centres is not None:
        coverage = mode_coverage(sample(count), centres, sigma)
        print(f"{coverage} (within 3 sigma), {1 - coverage.quality:.1%} between the modes | N = {count:,}")
        results |= {"modes": coverage.hit, "share within 3 sigma of a mode": coverage.quality, "smallest share of a mode": coverage.shares.min(),
                    "largest share of a mode": coverage.shares.max()}
    floor = noise_floor(wasserstein, points, transported, seed=seed)
    distance = wasserstein(sample(transported), points(transported, np.random.default_rng((seed, 2))))
    print(f"W1 to {transported:,} real points {distance:.4f}; between two real samples {floor}")
    return {**results, "W1 to real": distance, "W1 of two real samples": floor.mean}


def critic_figure(critic, pair, fake, real, title):
    """The critic over the plane; the arrows are minus the gradient of the generator's loss at each sample."""
    points = tg.tensor(to(fake, critic[0].weight.device), requires_grad=True)
    slope, = tg.grad(pair.generator(critic(points)), [points])
    value = tg.no_grad()(lambda grid: critic(tg.tensor(to(grid.astype(np.float32), points.device))).numpy()[:, 0])
    return figures.critic_map(value, real=real, fake=fake, arrows=-slope.numpy(), title=title)


@tg.no_grad()
def manifold_figure(generator, z_dim, noise, real, title, side=40):
    """The image of a regular grid of codes; regular in probability, so that every cell is equally likely."""
    line = (np.arange(side if z_dim == 2 else 10 * side) + 0.5) / (side if z_dim == 2 else 10 * side)
    line = ndtri(line) if noise == "normal" else 2 * line - 1
    codes = np.stack(np.meshgrid(*[line] * z_dim, indexing="ij"), axis=-1).reshape(-1, z_dim).astype(np.float32)
    points = generator(tg.tensor(to(codes, generator.average[0].weight.device))).numpy()
    return figures.generator_manifold(points.reshape(*[len(line)] * z_dim, 2), real=real, title=title)
