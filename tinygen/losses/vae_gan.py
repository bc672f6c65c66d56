"""VAE-GAN: three losses on one graph, each for its own parameters (Larsen et al. 2016, Algorithm 1).

With Dis_l the features of the discriminator at a layer, xr a reconstruction and xp the image of a prior draw:

    prior      = KL(q(z|x) || N(0, I))
    similarity = 1/2 ||Dis_l(x) - Dis_l(xr)||^2            minus the log-likelihood of a Gaussian of variance 1 in feature space
    adversary  = -log D(x) - w log(1 - D(xr)) - w log(1 - D(xp)),    w = 1/2

    encoder: prior + similarity        decoder: gamma similarity + fool        discriminator: adversary

where fool = -log D(xr) - log D(xp), the non-saturating form of the paper's minus adversary. w is `fake_weight`. In the paper it is 1:
fakes then weigh twice as much as images, a D that cannot tell them apart says 1 / (1 + 2 w) = 1/3, with -log D(x) = log 3 and
-log(1 - D) = log(3/2), and `gates`, for which that is log 2 each, stops D when it has hardly begun to learn.

Take the gradients of all three before any step (tinygen.grad keeps the graph), then step: `apply` does.
"""
from typing import NamedTuple

from ..autograd import Tensor, grad
from ..ops import softplus
from .vae import rate


class VAEGANTerms(NamedTuple):
    """The three losses, scalars in nats per example, and what they are made of, for the log."""

    encoder: Tensor
    decoder: Tensor
    discriminator: Tensor
    prior: Tensor
    similarity: Tensor
    real: Tensor            # -log D(x)
    fake: Tensor            # mean of -log(1 - D) over reconstructions and prior samples


def vae_gan(mu, logvar, real, rebuilt, drawn, *, gamma=1e-2, beta=1.0, fake_weight=0.5):
    """VAEGANTerms from the code (mu, logvar) (N, L) and, for x, its reconstruction and a prior sample, (features, logits (N, 1)).

    gamma weighs similarity against fooling the discriminator in the decoder's loss (the paper's gamma); beta weighs the prior.
    fake_weight weighs reconstructions and prior samples, each, against images in the discriminator's loss: real + 2 fake_weight fake, with
    the `real` and `fake` of the result; 1 is the paper's. Raises ValueError for a negative gamma or beta, a fake_weight that is not above 0,
    or logits that are not (N, 1).
    """
    if not gamma >= 0 or not beta >= 0:
        raise ValueError(f"vae_gan: gamma = {gamma} and beta = {beta} must be 0 or more")
    if not fake_weight > 0:
        raise ValueError(f"vae_gan: fake_weight = {fake_weight} must be above 0: 0.5 weighs fakes like images, 1 is the paper's loss")
    for name, (_, logits) in (("real", real), ("rebuilt", rebuilt), ("drawn", drawn)):
        if logits.ndim != 2 or logits.shape[1] != 1:
            raise ValueError(f"vae_gan: logits of {name} {logits.shape} must be (N, 1), one a sample")
    prior = rate(mu, logvar).mean()
    difference = real[0] - rebuilt[0]
    similarity = (difference * difference).sum() * (0.5 / len(mu))
    genuine = softplus(-real[1]).mean()
    caught = (softplus(rebuilt[1]).mean() + softplus(drawn[1]).mean()) * 0.5
    fool = softplus(-rebuilt[1]).mean() + softplus(-drawn[1]).mean()
    return VAEGANTerms(beta * prior + similarity, gamma * similarity + fool, genuine + caught * (2 * fake_weight), prior, similarity, genuine, caught)


def gates(real, fake, equilibrium=0.68, margin=0.35):
    """(train the discriminator, train the decoder): which of the two is not already winning.

    real = -log D(x), fake = -log(1 - D(fakes)), numbers, near log 2 = 0.69 each where the two are even. The discriminator rests
    while either is below equilibrium - margin, the decoder while either is above equilibrium + margin; never both.
    """
    discriminator = bool(min(real, fake) >= equilibrium - margin)
    decoder = bool(max(real, fake) <= equilibrium + margin)
    return (True, True) if not discriminator and not decoder else (discriminator, decoder)


def apply(terms, encoder, decoder, discriminator, *, train=(True, True)):
    """One step of the three optimizers, each on its own loss and its own parameters. train: what `gates` returned."""
    chosen = [(encoder, terms.encoder)]
    chosen += [(discriminator, terms.discriminator)] * train[0] + [(decoder, terms.decoder)] * train[1]
    gradients = [grad(loss, optimizer.parameters) for optimizer, loss in chosen]
    for (optimizer, _), g in zip(chosen, gradients):
        optimizer.step(g)
