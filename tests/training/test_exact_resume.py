"""10 steps equal 5 + save + load in a new process + 5, bit for bit, for real networks: a VAE, a GAN, a WGAN-GP."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygen.training import load_checkpoint

SCRIPT = Path(__file__).with_name("real_training.py")
WEIGHTS = {"vae": ("model",), "gan": ("generator", "discriminator", "ema"), "wgan_gp": ("generator", "critic")}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of runs of 10 steps, and one of runs of 5 that another process took to 10."""
    whole, halves = (tmp_path_factory.mktemp(name) for name in ("whole", "halves"))

    def process(folder, steps, *more):
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.run([sys.executable, str(SCRIPT), str(folder), str(steps), *more], env=environment, timeout=120,
                              capture_output=True, text=True)
    for arguments in ((whole, 10), (halves, 5), (halves, 10, "resume")):
        done = process(*arguments)
        assert done.returncode == 0, done.stderr
    assert done.stdout.count("after step 5 of 10") == 3
    return whole, halves


@pytest.mark.parametrize("kind", WEIGHTS)
def test_ten_steps_equal_five_and_five(folders, same_run, kind):
    whole, halves = folders
    same_run(whole / kind, halves / kind, WEIGHTS[kind])
    for name in WEIGHTS[kind]:
        with np.load(whole / kind / f"{name}.npz") as a, np.load(halves / kind / f"{name}.npz") as b:
            assert a.files == b.files and all(np.array_equal(a[key], b[key]) for key in a.files)


@pytest.mark.parametrize("kind", WEIGHTS)
def test_there_is_something_to_compare(folders, kind):
    """The networks moved, the optimizers remember, the numbers are numbers."""
    ten = load_checkpoint(folders[0] / kind / "checkpoint.npz")
    assert ten.facts["step"] == 10 and [row["step"] for row in ten.facts["history"]] == [5, 10]
    assert all(np.isfinite(list(row.values())).all() for row in ten.facts["history"])
    moments = [a for key, a in ten.arrays.items() if "optimizer/" in key and a.ndim]
    assert sum(np.abs(a).max() > 0 for a in moments) >= 0.8 * len(moments) >= 8    # a critic's last bias has no gradient
    assert any("running_mean" in key for key in ten.arrays)
