"""Do autoencoders learn the identity? One that can does; four ways to prevent it [002.3.1]

First the fact, on Gaussian data in 8 dimensions: a linear autoencoder with 32 hidden units, trained on the squared error, ends at
W2 W1 = I.

Then five autoencoders of digits (14 x 14, one hidden layer of sigmoids): one that is free to copy, and one each with a bottleneck, with
noise on the input, with sparse codes and with a contractive encoder. Whether a network copies shows on inputs that are no digits: here
digits whose pixels were exchanged between images, so that every pixel keeps its distribution and nothing else is left. The identity
reproduces them as well as digits. What the code is good for shows in the accuracy of a linear layer on it. Measured on the bundled digits
(`python -m demos identity`, 20 seconds of one core), errors as a share of that of the mean image:

    autoencoder    error on digits    on exchanged pixels    accuracy of a linear layer
    overcomplete   .010               .090                   89.3 %
    bottleneck     .379               .823                   82.0 %
    noise          .448               .912                   93.7 %
    sparsity       .312               .777                   93.7 %
    contraction    .318               .765                   89.5 %

and ||W2 W1 - I|| of the linear one falls from 3.3 to 6e-5.
"""
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, losses
from tinygen.metrics import linear_probe
from tinygen.models.autoencoders import LinearAutoencoder, SigmoidAutoencoder
from tinygen.models.corruption import masking_noise
from tinygen.training import Run

from demos.command_line import Grey
from demos.finished import load_weights
from demos.tables import print_table
from demos.vae_training import rows


def main(*, data: Grey = "mnist-mini", epochs=30, width=400, bottleneck=16, masked=0.5, sparsity=0.5, contraction=1.0, batch_size=100, lr=3e-3,
         seed=0, out="runs/identity", resume=False):
    """Train the linear one and the five, and compare them.

    width: hidden units of the overcomplete autoencoders (there are 196 pixels)
    bottleneck: hidden units of the one with a bottleneck
    masked: the share of pixels set to 0 in the input of the one with noise
    sparsity: the weight of the KL from a mean activity of 0.05
    contraction: the weight of the squared norm of the encoder's Jacobian
    lr: the learning rate of Adam, which falls to 0 along half a cosine
    """
    settings = dict(locals())
    distances = learn_the_identity(seed)
    print(f"linear, 8-32-8 on N(0, C): ||W2 W1 - I|| = {distances[0]:.3f} at the start, {distances[-1]:.1e} after {len(distances) - 1} steps")

    (train, labels), (test, test_labels) = (load_halved(data, split) for split in ("train", "test"))
    exchanged = exchange_pixels(test, np.random.default_rng(seed))
    plain = lambda model, x: losses.squared_error(model(x), x).mean()
    kinds = {
        "overcomplete": (width, plain),
        "bottleneck": (bottleneck, plain),
        "noise": (width, lambda model, x: losses.squared_error(model(masking_noise(x, masked)), x).mean()),
        "sparsity": (width, lambda model, x: plain(model, x) + losses.sparsity(model.encoder(x)) * sparsity),
        "contraction": (width, lambda model, x: plain(model, x) + losses.contraction(model.encoder, x) * contraction),
    }
    shown = np.concatenate([test[:6], exchanged[:6]])
    table, pictures = {}, {"input": shown}
    overview = Run(out, settings)
    for name, (units, loss) in kinds.items():
        with Run(Path(out) / name, settings, resume=resume) as run:
            tg.manual_seed(seed)
            model = SigmoidAutoencoder(train.shape[1], units)
            optimizer = tg.optim.Adam(model.parameters(), lr)
            run.keep(model=model, optimizer=optimizer)
            for epoch in run.epochs(epochs, images=len(train)):
                optimizer.lr = tg.optim.cosine(lr, epoch - 1, epochs)
                for x in tgdata.batches(train, batch_size, np.random.default_rng((seed, epoch))):
                    value = loss(model, x)
                    optimizer.minimize(value)
                    run.update(len(x), loss=value)
            error, copied = relative_error(model, test), relative_error(model, exchanged)
            probe = linear_probe(model.codes(train), labels, model.codes(test), test_labels)
            run.finish(**{"error on digits": error, "error on exchanged pixels": copied, "probe accuracy": probe.accuracy})
        table[name] = run.results
        model = load_weights(run.out, SigmoidAutoencoder(train.shape[1], units))
        pictures[name] = np.clip(model.reconstruct(shown), 0, 1)
    print_table(table, "autoencoder")

    with overview as run:
        run.figure("reconstructions", figures.image_rows(as_images(pictures), title="Digits, the same with pixels exchanged, and what each makes of them"))
        run.figure("linear", figures.line_panels(np.arange(len(distances)), {"||W2 W1 - I||": {"linear autoencoder, 8-32-8": distances}},
                                                 xlabel="step", logy=True))
        groups = {column: [table[name][column] for name in table] for column in ("error on digits", "error on exchanged pixels")}
        run.figure("errors", figures.bar_chart(groups, list(table), ylabel="error / error of the mean image"))
        run.finish(**{f"{name}: {column}": value for name, row in table.items() for column, value in row.items()},
                   **{"||W2 W1 - I||": distances[-1]})


def learn_the_identity(seed, steps=1500, dimension=8, width=32):
    """||W2 W1 - I|| in the Frobenius norm before each step of Adam, and after the last, of a linear autoencoder on Gaussian data."""
    tg.manual_seed(seed)
    rng = np.random.default_rng(seed)
    mix = rng.standard_normal((dimension, dimension)).astype(np.float32)
    model = LinearAutoencoder(dimension, width)
    optimizer = tg.optim.Adam(model.parameters(), 1e-2)
    distances = []
    for step in range(steps + 1):
        w1, w2 = model.encoder.weight.numpy(), model.decoder.weight.numpy()
        distances.append(float(np.linalg.norm(w2 @ w1 - np.eye(dimension))))
        optimizer.lr = tg.optim.cosine(1e-2, step, steps)
        x = rng.standard_normal((64, dimension), dtype=np.float32) @ mix
        optimizer.minimize(losses.squared_error(model(x), x).mean())
    return distances


def load_halved(data, split):
    """Images of half the size, each pixel the mean of four, as rows in [0, 1]; and their labels."""
    images, labels = tgdata.load(data, split)
    return rows(tg.avg_pool2d(tgdata.to_float(images), 2)), labels


def exchange_pixels(images, rng):
    """Every column of images (N, D) shuffled on its own: each pixel keeps its distribution, and all that ties pixels together is lost."""
    return rng.permuted(images, axis=0)


def relative_error(model, images):
    """E |model(x) - x|^2 / E |mean - x|^2: 0 for the identity, 1 for the mean image."""
    return float(((model.reconstruct(images) - images) ** 2).sum() / ((images - images.mean(axis=0)) ** 2).sum())


def as_images(pictures):
    """Rows of 196 pixels as images."""
    return {name: values.reshape(-1, 14, 14) for name, values in pictures.items()}
