"""The demos of the VAE family run end to end on a few images, leave their figures and numbers, and refuse bad settings in one line."""
import json

import numpy as np
import pytest

import tinygen.data
from demos import (autoencoder, cifar, cifar_table, denoising, echo, estimators, identity, iwae, latent, rate_distortion, vae, vae_digits, vae_sweep,
                   vae_variants, vae_vs_gan)
from demos.command_line import run

load = tinygen.data.load


@pytest.fixture(autouse=True, scope="module")
def few_images():
    """200 training and 100 test images of every bundled set."""
    def first(name, split="train"):
        images, labels = load(name, split)
        return images[:200 if split == "train" else 100], labels[:200 if split == "train" else 100]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tinygen.data, "load", first)
        yield


@pytest.fixture(scope="module")
def vae_run(tmp_path_factory):
    """The folder of a finished run of the first demo, two epochs long."""
    folder = tmp_path_factory.mktemp("vae")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["demos/__main__.py", "vae"])
        vae.main(epochs=2, out=folder)
    return folder


def results(folder, *figures):
    for name in (*figures, "index.html", "config.json"):
        assert (folder / (name if "." in name else f"{name}.png")).stat().st_size > 0, name
    found = json.loads((folder / "results.json").read_text())
    assert all(np.isfinite(list(found.values())))
    return found


def test_vae_leaves_everything_in_its_folder(vae_run):
    found = results(vae_run, "data-space", "latent-space", "interpolation", "manifold", "curves", "model.npz", "metrics.csv", "samples.gif")
    assert found["test -ELBO"] == pytest.approx(found["test reconstruction"] + found["test KL"], rel=1e-6)
    assert (vae_run / "metrics.csv").read_text().splitlines()[0] == "epoch,-ELBO,reconstruction,KL,test -ELBO"


def stop(*arguments):
    raise KeyboardInterrupt


def test_vae_stopped_and_resumed_has_the_same_numbers(vae_run, tmp_path, monkeypatch):
    monkeypatch.setattr(vae, "visualize_data_space", stop)              # the figures at the end are not needed here
    with monkeypatch.context() as in_the_second_epoch:
        calls = iter([vae.evaluate, stop])
        in_the_second_epoch.setattr(vae, "evaluate", lambda *a: next(calls)(*a))
        with pytest.raises(KeyboardInterrupt):
            vae.main(epochs=2, out=tmp_path)
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 2
    with pytest.raises(KeyboardInterrupt):
        vae.main(epochs=2, out=tmp_path, resume=True)
    assert (tmp_path / "metrics.csv").read_text() == (vae_run / "metrics.csv").read_text()


def test_vae_with_two_hidden_layers_by_the_path_derivative(tmp_path, monkeypatch):
    monkeypatch.setattr(vae, "visualize_data_space", stop)
    with pytest.raises(KeyboardInterrupt):
        vae.main(epochs=1, hidden_layers=2, estimator="path", out=tmp_path)
    assert "test -ELBO" in (tmp_path / "metrics.csv").read_text()


def test_interpolate_mu_goes_from_one_to_the_other():
    a, b = np.array([1.0, 2.0]), np.array([3.0, -2.0])
    np.testing.assert_allclose([vae.interpolate_mu(a, b, alpha) for alpha in (0, 0.25, 1)], [a, [1.5, 1.0], b])


def test_vae_digits_and_latent(tmp_path, capsys):
    vae_digits.main(epochs=2, hidden=16, latent=4, seeds=(1, 2), out=tmp_path)
    found = results(tmp_path, "test-ELBO")
    assert found["test -ELBO"] == pytest.approx((found["test -ELBO, seed 1"] + found["test -ELBO, seed 2"]) / 2)
    results(tmp_path / "seed-1", "reconstructions-first", "reconstructions-last")
    assert "mean" in capsys.readouterr().out
    latent.main(run=None, epochs=1, pairs=2, dimensions=3, out=tmp_path / "latent")
    found = results(tmp_path / "latent", "samples", "reconstructions", "interpolation", "traversals", "plane")
    assert found["middle of the straight path: norm"] < found["middle of the spherical path: norm"]


def test_latent_reads_a_vae_in_the_plane(vae_run, tmp_path):
    latent.main(run=str(vae_run), pairs=2, dimensions=2, out=tmp_path)
    results(tmp_path, "samples", "interpolation", "traversals", "plane", "codes")


def test_latent_reads_an_echo_vae(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["demos/__main__.py", "echo"])
    echo.main(epochs=1, depth=20, models=("echo",), hidden=(16,), decoder="linear", latent=4, out=tmp_path / "echo")
    latent.main(run=str(tmp_path / "echo" / "echo-beta-1"), pairs=2, dimensions=2, out=tmp_path / "latent")
    results(tmp_path / "latent", "samples", "interpolation", "traversals", "plane")


def test_autoencoder(tmp_path, capsys):
    autoencoder.main(epochs=1, hidden=(16,), out=tmp_path)
    found = results(tmp_path, "plane", "reconstructions")
    assert abs(found["linear autoencoder minus PCA"]) < 1e-6
    assert "overlap" in capsys.readouterr().out


def test_identity(tmp_path):
    identity.main(epochs=1, width=24, bottleneck=4, out=tmp_path)
    assert results(tmp_path, "reconstructions", "linear", "errors")["||W2 W1 - I||"] < 1e-2


def test_denoising(tmp_path):
    denoising.main(epochs=1, steps=400, out=tmp_path)
    found = results(tmp_path, "parabola", "digits")
    assert found["slope"] == pytest.approx(0.8, abs=0.02)
    assert found["parabola: distance denoised"] < 0.5 * found["parabola: distance corrupted"]


def test_estimators(tmp_path):
    estimators.main(epochs=2, draws=4, latent=2, out=tmp_path)
    found = results(tmp_path, "one-dimension", "in-a-vae")
    assert found["largest relative difference"] < 0.05
    assert estimators.CLOSED_FORMS["path derivative"](1.0, 0.5) == 0        # at the exact posterior, and not 1e-32


def test_rate_distortion(tmp_path):
    rate_distortion.main(epochs=1, betas=(0.1, 100.0), hidden=16, latent=2, out=tmp_path)
    found = results(tmp_path, "rate-distortion", "images")
    assert found["linear: largest difference"] < 1e-6


def test_echo(tmp_path):
    echo.main(epochs=1, betas=(1.0, 2.0), models=("vae", "echo", "echo-replace"), hidden=(16,), latent=4, depth=20, out=tmp_path)
    found = results(tmp_path, "rate-distortion", "images")
    assert {f"{name}, beta {beta}: -ELBO" for name in ("vae", "echo", "echo-replace") for beta in (1, 2)} <= set(found)


def test_iwae(tmp_path):
    iwae.main(epochs=3, every=2, draws=3, samples=7, images=20, hidden=(16,), latent=4, batch_size=200, out=tmp_path)
    assert "iwae: test NLL, 7 samples" in results(tmp_path, "likelihood", "images")


def test_vae_variants(tmp_path, capsys):
    vae_variants.main(epochs=1, hidden=16, latent=3, components=4, samples=5, out=tmp_path)
    assert {f"{kind}: NLL" for kind in vae_variants.KINDS.values()} <= set(results(tmp_path, "images"))
    printed = capsys.readouterr().out.splitlines()
    starred = [line.split("  ")[0] for line in printed if " *  " in line]
    assert starred == ["Gaussian, sigma 0.3 *", "Gaussian, sigma learned *", "conditional *"]
    assert [line for line in printed if line.startswith("* not to be compared with the other rows: conditional: -log p(x|y)")]


def test_vae_sweep(tmp_path, monkeypatch):
    class Judge:
        def features(self, images):
            return images.reshape(len(images), -1)[:, 300:308].astype(np.float64)

    monkeypatch.setattr(vae_sweep, "load_judge", lambda data: Judge())
    monkeypatch.setattr(vae_sweep, "CHANGES", vae_sweep.CHANGES[:2])
    vae_sweep.main(epochs=1, out=tmp_path)
    assert "latent 2: Fréchet distance" in results(tmp_path, "samples", "distances")
    with np.load(tmp_path / "samples.npz") as file:
        assert file["images"].shape == (100, 1, 28, 28) and file["images"].dtype == np.uint8
    assert vae_vs_gan.load_vae(tmp_path / "latent-2").latent == 2


@pytest.mark.parametrize("flags, weight", [([], 0.5), (["--fake-weight", "1"], 1.0)])
def test_cifar_hands_the_weight_of_fakes_to_the_loss(tmp_path, monkeypatch, capsys, flags, weight):
    loss, seen = cifar.vae_gan.vae_gan, []

    def first_loss(*arguments, **settings):                     # and no step: 26 million weights, and their checkpoint, take long
        seen.append(loss(*arguments, **settings))
        raise ValueError("seen")

    monkeypatch.setattr(cifar.vae_gan, "vae_gan", first_loss)
    assert run(["cifar", "--model", "vae-gan", "--images", "4", "--batch-size", "4", "--no-fid", *flags, "--out", str(tmp_path / "c")]) == 2
    terms, = seen
    assert float(terms.discriminator) == pytest.approx(float(terms.real) + 2 * weight * float(terms.fake), rel=1e-6)
    assert json.loads((tmp_path / "c" / "config.json").read_text())["settings"]["fake_weight"] == weight


def test_cifar_table_says_what_else_differs():
    rows = {"vae": {"probe accuracy": 0.4, "generation FID": 120.0}, "vae + contrast": {"probe accuracy": 0.5, "generation FID": 130.0}}
    alike, longer = {"epochs": 6, "beta": 0.1}, {"epochs": 8, "beta": 1.0}
    told = lambda settings: [line for line in cifar_table.compare(rows, {"vae": alike, "vae + contrast": settings}) if "against" in line]
    assert told(alike) == ["vae + contrast against vae: generation FID 120.0 -> 130.0 (not better); probe accuracy 40.0% -> 50.0% (better)."]
    assert told(longer)[0].endswith("(better) (also different: epochs 6 and 8; beta 0.1 and 1.0).")


@pytest.mark.parametrize("arguments, message", [
    (["vae", "--hidden-layers", "3"], "hidden_layers = 3"),
    (["vae_digits", "--latent", "0"], "latent = 0"),
    (["rate_distortion", "--betas", "-1"], "beta = -1.0 is negative"),
    (["echo", "--batch-size", "50"], "too few to echo"),
    (["iwae", "--images", "0"], "argument --images: 0 must be 1 or more"),
    (["echo", "--models", "vea"], "there is no model 'vea'"),
    (["vae_variants", "--kinds", "Laplace"], "there is no kind 'Laplace'"),
    (["latent", "--run", "nowhere"], "holds no config.json"),
])
def test_bad_settings_are_one_line(tmp_path, capsys, arguments, message):
    assert run([*arguments, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_checkpoint_of_another_model_is_refused(vae_run, capsys):
    assert run(["vae", "--epochs", "3", "--hidden-layers", "2", "--out", str(vae_run), "--resume"]) == 2
    assert "hidden_layers = 1, not 2" in capsys.readouterr().err
