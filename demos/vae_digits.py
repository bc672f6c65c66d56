"""The 784-400-20 VAE on digits or clothes: reconstructions, a table of three seeds [002.4.2]

A dense VAE on grey images in [0, 1], cross-entropy per pixel, Adam, batches of 128, 10 epochs. The test score is minus the ELBO with
one draw of z for each test image, in nats. Measured on the full sets:

    python -m demos vae_digits --data M     seeds 1, 2, 3           mean
    mnist                                   105.7, 105.5, 105.2     105.5
    fashion-mnist                           244.3, 244.5, 244.3     244.4

Two public logs of this setting on MNIST give 105.56 and 105.59.
"""
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, losses
from tinygen.models.vae import DenseVAE
from tinygen.training import Run

from demos.command_line import Grey
from demos.sweeps import refuse_twice
from demos.tables import print_table
from demos.vae_training import one_of, rows, train_vae


def main(*, data: Grey = "mnist-mini", epochs=10, hidden=400, latent=20, batch_size=128, lr=1e-3, device="cpu", seeds=(1, 2, 3),
         out="runs/vae_digits", resume=False):
    """Train it once for each seed, and print the table.

    hidden: units of the one hidden layer of encoder and of decoder
    latent: numbers in the code
    lr: the learning rate of Adam
    seeds: one run each, in OUT/seed-N
    """
    settings = dict(locals())
    refuse_twice("vae_digits", seeds=seeds)
    train, test = (rows(tgdata.load(data, split)[0]) for split in ("train", "test"))
    shown = tgdata.to_float(test[:8])
    results, curves = {}, {}
    overview = Run(out, settings)
    for seed in seeds:
        with Run(Path(out) / f"seed-{seed}", one_of(settings, seed=seed), resume=resume) as run:
            tg.manual_seed(seed)
            model = DenseVAE((hidden,), latent)
            noise = model.draw_prior(64)
            for epoch in train_vae(run, model, train, epochs=epochs, batch_size=batch_size, lr=lr, seed=seed, device=device, test=test):
                run.snapshot(figures.image_grid(model.generate(noise), title=f"64 codes from the prior, after epoch {epoch}"))
                if epoch in (1, epochs):
                    pairs = figures.reconstruction_pairs(shown, model.reconstruct(shown), title=f"Test images, after epoch {epoch}")
                    run.figure("reconstructions-first" if epoch == 1 else "reconstructions-last", pairs)
            last = run.history[-1]
            run.finish(**{name: last[name] for name in last if name.startswith("test")},
                       **{"active units": losses.active_units(model.codes(test)),
                          "bits per dimension": losses.bits_per_dimension(last["test -ELBO"], 784)})
        results[seed] = run.results
        curves[f"seed {seed}"] = [row["test -ELBO"] for row in run.history]
    means = {name: float(np.mean([results[seed][name] for seed in seeds])) for name in results[seeds[0]]}
    print_table({**results, "mean": means}, "seed")
    with overview as run:
        run.figure("test-ELBO", figures.line_panels(np.arange(1, epochs + 1), {"test -ELBO (nats)": curves}, xlabel="epoch", markers=True,
                                                    title=f"{data}: one run a seed"))
        run.finish(**means, **{f"test -ELBO, seed {seed}": results[seed]["test -ELBO"] for seed in seeds})
