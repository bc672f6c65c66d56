"""VAE, GAN and conditional GAN on clothes side by side: what each can do and the other cannot [002.5.6]

    python -m demos vae_vs_gan                                                        trains all three, small
    python -m demos vae_vs_gan --data fashion-mnist --vae runs/vae_digits/seed-1 --gan runs/conditional_gan

The second form reads finished runs of `python -m demos vae_digits` and `python -m demos conditional_gan`. The VAE has a bound on the
likelihood and an encoder; the GANs have neither, so their reconstruction is a search for the code, by gradient descent from several starts.

Measured by the second form with --samples 5000, on the VAE 784-400-20 of `vae_digits --data fashion-mnist` and the GANs of `conditional_gan`
as its docstring trains them. Fréchet distance (not FID), precision and recall in the features of a classifier; sharpness: mean |Laplacian|;
the error is the sum over pixels, the mean of 20 test images:

                       ms per sample  Fréchet  precision  recall  sharpness  TV of classes  squared error  -ELBO
    VAE                         .007    337.9       .853    .103       .417           .234          10.86  244.3
    GAN                         .196     86.4       .810    .241       .979           .073          10.61
    conditional GAN             .175     42.2       .895    .235       .931           .021           7.92
    real test images                                                  1.000           .023
"""
import time

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures
from tinygen.data import to_float
from tinygen.geometry import invert
from tinygen.metrics import class_abundance, frechet_score, load_judge, precision_recall
from tinygen.models.conditional_gan import ConditionalGenerator
from tinygen.models.gan import ARCHITECTURES
from tinygen.models.vae import DenseVAE, evaluate
from tinygen.training import Run

from demos import conditional_gan, vae_digits, vae_sweep
from demos.command_line import Grey
from demos.finished import load_weights, settings_of
from demos.gan import generate
from demos.tables import print_table
from demos.vae_training import rows


def main(*, data: Grey = "fashion-mini", vae: str | None = None, gan: str | None = None, epochs=20, samples=1000, inverted=20, starts=4, steps=200,
         device="cpu", seed=0, out="runs/vae_vs_gan"):
    """Measure the three models, print the table and the answer that follows from it.

    vae: the folder of a finished run of vae_digits (one seed of it), or of a setting of vae_sweep; trained here where it is not given
    gan: the folder of a finished run of conditional_gan, with its plain GAN; trained here where it is not given
    epochs: of the models that are trained here
    samples: how many of each are measured
    inverted: test images to find codes for
    starts: codes that each search starts from
    steps: of each search
    """
    if vae is None:
        vae_digits.main(data=data, epochs=epochs, seeds=(seed,), device=device, out=f"{out}/vae")
        vae = f"{out}/vae/seed-{seed}"
    if gan is None:
        conditional_gan.main(data=data, epochs=epochs, samples=samples, device=device, seed=seed, out=f"{out}/gan")
        gan = f"{out}/gan"
    with Run(out, locals()) as run:
        tg.manual_seed(seed)
        test, judge = tgdata.load(data, "test")[0], load_judge(data)
        wanted = np.arange(samples) % 10
        model, architecture, plain, conditional = load_models(vae, gan, data)
        makers = {"VAE": lambda n: tgdata.to_bytes(model.sample(n)).reshape(n, *test.shape[1:]), "GAN": lambda n: generate(plain, architecture, architecture.draw(n)),
                  "conditional GAN": lambda n: generate(conditional, architecture, architecture.draw(n), wanted[:n])}
        real = judge.features(test[:samples])
        table, made = {}, {"real": test[:samples]}
        for name, make in makers.items():
            start = time.perf_counter()
            made[name] = make(samples)
            table[name] = {"ms per sample": 1000 * (time.perf_counter() - start) / samples}
            features = judge.features(made[name])
            manifold = precision_recall(real, features)
            table[name] |= {"Fréchet": float(frechet_score(features, real)), "precision": manifold.precision, "recall": manifold.recall}
        table["real"] = {}
        for name, images in made.items():
            abundance = class_abundance(judge.predict(images))
            table[name] |= {"sharpness": sharpness(images) / sharpness(made["real"]), "TV of classes": abundance.total_variation,
                            "confidence > .9": (judge.confidence(images) > 0.9).mean()}

        shown = to_float(test[:inverted])
        low, high = architecture.scale
        targets = shown * (high - low) + low
        rebuilt = {"test images": shown, "VAE": model.reconstruct(rows(shown)).reshape(shown.shape)}
        for name, generator in (("GAN", plain), ("conditional GAN", lambda z: conditional(z, judge.predict(test[:inverted]).repeat(starts)))):
            rebuilt[name] = (best_of_starts(generator, targets, architecture, starts, steps) - low) / (high - low)
        for name in makers:
            table[name]["squared error"] = float(((rebuilt[name] - shown) ** 2).sum(axis=(1, 2, 3)).mean())
        bound = sum(evaluate(model, rows(test)))
        table["VAE"]["-ELBO"] = bound

        print_table(table, "model")
        print(f"{samples:,} samples of each against as many real test images; Fréchet distance (not FID), precision and recall in the hidden features of the "
              f"{judge}; sharpness: mean |Laplacian|, real = 1;\nsquared error: sum over pixels, mean of {inverted} test images; for the GANs the best of "
              f"{starts} searches of {steps} steps, for the conditional one with the class that the judge sees")
        print("\n".join(answer(table)))
        run.figure("samples-of-each", figures.image_rows({name: images[:12] for name, images in made.items()}, title="samples"))
        run.figure("reconstructions", figures.image_rows({name: np.clip(images[:12], 0, 1) for name, images in rebuilt.items()},
                                                         title="reconstructions: by the encoder, and by searching for the code"))
        run.figure("abundance", figures.class_shares({name: np.bincount(judge.predict(images), minlength=10) for name, images in made.items()},
                                                        tgdata.class_names(data), title=f"classes, as seen by the {judge}"))
        run.finish(**{f"{what}, {name}": value for name, row in table.items() for what, value in row.items()})


def load_models(vae, gan, data):
    """(VAE, architecture of the GANs, plain generator, conditional generator), as the runs in the two folders left them. Raises for other folders."""
    settings = {vae: settings_of(vae, "latent", what="run of vae_digits or vae_sweep"),
                gan: settings_of(gan, "arch", "embedding", files=("plain_average.npz", "conditional_average.npz"), what="run of conditional_gan")}
    for folder in (vae, gan):
        if settings[folder]["data"] != data:
            raise ValueError(f"vae_vs_gan: {folder} was trained on {settings[folder]['data']}, and is to be judged on {data}; say --data {settings[folder]['data']}")
    architecture = ARCHITECTURES[settings[gan]["arch"]]
    plain = architecture.generator(architecture.z_dim)
    conditional = ConditionalGenerator(architecture.z_dim, 10, settings[gan]["embedding"], body=architecture.generator)
    return load_vae(vae), architecture, load_weights(gan, plain, "plain_average"), load_weights(gan, conditional, "conditional_average")


def load_vae(folder):
    """The VAE of a finished run of vae_digits, or of one setting of vae_sweep."""
    settings = settings_of(folder, "latent", what="run of vae_digits or vae_sweep")
    if "layers" in settings:
        return load_weights(folder, vae_sweep.build(settings))
    return load_weights(folder, DenseVAE((settings_of(folder, "hidden", what="run of vae_digits or vae_sweep")["hidden"],), settings["latent"]))


def sharpness(images):
    """Mean |Laplacian| over the inner pixels of uint8 images (N, C, H, W): blur lowers it."""
    x = images.astype(np.float32)
    return float(np.abs(4 * x[..., 1:-1, 1:-1] - x[..., :-2, 1:-1] - x[..., 2:, 1:-1] - x[..., 1:-1, :-2] - x[..., 1:-1, 2:]).mean())


def best_of_starts(generator, targets, architecture, starts, steps):
    """G(z*) for each target, z* the best of the codes that gradient descent found from `starts` draws of the prior."""
    found = invert(generator, targets, architecture.draw(starts), steps=steps)
    codes = np.take_along_axis(found.z, found.loss.argmin(axis=1)[:, None, None], axis=1)          # (B, 1, D)
    with tg.no_grad():
        every = generator(tg.tensor(np.repeat(codes, starts, axis=1).reshape(-1, codes.shape[-1]))).numpy()
    return every[::starts]


def answer(table):
    """The differences in words, each drawn from two numbers of the table, and what they are good for in general."""
    vae, gan, conditional = table["VAE"], table["GAN"], table["conditional GAN"]
    more = lambda a, b, what: f"{'more' if a > b else 'less'} {what} ({a:.3g} against {b:.3g})"
    yield f"only the VAE has a bound on the likelihood: {vae['-ELBO']:.1f} nats, and an encoder: its reconstructions err by {vae['squared error']:.1f}"
    yield f"a GAN has to search for a code, and errs by {gan['squared error']:.1f}; the conditional one by {conditional['squared error']:.1f}"
    yield (f"the GAN's samples are {more(gan['sharpness'], vae['sharpness'], 'sharp than those of the VAE')}, real images being 1, "
           f"and {more(gan['precision'], vae['precision'], 'of them lie among the real ones')}")
    yield f"the VAE covers {more(vae['recall'], gan['recall'], 'of the real images')}"
    yield (f"classes: the plain GAN is {gan['TV of classes']:.3f} from uniform, the VAE {vae['TV of classes']:.3f}, the conditional GAN, asked for each "
           f"equally often, {conditional['TV of classes']:.3f}")
    yield "in general: compression, missing data and anomalies ask for the VAE; synthesis and editing for a GAN, and a label for the conditional one"
