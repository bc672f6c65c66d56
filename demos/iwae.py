"""How likely are binary digits? VAE and IWAE by importance sampling [002.4]

Binary digits: a pixel is 1 with the probability of its grey value, drawn anew for every epoch, and once, with a fixed seed, for the test
set. Encoder 784-200-200-50 and decoder 50-200-200-784 with tanh, batches of 20. The VAE is trained on the ELBO, the IWAE on the bound of
`--draws` importance-weighted draws. The score is -log p(x) of the test images, in nats, estimated with `--samples` importance samples for
each image (an upper bound on average), for `--images` of them, evenly spread over the test set; the column of the training curve has 50
samples for each of all test images.

Measured on full MNIST, test NLL with 50 samples on all 10,000 images after some epochs, and with 5,000 samples on 500 of them at the end:

    epoch                                                   1        3        6        12      18      5,000 samples
    VAE, 18 epochs (12 minutes beside other work)                    108.3    101.9    96.5    94.8    92.7 +- 1.1
    IWAE, 50 draws, 6 epochs (4 minutes of one core)        124.7    106.3    99.9                     96.1 +- 1.2

    python -m demos iwae --data mnist --models vae --epochs 18 --samples 5000 --images 500 --every 3
    python -m demos iwae --data mnist --models iwae --epochs 6 --draws 50 --samples 5000 --images 500

Both still fall, the VAE by .2 nats an epoch and the IWAE by 1.1; very long training is reported to end at 89.8 and 86.8 (Burda et al. 2016).
After 6 epochs the IWAE is 2.0 nats ahead, with its learning rate already near the floor, at three times the time for each epoch.
"""
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, losses
from tinygen.backend import to
from tinygen.models.vae import DenseVAE, as_input, evaluate
from tinygen.nn import Tanh
from tinygen.progress import Progress
from tinygen.training import Run

from demos.command_line import Grey
from demos.finished import load_weights
from demos.sweeps import refuse_twice
from demos.tables import print_table
from demos.vae_training import one_of, rows


def main(*, data: Grey = "mnist-mini", epochs=8, models=("vae", "iwae"), draws=20, samples=500, images=1000, hidden=(200, 200), latent=50, batch_size=20,
         lr=1e-3, floor=1e-4, every=1, device="cpu", seed=0, out="runs/iwae", resume=False):
    """Train both, and estimate the likelihood.

    models: vae, iwae or both
    draws: of z for each image in a training step of the IWAE
    samples: of z for each test image in the final estimate
    images: test images in the final estimate, at most all
    hidden: widths of the encoder's hidden layers; the decoder has them in reverse
    latent: numbers in the code
    lr: the learning rate of Adam at the start
    floor: and at the end; it falls along half a cosine
    every: epochs between two points of the curve
    """
    settings = dict(locals())
    refuse_twice("iwae", models=models)
    unknown = [name for name in models if name not in ("vae", "iwae")]
    if unknown:
        raise ValueError(f"iwae: there is no model {unknown[0]!r}; there are vae and iwae")
    if images < 1:
        raise ValueError(f"iwae: images = {images} must be at least 1: the estimate is a mean over test images")
    objectives = {"vae": lambda model, x: losses.beta_vae(*model.terms(x)).loss,
                  "iwae": lambda model, x: losses.iwae(model.log_weights(x, draws))}
    train = rows(tgdata.load(data, "train")[0])
    test = tgdata.binarize(rows(tgdata.load(data, "test")[0]), np.random.default_rng(0))
    table, curves, pictures = {}, {}, {"input": test[:10]}
    overview = Run(out, settings)
    for name in models:
        with Run(Path(out) / name, one_of(settings, model=name), resume=resume) as run:
            tg.manual_seed(seed)
            model = DenseVAE(tuple(hidden), latent, Tanh).to(device)
            optimizer = tg.optim.Adam(model.parameters(), lr, eps=1e-4)
            run.keep(model=model, optimizer=optimizer)
            for epoch in run.epochs(epochs, images=len(train)):
                optimizer.lr = tg.optim.cosine(lr, epoch - 1, epochs, floor)
                for x in tgdata.batches(train, batch_size, np.random.default_rng((seed, epoch)), binary=True):
                    loss = objectives[name](model, to(x, device))
                    optimizer.minimize(loss)
                    run.update(len(x), loss=loss)
                if epoch % every == 0 or epoch == epochs:
                    run.log(**{"test -ELBO": sum(evaluate(model, test)), "test NLL, 50 samples": nll(model, test, 50).mean()})
            chosen = np.arange(min(images, len(test))) * len(test) // min(images, len(test))
            estimates = nll(model, test[chosen], samples, label=f"{name}: likelihood")
            run.finish(**{"test -ELBO": run.history[-1]["test -ELBO"], f"test NLL, {samples} samples": estimates.mean(),
                          "standard error": estimates.std() / np.sqrt(len(estimates)), "active units": losses.active_units(model.codes(test)),
                          "minutes": run.seconds / 60})
        table[name] = run.results
        measured = [row for row in run.history if "test NLL, 50 samples" in row]
        curves[name] = [row["test NLL, 50 samples"] for row in measured]
        model = load_weights(run.out, DenseVAE(tuple(hidden), latent, Tanh))
        pictures |= {f"{name}: reconstructions": model.reconstruct(test[:10]), f"{name}: samples": model.sample(10)}
    print_table(table, "model")
    with overview as run:
        run.figure("likelihood", figures.line_panels([row["epoch"] for row in measured], {"test NLL, 50 samples (nats)": curves}, xlabel="epoch",
                                                      markers=True, title=f"-log p(x) of {data}, by 50 importance samples an image"))
        run.figure("images", figures.image_rows(pictures, title="Test images, reconstructions and samples"))
        run.finish(**{f"{name}: {column}": value for name, row in table.items() for column, value in row.items()})


def nll(model, images, samples, *given, batch_size=100, chunk=50, label="likelihood"):
    """-log p(x), (N,), of images (N, D), each by importance sampling with `samples` draws of its own; given: labels, if the model takes any."""
    parts = []
    with tg.nn.eval_mode(model), Progress(len(images), label) as progress:
        for start in range(0, len(images), batch_size):
            x, *rest = (values[start:start + batch_size] for values in (as_input(images, model), *given))
            parts.append(losses.importance_nll(lambda k: model.log_weights(x, k, *rest), samples, chunk=chunk))
            progress.update(len(x))
    return np.concatenate(parts)
