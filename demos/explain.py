"""The graph behind a loss, drawn; and the gradient of any operation beside its code.

    python -m demos explain                         the loss of a small VAE on digits: table and drawings; a few operations
    python -m demos explain tanh conv2d softmax     these operations

The VAE is that of the README: an encoder and a decoder of two layers each. A second graph is of second order: the penalty on a
critic's slope, whose forward pass is itself a gradient. In the drawings colour is the size of the gradient, or the share of the time.
"""
import difflib
import inspect

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import nn
from tinygen.losses.gan import gradient_penalty, wasserstein_discriminator
from tinygen.training import Run

OPERATIONS = {name: thing for name, thing in vars(tg).items() if inspect.isfunction(thing) and thing.__module__.startswith("tinygen.ops")}
SHOWN = ("tanh", "softmax", "conv2d", "var")


def main(*operations, data="mnist-mini", images=100, hidden=128, latent=10, seed=0, out="runs/explain"):
    """Explain operations, and two losses.

    operations: names, such as tanh; none: a few of them, and the losses
    images: in the batch that the loss is computed on
    hidden: units of the hidden layers of the VAE
    latent: numbers in its code
    """
    settings = dict(locals())
    chosen = operations or SHOWN
    for name in chosen:
        if name not in OPERATIONS:
            near = difflib.get_close_matches(name, OPERATIONS, 1)
            raise ValueError(f"explain: there is no operation {name!r}{f'; did you mean {near[0]}?' if near else ''}; there are "
                             f"{', '.join(sorted(OPERATIONS))}")
    for name in chosen:
        print(f"\n---- tinygen.explain(tinygen.{name}) ----\n")
        tg.explain(OPERATIONS[name])
    if operations:
        return
    with Run(out, settings) as run:
        tg.manual_seed(seed)
        print("\n---- tinygen.explain(loss), a variational autoencoder ----\n")
        loss, parts = vae_loss(tgdata.to_float(tgdata.load(data)[0][:images]).reshape(images, -1), hidden, latent)
        vae = tg.explain(loss, **parts)
        run.figure("graph", vae.draw(title="Minus the ELBO of a VAE"))
        run.figure("graph-time", vae.draw("time", title="The same by time"))
        print("\n---- tinygen.explain(loss), a critic with a gradient penalty ----\n")
        loss, parts = critic_loss()
        penalty = tg.explain(loss, **parts)
        run.figure("graph-penalty", penalty.draw(title="A critic's loss with a gradient penalty: a gradient inside a loss"))
        run.finish(**{f"{name}, {what}": number for name, graph in (("VAE", vae), ("penalty", penalty))
                      for what, number in (("operations", sum(r.kind == "op" for r in graph.rows)),
                                           ("seconds", graph.forward + graph.backward))})


def vae_loss(x, hidden, latent):
    """(Minus the ELBO of x (N, D) under a new VAE, {name: everything it was made of}); the README's code, term by term."""
    encode = nn.Sequential(nn.Linear(x.shape[1], hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent))
    decode = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, x.shape[1]))
    code = encode(tg.tensor(x))
    mu, logvar = code[:, :latent], code[:, latent:]
    noise = tg.standard_normal(mu.shape)
    z = mu + tg.exp(0.5 * logvar) * noise
    distortion = tg.bce_with_logits(decode(z), x).sum() / len(x)
    rate = 0.5 * (mu * mu + tg.exp(logvar) - 1.0 - logvar).sum() / len(x)
    parts = dict(encode=encode, decode=decode, x=x, mu=mu, logvar=logvar, noise=noise, z=z, distortion=distortion, rate=rate)
    return distortion + rate, parts


def critic_loss(points=64, hidden=32):
    """(The loss of a WGAN-GP critic on two clouds in the plane, {name: what it was made of})."""
    critic = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 1))
    real, fake = tg.standard_normal((points, 2)), tg.standard_normal((points, 2)) + np.float32([2, 0])
    penalty = gradient_penalty(critic, real, fake)
    return wasserstein_discriminator(critic(real), critic(fake)) + 10.0 * penalty, dict(critic=critic, real=real, fake=fake, penalty=penalty)
