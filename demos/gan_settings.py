"""The settings of every pair (architecture, loss) of `python -m demos gan`: the sheets' own, and those measured to work here."""
from typing import NamedTuple


class Settings(NamedTuple):
    """What a training of a GAN is told beside its networks and its loss.

    lr: the generator's learning rate; the discriminator's is lr * lr_ratio.    betas: of Adam, for both.
    critic_steps: updates of the discriminator for each of the generator.
    """

    epochs: int
    batch_size: int
    lr: float
    lr_ratio: float = 1.0
    betas: tuple = (0.5, 0.999)
    critic_steps: int = 1


# What the sheets say: 001 for DNet and GNet (Adam's own betas), 003 for "fc" and "dcgan", 000 for the rest.
SHEET = {
    "dnet": Settings(100, 256, 2e-4, betas=(0.9, 0.999)),
    "fc": Settings(10, 128, 1e-3),
    "dcgan": Settings(5, 128, 1e-3),
    "sheet000": Settings(100, 64, 1e-4),
    "sheet000-conv": Settings(100, 64, 1e-4),
    "conv-critic": Settings(100, 64, 1e-4),
}
# What was measured here, most in fewer steps (minimax with sheet000 loses at once, see gan_vs_wgan); pairs that are not named take the
# sheet's, with the changes that their loss needs.
MEASURED = {
    ("dnet", "non-saturating"): Settings(10, 64, 1e-3),
    **{("dcgan", loss): Settings(5, 128, 2e-4) for loss in ("minimax", "non-saturating", "lsgan", "hinge")},
    ("dcgan", "wgan-gp"): Settings(5, 128, 2e-4, betas=(0.5, 0.9)),
    **{("sheet000", loss): Settings(30, 64, 2e-4) for loss in ("minimax", "non-saturating", "lsgan", "hinge")},
    ("sheet000", "wgan-gp"): Settings(30, 64, 2e-4, betas=(0.5, 0.9)),
}
BUNDLED = 5             # epochs on a bundled set, which holds a tenth of the images, for each on a full one
BY_LOSS = {
    "wgan": dict(lr=5e-5, betas=(0.0, 0.9), critic_steps=5),
    "wgan-gp": dict(lr=1e-4, betas=(0.5, 0.9), critic_steps=5),
}


def choose(arch, loss, settings, data="", **given):
    """The Settings of a pair: `settings` is "measured" or "sheet"; what is given and not None comes first."""
    chosen = SHEET[arch]
    if settings == "measured":
        chosen = MEASURED.get((arch, loss), chosen._replace(**BY_LOSS.get(loss, {})))
        chosen = chosen._replace(epochs=chosen.epochs * (BUNDLED if data.endswith("-mini") else 1))
    return chosen._replace(**{name: value for name, value in given.items() if value is not None})
