"""Killed at any moment, a run's folder can be read, and the resumed run ends like one that never stopped."""
import csv
import json
import os
import random
import signal
import time

import pytest

from tinygen import files
from tinygen.training import load_checkpoint


def assert_readable(folder):
    """Every file there is whole; the checkpoint is never ahead of metrics.csv. Returns the epochs that are saved."""
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


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_at_random_moments(toy, tmp_path, same_run):
    kills, epochs, pause = 14, 150, 0.002
    whole = toy.process(tmp_path / "whole", epochs)
    killed, rng, progress = tmp_path / "killed", random.Random(4), []
    for _ in range(kills):
        process = toy.process(killed, epochs, pause, "resume")
        for line in process.stdout:                             # the first epoch is over: it is busy from here on
            if line.startswith("epoch"):
                break
        time.sleep(rng.uniform(0, 0.08))
        process.send_signal(signal.SIGKILL)
        process.stdout.read()
        process.stdout.close()
        assert process.wait() in (-signal.SIGKILL, 0)
        progress.append(assert_readable(killed))
    assert progress == sorted(progress) and len(set(progress)) > kills // 2
    last = toy.process(killed, epochs, 0, "resume")
    text, _ = last.communicate(timeout=60)
    assert last.returncode == 0, text
    assert whole.wait(timeout=60) == 0
    whole.stdout.close()
    assert [p for p in killed.iterdir() if p.name.endswith(".part")] == []
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
        if (folder / "config.json").exists():
            assert_readable(folder)
        toy.train(folder, 3, resume=True)
        same_run(tmp_path / "whole", folder)
