"""The GAN demos: each player moves only its own network, exact resume, and every study end to end on a few images."""
import json

import numpy as np
import pytest

import tinygen as tg
from demos import conditional_gan, gan, gan_2d, gan_losses, gan_settings, gan_sweep, gan_vs_wgan, vae_vs_gan
from demos.command_line import run
from tinygen.losses.gan import LOSSES
from tinygen.metrics.judge import Classifier, Judge
from tinygen.models.gan import ARCHITECTURES, FCDiscriminator, FCGenerator
from tinygen.optim import SGD, Adam

load = tg.data.load


@pytest.fixture(autouse=True)
def few_images_and_a_judge_that_guesses(monkeypatch):
    """150 images of each split, and a classifier with random weights: what it says means nothing, and takes no time to train."""
    monkeypatch.setattr(tg.data, "load", lambda name, split="train": tuple(part[:150] for part in load(name, split)))
    judge = Judge("mnist-mini", Classifier().eval(), 0.1, 150)
    for module in (gan, conditional_gan, gan_sweep, gan_vs_wgan, vae_vs_gan):
        monkeypatch.setattr(module, "load_judge", lambda data: judge)


def finished(folder, *figures):
    assert all((folder / f"{name}.png").stat().st_size > 5_000 for name in figures)
    return json.loads((folder / "results.json").read_text())


def players(loss):
    tg.manual_seed(0)
    discriminator, generator = FCDiscriminator(), FCGenerator(4)
    x, z = np.zeros((3, 1, 28, 28), np.float32), np.ones((3, 4), np.float32)
    return discriminator, generator, x, z, LOSSES[loss]


def same(network, before):
    return all((before[name] == now).all() for name, now in network.state_dict().items())


@pytest.mark.parametrize("loss", LOSSES)
def test_each_player_moves_its_own_network_downhill(loss):
    discriminator, generator, x, z, pair = players(loss)
    before = discriminator.state_dict(), generator.state_dict()
    bounds = {"penalty": 10.0 if loss == "wgan-gp" else 0, "clip": 0.05 if loss == "wgan" else 0}
    optimizer = SGD(discriminator.parameters(), 1e-3)
    tg.manual_seed(1)                                                       # the same points between real and generated for the penalty
    first, *_ = gan.train_discriminator(discriminator, generator, optimizer, pair, x, z, **bounds)
    assert same(generator, before[1]) and not same(discriminator, before[0])
    if not bounds["clip"]:
        tg.manual_seed(1)
        second, *_ = gan.train_discriminator(discriminator, generator, optimizer, pair, x, z, **bounds)
        assert second.item() < first.item()
    else:
        assert max(np.abs(p.data).max() for p in discriminator.parameters()) <= np.float32(0.05)

    before = discriminator.state_dict(), generator.state_dict()
    optimizer = SGD(generator.parameters(), 1e-2)
    losses = [gan.train_generator(discriminator, generator, optimizer, pair, z)[0].item() for _ in range(2)]
    assert same(discriminator, before[0]) and not same(generator, before[1])
    assert losses[1] < losses[0]


def test_generated_images_are_bytes_in_eval_mode():
    tg.manual_seed(0)
    architecture = ARCHITECTURES["dcgan"]
    generator = architecture.generator(96)
    z = architecture.draw(5)
    images = gan.generate(generator, architecture, z)
    assert images.dtype == np.uint8 and images.shape == (5, 1, 28, 28) and generator.training
    assert (gan.generate(generator, architecture, z[:2])[0] == images[0]).all()                # not changed by the rest of its batch


def test_settings():
    assert gan_settings.choose("dnet", "non-saturating", "sheet") == gan_settings.Settings(100, 256, 2e-4, betas=(0.9, 0.999))
    assert gan_settings.choose("fc", "lsgan", "sheet").lr == 1e-3
    assert gan_settings.choose("dcgan", "wgan-gp", "measured", epochs=3, lr=None)[:2] == (3, 128)
    assert gan_settings.choose("dcgan", "hinge", "measured", "mnist").epochs * 5 == gan_settings.choose("dcgan", "hinge", "measured", "mnist-mini").epochs
    assert all(arch in ARCHITECTURES and loss in LOSSES for arch, loss in gan_settings.MEASURED)
    assert set(gan_settings.SHEET) == set(ARCHITECTURES)


def test_gan_end_to_end(tmp_path, capsys):
    assert run(["gan", "--epochs", "2", "--batch-size", "50", "--every", "1", "--samples", "100", "--out", str(tmp_path / "g")]) == 0
    results = finished(tmp_path / "g", "final", "monitor", "samples/epoch-1", "samples/epoch-2", "curves")
    assert results["generator updates"] == 6 and 1 <= results["classes"] <= 10
    assert (tmp_path / "g" / "samples.gif").stat().st_size > 1000 and (tmp_path / "g" / "average.npz").is_file()
    with np.load(tmp_path / "g" / "samples.npz") as samples:
        assert samples["images"].shape == (100, 1, 28, 28) and samples["images"].dtype == np.uint8
    printed = capsys.readouterr().out
    assert "D(G(z))" in printed and "classes" in printed and "judged by the mnist-mini judge (10.00% on 150 real test images)" in printed


@pytest.mark.parametrize("loss", ["non-saturating", "wgan-gp"])
def test_two_epochs_equal_one_and_one(tmp_path, loss):
    flags = ["gan", "--arch", "fc", "--loss", loss, "--critic-steps", "2", "--batch-size", "40", "--every", "1", "--samples", "100", "--out"]
    assert run([*flags, str(tmp_path / "a"), "--epochs", "2"]) == 0
    assert run([*flags, str(tmp_path / "b"), "--epochs", "1"]) == 0
    assert run([*flags, str(tmp_path / "b"), "--epochs", "2", "--resume"]) == 0
    for name in ("generator", "discriminator", "average"):
        a, b = (dict(np.load(tmp_path / run_ / f"{name}.npz")) for run_ in "ab")
        assert all((a[key] == b[key]).all() for key in a)
    rows = [(tmp_path / run_ / "metrics.csv").read_text() for run_ in "ab"]
    assert rows[0] == rows[1] and rows[0].count("\n") == 3
    assert (tmp_path / "a" / "samples" / "epoch-2.png").read_bytes() == (tmp_path / "b" / "samples" / "epoch-2.png").read_bytes()


def test_gan_without_updates_of_the_generator_so_far(tmp_path):
    """150 images, batches of 50: the critic takes five steps before the generator's first turn, in the second epoch."""
    assert run(["gan", "--arch", "fc", "--loss", "wgan", "--batch-size", "50", "--epochs", "2", "--every", "1", "--samples", "100", "--out", str(tmp_path / "g")]) == 0
    assert finished(tmp_path / "g")["generator updates"] == 1


def test_gan_on_colour_images_of_another_size(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(tg.data, "load", lambda name, split="train": (rng.integers(0, 256, (60, 3, 32, 32), dtype=np.uint8), rng.integers(0, 10, 60)))
    assert run(["gan", "--arch", "dcgan", "--data", "cifar-10", "--epochs", "1", "--batch-size", "20", "--samples", "50", "--out", str(tmp_path / "g")]) == 0
    assert finished(tmp_path / "g", "final") == {"generator updates": 3}


@pytest.mark.parametrize("flags, message", [
    (["--arch", "dccan"], "did you mean dcgan"), (["--loss", "gan"], "is none of"), (["--data", "imagenet"], "no data set"), (["--lr", "-1"], "lr = -1"),
    (["--batch-size", "1"], "batch_size = 1 must be 2"), (["--batch-size", "1000"], "at most the 150 images")])
def test_gan_mistakes_are_told_in_one_line(tmp_path, capsys, flags, message):
    assert run(["gan", "--epochs", "1", *flags, "--out", str(tmp_path / "g")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize("flags", [
    [], ["--target", "25-gaussians", "--noise", "normal"], ["--target", "spiral", "--loss", "hinge", "--critic-steps", "1"], ["--z-dim", "1", "--loss", "wgan"]])
def test_gan_2d_end_to_end(tmp_path, flags):
    assert run(["gan_2d", "--steps", "4", "--every", "2", "--width", "8", "--batch-size", "16", "--transported", "50", *flags, "--out", str(tmp_path / "g")]) == 0
    results = finished(tmp_path / "g", "critic", "manifold", "samples/step-2", "samples/step-4")
    assert results["W1 to real"] > results["W1 of two real samples"] > 0
    assert ("modes" in results) == ("spiral" not in flags)


def test_gan_2d_takes_another_deviation_of_its_gaussians(tmp_path, monkeypatch, capsys):
    drawn, small = [], ["--steps", "2", "--every", "2", "--width", "8", "--batch-size", "16", "--transported", "50", "--out", str(tmp_path / "g")]
    measured = gan_2d.measured
    monkeypatch.setattr(gan_2d, "measured", lambda points, centres, sigma, *rest: drawn.append((points(4000, np.random.default_rng(0)), centres, sigma))
                        or measured(points, centres, sigma, *rest))
    for flags, deviation in (([], 0.10), (["--sigma", "0.316"], 0.316)):
        assert run(["gan_2d", *flags, *small]) == 0
        points, centres, sigma = drawn.pop()
        nearest = centres[(points @ centres.T).argmax(axis=1)]                                    # the line between the two means
        assert sigma == deviation and (points - nearest)[:, 0].std() == pytest.approx(deviation, rel=0.1)
    capsys.readouterr()
    for flags in (["--sigma", "0"], ["--target", "spiral", "--sigma", "0.1"], ["--target", "8-gaussians", "--sigma", "0.1"]):
        assert run(["gan_2d", *flags, *small]) == 2
        assert "it must be above 0, and is for bimodal, ring and grid only" in capsys.readouterr().err


def test_gan_losses_end_to_end(tmp_path, capsys):
    assert run(["gan_losses", "--steps", "30", "--out", str(tmp_path / "g")]) == 0
    results = finished(tmp_path / "g", "slopes", "slopes-of-probability", "discriminators", "least-squares")
    assert all(value > 0 for value in results.values()) and "JS 0.09637" in capsys.readouterr().out


def test_slopes_by_autograd():
    output = np.array([-2.0, 0.0, 2.0])
    assert gan_losses.slope(LOSSES["minimax"].generator, output) == pytest.approx(-1 / (1 + np.exp(-output)), abs=1e-12)


def test_conditional_gan_end_to_end(tmp_path, capsys):
    assert run(["conditional_gan", "--epochs", "1", "--batch-size", "50", "--samples", "100", "--out", str(tmp_path / "g")]) == 0
    results = finished(tmp_path / "g", "plain", "abundance", "samples/epoch-1")
    assert 0 <= results["agreement"] <= 1 and "plain GAN, classes" in results
    printed = capsys.readouterr().out
    assert "Ankle boot" in printed and "makes what it is asked for" in printed


def test_gan_vs_wgan_end_to_end(tmp_path):
    assert run(["gan_vs_wgan", "--epochs", "2", "--batch-size", "50", "--every", "1", "--samples", "100", "--out", str(tmp_path / "g")]) == 0
    results = finished(tmp_path / "g", "samples-of-each", "classes", "samples/epoch-2")
    assert {results[f"generator updates, {loss}"] for loss in ("minimax", "non-saturating", "wgan-gp")} == {6}


def test_contenders_start_alike(tmp_path):
    """With a learning rate of zero every contender shows the same pictures."""
    gan_vs_wgan.main(losses=("minimax", "lsgan"), epochs=1, batch_size=150, samples=50, out=tmp_path / "g")
    a, b = (np.load(tmp_path / "g" / f"{loss}_generator.npz") for loss in ("minimax", "lsgan"))
    assert all(np.abs(a[name] - b[name]).max() < 5e-4 for name in a)                # one step of Adam at 2e-4 apart, from the same start


def test_gan_sweep_end_to_end(tmp_path, capsys):
    assert run(["gan_sweep", "--epochs", "1", "--batch-size", "50", "--samples", "60", "--ratios", "0.5", "2", "--generator-steps", "1", "2",
                "--out", str(tmp_path / "g")]) == 0
    results = finished(tmp_path / "g", "samples-of-each", "table")
    assert results["best ratio"] in (0.5, 2) and "best scheme" in capsys.readouterr().out


def test_vae_vs_gan_end_to_end(tmp_path, capsys):
    assert run(["vae_vs_gan", "--epochs", "1", "--samples", "60", "--inverted", "3", "--starts", "2", "--steps", "3", "--out", str(tmp_path / "g")]) == 0
    results = finished(tmp_path / "g", "samples-of-each", "reconstructions", "abundance")
    assert results["sharpness, real"] == 1 and results["-ELBO, VAE"] > 100 and "only the VAE has a bound" in capsys.readouterr().out
    again = ["--vae", str(tmp_path / "g" / "vae" / "seed-0"), "--gan", str(tmp_path / "g" / "gan")]
    assert run(["vae_vs_gan", "--samples", "60", "--inverted", "2", "--starts", "1", "--steps", "2", *again, "--out", str(tmp_path / "again")]) == 0


def test_best_of_starts_is_the_best():
    tg.manual_seed(0)
    architecture = ARCHITECTURES["fc"]
    generator = architecture.generator(architecture.z_dim).eval()
    with tg.no_grad():
        targets = generator(tg.tensor(architecture.draw(2))).numpy()
    rebuilt = vae_vs_gan.best_of_starts(generator, targets, architecture, starts=3, steps=60)
    assert rebuilt.shape == targets.shape
    assert ((rebuilt - targets) ** 2).sum() < 0.5 * ((generator(tg.tensor(architecture.draw(2))).numpy() - targets) ** 2).sum()


def test_sharpness_of_what_is_known():
    steps = np.zeros((1, 1, 6, 6), np.uint8)
    steps[..., 3:] = 10
    assert vae_vs_gan.sharpness(steps) == pytest.approx(5)                # |Laplacian| 10 in two of the four inner columns
    assert vae_vs_gan.sharpness(np.full((1, 1, 5, 5), 9, np.uint8)) == 0


def test_adam_is_what_the_settings_mean():
    optimizer = Adam(FCDiscriminator().parameters(), 1e-3, gan_settings.SHEET["fc"].betas)
    assert optimizer.settings["betas"] == (0.5, 0.999)
