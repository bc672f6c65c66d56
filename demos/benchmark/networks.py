"""The networks of the sheets and one training step of each, for any framework that has the words of frameworks.py.

A builder takes a framework `f` and returns `step`, a function without arguments: forward, backward and Adam, on fixed data.
"""
import numpy as np

rng = np.random.default_rng(0)


def images(n, channels, size):
    """Noise in [0, 1) of the shape (n, channels, size, size)."""
    return rng.random((n, channels, size, size), dtype=np.float32)


def vae_loss(f, encode, decode, x, latent):
    """-ELBO of a Bernoulli VAE by Eq. 1; `encode` gives mu and log-variance side by side."""
    code = encode(x)
    mu, logvar = code[:, :latent], code[:, latent:]
    z = mu + f.exp(logvar * 0.5) * f.normal((len(x), latent), x)
    kl = (mu * mu + f.exp(logvar) - 1.0 - logvar).sum() * (0.5 / len(x))
    return f.bce(decode(z), x) + kl, z


def mlp_vae(f, batch=100):
    """Two hidden layers of 500 a side on 784 pixels, latent size 20."""
    nn = f.nn
    encode = f.module(nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, 40)))
    decode = f.module(nn.Sequential(nn.Linear(20, 500), nn.ReLU(), nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, 784)))
    x, optimizer = f.data(images(batch, 1, 28).reshape(batch, 784)), f.adam(encode, decode)
    return lambda: f.minimize(optimizer, vae_loss(f, encode, decode, x, 20)[0])


def cifar_encoder(f):
    """Table 1 of sheet 004, with a head of 128 for mu and one for the log-variance."""
    nn = f.nn
    return f.module(nn.Sequential(
        nn.Conv2d(3, 64, 4, 2, 1), nn.ReLU(), nn.Conv2d(64, 128, 4, 2, 1), nn.BatchNorm2d(128), nn.ReLU(), nn.Flatten(),
        nn.Linear(8192, 1024), nn.BatchNorm1d(1024), nn.ReLU(), nn.Linear(1024, 256)))


def cifar_decoder(f):
    """Table 1 of sheet 004; logits instead of the sigmoid."""
    nn = f.nn
    last = [nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(64, 3, 4)] if f.name == "PyTorch" else [nn.Conv2d(64, 3, 4, padding="same")]
    return f.module(nn.Sequential(
        nn.Linear(128, 1024), nn.BatchNorm1d(1024), nn.ReLU(), nn.Linear(1024, 8192), nn.BatchNorm1d(8192), nn.ReLU(),
        nn.Unflatten(1, (128, 8, 8)),
        nn.ConvTranspose2d(128, 128, 4, 2, 1), nn.BatchNorm2d(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.ELU(), *last))


def cifar_vae(f, batch=64):
    """The CIFAR-10 VAE of sheet 004."""
    encode, decode = cifar_encoder(f), cifar_decoder(f)
    x, optimizer = f.data(images(batch, 3, 32)), f.adam(encode, decode)
    return lambda: f.minimize(optimizer, vae_loss(f, encode, decode, x, 128)[0])


def gan_step(f, generator, discriminator, real, noise, lr=2e-4):
    """One update of the discriminator and one of the generator, non-saturating, fakes shared by both."""
    opt_d, opt_g = f.adam(discriminator, lr=lr, betas=(0.5, 0.999)), f.adam(generator, lr=lr, betas=(0.5, 0.999))

    def step():
        fake = generator(noise())
        f.minimize(opt_d, f.bce(discriminator(real), 1.0) + f.bce(discriminator(fake.detach()), 0.0))
        f.minimize(opt_g, f.bce(discriminator(fake), 1.0))
    return step


def dcgan(f, batch=128):
    """The DCGAN of sheet 003 on 28 x 28, with noise of 96 dimensions."""
    nn = f.nn
    discriminator = f.module(nn.Sequential(
        nn.Conv2d(1, 32, 5), nn.LeakyReLU(0.01), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5), nn.LeakyReLU(0.01), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1024, 1024), nn.LeakyReLU(0.01), nn.Linear(1024, 1)))
    generator = f.module(nn.Sequential(
        nn.Linear(96, 1024), nn.ReLU(), nn.BatchNorm1d(1024), nn.Linear(1024, 6272), nn.ReLU(), nn.BatchNorm1d(6272),
        nn.Unflatten(1, (128, 7, 7)),
        nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.ReLU(), nn.BatchNorm2d(64), nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh()))
    real = f.data(images(batch, 1, 28) * 2 - 1)
    return gan_step(f, generator, discriminator, real, lambda: f.uniform((batch, 96), real) * 2 - 1)


def small_gan(f, batch=100):
    """DNet and GNet of sheet 001. Upsampling and the convolution after it are one layer in tinygen, with the same values."""
    nn = f.nn

    def enlarged(channels, out):
        if f.name == "PyTorch":
            return nn.Upsample(scale_factor=2), nn.Conv2d(channels, out, 3, padding=1)
        return [nn.UpsampleConv2d(channels, out, 3, padding=1)]

    discriminator = f.module(nn.Sequential(
        nn.Conv2d(1, 2, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 4, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(200, 1)))
    generator = f.module(nn.Sequential(
        nn.Linear(64, 1568), nn.LeakyReLU(0.2), nn.Unflatten(1, (32, 7, 7)), *enlarged(32, 16), nn.LeakyReLU(0.2),
        *enlarged(16, 8), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3, 1, 1), nn.Sigmoid()))
    real = f.data(images(batch, 1, 28))
    return gan_step(f, generator, discriminator, real, lambda: f.uniform((batch, 64), real) * 2 - 1)


def critic_step(f, critic, real, fake, penalized=True):
    """One update of a WGAN critic, with or without the gradient penalty."""
    optimizer = f.adam(critic, lr=1e-4, betas=(0.5, 0.9))

    def step():
        loss = critic(fake).mean() - critic(real).mean()
        if penalized:
            loss = loss + 10.0 * f.penalty(critic, real, fake_tensor)
        f.minimize(optimizer, loss)

    fake_tensor = f.tg.tensor(fake) if f.name == "tinygen" else fake
    return step


def critic_2d(f, batch=256, penalized=True):
    """The critic 2-512-512-512-1 of the WGAN-GP toys."""
    nn = f.nn
    critic = f.module(nn.Sequential(nn.Linear(2, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(),
                                    nn.Linear(512, 1)))
    points = lambda: f.data(rng.standard_normal((batch, 2), dtype=np.float32))
    return critic_step(f, critic, points(), points(), penalized)


def critic_images(f, batch=64, penalized=True):
    """A convolutional critic with 64 and 128 channels on 28 x 28."""
    nn = f.nn
    critic = f.module(nn.Sequential(nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(64, 128, 4, 2, 1), nn.LeakyReLU(0.2),
                                    nn.Flatten(), nn.Linear(6272, 1)))
    return critic_step(f, critic, f.data(images(batch, 1, 28)), f.data(images(batch, 1, 28)), penalized)


def vae_gan(f, batch=64, gamma=1e-3):
    """VAE-GAN of sheet 004 (Larsen et al. 2016): encoder, decoder and discriminator, each with its own loss."""
    nn = f.nn
    encode, decode = cifar_encoder(f), cifar_decoder(f)
    features = f.module(nn.Sequential(nn.Conv2d(3, 64, 4, 2, 1), nn.ReLU(), nn.Conv2d(64, 128, 4, 2, 1), nn.ReLU(), nn.Flatten(),
                                      nn.Linear(8192, 1024), nn.ReLU()))
    head = f.module(nn.Linear(1024, 1))
    x = f.data(images(batch, 3, 32))
    optimizers = f.adam(encode, lr=3e-4), f.adam(decode, lr=3e-4), f.adam(features, head, lr=3e-4)

    def step():
        code = encode(x)
        mu, logvar = code[:, :128], code[:, 128:]
        z = mu + f.exp(logvar * 0.5) * f.normal((batch, 128), x)
        kl = (mu * mu + f.exp(logvar) - 1.0 - logvar).sum() * (0.5 / batch)
        rebuilt, drawn = decode(z), decode(f.normal((batch, 128), x))
        of_real, of_rebuilt, of_drawn = features(x), features(rebuilt), features(drawn)
        difference = of_rebuilt - of_real
        similarity = (difference * difference).sum() * (0.5 / batch)
        adversarial = f.bce(head(of_real), 1.0) + f.bce(head(of_rebuilt), 0.0) + f.bce(head(of_drawn), 0.0)
        f.step_on_gradients([(optimizers[0], kl + similarity), (optimizers[1], gamma * similarity - adversarial),
                             (optimizers[2], adversarial)])
    return step


NETWORKS = {"MLP VAE": mlp_vae, "CIFAR VAE": cifar_vae, "DCGAN": dcgan, "DNet/GNet": small_gan, "WGAN-GP critic, 2-D": critic_2d,
            "WGAN-GP critic, 28x28": critic_images, "VAE-GAN": vae_gan}
PENALIZED = {"2-D": critic_2d, "28x28": critic_images}
