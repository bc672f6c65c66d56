"""What the studies of GANs share: two networks with their optimizers as one object. `demos/gan.py` has the loop written out."""
from tinygen.backend import to
from tinygen.losses.gan import LOSSES
from tinygen.nn import ExponentialMovingAverage
from tinygen.optim import Adam

from demos.gan import generate, norms, opinion, train_discriminator, train_generator


class Game:
    """A discriminator against a generator, told the labels where they are conditional.

    settings: a Settings of demos/gan_settings.py, whose epochs and batch size are left to the caller
    """

    def __init__(self, architecture, loss, settings, discriminator, generator, *, generator_steps=1, penalty=10.0, clip=0.01, ema=0.999, device="cpu"):
        self.architecture, self.loss, self.pair, self.settings, self.generator_steps = architecture, loss, LOSSES[loss], settings, generator_steps
        self.bounds = {"penalty": penalty if loss == "wgan-gp" else 0, "clip": clip if loss == "wgan" else 0}
        self.discriminator, self.generator, self.device = discriminator.to(device), generator.to(device), device
        self.d_optimizer = Adam(discriminator.parameters(), settings.lr * settings.lr_ratio, settings.betas)
        self.g_optimizer = Adam(generator.parameters(), settings.lr, settings.betas)
        self.average = ExponentialMovingAverage(generator, ema)
        self.last = {}                              # what happened in the last step

    def parts(self, prefix=""):
        """Everything that a checkpoint has to hold, by names for `Run.keep`."""
        names = "discriminator", "generator", "d_optimizer", "g_optimizer", "average"
        return {prefix + name: getattr(self, name) for name in names}

    def step(self, x, *labels):
        """One update of the discriminator on x (N, C, H, W), and the generator's turn if it is due. Returns numbers for `Run.update`."""
        x = to(x, self.device)
        discriminator, generator = lambda x: self.discriminator(x, *labels), lambda z: self.generator(z, *labels)
        draw = lambda: self.architecture.draw(len(x), like=x)
        loss, real, fake, d_gradients = train_discriminator(discriminator, generator, self.d_optimizer, self.pair, x, draw(), **self.bounds)
        self.last |= {"real_logits": real, "fake_logits": fake, "D": d_gradients}
        numbers = {"D loss": loss, "D(x)": opinion(self.pair, real), "D(G(z))": opinion(self.pair, fake)}
        if self.d_optimizer.steps % self.settings.critic_steps == 0:
            for _ in range(self.generator_steps):
                numbers["G loss"], self.last["G"] = train_generator(discriminator, generator, self.g_optimizer, self.pair, draw())
                self.average.update()
        return numbers

    def reading(self):
        """What `CollapseMonitor.read` wants to know beside samples, of the last step."""
        return {"real_logits": self.last["real_logits"], "fake_logits": self.last["fake_logits"],
                "gradients": norms(D=self.last["D"], G=self.last.get("G"))}

    def noise(self, n):
        """Codes (n, z_dim)."""
        return to(self.architecture.draw(n), self.device)

    def samples(self, z, *labels):
        """Images of the averaged generator as uint8 (N, C, H, W), for codes z, or for that many drawn here."""
        return generate(self.average.average, self.architecture, self.noise(z) if isinstance(z, int) else z, *labels)
