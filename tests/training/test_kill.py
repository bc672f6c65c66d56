"""Killed at any moment, a run's folder can be read, and the resumed run ends like one that never stopped."""
import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinygen import files
from tinygen.training import load_checkpoint


def assert_readable(folder):
    """Every file there is whole; the checkpoint is never ahead of metrics.csv. Returns the epochs that are saved."""
    if (folder / "config.json").exists():
        json.loads((folder / "config.json").read_text())
    checkpoint, metrics, saved = folder / "checkpoint.npz", folder / "metrics.csv", 0
    if checkpoint.exists():
        saved = load_checkpoint(checkpoint).facts["epoch"]
    if saved or metrics.exists():
        with open(metrics, newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))
        assert all(float(row["loss"]) >= 0 for row in rows)
        assert saved <= len(rows) <= saved + 1
    return saved


@pytest.fixture
def server():
    """The script toy_training, waiting to start trainings; see there."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TINYGEN_THREADS": "1"}
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("toy_training.py"))], env=environment, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1)
    yield process
    process.stdin.close()
    process.stdout.close()
    assert process.wait(timeout=60) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_killed_at_random_moments(server, tmp_path, same_run):
    rng, saved = random.Random(4), []

    def start(folder, epochs, *more):
        server.stdin.write("\t".join([str(folder), str(epochs), *more]) + "\n")
        return int(server.stdout.readline())

    def ended():
        return int(server.stdout.readline())
    killed = tmp_path / "killed"
    for kills in range(200):
        process = start(killed, 10 ** 9, "resume")
        time.sleep(rng.uniform(0, 0.1))
        os.kill(process, signal.SIGKILL)
        assert ended() == -signal.SIGKILL
        saved.append(assert_readable(killed) if killed.exists() else 0)
        if kills >= 24 and len(set(saved)) > 8:
            break
    assert saved == sorted(saved) and len(set(saved)) > 8
    for folder, more in ((killed, ["resume"]), (tmp_path / "whole", [])):
        start(folder, saved[-1] + 3, *more)
        assert ended() == 0
    assert not list(killed.glob(".*.part*"))
    same_run(tmp_path / "whole", killed)


class Killed(BaseException):
    """Nothing catches it, as nothing catches a SIGKILL."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_around_every_rename(toy, tmp_path, same_run, monkeypatch, quick_curves, when):
    """A file appears where os.replace is called, and nowhere else; so these are all the states a folder can be in."""
    real = os.replace
    calls = []
    monkeypatch.setattr(files.os, "replace", lambda *names: (calls.append(names), real(*names)))
    toy.train(tmp_path / "whole", 3)
    for moment in range(len(calls)):
        left = iter(range(moment + 1))

        def killed(*names):
            if next(left, moment) < moment:
                return real(*names)
            if when == "after":
                real(*names)
            raise Killed
        folder = tmp_path / f"{when}-{moment}"
        monkeypatch.setattr(files.os, "replace", killed)
        with pytest.raises(Killed):
            toy.train(folder, 3)
        monkeypatch.setattr(files.os, "replace", real)
        assert_readable(folder)
        toy.train(folder, 3, resume=True)
        same_run(tmp_path / "whole", folder)
