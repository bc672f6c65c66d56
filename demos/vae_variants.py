"""Relatives of the VAE: Gaussian pixels, convolutions, labels, InfoVAE, learned priors [002.4]

All have the code size, width and training of one base model; what changes is the likelihood (Gaussian of fixed or of learned variance), the
layers, the labels given to encoder and decoder, the distance of codes to the prior (InfoVAE: MMD in place of the rate), or the prior itself
(a mixture of Gaussians, VampPrior). NLL is -log p(x) of test images by importance sampling: it is comparable between the Bernoulli models.
Rows with a star are about something else: the conditional model states log p(x|y), a Gaussian decoder a density of grey values, which may be
above 1. "MMD^2 to the prior" compares draws of q(z) over the test set with as many of the prior.
"""
import math
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, losses
from tinygen.backend import host
from tinygen.divergences import mmd
from tinygen.models.priors import MixturePriorVAE, VampVAE
from tinygen.models.vae import ConditionalVAE, ConvVAE, DenseVAE, GaussianVAE
from tinygen.training import Run

from demos.command_line import Grey
from demos.finished import load_weights
from demos.iwae import nll
from demos.sweeps import refuse_twice
from demos.tables import print_table
from demos.vae_training import one_of, rows, train_vae

# What --kinds takes, and how the table and the pictures name it.
KINDS = {"bernoulli": "Bernoulli", "gaussian-0.3": "Gaussian, sigma 0.3", "gaussian-learned": "Gaussian, sigma learned", "convolutional": "convolutional",
         "conditional": "conditional", "infovae": "InfoVAE", "mixture-prior": "mixture prior", "vampprior": "VampPrior"}
# What the numbers of these are, that no other row's can be compared with.
STARRED = {"conditional": "-log p(x|y)", "gaussian-0.3": "densities", "gaussian-learned": "densities"}


def main(*, data: Grey = "mnist-mini", epochs=10, kinds=tuple(KINDS), hidden=200, latent=10, components=50, samples=100, batch_size=128, lr=1e-3,
         device="cpu", seed=0, out="runs/vae_variants", resume=False):
    """Train each, print the table, and draw samples and reconstructions.

    kinds: which of bernoulli, gaussian-0.3, gaussian-learned (the standard deviation of the pixels), convolutional, conditional, infovae,
        mixture-prior, vampprior
    hidden: units of the one hidden layer of encoder and of decoder
    latent: numbers in the code
    components: of the learned priors
    samples: importance samples for each test image
    lr: the learning rate of Adam
    """
    settings = dict(locals())
    refuse_twice("vae_variants", kinds=kinds)
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ValueError(f"vae_variants: there is no kind {unknown[0]!r}; there are {', '.join(KINDS)}")
    (train, labels), (test, test_labels) = ((rows(images), y) for images, y in (tgdata.load(data, split) for split in ("train", "test")))
    shown = tgdata.to_float(test[:10])
    table, pictures = {}, {"input": shown}
    overview = Run(out, settings)
    for kind in kinds:
        given = (test_labels,) if kind == "conditional" else ()
        with Run(Path(out) / kind, one_of(settings, kind=kind), resume=resume) as run:
            tg.manual_seed(seed)
            model = build(kind, hidden, latent, components)
            if kind == "vampprior":
                model.start_from(tgdata.to_float(train[:components]))
            for _ in train_vae(run, model, train, labels if given else None, epochs=epochs, batch_size=batch_size, lr=lr, seed=seed,
                               device=device, loss=info_vae_loss if kind == "infovae" else None, test=(test, *given)):
                pass
            apart = mmd(model.draw_codes(test, *given), host(model.draw_prior(len(test))), bandwidth=math.sqrt(latent), unbiased=True)
            run.finish(**{name: run.history[-1][name] for name in ("test -ELBO", "test distortion", "test rate")},
                       **{"NLL": nll(model, test, samples, *given).mean(), "active units": losses.active_units(model.codes(test, *given)),
                          "MMD^2 to the prior": apart})
        name = KINDS[kind]
        table[name] = run.results
        model = load_weights(run.out, build(kind, hidden, latent, components))
        tg.manual_seed(seed)
        pictures[f"{name}: reconstructions"] = model.reconstruct(shown, *(g[:10] for g in given))
        pictures[f"{name}: samples"] = model.sample(10, *(np.arange(10) for _ in given))
    stars = {KINDS[kind]: what for kind, what in STARRED.items() if kind in kinds}
    print_table({f"{name} *" if name in stars else name: row for name, row in table.items()}, "VAE")
    if stars:
        print(f"* not to be compared with the other rows: {'; '.join(f'{name}: {what}' for name, what in stars.items())}")
    with overview as run:
        run.figure("images", figures.image_rows(pictures, title="Test images, reconstructions and samples"))
        run.finish(**{f"{name}: {column}": value for name, row in table.items() for column, value in row.items()})


def build(kind, hidden, latent, components):
    """The model of that kind."""
    sizes = {"hidden": (hidden,), "latent": latent}
    return {"bernoulli": lambda: DenseVAE(**sizes),
            "gaussian-0.3": lambda: GaussianVAE(**sizes, sigma=0.3),
            "gaussian-learned": lambda: GaussianVAE(**sizes),
            "convolutional": lambda: ConvVAE(latent, width=16),
            "conditional": lambda: ConditionalVAE(**sizes),
            "infovae": lambda: DenseVAE(**sizes),
            "mixture-prior": lambda: MixturePriorVAE(components, **sizes),
            "vampprior": lambda: VampVAE(components, **sizes)}[kind]()


def info_vae_loss(model, x):
    """InfoVAE with alpha = 1: no rate for single images, 1000 MMD^2 between the codes of the batch and as many draws of the prior."""
    logits, z, mu, logvar = model(x)
    return losses.info_vae(model.distortion(logits, x), losses.rate(mu, logvar), z, model.draw_prior(len(x)), scale=1000.0)
