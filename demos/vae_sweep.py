"""What makes a VAE of clothes better? Latent size, width, beta, layers: one table [002.4.3]

One setting at a time is changed from the base: latent 20, width 400, beta 1, dense. For each: minus the ELBO on the test set and its two
parts, and how far samples are from real images: the Fréchet distance of the features of a classifier trained on the real training images
(its name stands beside the number; it is not the FID), between as many samples as there are test images, and those. The samples of the best
setting are saved, samples.npz, uint8 images (N, 1, 28, 28), and `python -m demos vae_vs_gan --vae runs/vae_sweep/latent-10` sets it beside GANs.

Measured on full Fashion-MNIST after a single epoch (`python -m demos vae_sweep --data fashion-mnist --epochs 1`, one minute of one core):

    change         -ELBO    distortion    rate    Fréchet distance of 10,000 samples
    base           262.4    247.0         15.4    599
    latent 2       276.7    270.5         6.2     620
    latent 10      259.5    245.8         13.7    537
    latent 50      270.1    254.1         16.0    652
    width 200      266.7    252.0         14.6    622
    width 800      257.7    242.5         15.1    546
    beta .3        268.0    238.6         29.4    633
    beta 3         267.7    260.3         7.4     587
    layers conv    259.8    242.7         17.1    529
"""
from pathlib import Path

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, losses
from tinygen.metrics import frechet_score, load_judge
from tinygen.models.vae import ConvVAE, DenseVAE
from tinygen.training import Run

from demos.command_line import Grey
from demos.finished import load_weights
from demos.tables import print_table
from demos.vae_training import rows, train_vae

BASE = {"latent": 20, "width": 400, "beta": 1.0, "layers": "dense"}
CHANGES = [{}, {"latent": 2}, {"latent": 10}, {"latent": 50}, {"width": 200}, {"width": 800}, {"beta": 0.3}, {"beta": 3.0}, {"layers": "conv"}]


def main(*, data: Grey = "fashion-mini", epochs=10, batch_size=128, lr=1e-3, device="cpu", seed=0, out="runs/vae_sweep", resume=False):
    """Train the nine VAEs and print the table.

    lr: the learning rate of Adam
    """
    settings = dict(locals())
    train, test = (rows(tgdata.load(data, split)[0]) for split in ("train", "test"))
    judge = load_judge(data)
    real = judge.features(test.reshape(-1, 1, 28, 28))
    table, pictures, samples = {}, {"test images": test[:12]}, {}
    overview = Run(out, settings)
    for change in CHANGES:
        chosen = {**BASE, **change}
        name = ", ".join(f"{key} {value}" for key, value in change.items()) or "base"
        with Run(Path(out) / name.replace(" ", "-"), {**settings, **chosen}, resume=resume) as run:
            tg.manual_seed(seed)
            model = build(chosen)
            for _ in train_vae(run, model, train, epochs=epochs, batch_size=batch_size, lr=lr, seed=seed, device=device,
                               beta=chosen["beta"], test=test):
                pass
            last = run.history[-1]
            run.finish(**{"-ELBO": last["test -ELBO"], "distortion": last["test distortion"], "rate": last["test rate"],
                          "active units": losses.active_units(model.codes(test)), "parameters": model.count_parameters()})
        model = load_weights(run.out, build(chosen))
        tg.manual_seed(seed)
        samples[name] = tgdata.to_bytes(model.sample(len(test))).reshape(-1, 1, 28, 28)
        table[name] = {**run.results, "Fréchet distance": float(frechet_score(judge.features(samples[name]), real))}
        pictures[name] = rows(samples[name][:12])
    print_table(table, "change")
    best = min(table, key=lambda name: table[name]["Fréchet distance"])
    print(f"Fréchet distance of {len(test):,} samples to the {len(test):,} test images, by the hidden features of the {judge}; best: {best}")

    with overview as run:
        run.arrays("samples", images=samples[best])
        run.figure("samples", figures.image_rows(pictures, title="Samples after each change"))
        run.figure("distances", figures.bar_chart({"samples": [row["Fréchet distance"] for row in table.values()]}, list(table),
                                                  ylabel="Fréchet distance (not FID)", title="Samples of each to the test images"))
        run.finish(**{f"{name}: {column}": value for name, row in table.items() for column, value in row.items()})


def build(chosen):
    """The VAE of a setting."""
    if chosen["layers"] == "conv":
        return ConvVAE(chosen["latent"])
    return DenseVAE((chosen["width"],), chosen["latent"])
