"""Sheet 004, questions 1 to 3: the Wasserstein GAN in the plane, the VAE and the VAE-GAN of CIFAR-10.

The full runs of questions 2 and 3 take long and are read from their folders. Where there are none, the same comparisons are computed in
small: dense networks on the bundled clothes, a latent of 64 numbers, and Fréchet distances of pixels, which are not FID.
"""
import math

import numpy as np

import tinygen as tg
from demos.finished import differences
from tinygen import losses, metrics, nn
from tinygen.divergences import noise_floor, wasserstein
from tinygen.models.cifar import VAEGAN, CifarVAE, Discriminator
from tinygen.models.mlp import mlp
from tinygen.models.vae import DenseVAE

from .grids import normal
from .questions import check, drawing, less, note, question
from .small import latent_scores, pixel_probe, plane_gan
from .training import latest, reported

SMALL = ("small, in its place: dense networks, a latent of 64, on 3,000 images of fashion-mini, 10 epochs; Fréchet distances on 20 principal "
         "axes of the pixels, which are not FID; Adam at 2e-3, for VAE-GAN at 1e-3 and 3e-4 (discriminator)")


@question("004.1", "A Wasserstein GAN for two Gaussians", trained=True)
def wasserstein_gan():
    """Means (.5, .5) and (-.5, -.5): the print's "(0, 5, 0.5)" has three numbers; sigma = .10 is a standard
    deviation, though it says variance. z ~ U[-1, 1] leaves the dimension open: from a single z the generator can only
    draw a curve, so two are used here. WGAN-GP, three or more critic steps for each of the generator, Adam with betas
    (0.5, 0.9): it finds both modes, and a thin bridge between them remains.
    Hyperparameters of `python -m demos gan_2d`: both networks three hidden layers of 128 ReLU units; batches of 256
    points; Adam at 5e-4, falling to 0 along a line over 3,000 steps of the generator, with 5 of the critic each;
    penalty lambda = 0.1 (as in the authors' own code for points of the plane); samples from an average of
    the generator with decay .999. Read as a variance, .10 is a deviation of .316 (--sigma 0.316): the two then overlap,
    with half way between them a sixth of the density of a mode; still two bumps, but a bridge belongs to the data."""
    run = latest("gan_2d", target="bimodal", loss="wgan-gp", sigma=None)
    centres, sigma = tg.data.modes("bimodal")
    if run:
        yield note(run.origin + ": " + reported(run))
        yield check("modes hit in that run", run.results["modes"], 2)
    found = plane_gan("bimodal", d_steps=3, d_lr=3e-3)
    yield note(("beside it, " if run else "there is no finished run of gan_2d on bimodal; ")
               + "trained here, small: 300 generator steps, 3 critic steps each, widths 64, penalty 1")
    coverage = metrics.mode_coverage(found.snapshots[300], centres, sigma)
    floor = noise_floor(wasserstein, lambda n, rng: tg.data.sample("bimodal", n, rng), 500, repeats=3)
    yield check("modes hit", coverage.hit, 2)
    yield less("W1 to 500 real samples, against before training", found.distance,
               float(wasserstein(found.snapshots[0], tg.data.sample("bimodal", 500, np.random.default_rng(0)))))
    yield note(f"{coverage}; W1 {found.distance:.3f}, noise floor {floor.mean:.3f}")

    two = lambda x, s: (normal(-math.sqrt(0.5), s, x) + normal(math.sqrt(0.5), s, x)) / 2         # along the line through both means
    for s in (0.1, math.sqrt(0.1)):
        yield check(f"sigma = {s:.3f}: density half way between the means, over that at a mean, against 2 exp(-1 / (4 sigma^2))",
                    two(0.0, s) / two(math.sqrt(0.5), s), 2 * math.exp(-0.25 / s ** 2), 1e-4)

    def crowding(z_dim, count):                                     # mean distance to the nearest other sample
        tg.manual_seed(0)
        generator = mlp(z_dim, 64, 64, 2)
        with tg.no_grad():
            points = generator(tg.tensor(tg.uniform((count, z_dim), low=-1.0))).numpy().astype(np.float64)
        return metrics.nearest(points, points, leave_one_out=True)[0].mean()

    ratio = {d: crowding(d, 500) / crowding(d, 2000) for d in (1, 2)}
    yield check("four times as many samples come closer by, from a z of one number, against 4 (a curve)", ratio[1], 4, 0.6)
    yield check("... from two, against 2 (an area)", ratio[2], 2, 0.3)
    real = tg.data.sample("bimodal", 2000, np.random.default_rng(1))
    yield drawing("density", lambda: tg.figures.density_over_time({step: points for step, points in found.snapshots.items() if step}, real,
                                                                  limits=(-1.2, 1.2), title="WGAN-GP on two Gaussians"))


def cifar(model="vae", change="none"):
    """The newest finished run on CIFAR-10 of that model and change, with FIDs and probe, or None."""
    run = latest("cifar", data="cifar-10", model=model, change=change, fid=True, probe=True)
    return run if run and "generation FID" in run.results else None


def best_change(model):
    """The finished run on CIFAR-10 with the change of task III whose probe is most accurate on the test split, or None."""
    runs = [run for change in ("beta", "mmd", "denoise", "rotation", "contrast") if (run := cifar(model, change))]
    return max(runs, key=lambda run: run.results["probe accuracy"], default=None)


def described(run, what):
    """A note on a finished run, or on its absence."""
    return note(f"{what}: {run.origin}: {reported(run)}" if run else f"{what}: there is no finished run of cifar on CIFAR-10; {SMALL}")


def compared(base, changed):
    """That the change of task III helps the linear layer, with whatever else the two runs differ in."""
    different = differences(base.settings, changed.settings, ("epochs", "beta", "lr", "images"))
    return less(f"accuracy: plain against {changed.settings['change']}" + (f" (also different: {'; '.join(different)})" if different else ""),
                base.results["probe accuracy"], changed.results["probe accuracy"])


def _parameters_of_table_1(latent):
    """Numbers of parameters of (encoder, decoder), summed over the table's layers; BN has two a channel, the encoder ends in 2 * latent."""
    convolution = lambda n_in, n_out: 4 * 4 * n_in * n_out + n_out
    dense = lambda n_in, n_out: n_in * n_out + n_out
    encoder = convolution(3, 64) + convolution(64, 128) + 2 * 128 + dense(8 * 8 * 128, 1024) + 2 * 1024 + dense(1024, 2 * latent)
    decoder = (dense(latent, 1024) + 2 * 1024 + dense(1024, 8 * 8 * 128) + 2 * 8 * 8 * 128 + convolution(128, 128) + 2 * 128
               + convolution(128, 64) + 2 * 64 + convolution(64, 3))
    return encoder, decoder


@question("004.2.I", "The VAE of CIFAR-10: reconstruction and generation", trained=True)
def cifar_generation():
    """Reconstruction FID is the lower one: reconstructions are blurred, samples from the prior are blurred and also
    come from codes that q(z), the aggregate of the encoder, seldom visits.
    The sheet contradicts itself: the decoder takes z in R^128, the encoder ends in FC_128, and task II speaks of "the
    64-dimensional latent". With 64, FC_128 is 64 means beside 64 log-variances, and the encoder is as printed
    (`python -m demos cifar --latent 64`). With 128, the decoder is as printed, and the encoder ends in 256: the default
    here. The table names no padding. At stride 2 it is 1, since FC_8x8x128 wants 8 x 8; the last convolution, kernel 4
    and stride 1, cannot keep 32 x 32 with equal padding on both sides (1 gives 31, 2 gives 33): 1 before, 2 behind.
    The KL has weight 0.1, not the ELBO's 1: a grey pixel is no draw of a Bernoulli, whose cross-entropy, as a
    likelihood, expects far more noise than there is. At 1 (--beta 1) images blur, and the FID of samples is higher: 260
    against 219 after 4 epochs of 10,000 images, 1,000 samples."""
    table = {latent: _parameters_of_table_1(latent) for latent in (64, 128)}
    for latent, (encoder, decoder) in table.items():
        net = CifarVAE(latent)
        yield check(f"latent {latent}: parameters of the encoder, which ends in {latent} means and {latent} log-variances, against the table's",
                    net.encoder.count_parameters(), encoder)
        yield check("... of the decoder", net.decoder.count_parameters(), decoder)
    shape = net.eval().decode(tg.tensor(np.zeros((1, 128), np.float32))).shape
    yield check("side of the image that the decoder makes", shape[2], 32)
    square, kernel = np.zeros((1, 1, 32, 32)), np.zeros((1, 1, 4, 4))
    for padding, side in ((1, 31), (2, 33), (((1, 2), (1, 2)), 32)):
        yield check(f"... by its last convolution with padding {padding}", tg.conv2d(square, kernel, padding=padding).shape[2], side)
    run = cifar()
    yield described(run, "VAE")
    if run:
        yield less("FID on the test split: reconstruction against generation", run.results["reconstruction FID"],
                   run.results["generation FID"])
    scores = latent_scores()
    yield less("small: distance of reconstructions against that of samples", scores["reconstruction"], scores["generation"])


@question("004.2.II", "A linear layer on the latent", trained=True)
def cifar_probe():
    """Above chance, and not far from what the pixels themselves give to a linear layer (a little more on CIFAR-10, less
    on clothes): the code is chosen to rebuild pixels, so it keeps brightness, colour and layout, and spends nothing
    on what makes a class unless that costs many nats.
    The layer sees the means alone, 128 numbers here; the sheet's "64-dimensional latent" is what its FC_128 gives when
    half of it are log-variances (--latent 64; see task I). Table 1 names no padding either: see there, too."""
    for latent in (64, 128):
        mean, _ = CifarVAE(latent).eval().encode(tg.tensor(np.zeros((2, 3, 32, 32), np.float32)))
        yield check(f"latent {latent}: parameters of the layer on the code, ten classes", tg.nn.Linear(mean.shape[1], 10).count_parameters(),
                    10 * (latent + 1))
    run = cifar()
    yield described(run, "VAE")
    if run:
        yield less("0.25 (chance is 0.10) is below the accuracy on the test split", 0.25, run.results["probe accuracy"])
        yield note(f"the same layer on the pixels of CIFAR-10: {run.results['pixel accuracy']:.2%}")
    yield less("small: 0.3 (chance is 0.10) is below the accuracy on clothes", 0.3, latent_scores()["probe"])
    yield less("... and that is below the accuracy of the same layer on the pixels", latent_scores()["probe"], pixel_probe())


@question("004.2.III", "An unsupervised change that helps the linear layer", trained=True)
def cifar_change():
    """Anything that makes the code keep more, or the right things: a smaller weight of the KL (more nats for the
    code), telling how an image was turned, telling views of one image from others; the last helped most of the three on
    CIFAR-10. A smaller weight buys accuracy and reconstruction, and moves q(z) away from p(z): on clothes the samples
    pay; on CIFAR-10, where weight 1 blurs all images, they gain."""
    base, changed = cifar(), best_change("vae")
    yield described(changed, "VAE, changed")
    if base and changed:
        yield compared(base, changed)
    plain, small_beta = latent_scores(), latent_scores(beta=0.1)
    yield less("small: accuracy of the linear layer: weight 1 against weight 0.1 of the KL", plain["probe"], small_beta["probe"])
    yield less("... distance of reconstructions: weight 0.1 against weight 1", small_beta["reconstruction"], plain["reconstruction"])
    yield less("... distance of samples: weight 1 against weight 0.1", plain["generation"], small_beta["generation"])


@question("004.3a", "The VAE-GAN against the VAE", trained=True)
def vae_gan():
    """The discriminator's features replace the pixels in the reconstruction error, and the decoder must also fool it:
    on CIFAR-10 samples get texture where the VAE's are blurred, and reconstructions lose exact pixels. Its
    discriminator has 8,524,993 parameters; the three losses reach one network each, although each has gradients by
    others too. The KL has weight .02, not 1: the similarity in features begins at some ten nats, and at 1 the code
    carries one nat and all images are rebuilt alike. Fakes weigh as much as images in the discriminator's loss; in the
    paper's they weigh twice as much (--fake-weight 1)."""
    yield check("parameters of the discriminator", Discriminator().count_parameters(), 8_524_993)
    yield check("... of all three", VAEGAN(128).count_parameters(), 8_788_672 + 8_944_195 + 8_524_993)
    yield from _each_loss_its_own()
    vae, gan = cifar(), cifar("vae-gan")
    yield described(gan, "VAE-GAN")
    if vae and gan:
        yield note("FID on the test split: " + "; ".join(f"{name}: reconstruction {run.results['reconstruction FID']:.1f}, generation "
                                                         f"{run.results['generation FID']:.1f}" for name, run in (("VAE", vae), ("VAE-GAN", gan))))
    plain, adversarial = latent_scores(), latent_scores(adversarial=True)
    yield less("small: distance of samples: VAE-GAN against VAE", adversarial["generation"], plain["generation"])
    yield note(f"small: distance of reconstructions: VAE {plain['reconstruction']:.2f}, VAE-GAN {adversarial['reconstruction']:.2f}")


def _each_loss_its_own():
    """Checks, on networks of a few units, that one `apply` moves every network along the gradient of its own loss, and of no other."""
    tg.manual_seed(0)
    rng = np.random.default_rng(0)
    model, body, head = DenseVAE((8,), 3, pixels=6), nn.Sequential(nn.Linear(6, 5), nn.LeakyReLU(0.2)), nn.Linear(5, 1)
    parts = {"encoder": model.encoder.parameters(), "decoder": model.decoder.parameters(), "discriminator": body.parameters() + head.parameters()}
    x = tg.tensor(rng.random((4, 6), np.float32))
    logits, _, mu, logvar = model(x)
    made = [body(image) for image in (x, tg.sigmoid(logits), tg.sigmoid(model.decode(tg.tensor(rng.standard_normal((4, 3), np.float32)))))]
    terms = losses.vae_gan.vae_gan(mu, logvar, *((features, head(features)) for features in made), gamma=1.0)
    flat = lambda arrays: np.concatenate([a.numpy().ravel() for a in arrays])
    slopes = {(loss, part): flat(tg.grad(getattr(terms, loss), parameters)) for loss in parts for part, parameters in parts.items()}
    before = {part: flat(parameters) for part, parameters in parts.items()}
    losses.vae_gan.apply(terms, *(tg.optim.SGD(parameters, lr=0.1) for parameters in parts.values()))
    for part, parameters in parts.items():
        yield check(f"one step of SGD at 0.1, small: move of the {part}, against -0.1 times the gradient of its own loss",
                    flat(parameters) - before[part], -0.1 * slopes[part, part], 1e-6)
    foreign = max(np.abs(slopes[loss, part]).max() for loss, part in slopes if loss != part)
    yield less("... though 0.01 is below the largest slope of a loss by another network's weights", 0.01, foreign)


@question("004.3b", "A linear layer on the latent of the VAE-GAN", trained=True)
def vae_gan_probe():
    """The code must now rebuild features that tell real from made, not pixels: it keeps shape and texture, and less
    of exact brightness. Whether a linear layer gains by it depends on the layer of the discriminator and on how long
    it was trained: it is measured."""
    vae, gan = cifar(), cifar("vae-gan")
    yield described(gan, "VAE-GAN")
    if vae and gan:
        yield note(f"accuracy on CIFAR-10: VAE {vae.results['probe accuracy']:.2%}, VAE-GAN {gan.results['probe accuracy']:.2%}")
        yield less("0.25 (chance is 0.10) is below it", 0.25, gan.results["probe accuracy"])
    plain, adversarial = latent_scores(), latent_scores(adversarial=True)
    yield note(f"small: accuracy on clothes: VAE {plain['probe']:.1%}, VAE-GAN {adversarial['probe']:.1%}")
    yield less("small: 0.3 (chance is 0.10) is below the accuracy of the VAE-GAN", 0.3, adversarial["probe"])


@question("004.3c", "The change of task III on the VAE-GAN", trained=True)
def vae_gan_change():
    """The change that helped the VAE most acts on the encoder's loss alone, so it carries over. In small: a smaller weight of the KL lets more
    through. What it costs, here too, is the match of q(z) and p(z), and with it the samples of clothes."""
    base, best = cifar("vae-gan"), best_change("vae")
    changed = best and cifar("vae-gan", best.settings["change"])
    yield described(changed, "VAE-GAN, changed")
    if base and changed:
        yield compared(base, changed)
    plain, changed = latent_scores(adversarial=True), latent_scores(beta=0.1, adversarial=True)
    yield note("small: " + "; ".join(f"{name}: weight 1 {plain[name]:.3g}, weight 0.1 {changed[name]:.3g}" for name in plain))
    yield less("small: accuracy of the linear layer: weight 1 against weight 0.1 of the KL", plain["probe"], changed["probe"])
    yield less("... distance of samples: weight 1 against weight 0.1", plain["generation"], changed["generation"])
