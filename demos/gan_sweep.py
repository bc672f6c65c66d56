"""Learning rates and turns: which training of a GAN works best on clothes, as one table and one picture [002.5.2, 002.5.3]

    python -m demos gan_sweep                                             small: 6,000 images, few epochs
    python -m demos gan_sweep --data fashion-mnist --epochs 3 --lr 2e-4 --samples 5000

Every scheme is a pair (learning rate of the discriminator over that of the generator, generator steps for each discriminator step); all see
the same images. The best has the lowest Fréchet distance to the real test images in the features of a classifier trained on the real
training images (not FID); precision, recall and class abundance stand beside it.

Measured by the second command, fully connected networks (15 minutes of one core): Fréchet distance, and classes, exp(entropy) of 10

    rate of D over that of G    1 step of G for 1 of D    2 steps     5 steps
    1/4                                1228,  1.0         1249, 1.0   1294, 1.0
    1                                   441,  7.3          530, 5.0   1159, 1.0
    4                                   494,  6.8          323, 7.5    537, 5.2

The best is a fast discriminator with two turns of the generator. With a slow one, or one of equal rate that is outnumbered five to one,
the generator runs ahead into a single picture: what the generator needs is a gradient worth following, and that takes a discriminator that keeps up.
The first command (two minutes of two cores) has a sixth of the updates, so its generators learn at 1e-3; at 2e-4 all are still noise. It finds
the same: 708, 730, 726 for a slow discriminator, 287, 318, 723 for equal rates, 332, 173, 560 for a fast one.
"""
from typing import Literal

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures
from tinygen.metrics import class_abundance, frechet_score, load_judge, precision_recall
from tinygen.models.gan import ARCHITECTURES
from tinygen.training import Run

from demos.command_line import Grey
from demos.gan import training_images
from demos.gan_settings import choose
from demos.gan_training import Game
from demos.sweeps import refuse_twice
from demos.tables import counted, print_table


def main(*, data: Grey = "fashion-mini", arch: Literal["dnet", "fc", "dcgan", "sheet000", "sheet000-conv"] = "fc",
         loss: Literal["minimax", "non-saturating", "lsgan", "hinge"] = "non-saturating", ratios=(0.25, 1.0, 4.0), generator_steps=(1, 2, 5), lr=1e-3,
         epochs=5, batch_size=64, ema=0.99, samples=1000, device="cpu", seed=0, out="runs/gan_sweep", resume=False):
    """Train a GAN for every pair of a ratio and a number of generator steps; print the table, draw it, name the best.

    arch: the networks
    loss: what the two minimise
    ratios: learning rates of the discriminator, as multiples of the generator's
    generator_steps: updates of the generator for each of the discriminator
    lr: learning rate of the generator
    ema: decay of the average of the generators, from which the samples are drawn
    samples: how many of each generator are measured
    """
    refuse_twice("gan_sweep", ratios=ratios, generator_steps=generator_steps)
    with Run(out, locals(), resume=resume) as run:
        images, _ = training_images(data, batch_size)
        test, architecture, judge = tgdata.load(data, "test")[0][:samples], ARCHITECTURES[arch], load_judge(data)
        games = {}
        for ratio in ratios:
            for steps in generator_steps:
                tg.manual_seed(seed)
                settings = choose(arch, loss, "measured", epochs=epochs, batch_size=batch_size, lr=lr, lr_ratio=ratio, betas=(0.5, 0.999))
                games[ratio, steps] = Game(architecture, loss, settings, architecture.discriminator(images.shape[1:]),
                                           architecture.generator(architecture.z_dim, images.shape[1:]), generator_steps=steps, ema=ema, device=device)
                run.keep(**games[ratio, steps].parts(f"{ratio:g}_{steps}_"))

        for epoch in run.epochs(epochs, images=len(images)):
            for x in tgdata.batches(images, batch_size, np.random.default_rng((seed, epoch)), scale=architecture.scale, drop_last=True):
                numbers = {pair: game.step(x) for pair, game in games.items()}
                run.update(len(x), **{f"D(G(z)), {label(*pair)}": n["D(G(z))"] for pair, n in numbers.items()})

        real, table, rows, distances = judge.features(test), {}, {}, {}
        for (ratio, steps), game in games.items():
            name, made = label(ratio, steps), game.samples(samples)
            features = judge.features(made)
            distances[ratio, steps] = float(frechet_score(features, real))
            manifold, confidence = precision_recall(real, features), judge.confidence(made)
            table[name] = {"Fréchet": distances[ratio, steps], "precision": manifold.precision, "recall": manifold.recall,
                           "classes, exp(entropy)": np.exp(class_abundance(judge.predict(made)).entropy), "confidence > .9": (confidence > 0.9).mean(),
                           "D(G(z))": run.history[-1][f"D(G(z)), {label(ratio, steps)}"], "G updates": game.g_optimizer.steps}
            rows[name] = made[:12]
        best = min(distances, key=distances.get)
        print_table(table, f"{counted(epochs, 'epoch')} of {data}")
        print(f"measured by the {judge}, {samples:,} samples against as many real test images")
        print(f"best scheme: the discriminator's learning rate {best[0]:g} times the generator's ({lr:g}), "
              f"{counted(best[1], 'generator step')} for each of its own")
        run.figure("samples-of-each", figures.image_rows(rows, title="the first samples of every scheme"))
        run.figure("table", figures.heat_table(
            np.array([[distances[r, s] for s in generator_steps] for r in ratios]), [f"{r:g}" for r in ratios], [str(s) for s in generator_steps],
            label="Fréchet distance (not FID)", row_name="learning rate of D over that of G", col_name="G steps for each of D",
            title=f"{loss}, {arch}, after {counted(epochs, 'epoch')} of {data}"))
        run.finish(**{"best ratio": best[0], "best generator steps": best[1], "its Fréchet distance": distances[best]})


def label(ratio, steps):
    """The name of a scheme."""
    return f"rate of D x {ratio:g}, {steps} G for 1 D"
