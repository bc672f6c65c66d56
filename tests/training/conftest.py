"""What the tests of training share."""
import importlib.util
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("toy_training.py")


@pytest.fixture(scope="session")
def toy():
    """The module toy_training."""
    spec = importlib.util.spec_from_file_location("toy_training", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def same_run():
    """A check that two run folders hold the same training, bit for bit."""
    from tinygen.training import load_checkpoint

    def check(a, b, weights=("model",)):
        one, two = load_checkpoint(a / "checkpoint.npz"), load_checkpoint(b / "checkpoint.npz")
        assert one.arrays.keys() == two.arrays.keys()
        for name in one.arrays:
            assert one.arrays[name].dtype == two.arrays[name].dtype, name
            assert np.array_equal(one.arrays[name], two.arrays[name]), name
        assert (one.random, one.generators) == (two.random, two.generators)
        for fact in ("unit", "epoch", "step", "finished", "settings", "history"):
            assert one.facts[fact] == two.facts[fact], fact
        for name in ["metrics.csv", "results.json", *(f"{w}.npz" for w in weights)]:
            assert (a / name).exists() == (b / name).exists(), name
            if name == "metrics.csv" or name == "results.json":
                assert (a / name).read_bytes() == (b / name).read_bytes(), name
    return check


@pytest.fixture
def quick_curves(monkeypatch):
    """An empty curves.png, for tests that are about something else: the real one takes half a second."""
    from tinygen import figures
    monkeypatch.setattr(figures, "training_curves", lambda history, **options: figures.new_figure(0.1, 0.1))
