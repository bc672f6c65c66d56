"""VAE and VAE-GAN on CIFAR-10: FIDs, a linear probe, changes that help it [004.2, 004.3]

The networks of tables 1 and 2, trained without labels. `--model vae` is question 2, `--model vae-gan` question 3 (Larsen et al.
2016); `--change` adds an unsupervised modification (task III). After training: reconstruction and generation FID on the test split,
the accuracy of one linear layer on the means of q(z|x), and the same layer on raw pixels; `--no-fid` leaves the FIDs out.

    python -m demos cifar --data cifar-10 --epochs 6
    python -m demos cifar --data cifar-10 --epochs 4 --model vae-gan --change contrast --out runs/cifar-vae-gan-contrast

CIFAR-10 is not in the package; `--data fashion-mini`, the default, pads the bundled clothes to 32 x 32 in three channels, so that
everything can be seen to run. `python -m demos cifar_table` puts finished runs into one table.

Measured on all 50,000 training images; FIDs of 10,000 images against the test split, reconstructions from draws of q(z|x). One core beside
other work; the two FIDs take another half an hour:

    --data cifar-10 and                           minutes   reconstruction FID   generation FID   linear probe
    --epochs 6                                         21                115.2            138.9         42.5 %
    --epochs 6 --change contrast                       52               124.5            145.1         53.7 %
    --epochs 14 --change contrast                      76               108.0            132.0         57.3 %
    --epochs 6 --model vae-gan                         65                 77.9            101.6         46.5 %
    --epochs 4 --model vae-gan --change contrast       51               121.7            122.8         53.1 %
    the same layer on raw pixels                        -                    -                -         37.8 %

VAE-GAN's samples have texture where the VAE's are blurred, its reconstructions keep outlines, its code tells a linear layer more, and both of its
FIDs are lower by 37. Its discriminator has to be let play: with the paper's loss, which counts fakes twice, the gates held it at no more than a
guess (FIDs 120.5 and 140.9 after 4 epochs, probe 45.6 %; see losses/vae_gan.py). Contrast helps the linear layer most of all, and
costs some of the VAE's FIDs at equal epochs; longer training wins them back. VAE-GAN's with contrast are those of fewer epochs.

The change of task III was chosen by the probe after 4 epochs on 10,000 images (--beta 1, a constant learning rate): none 40.9 %, a tenth of
the KL 42.3, rotation 43.7, contrast 45.9 (ten times as strong 45.3), raw pixels 28.4. The VAE itself stays at 40 to 42 % there whatever is
set (with the defaults 41.4; --beta .4 41.5; --lr 3e-3 40.1, 3e-4 40.6; denoising 41.3, mmd 42.0; pixels with a Gaussian of learned variance
41.6). Its probe is best early: on all images, 44.3 % after one epoch (--epochs 1), 43.6 after two at a constant learning rate (one epoch
with --beta .4 43.6, --lr 3e-4 42.4, 3e-3 41.9, images mirrored at random 43.5; with --latent 64 39.8, with --latent 256 46.5). What it
learns after that is detail, and detail is not what a label hangs on: with a variance for each level of a Laplacian pyramid, where fine
detail counts most, 35.7. VAE-GAN, with the paper's loss (--fake-weight 1), at a learning rate of 1e-3 and beta 1 had a code of 1.2 nats
and rebuilt all images alike; with gamma .1 it took three epochs of 10,000 images to show what gamma 1 shows after one.
"""
from typing import Literal

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, losses, nn
from tinygen.backend import to
from tinygen.data import augment
from tinygen.distributions import sample_gaussian
from tinygen.losses import self_supervised, vae_gan
from tinygen.metrics.inception import load_inception
from tinygen.models.cifar import VAEGAN, CifarVAE, as_cifar
from tinygen.models.vae import as_input
from tinygen.training import Run

# Weights of the KL. A grey pixel is no draw of a Bernoulli: at 1 the VAE is told to expect far more noise than there is, its images blur, and
# FIDs rise (after 4 epochs on 10,000 images, generation, 1,000 samples: 260 against 219 at .1). VAE-GAN's similarity starts near ten nats:
# at 1 its code carries 1 nat, and all images are rebuilt alike.
BETA = {"vae": 0.1, "vae-gan": 0.02}
LR = {"vae": 1e-3, "vae-gan": 2e-4}


def main(*, data="fashion-mini", model: Literal["vae", "vae-gan"] = "vae",
         change: Literal["none", "beta", "mmd", "denoise", "rotation", "contrast"] = "none", strength=0.0, images=50_000, epochs=2,
         batch_size=64, lr: float | None = None, latent=128, layer=2, gamma=1.0, beta: float | None = None, fake_weight=0.5,
         equilibrium=0.68, margin=0.35, ema=0.999, fid=True, probe=True, device="cpu", seed=0, out="runs/cifar", resume=False):
    """Train it, measure it, draw it.

    data: cifar-10; or a set of 28 x 28 images, padded: fashion-mini, mnist-mini (both in the package), fashion-mnist, mnist
    model: the VAE of question 2, or the VAE-GAN of question 3
    change: task III. beta: a tenth of the KL's weight; mmd: an MMD beside a tenth of the KL's weight (vae only); denoise: from noisy images;
        rotation: the code tells how an image was turned; contrast: the code tells views of one image from others
    strength: of the change; 0 takes its own default
    images: training images, from the first on
    lr: the learning rate of Adam: by default 1e-3 for vae, falling to a hundredth along half a cosine, and 2e-4 for all three
        optimizers of vae-gan
    latent: numbers in the code
    layer: vae-gan: the layer of the discriminator where images are compared
    gamma: vae-gan: weight of that similarity against fooling the discriminator, in the decoder's loss
    beta: weight of the KL: by default 0.1 for vae and 0.02 for vae-gan
    fake_weight: vae-gan: weight of reconstructions, and of prior samples, against images in the discriminator's loss; 1 is the paper's, which
        counts fakes twice
    equilibrium: vae-gan: loss of the discriminator where neither side wins
    margin: vae-gan: how far from it the winning side rests; a large one never rests
    ema: vae-gan: decay of the average of encoder and decoder, which is what is measured
    fid: compute the FIDs; needs the weights of Inception, and says so where they are missing
    probe: fit the linear layers
    """
    if model == "vae-gan" and change == "mmd":
        raise ValueError("cifar: the change mmd replaces part of the KL in the VAE's bound, which vae-gan does not have; take beta, denoise, rotation or contrast")
    lr, beta = LR[model] if lr is None else lr, BETA[model] if beta is None else beta
    with Run(out, locals(), resume=resume) as run:
        tg.manual_seed(seed)
        (train, train_labels), (test, test_labels) = (tgdata.load(data, split) for split in ("train", "test"))
        train, train_labels, test = as_cifar(train[:images]), train_labels[:images], as_cifar(test)
        if not 2 <= batch_size <= len(train):
            raise ValueError(f"cifar: batch_size = {batch_size} must be 2 or more, and at most the {len(train):,} images")
        if fid:
            fid = has_inception()                               # asked now, and not after hours
        network = (VAEGAN(latent, layer) if model == "vae-gan" else CifarVAE(latent)).to(device)
        autoencoder = network.vae if model == "vae-gan" else network
        head = make_head(change, latent).to(device)
        encoder_parameters, decoder_parameters = autoencoder.encoder.parameters() + head.parameters(), autoencoder.decoder.parameters()
        if model == "vae-gan":
            optimizers = {name: tg.optim.Adam(parameters, lr, betas=(0.5, 0.999)) for name, parameters in
                          (("encoder", encoder_parameters), ("decoder", decoder_parameters), ("discriminator", network.discriminator.parameters()))}
            average = nn.ExponentialMovingAverage(autoencoder, ema)
            measured, kept = average.average, {"average": average}
        else:
            optimizers = {"optimizer": tg.optim.Adam(encoder_parameters + decoder_parameters, lr)}
            measured, kept = autoencoder, {}
        noise = autoencoder.draw_prior(64)
        run.keep(model=network, head=head, **optimizers, **kept)

        for epoch in run.epochs(epochs, images=len(train)):
            rng = np.random.default_rng((seed, epoch))
            if model == "vae":
                optimizers["optimizer"].lr = tg.optim.cosine(lr, epoch - 1, epochs, lr / 100)
            for batch in tgdata.batches(train, batch_size, rng, drop_last=True):
                x, shown = to(batch, device), to(altered(change, batch, rng, strength), device)
                if model == "vae":
                    logits, z, mu, logvar = autoencoder(shown)
                    terms = vae_terms(change, strength, beta, losses.bernoulli(logits, x), losses.rate(mu, logvar), z)
                    extra = task(change, strength, autoencoder, head, mu, batch, rng, device)
                    optimizers["optimizer"].minimize(terms.loss + extra)
                    run.update(len(x), **{"-ELBO": terms.distortion + terms.rate, "distortion": terms.distortion, "rate": terms.rate,
                                          "change": extra})
                else:
                    mu, logvar, real, *others = network(shown, autoencoder.draw_prior(len(x)))
                    if change == "denoise":                    # what was shown is not the image that is to be rebuilt
                        real = network.judge(x)
                    weight = beta * (strength or 0.1) if change == "beta" else beta
                    terms = vae_gan.vae_gan(mu, logvar, real, *others, gamma=gamma, beta=weight, fake_weight=fake_weight)
                    extra = task(change, strength, autoencoder, head, mu, batch, rng, device)
                    terms = terms._replace(encoder=terms.encoder + extra)
                    allowed = vae_gan.gates(float(terms.real), float(terms.fake), equilibrium, margin)
                    vae_gan.apply(terms, *optimizers.values(), train=allowed)
                    average.update()
                    run.update(len(x), similarity=terms.similarity, rate=terms.prior, real=terms.real, fake=terms.fake, change=extra,
                               **{"D trained": float(allowed[0]), "decoder trained": float(allowed[1])})
            run.snapshot(figures.image_grid(measured.generate(noise), title=f"64 codes from the prior, after epoch {epoch}"))

        draw(run, measured, test)
        results = {}
        if probe:
            results |= probes(measured, train, train_labels, test, test_labels)
        if fid:
            results |= fids(run, measured, test)
        run.finish(**results, epochs=epochs, minutes=run.seconds / 60)


# ---- the changes of task III ------------------------------------------------------------------------------------------------


def make_head(change, latent):
    """The layers that a change trains beside the encoder and that are dropped afterwards."""
    if change == "rotation":
        return nn.Linear(latent, 4)
    if change == "contrast":
        return nn.Sequential(nn.Linear(latent, latent), nn.ReLU(), nn.Linear(latent, 64))
    return nn.Sequential()


def altered(change, batch, rng, strength):
    """The images that the encoder sees in place of `batch`."""
    return augment.noisy(batch, rng, strength or 0.1) if change == "denoise" else batch


def vae_terms(change, strength, beta, distortion, rate, z):
    """The VAE's loss under a change that is a matter of the bound."""
    if change == "beta":
        return losses.beta_vae(distortion, rate, beta * (strength or 0.1))
    if change == "mmd":
        prior = tg.standard_normal(z.shape, like=z)
        return losses.info_vae(distortion, rate, z, prior, alpha=1 - 0.1 * beta, scale=strength or 1000.0)
    return losses.beta_vae(distortion, rate, beta)


def task(change, strength, autoencoder, head, mu, batch, rng, device):
    """What a change adds to the encoder's loss: a scalar, 0 for those that add nothing."""
    if change == "rotation":
        turned, turns = augment.rotated(batch, rng)
        return self_supervised.cross_entropy(head(autoencoder.encode(to(turned, device))[0]), turns) * (strength or 100.0)
    if change == "contrast":
        first, second = (autoencoder.encode(to(augment.view(batch, rng), device))[0] for _ in range(2))
        return self_supervised.contrast(head(first), head(second)) * (strength or 100.0)
    return mu.sum() * 0.0


# ---- what is measured -------------------------------------------------------------------------------------------------------


def has_inception():
    """Whether the FIDs can be computed; if not, that is printed, with what to do."""
    try:
        load_inception()
    except FileNotFoundError as error:
        print(f"no FIDs in this run: {error}")
        return False
    return True


def in_parts(function, images, size=500):
    """function over `images`, a part at a time."""
    return np.concatenate([function(images[i:i + size]) for i in range(0, len(images), size)])


def probes(autoencoder, train, train_labels, test, test_labels):
    """Test accuracy of one linear layer on the means of q(z|x), and on the raw pixels, both by L-BFGS from zero."""
    codes = [in_parts(autoencoder.codes, part) for part in (train, test)]
    pixels = [tgdata.to_float(np.ascontiguousarray(part)).reshape(len(part), -1) for part in (train, test)]
    fit = lambda features: tg.metrics.linear_probe(features[0], train_labels, features[1], test_labels).accuracy
    return {"probe accuracy": fit(codes), "pixel accuracy": fit(pixels)}


def fids(run, autoencoder, test):
    """Reconstruction FID (of the test images) and generation FID (of as many samples), against the test images.

    The samples stay in the run folder.
    """
    real = np.ascontiguousarray(test)
    again = tgdata.to_bytes(in_parts(lambda images: rebuilt(autoencoder, images), real))
    drawn = tgdata.to_bytes(np.concatenate([autoencoder.sample(500) for _ in range(len(real) // 500)]))
    run.arrays("samples", images=drawn)
    scores = {}
    for name, images in (("reconstruction FID", again), ("generation FID", drawn)):
        score = tg.metrics.fid(images, real, splits=(name.split()[0] + "s", "test split"))
        print(score)
        scores[name] = float(score)
    return scores


def rebuilt(autoencoder, images):
    """Images from one draw of q(z|x) each, as in training, where the decoder never meets a mean.

    A mean lies nearer to 0 than any draw (here 7.8 from it, draws 11.3), and VAE-GAN's decoder makes grain of it.
    """
    with tg.no_grad(), nn.eval_mode(autoencoder):
        mu, logvar = autoencoder.encode(tg.tensor(as_input(images, autoencoder)))
        return autoencoder.generate(sample_gaussian(mu, logvar))


def draw(run, autoencoder, test):
    """Originals beside reconstructions, and samples."""
    shown = np.ascontiguousarray(test[:40])
    run.figure("reconstructions", figures.reconstruction_pairs(tgdata.to_float(shown), rebuilt(autoencoder, shown)))
    run.figure("samples", figures.image_grid(autoencoder.sample(64), title="64 codes from the prior"))
