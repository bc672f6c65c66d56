"""One game in the plane under every GAN loss: the discriminator's surface, and where it pushes each sample, step by step."""
import numpy as np

import tinygen as tg
from tinygen import figures
from tinygen.data import toy
from tinygen.losses.gan import LOSSES
from tinygen.models.mlp import mlp
from tinygen.optim import Adam

from demos.gan import train_discriminator, train_generator

LIMITS, CELLS = (-2.2, 2.2), 50          # the square that is drawn, and the points of the grid along each side
SHOWN = 120                              # samples that are drawn with their arrows


class Moment:
    """A game after `step` turns: the discriminator on a grid, the first samples, and the push that each gets.

    surface (CELLS, CELLS): D(x) for the logarithmic losses, scores for the others; fake (SHOWN, 2); push (SHOWN, 2): minus the gradient of
    each sample's own generator loss, where the sample would move if it could choose.
    """

    def __init__(self, step, pair, critic, generator, codes):
        line = np.linspace(*LIMITS, CELLS, dtype=np.float32)
        grid = np.stack(np.meshgrid(line, line), axis=2).reshape(-1, 2)
        with tg.no_grad():
            scores = critic(tg.tensor(grid))
            points = generator(tg.tensor(codes))
        fake = tg.tensor(points.data, requires_grad=True)
        slope, = tg.grad(pair.generator(critic(fake)), [fake])
        self.step, self.fake, self.push = step, fake.numpy(), -slope.numpy() * len(codes)
        self.surface = (tg.sigmoid(scores) if pair.squash else scores).numpy().reshape(CELLS, CELLS)

    @property
    def strength(self):
        """The mean length of the push."""
        return float(np.hypot(*self.push.T).mean())

    @property
    def panel(self):
        """What `figures.critic_panels` draws; the longest fifth of the arrows is cut to the length of the next, or one would hide the others."""
        length = np.hypot(*self.push.T)[:, None]
        return self.surface, self.fake, self.push * np.minimum(1, np.quantile(length, 0.8) / np.maximum(length, 1e-12))


def play(name, real, *, steps, every, batch_size=128, width=64, lr=2e-3, penalty=1.0, clip=0.1, seed=0):
    """[Moment, ...] at step 0, every, 2 every, ... of a game under the loss `name`, from the same start for every loss.

    A step is one update of the discriminator and one of the generator, with Wasserstein five of the discriminator.
    """
    tg.manual_seed(seed)
    pair, rng = LOSSES[name], np.random.default_rng(seed)
    generator, critic = mlp(2, width, width, 2), mlp(2, width, width, 1)
    codes = tg.standard_normal((SHOWN, 2))
    g_optimizer, c_optimizer = Adam(generator.parameters(), lr / 2, (0.5, 0.9)), Adam(critic.parameters(), lr, (0.5, 0.9))
    moments = [Moment(0, pair, critic, generator, codes)]
    for step in range(1, steps + 1):
        for _ in range(5 if name in ("wgan", "wgan-gp") else 1):
            x = real[rng.integers(0, len(real), batch_size)]
            train_discriminator(critic, generator, c_optimizer, pair, x, tg.standard_normal((batch_size, 2)),
                                penalty=penalty if name == "wgan-gp" else 0, clip=clip if name == "wgan" else 0)
        train_generator(critic, generator, g_optimizer, pair, tg.standard_normal((batch_size, 2)))
        if step % every == 0 or step == steps:
            moments.append(Moment(step, pair, critic, generator, codes))
    return moments


def frame(games, index, real):
    """One frame of the film: every loss at the same moment; games = {loss: [Moment, ...]}."""
    moments = {name: moments[index] for name, moments in games.items()}
    panels = {f"{name}\nmean push {moment.strength:.2g}": moment.panel for name, moment in moments.items()}
    step = next(iter(moments.values())).step
    return figures.critic_panels(panels, LIMITS, real=real, columns=3, title=f"Step {step}: blue real, red generated, dark where D is low")


def storyboard(games, real, count=4):
    """The games from start to end on one page: a row for each loss, `count` moments in it."""
    length = len(next(iter(games.values())))
    chosen = np.unique(np.linspace(0, length - 1, count).round().astype(int))
    panels = {f"{name}, step {moments[i].step}\nmean push {moments[i].strength:.2g}": moments[i].panel
              for name, moments in games.items() for i in chosen}
    return figures.critic_panels(panels, LIMITS, real=real, columns=len(chosen),
                                 title="One game under each loss: arrows show where each sample is pushed")


def strengths(games):
    """The mean push over the steps of the game, a line for each loss."""
    steps = np.array([moment.step for moment in next(iter(games.values()))])
    pushes = {name: np.array([moment.strength for moment in moments]) for name, moments in games.items()}
    return figures.line_panels(steps, {"mean length of the push on a sample": pushes}, xlabel="step", logy=True,
                               title="How hard each loss pushes the samples, as the game goes on")


def real_points(data, seed, count=2000):
    """Points of a toy distribution, and fewer of them to draw."""
    points = toy.sample(data, count, np.random.default_rng((seed, 1)))
    return points, points[:300]
