"""GAN against WGAN-GP on digits, side by side: the same generator, the same images, the same number of updates [000.2b]

    python -m demos gan_vs_wgan                                               6,000 digits of the package
    python -m demos gan_vs_wgan --data mnist --epochs 10
    python -m demos gan_vs_wgan --data mnist --settings sheet --epochs 100    the sheet's own learning rate and length

Every contender has the fully connected generator 128-256-512-1024-784 with the same start, and turns of one update each. The picture after
every few epochs holds a row of samples for each, from the same codes.

Measured by the second command (8 minutes of one core), 10,000 samples, judged by a classifier (99.20 % on real test images):

                      updates of G   classes   TV from uniform   confidence over .9
    minimax                  9,370   1         .900
    non-saturating           9,370   10        .084              70.2 %
    wgan-gp                  9,370   10        .166              63.7 %

The minimax generator loses at once: the discriminator's loss falls below 1e-6, and what that leaves of the generator's gradient teaches it nothing; its
noise passes for one digit. The other two games go on, with one update of the critic for each of the generator.
"""
from typing import Literal

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures
from tinygen.losses.gan import LOSSES
from tinygen.metrics import CollapseMonitor, load_judge
from tinygen.models.gan import ARCHITECTURES
from tinygen.training import Run

from demos.command_line import Grey
from demos.gan import judged, report, training_images
from demos.gan_settings import choose
from demos.gan_training import Game
from demos.sweeps import refuse_twice
from demos.tables import print_table


def main(*, data: Grey = "mnist-mini", arch: Literal["sheet000", "sheet000-conv", "conv-critic"] = "sheet000", losses=("minimax", "non-saturating", "wgan-gp"),
         settings: Literal["measured", "sheet"] = "measured", epochs=30, batch_size=64, critic_steps=1, penalty=10.0, ema=0.999, every=5, samples=10_000,
         device="cpu", seed=0, out="runs/gan_vs_wgan", resume=False):
    """Train one GAN a loss, on the same images in the same order; compare their samples.

    arch: the networks: sheet000 (fully connected), sheet000-conv (transposed convolutions), conv-critic (and a convolutional critic)
    losses: the contenders
    settings: learning rates: measured here, or the sheet's own, 1e-4
    critic_steps: updates of the discriminator for each of the generator, for all contenders
    penalty: weight of the gradient penalty (wgan-gp)
    ema: decay of the average of the generators, from which the samples are drawn
    every: epochs between two pictures of samples, and two readings of the collapse monitors
    samples: how many of each generator are judged
    """
    refuse_twice("gan_vs_wgan", losses=losses)
    unknown = [name for name in losses if name not in LOSSES]
    if unknown:
        raise ValueError(f"gan_vs_wgan: there is no loss {unknown[0]!r}; there are {', '.join(LOSSES)}")
    with Run(out, locals(), resume=resume) as run:
        images, _ = training_images(data, batch_size)
        architecture, test = ARCHITECTURES[arch], tgdata.load(data, "test")[0]
        judge = load_judge(data)
        games, monitors = {}, {}
        for loss in losses:
            tg.manual_seed(seed)                                        # the same start for all
            chosen = choose(arch, loss, settings, epochs=epochs, batch_size=batch_size, critic_steps=critic_steps)
            games[loss] = Game(architecture, loss, chosen, architecture.discriminator(), architecture.generator(architecture.z_dim),
                               penalty=penalty, ema=ema, device=device)
            monitors[loss] = CollapseMonitor(test[:500], classify=judge.predict, critic=not games[loss].pair.squash)
            run.keep(**games[loss].parts(f"{loss}_"), **{f"{loss}_monitor": monitors[loss]})
        fixed = games[losses[0]].noise(12)

        for epoch in run.epochs(epochs, images=len(images)):
            for x in tgdata.batches(images, batch_size, np.random.default_rng((seed, epoch)), scale=architecture.scale, drop_last=True):
                numbers = {f"{what}, {loss}": value for loss, game in games.items() for what, value in game.step(x).items() if "loss" in what}
                run.update(len(x), **numbers)
            if epoch % every == 0 or epoch in (1, epochs):
                for loss, game in games.items():
                    monitors[loss].read(run.step, game.samples(500), **game.reading())
                    print(f"{loss}:", end=" ")
                    report(monitors[loss])
                run.snapshot(figures.image_rows({loss: game.samples(fixed) for loss, game in games.items()}, title=f"the same codes, after epoch {epoch}"))

        table, rows = {}, {}
        for loss, game in games.items():
            print(f"{loss}:")
            made = game.samples(samples)
            table[loss] = {"generator updates": game.g_optimizer.steps, **judged(judge, made)}
            rows[loss] = [made[i:i + 12] for i in range(0, min(len(made), 36), 12)]
        print_table(table, "loss")
        run.figure("samples-of-each", figures.image_rows({loss if line == 0 else " " * (line + 3 * k): images for k, (loss, made) in enumerate(rows.items())
                                                          for line, images in enumerate(made)}, title="samples of the averaged generators"))
        run.figure("classes", figures.line_panels(
            [reading["step"] for reading in monitors[losses[0]].history],
            {"effective classes, exp(entropy)": {loss: np.exp([reading["entropy"] for reading in m.history]) for loss, m in monitors.items()},
             "mean pairwise distance, of the real one": {loss: [reading["spread"] for reading in m.history] for loss, m in monitors.items()}},
            xlabel="training step", markers=True, title="What the collapse monitors saw"))
        run.finish(**{f"{what}, {loss}": value for loss, row in table.items() for what, value in row.items()})
