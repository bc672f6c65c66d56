"""What cannot go on as if it had never stopped is refused, naming the first difference."""
import pytest

from tinygen import backend
from tinygen.training import Run, folder
from tinygen.training import run as run_module

pytestmark = pytest.mark.usefixtures("quick_curves")


@pytest.mark.parametrize("change, message", [
    ({"seed": 2}, "was trained with seed = 1, not 2; use the same settings"),
    ({"data": "mnist"}, "was trained with data = 'toy', not 'mnist'"),
    ({"lr": 0.2, "seed": 5}, "was trained with seed = 1, not 5"),
    ({"size": 5}, r"resume: model differs from the one in .*: w has shape \(4,\), the module \(5,\)")])
def test_a_different_run_is_not_resumed(toy, tmp_path, change, message):
    toy.train(tmp_path, 2)
    before = (tmp_path / "checkpoint.npz").read_bytes()
    with pytest.raises(ValueError, match=message):
        toy.train(tmp_path, 3, resume=True, **change)
    assert (tmp_path / "checkpoint.npz").read_bytes() == before


@pytest.mark.parametrize("name, value, message", [
    ("threads", 64, r"was trained with threads = \d+, here it is 64, .* set TINYGEN_THREADS=\d+"),
    ("blas_core", "Other", "was trained with blas_core = .*, here it is Other, .* set OPENBLAS_CORETYPE=")])
def test_another_machine_is_refused(toy, tmp_path, monkeypatch, name, value, message):
    toy.train(tmp_path, 2)
    machine = {**backend.machine(), name: value}
    monkeypatch.setattr(backend, "machine", lambda device: machine)
    with pytest.raises(ValueError, match=message):
        toy.train(tmp_path, 3, resume=True)


def test_another_device_or_numpy_is_noted_only(toy, tmp_path, monkeypatch, capsys):
    def train(device, resume):
        with Run(tmp_path, {"device": device}, resume=resume) as run:
            run.keep(model=toy.Weights())
            for _ in run.epochs(1 + resume):
                pass
    train("cpu", False)
    machine = {**backend.machine(), "numpy": "2.0.0"}
    monkeypatch.setattr(backend, "machine", lambda device: machine)
    train("cpu", True)
    assert "this is 2.0.0; the last digits may differ" in capsys.readouterr().out
    machine["threads"] = 64
    train("other", True)
    assert "note: the checkpoint was written on cpu" in capsys.readouterr().out


def test_a_run_of_another_demo_is_not_resumed(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "demo", lambda: "vae")
    monkeypatch.setattr(run_module, "demo", lambda: "vae")
    toy.train(tmp_path, 2)
    monkeypatch.setattr(folder, "demo", lambda: "gan")
    with pytest.raises(ValueError, match="was trained by `python -m demos vae`, not gan; start a new run in another folder"):
        toy.train(tmp_path, 3, resume=True)
