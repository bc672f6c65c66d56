"""GANs on images: any loss of the family with any architecture of the sheets [001.4, 002.5.2, 003.3]

    python -m demos gan                                         DNet and GNet of sheet 001, digits in two minutes
    python -m demos gan --data mnist --epochs 30                ... on all of MNIST
    python -m demos gan --data mnist --settings sheet           ... with the sheet's own settings: batch 256, 100 epochs
    python -m demos gan --arch fc --data mnist                  the vanilla GAN of sheet 003, --loss lsgan its LSGAN; under two minutes each
    python -m demos gan --arch dcgan --loss lsgan --data mnist  the DCGAN of sheet 003 with least squares

Most pairs that a sheet names have settings that were measured here; the others, and --settings sheet, take the sheet's. On MNIST, 10,000 samples of
the averaged generator, judged by the classifier of `python -m demos judge --data mnist` (99.20 % on real test images):

    --data mnist and                         updates of G   classes   TV from uniform   confidence over .9
    --epochs 30                                    28,110   10        .101              60.0 %
    --epochs 30 --settings sheet                    7,020   10        .183              25.6 %
    --arch fc                                       4,680   10        .081              70.9 %
    --arch fc --loss lsgan                          4,680   10        .185              69.7 %
    --arch dcgan                                    2,340   10        .115              71.4 %
    --arch dcgan --loss lsgan                       2,340   10        .210              67.2 %
    --arch dcgan --loss hinge                       2,340   10        .072              75.4 %
    --arch dcgan --loss wgan-gp                     2,340   10        .046              74.7 %
    --arch dcgan --loss minimax --epochs 3          1,404   10        .089              64.4 %
    --arch dcgan --loss wgan --epochs 2               187   10        .578              27.1 %

The five epochs of a DCGAN are 2,340 steps of 0.11 s on two idle cores, four and a half minutes. DNet and GNet show digits from
epoch 10 on, with a discriminator of 593 parameters; with the sheet's batches of 256 and 2e-4, which it says give reasonable images after 30
epochs, there are strokes by then and few digits. Minimax works here, for this discriminator never wins: D(G(z)) stays near .4; against a
stronger one it loses at once (`gan_vs_wgan`). Clipping shows no digits yet: weights in +- .01 leave the generator small gradients, its learning
rate is 5e-5, and it moves once for five updates of the critic.
"""
from typing import Literal

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures
from tinygen.backend import to
from tinygen.losses.gan import LOSSES, clip_weights, gradient_penalty
from tinygen.metrics import CollapseMonitor, class_abundance, load_judge
from tinygen.metrics.judge import EPOCHS as JUDGED
from tinygen.models.gan import ARCHITECTURES
from tinygen.nn import ExponentialMovingAverage, eval_mode
from tinygen.optim import Adam, gradient_norm
from tinygen.training import Run

from demos.gan_settings import choose


def main(*, arch: Literal["dnet", "fc", "dcgan", "sheet000", "sheet000-conv", "conv-critic"] = "dnet",
         loss: Literal["minimax", "non-saturating", "lsgan", "hinge", "wgan", "wgan-gp"] = "non-saturating", data="mnist-mini",
         settings: Literal["measured", "sheet"] = "measured", epochs: int | None = None, batch_size: int | None = None,
         lr: float | None = None, lr_ratio: float | None = None, betas: tuple[float, ...] | None = None, critic_steps: int | None = None,
         generator_steps=1, penalty=10.0, clip=0.01, ema=0.999, every=5, samples=10_000, judge=True, device="cpu", seed=2, out="runs/gan", resume=False):
    """Train the two networks, watch for collapse, judge the samples.

    arch: the networks: dnet (sheet 001), fc and dcgan (003), sheet000 and sheet000-conv (000: fully connected, or transposed
        convolutions), conv-critic (sheet000-conv with a convolutional critic)
    loss: what the two minimise
    settings: where the settings come from that are not given: measured here, or the sheet's own
    epochs: passes over the training set
    lr: learning rate of the generator's Adam
    lr_ratio: the discriminator's learning rate, as a multiple of the generator's
    betas: of both Adams
    critic_steps: updates of the discriminator for each turn of the generator
    generator_steps: updates of the generator in each of its turns
    penalty: weight of the gradient penalty (wgan-gp)
    clip: largest absolute weight of the critic (wgan)
    ema: decay of the average of the generator, from which the samples are drawn
    every: epochs between two pictures of samples, and two readings of the collapse monitor
    samples: how many are judged at the end
    judge: count the classes of the samples with a classifier trained on the real images (trained first where there is none)
    """
    flags = dict(locals())
    chosen = choose(arch, loss, settings, data, epochs=epochs, batch_size=batch_size, lr=lr, lr_ratio=lr_ratio, betas=betas, critic_steps=critic_steps)
    with Run(out, {**flags, **chosen._asdict()}, resume=resume) as run:
        tg.manual_seed(seed)
        architecture, pair = ARCHITECTURES[arch], LOSSES[loss]
        images = training_images(data, chosen.batch_size)[0]
        discriminator = architecture.discriminator(images.shape[1:]).to(device)
        generator = architecture.generator(architecture.z_dim, images.shape[1:]).to(device)
        d_optimizer = Adam(discriminator.parameters(), chosen.lr * chosen.lr_ratio, chosen.betas)
        g_optimizer = Adam(generator.parameters(), chosen.lr, chosen.betas)
        average = ExponentialMovingAverage(generator, ema)
        classifier = load_judge(data) if judge and data in JUDGED else None
        monitor = CollapseMonitor(tgdata.load(data, "test")[0][:500], classify=classifier and classifier.predict, critic=not pair.squash)
        fixed, last, g_gradients = to(architecture.draw(64), device), to(architecture.draw(samples), device), []
        run.keep(discriminator=discriminator, generator=generator, d_optimizer=d_optimizer, g_optimizer=g_optimizer, average=average,
                 monitor=monitor)

        for epoch in run.epochs(chosen.epochs, images=len(images)):
            for x in tgdata.batches(images, chosen.batch_size, np.random.default_rng((seed, epoch)), scale=architecture.scale, drop_last=True):
                x = to(x, device)
                d_loss, real, fake, d_gradients = train_discriminator(discriminator, generator, d_optimizer, pair, x, architecture.draw(len(x), like=x),
                                                                      penalty=penalty if loss == "wgan-gp" else 0, clip=clip if loss == "wgan" else 0)
                numbers = {"D loss": d_loss, "D(x)": opinion(pair, real), "D(G(z))": opinion(pair, fake)}
                if run.step % chosen.critic_steps == chosen.critic_steps - 1:
                    for _ in range(generator_steps):
                        g_loss, g_gradients = train_generator(discriminator, generator, g_optimizer, pair, architecture.draw(len(x), like=x))
                        average.update()
                    numbers["G loss"] = g_loss
                run.update(len(x), **numbers)
            if epoch % every == 0 or epoch in (1, chosen.epochs):
                monitor.read(run.step, generate(generator, architecture, to(architecture.draw(500), device)), real_logits=real, fake_logits=fake,
                             gradients=norms(D=d_gradients, G=g_gradients))
                report(monitor)
                run.snapshot(figures.image_grid(generate(average.average, architecture, fixed), title=f"{arch}, {loss}, after epoch {epoch}"))

        made = generate(average.average, architecture, last)
        run.arrays("samples", images=made)
        run.figure("final", figures.image_grid(made[:100], title=f"{arch}, {loss}: samples of the averaged generator"))
        run.figure("monitor", monitor_figure(monitor, f"{arch}, {loss}: what the collapse monitor saw"))
        run.finish(**{"generator updates": g_optimizer.steps}, **judged(classifier, made))


# ---- the two players -------------------------------------------------------------------------------------------------------


def train_discriminator(discriminator, generator, optimizer, pair, x, z, *, penalty=0.0, clip=0.0):
    """One update of the discriminator: tell real images x from generated ones, G(z). The generator stays as it is.

    Returns (loss, logits of the real ones, logits of the generated ones, gradients).
    """
    with tg.no_grad():
        fake = generator(tg.tensor(z))
    real_logits, fake_logits = discriminator(tg.tensor(x)), discriminator(fake)
    loss = pair.discriminator(real_logits, fake_logits)
    if penalty:
        loss = loss + penalty * gradient_penalty(discriminator, x, fake)
    gradients = optimizer.minimize(loss)
    if clip:
        clip_weights(optimizer.parameters, clip)
    return loss, real_logits, fake_logits, gradients


def train_generator(discriminator, generator, optimizer, pair, z):
    """One update of the generator: make G(z) that the discriminator takes for real. The discriminator stays as it is.

    Returns (loss, gradients).
    """
    loss = pair.generator(discriminator(generator(tg.tensor(z))))
    return loss, optimizer.minimize(loss)


def opinion(pair, logits):
    """What the discriminator says on average: the probability of being real, or its score where it gives none."""
    return (tg.sigmoid(logits.data) if pair.squash else logits.data).mean()


# ---- looking at what comes out ---------------------------------------------------------------------------------------------


@tg.no_grad()
def generate(generator, architecture, z, *labels, batch=500):
    """Images G(z) as uint8 (N, C, H, W), in eval mode: batch norm uses its running statistics, and one sample is not changed by another."""
    with eval_mode(generator):
        parts = [generator(tg.tensor(z[i:i + batch]), *(y[i:i + batch] for y in labels)).numpy() for i in range(0, len(z), batch)]
    return tgdata.to_bytes(np.concatenate(parts), architecture.scale)


def training_images(data, batch_size):
    """Images (N, C, H, W) and labels (N,) of a training set that fills at least one batch."""
    images, labels = tgdata.load(data, "train")
    if not 2 <= batch_size <= len(images):
        raise ValueError(f"batch_size = {batch_size} must be 2 or more, and at most the {len(images):,} images of {data}")
    return images, labels


def norms(**gradients):
    """{network: norm of its gradient}, without networks that have not had a turn yet."""
    return {name: gradient_norm(g) for name, g in gradients.items() if g}


def report(monitor):
    """Print the monitor's line, and its alarms."""
    print(monitor.line())
    for alarm in monitor.alarms:
        print("ALARM:", alarm)


def monitor_figure(monitor, title):
    """What the monitor read, over the steps of the training."""
    column = lambda key: np.array([reading.get(key, np.nan) for reading in monitor.history])
    letter, networks = "C" if monitor.critic else "D", [key for key in monitor.history[-1] if key.startswith("gradient_")]
    panels = {"critic" if monitor.critic else "discriminator": {f"{letter}(x)": column("d_real"), f"{letter}(G(z))": column("d_fake")},
              "norm of the gradient": {key.removeprefix("gradient_"): column(key) for key in networks},
              "distance of samples, real = 1": {"": column("spread")}, "modes hit": {"": column("modes")},
              "share of samples near a mode": {"": column("near")}, "effective classes": {"": np.exp(column("entropy"))}}
    panels = {label: curves for label, curves in panels.items() if any(np.isfinite(values).any() for values in curves.values())}
    return figures.line_panels(column("step"), panels, xlabel="step", markers=True, title=title)


def judged(judge, samples):
    """{what: number} that the judge says of the samples, printed with the judge's own accuracy."""
    if judge is None:
        return {}
    abundance, confidence = class_abundance(judge.predict(samples)), judge.confidence(samples)
    print(f"{abundance}\n{(confidence > 0.9).mean():.1%} of samples have a class of confidence over .9 | judged by the {judge}")
    return {"classes": 10 - len(abundance.missing), "total variation from uniform": abundance.total_variation,
            "share with confidence over .9": (confidence > 0.9).mean(), "accuracy of the judge": judge.accuracy}
