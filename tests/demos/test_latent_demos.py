"""Inversion, paths, magnification and domain maps, end to end and small: what they write, and the parts that can be checked by hand."""
import json

import numpy as np
import pytest

import tinygen as tg
from demos import domain_mapping, inversion, latent_gan, magnification, paths, short_paths
from demos.command_line import run
from tinygen import nn
from tinygen.data.toy import ring_centres
from tinygen.metrics.judge import Classifier, Judge


def finished(folder, *names):
    assert all((folder / f"{name}.png").stat().st_size > 5_000 for name in names)
    return json.loads((folder / "results.json").read_text())


@pytest.fixture
def anyone(monkeypatch):
    """A judge who has learned nothing, in place of one who takes a minute to learn."""
    network = Classifier().eval()
    for module in (domain_mapping, magnification, short_paths):
        monkeypatch.setattr(module, "load_judge", lambda data: Judge(data, network, 0.1, 1))


@pytest.fixture(scope="module")
def gan(tmp_path_factory):
    """The folder of a GAN after six steps."""
    folder = tmp_path_factory.mktemp("gan")
    latent_gan.train_latent_gan(folder, {"z_dim": 4, "data": "mnist-mini", "seed": 0}, data="mnist-mini", z_dim=4, steps=6, seed=0)
    return folder


def test_inversion_end_to_end(gan, tmp_path, capsys):
    assert run(["inversion", "--run", str(gan), "--images", "3", "--starts", "3", "--iterations", "40", "--out", str(tmp_path)]) == 0
    results = finished(tmp_path, "reconstructions", "starts", "losses", "distances", "descent")
    assert results["G(z0): images"] == 3 and results["G(z0): images with a best error below .001 a pixel"] == 3
    assert "different z*" in capsys.readouterr().out


def test_inversion_trains_its_own_gan_once(tmp_path, capsys):
    flags = ["inversion", "--z-dim", "3", "--steps", "2", "--images", "2", "--starts", "2", "--iterations", "3", "--out", str(tmp_path)]
    assert run(flags) == 0
    assert run([*flags, "--resume"]) == 0 and "nothing to do" in capsys.readouterr().out


def test_a_folder_without_a_gan_is_one_line(tmp_path, capsys):
    for demo in ("inversion", "paths"):
        assert run([demo, "--run", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert "holds no config.json" in error and error.count("\n") == 1
    (tmp_path / "config.json").write_text('{"settings": {"betas": [1]}}')
    (tmp_path / "average.npz").touch()
    with pytest.raises(ValueError, match="it is not a GAN of images"):
        latent_gan.read_gan(tmp_path)


def test_minima_and_ridges_by_hand():
    """(z^2 - 1)^2 + ...: two minima, +-1, with a ridge of 1 between them; 1 and 1.01 share one."""
    error = lambda z: ((z * z - 1.0) ** 2).sum(axis=1) + 0.01
    z = np.array([[1.0], [-1.0], [1.01]])
    loss = error(tg.tensor(z)).numpy()
    over = inversion.ridges(error, z, loss)
    np.testing.assert_allclose(over[0], 1 / loss[0], rtol=1e-6)
    assert over[1] < 0.01 and inversion.distinct(z) == 2
    np.testing.assert_allclose(inversion.distances(z)[0], [0, 2, 0.01], atol=1e-12)


def test_minima_are_told_from_saddles():
    saddle = lambda z: tg.stack([z[:, 0], z[:, 1] * z[:, 1] - 1.0], axis=1)          # of (0, -1/2): z = (0, 0) is a saddle of the error
    found = tg.geometry.Inversion(np.array([[[0.0, 0.0], [0.0, 0.7]]]), np.array([[0.25, 1e-4]]), None, None)
    row, = inversion.measure_minima(saddle, np.array([[0.0, -0.5]]), found)
    assert row["minima"] == 1 and row["different z*"] == 2


def test_paths_end_to_end(gan, tmp_path, capsys):
    assert run(["paths", "--run", str(gan), "--pairs", "2", "--segments", "8", "--iterations", "10", "--starts", "2", "--out", str(tmp_path)]) == 0
    results = finished(tmp_path, "strip-1", "speed-u", "speed-pull-back")
    assert results["least U: U"] <= min(results["straight: U"], results["spherical: U"])
    assert results["geodesic: pull-back energy"] <= results["least U: pull-back energy"]
    assert 0.5 <= results["least U: U / (||xA-xB||^2 ||zA-zB||^2)"]


def test_refined_paths_go_through_the_same_points():
    nodes = np.random.default_rng(0).standard_normal((2, 4, 3))
    finer = paths.refined(nodes, 4)
    assert finer.shape == (2, 13, 3)
    np.testing.assert_allclose(finer[:, ::4], nodes)
    np.testing.assert_allclose(finer[:, 2], (nodes[:, 0] + nodes[:, 1]) / 2)


def test_pairs_are_of_two_classes_and_no_image_is_twice(gan):
    a, b, names = paths.held_out_pairs(latent_gan.read_gan(gan), 50, np.random.default_rng(0))
    assert all(name.split(" to ")[0] != name.split(" to ")[1] for name in names)
    assert len(np.unique(np.concatenate([a, b]).reshape(100, -1), axis=0)) == 100


def test_short_paths_end_to_end(tmp_path, anyone, capsys):
    flags = ["short_paths", "--steps", "3", "--pairs", "3", "--starts", "2", "--iterations", "5", "--segments", "8", "--samples", "150", "--seeds", "0",
             "--out", str(tmp_path)]
    assert run(flags) == 0
    results = finished(tmp_path, "samples-without", "samples-with", "strip-1", "energies")
    assert results["seed 0: min U"] == pytest.approx(1 - results["with, seed 0: min U"] / results["without, seed 0: min U"], rel=1e-5)
    assert results["with, seed 0: relative"] <= results["with, seed 0: straight"]
    assert run([*flags, "--resume"]) == 0 and capsys.readouterr().out.count("nothing to do") == 2
    assert finished(tmp_path) == results


def test_codes_lie_on_the_sphere():
    generator = short_paths.ARCHITECTURE.generator(16, (1, 28, 28))
    z = generator.code(tg.tensor(short_paths.ARCHITECTURE.draw(5)))
    np.testing.assert_allclose((z * z).sum(axis=1).numpy(), 128, rtol=1e-4)
    np.testing.assert_array_equal(generator(tg.tensor(np.ones((2, 16), np.float32))).numpy()[0], generator.synthesis(generator.code(
        tg.tensor(np.ones((2, 16), np.float32)))).numpy()[0])


class Fade(nn.Module):
    """A linear generator that is its own synthesis: straight paths are fades."""

    def __init__(self, rng):
        super().__init__()
        self.columns = nn.Buffer(np.linalg.qr(rng.standard_normal((36, 16)))[0].astype(np.float32))

    def code(self, u):
        return u

    def synthesis(self, z):
        return (z @ self.columns.transpose()).reshape(len(z), 1, 6, 6)

    forward = synthesis


def test_the_energy_of_a_fade_is_two_thirds_and_codes_are_found_on_the_way():
    """int (1 - t)^2 + t^2 dt = 2/3, where the codes are known; unknown ones cost more, and less after each call."""
    rng = np.random.default_rng(0)
    generator = Fade(rng)
    known = short_paths.KnownCodes(generator(tg.tensor(rng.standard_normal((256, 16)).astype(np.float32))).numpy())
    energies = [known.energy(generator, rng).item() for _ in range(60)]
    assert energies[0] > 1.2 and np.mean(energies[-10:]) == pytest.approx(2 / 3, abs=0.04)
    energy = known.energy(generator, rng)
    assert known.state_dict()["noise"].shape == (256, 16) and energy.shape == ()


def test_changes_by_hand():
    part = lambda energy: short_paths.Measured(energy, energy / 10, *[energy] * 5, ["strip"], ["end"])
    first, second = part(np.array([1.0, 3.0])), part(np.array([5.0]))
    both = short_paths.pooled([first, second])
    assert both.energy.tolist() == [1, 3, 5] and both.strips == ["strip"] * 2
    halved = short_paths.changes(both, part(both.energy / 2))
    assert halved["min U"] == pytest.approx(0.5) and halved["+-"] == pytest.approx(0, abs=1e-12)
    assert short_paths.changes(both, part(np.array([2.0, 1.0, 1.0])))["+-"] > 0.1


def test_magnification_end_to_end(tmp_path, anyone):
    assert run(["magnification", "--epochs", "1", "--steps", "2", "--side", "8", "--iterations", "5", "--out", str(tmp_path)]) == 0
    results = finished(tmp_path, "singular-values", *(f"{what}-{name}" for what in ("magnification", "digits", "paths") for name in ("vae", "gan")))
    assert results["VAE: energy, geodesic"] <= results["VAE: energy, straight"]


def test_domain_maps_end_to_end(tmp_path, capsys):
    assert run(["domain_mapping", "--steps", "4", "--seeds", "0", "--out", str(tmp_path)]) == 0
    results = finished(tmp_path, "maps", "errors")
    assert results["CycleGAN: cycle error"] > 0
    assert run(["domain_mapping", "--steps", "4", "--seeds", "0", "--out", str(tmp_path), "--resume"]) == 0
    assert finished(tmp_path) == results and "nothing to do" in capsys.readouterr().out
    assert run(["domain_mapping", "--models", "nobody", "--out", str(tmp_path)]) == 2


@pytest.mark.parametrize("kind", ["rotated", "inverted"])
def test_digit_maps_end_to_end(tmp_path, anyone, kind):
    flags = ["domain_mapping", "--domains", kind, "--models", "CycleGAN", "--steps", "2", "--batch-size", "8", "--seeds", "0", "--out", str(tmp_path)]
    assert run(flags) == 0
    assert finished(tmp_path, "maps")["CycleGAN: many to one"] >= 0
    x = np.random.default_rng(0).standard_normal((2, 1, 4, 4))
    np.testing.assert_array_equal(domain_mapping.UNDO[kind](domain_mapping.TRUTHS[kind](x)), x)


class Known:
    """Maps whose errors are known: forward(a) = T(a) turned on by `k` components, backward the inverse of T."""

    def __init__(self, k):
        self.k = k

    def forward(self, a):
        angle = np.pi / 6 + self.k * np.pi / 3
        return a @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)

    def backward(self, b):
        return b @ np.array([[np.cos(np.pi / 6), -np.sin(np.pi / 6)], [np.sin(np.pi / 6), np.cos(np.pi / 6)]], np.float32)


def test_map_errors_by_hand():
    world = domain_mapping.gaussians()
    true, turned = (domain_mapping.measure_gaussians(world, Known(k)) for k in (0, 1))
    assert true.numbers["map error"] < 1e-6 and true.numbers["cycle error"] < 1e-6 and "(true)" in true.text
    assert turned.sent == [1, 2, 3, 4, 5, 0] and turned.numbers["many to one"] == 0
    assert turned.numbers["map error"] == pytest.approx(1, abs=0.01)                # a sixth of a turn on the unit circle
    np.testing.assert_allclose(domain_mapping.turn(ring_centres(6))[0], [np.cos(np.pi / 6), 0.5], atol=1e-6)
    assert domain_mapping.where_sent(np.array([0, 0, 1, 2]), np.array([0, 0, 1, 1]), 2) in ([0, 1], [0, 2])
