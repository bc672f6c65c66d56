"""The demos `judge` and `fid`, end to end and small: what they print, write, and say to bad input."""
import json
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from demos import fid, judge
from demos.command_line import run
from tinygen import figures
from tinygen.metrics import judge as judges


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """An empty data folder, few bundled images, one epoch."""
    def load_part(name, split="train"):
        return tuple(part[:640 if split == "train" else 120] for part in load(name, split))

    load = tg.data.load
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path / "data"))
    monkeypatch.setitem(judges.EPOCHS, "mnist-mini", 1)
    monkeypatch.setattr(judges, "load", load_part)
    monkeypatch.setattr(tg.data, "load", load_part)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_judge_trains_one_and_draws_its_mistakes(capsys):
    judge.main(out="out")
    assert "mnist-mini judge (" in capsys.readouterr().out
    results = json.loads(Path("out/results.json").read_text())
    assert 0 < results["test_accuracy"] < 1 and results["mistakes"] == round((1 - results["test_accuracy"]) * 120)
    for name in ("confusion.png", "mistakes.png", "index.html"):
        assert Path("out", name).stat().st_size > 500


def test_confusion_and_mistakes_by_hand():
    logits = np.array([[2.0, 0], [0, 1], [5, 0], [0, 3]])
    labels = np.array([0, 0, 1, 1])
    np.testing.assert_allclose(judge.confusion(labels, logits.argmax(1), 2), [[0.5, 0.5], [0.5, 0.5]])
    assert judge.surest_mistakes(logits, labels).tolist() == [2, 1]


def test_fid_of_every_kind_of_source(small, capsys):
    images = tg.data.load("mnist-mini", "test")[0][:20]
    (small / "run").mkdir()
    (small / "folder").mkdir()
    np.savez(small / "run" / "samples.npz", images=images)
    for i, image in enumerate(images):
        figures.write_png(image[0], small / "folder" / f"{i:02}.png")             # grey pictures, stored as colour
    texts = []
    for number, source in enumerate(("run", "run/samples.npz", "folder", "mnist-mini:test")):
        assert run(["fid", source, "mnist-mini:test", "--limit", "20", "--shown", "3", "--out", f"out-{number}"]) == 0
        texts.append(capsys.readouterr().out.split("\nfeatures")[1].split("finished")[0])
    assert len(set(texts)) == 1 and "not FID" in texts[0]
    results = json.loads(Path("out-3/results.json").read_text())
    assert results["Fréchet distance (not FID)"] == pytest.approx(0, abs=1e-3) and results["precision"] == 1
    assert "Fréchet distance (not FID), floor" in results and (small / "out-3" / "neighbours.png").stat().st_size > 1000


def test_colour_goes_through_inception_and_floor_through_held_out_images(small, monkeypatch, capsys):
    from tinygen.metrics import INCEPTION, Extractor
    corner = Extractor(lambda images, device: images[:, :, :2, :2].reshape(len(images), -1).astype(np.float32), "a stand-in", "none",
                       "stand-in", 3, "FID", "KID")
    assert INCEPTION.frechet == "FID"
    monkeypatch.setattr(fid, "INCEPTION", corner)
    rng = np.random.default_rng(0)
    for name in "abc":
        np.savez(small / f"{name}.npz", rng.integers(0, 256, (40, 3, 8, 8)).astype(np.uint8))
    fid.main("a.npz", "b.npz", held_out="c.npz", out="out")
    text = capsys.readouterr().out
    assert "FID " in text and "N = 40 (c.npz) against 40 (b.npz)" in text
    fid.main("mnist-mini:test", "mnist-mini:test", extractor="inception", limit=30, out="out")        # grey, taken as colour
    assert "a stand-in" in capsys.readouterr().out


@pytest.mark.parametrize("arguments, message", [
    (["nowhere"], "'nowhere' is no data set"),
    (["nowhere.npz"], "there is no file 'nowhere.npz'"),
    (["empty-run"], "holds no samples.npz"),
    (["many.npz"], "name the array of images 'images'"),
    (["mnist-mini:test", "grey.npz"], "give --extractor"),
    (["floats.npz"], "dtype float64"),
])
def test_bad_input_is_one_line(small, capsys, arguments, message):
    (small / "empty-run").mkdir()
    (small / "empty-run" / "config.json").write_text("{}")
    np.savez(small / "many.npz", a=np.zeros(3), b=np.zeros(3))
    np.savez(small / "grey.npz", np.zeros((9, 1, 28, 28), np.uint8))
    np.savez(small / "floats.npz", np.zeros((9, 1, 28, 28)))
    assert run(["fid", *arguments, "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
