"""The run folder: what it holds, how a run goes on, what is refused, what Ctrl-C and a full disk leave."""
import csv
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen import backend, figures
from tinygen.training import Run, checkpoint, load_checkpoint

pytestmark = pytest.mark.usefixtures("quick_curves")


def rows(folder):
    with open(folder / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def stop_in(epoch_to_stop, error):
    """For toy.train(each=...): raise `error` in the middle of this epoch."""
    def each(run, epoch):
        if epoch == epoch_to_stop:
            run.log(half=1.0)
            raise error
    return each


def test_a_finished_folder_holds_everything(toy, tmp_path, capsys):
    out = tmp_path / "deep" / "run"
    run = toy.train(out, 4)
    assert sorted(p.name for p in out.iterdir()) == ["checkpoint.npz", "config.json", "curves.png", "index.html",
                                                     "metrics.csv", "model.npz", "results.json"]
    config = json.loads((out / "config.json").read_text())
    assert config["settings"] == {"epochs": 4, "seed": 1, "data": "toy", "lr": 0.1} and config["seed"] == 1
    assert config["machine"] == {"tinygen": tg.__version__, **backend.machine()}
    assert [row["epoch"] for row in rows(out)] == ["1", "2", "3", "4"]
    assert rows(out)[0]["late"] == "" and float(rows(out)[3]["late"]) == run.history[3]["late"]
    with np.load(out / "model.npz") as file:
        assert file.files == ["w"] and json.loads((out / "results.json").read_text()) == {"w": float(file["w"].sum())}
    text = capsys.readouterr().out
    assert f"writing to {out}" in text and "epoch 4/4  loss" in text and "points/s" in text and "index.html" in text


def test_a_row_holds_averages_weighted_by_examples_and_logged_numbers_as_they_are(toy, tmp_path):
    with Run(tmp_path / "run") as run:
        run.keep(model=toy.Weights())
        for _ in run.epochs(2):
            run.update(1, loss=tg.tensor(4.0), kl=np.float32(2))
            run.update(3, loss=np.array([0.0]))
            run.log(test=7, loss_max=4)
    assert run.history == [{"epoch": e, "loss": 1.0, "kl": 2.0, "test": 7.0, "loss_max": 4.0} for e in (1, 2)]
    assert run.step == 4


def test_what_is_no_number_is_refused(tmp_path):
    run = Run(tmp_path)
    for value in (np.zeros(2), "a", None):
        with pytest.raises(TypeError, match="Run: loss is not one number"):
            run.update(1, loss=value)


def test_stopped_and_resumed_equals_uninterrupted(toy, tmp_path, same_run):
    toy.train(tmp_path / "one", 7)
    toy.train(tmp_path / "two", 3)
    toy.train(tmp_path / "two", 7, resume=True)
    same_run(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("forgotten", ["tinygen's generator", "the optimizer", "the module"])
def test_the_comparison_sees_what_was_not_restored(toy, tmp_path, same_run, monkeypatch, forgotten):
    toy.train(tmp_path / "one", 6)
    toy.train(tmp_path / "two", 3)
    if forgotten == "tinygen's generator":
        monkeypatch.setattr(backend, "set_rng_state", lambda state: None)
    else:
        kind = toy.Momentum if forgotten == "the optimizer" else toy.Weights
        monkeypatch.setattr(kind, "load_state_dict", lambda part, state: None)
    toy.train(tmp_path / "two", 6, resume=True)
    with pytest.raises(AssertionError):
        same_run(tmp_path / "one", tmp_path / "two")


def test_interrupted_in_an_epoch_the_folder_is_as_after_the_last_one(toy, tmp_path, same_run, capsys):
    toy.train(tmp_path / "one", 5)
    with pytest.raises(KeyboardInterrupt):
        toy.train(tmp_path / "two", 5, each=stop_in(4, KeyboardInterrupt))
    assert [row["epoch"] for row in rows(tmp_path / "two")] == ["1", "2", "3"]
    assert load_checkpoint(tmp_path / "two" / "checkpoint.npz").facts["epoch"] == 3
    assert "stopped after 3" in (tmp_path / "two" / "index.html").read_text()
    assert not (tmp_path / "two" / "model.npz").exists()
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == "stopped; epoch 3 is saved, go on with: Run(..., resume=True)"
    toy.train(tmp_path / "two", 5, resume=True)
    same_run(tmp_path / "one", tmp_path / "two")


def test_interrupted_before_the_first_checkpoint(toy, tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        toy.train(tmp_path, 5, each=stop_in(1, KeyboardInterrupt))
    assert "stopped; nothing to save yet, go on with: python" in capsys.readouterr().out


def test_interrupted_while_it_saves_the_row_that_is_not_saved_is_forgotten(toy, tmp_path, same_run, monkeypatch, capsys):
    toy.train(tmp_path / "one", 4)
    real, calls = np.savez, []

    def interrupted(file, **arrays):
        calls.append(file)
        if len(calls) == 3:
            file.write(b"half of it")
            raise KeyboardInterrupt
        real(file, **arrays)
    monkeypatch.setattr(checkpoint.np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        toy.train(tmp_path / "two", 4)
    monkeypatch.undo()
    assert [row["epoch"] for row in rows(tmp_path / "two")] == ["1", "2"]
    assert "epoch 2 is saved" in capsys.readouterr().out
    toy.train(tmp_path / "two", 4, resume=True)
    same_run(tmp_path / "one", tmp_path / "two")


def test_resume_without_a_checkpoint_begins_at_the_beginning_and_says_so(toy, tmp_path, same_run, capsys):
    toy.train(tmp_path / "one", 3)
    toy.train(tmp_path / "two", 3, resume=True)
    assert f"there is no checkpoint in {tmp_path / 'two'} yet: starting from the beginning" in capsys.readouterr().out
    same_run(tmp_path / "one", tmp_path / "two")


def test_resume_of_a_finished_run_does_nothing_and_says_so(toy, tmp_path, capsys):
    toy.train(tmp_path, 3)
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in tmp_path.iterdir() if p.is_file()}
    capsys.readouterr()
    run = toy.train(tmp_path, 3, resume=True, each=stop_in(1, AssertionError("it trained")))
    assert capsys.readouterr().out == f"the run in {tmp_path} is finished, all 3 epochs of it: nothing to do\n"
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in tmp_path.iterdir() if p.is_file()} == before
    assert len(run.history) == 3 and run.results.keys() == {"w"}            # still there, for a table of several runs


def test_a_finished_run_can_go_on_for_longer(toy, tmp_path, same_run):
    toy.train(tmp_path / "one", 6)
    toy.train(tmp_path / "two", 4)
    toy.train(tmp_path / "two", 6, resume=True)
    same_run(tmp_path / "one", tmp_path / "two")


def test_a_new_run_in_the_folder_moves_the_old_one_aside(toy, tmp_path, same_run, capsys):
    toy.train(tmp_path / "a", 4, seed=5)
    toy.train(tmp_path / "a", 5)                                    # moves that aside ...
    (tmp_path / "a" / "average.npz").write_bytes(b"of the old run")
    (tmp_path / "a" / "samples").mkdir()
    (tmp_path / "a" / "samples" / "epoch-5.png").write_bytes(b"old")
    (tmp_path / "a" / "samples" / "mine.png").write_bytes(b"mine")
    toy.train(tmp_path / "a", 3, seed=2)
    previous = tmp_path / "a" / "previous"                          # ... and is moved aside itself
    assert f"held another run, which is now in {previous}" in capsys.readouterr().out
    assert load_checkpoint(previous / "checkpoint.npz").facts["epoch"] == 5
    assert {"config.json", "results.json", "model.npz", "average.npz", "index.html"} <= {p.name for p in previous.iterdir()}
    assert [p.name for p in (tmp_path / "a" / "samples").iterdir()] == ["mine.png"]
    assert [p.name for p in (previous / "samples").iterdir()] == ["epoch-5.png"] and not (tmp_path / "a" / "average.npz").exists()
    toy.train(previous, 6, resume=True)                             # whole enough to go on
    toy.train(tmp_path / "b", 3, seed=2)
    same_run(tmp_path / "a", tmp_path / "b")


def test_a_command_that_fails_before_it_has_something_to_write_leaves_the_finished_run_as_it_was(toy, tmp_path):
    toy.train(tmp_path / "a", 2)
    before = {p.name: p.read_bytes() for p in (tmp_path / "a").iterdir() if p.is_file()}
    for _ in range(2):
        with pytest.raises(ValueError, match="lr = -1"), Run(tmp_path / "a", {"lr": -1}):
            tg.optim.Adam([tg.nn.Parameter(np.ones(1))], lr=-1)
    assert {p.name: p.read_bytes() for p in (tmp_path / "a").iterdir() if p.is_file()} == before
    assert not (tmp_path / "a" / "previous").exists()


def test_a_training_that_diverges_says_so_and_keeps_what_was_saved(tmp_path, toy):
    with pytest.raises(ValueError, match="Run: loss became NaN in epoch 3: the training has diverged; a lower learning rate"), \
            Run(tmp_path, {"seed": 0}) as run:
        run.keep(model=toy.Weights())
        for epoch in run.epochs(5):
            run.update(1, loss=np.nan if epoch == 3 else 1.0)
    assert load_checkpoint(tmp_path / "checkpoint.npz").facts["epoch"] == 2 == len(rows(tmp_path))


def test_a_loop_that_is_left_by_break_ends_there(toy, tmp_path):
    """Early stopping: the epoch counts, and a resumed run begins with the next."""
    with Run(tmp_path, {"seed": 0}) as run:
        run.keep(model=toy.Weights())
        for epoch in run.epochs(5):
            run.update(1, loss=epoch)
            if epoch == 3:
                break
        run.finish()
    assert [row["loss"] for row in run.history] == [1, 2, 3]
    assert load_checkpoint(tmp_path / "checkpoint.npz").facts["epoch"] == 3


def test_a_loop_of_steps_ends_a_row_every_so_many(toy, tmp_path):
    def train(out, total, resume=False):
        with Run(out, {"seed": 3}, resume=resume) as run:
            tg.manual_seed(3)
            model = toy.Weights()
            run.keep(model=model)
            for step in run.steps(total, every=4):
                model.w = model.w * np.float32(0.9) + tg.standard_normal((4,))
                run.update(256, loss=step)
            run.finish()
        return run
    run = train(tmp_path / "one", 10)
    assert run.history == [{"step": 4, "loss": 2.5}, {"step": 8, "loss": 6.5}, {"step": 10, "loss": 9.5}]
    train(tmp_path / "two", 8)
    assert train(tmp_path / "two", 10, resume=True).history == run.history
    a, b = (load_checkpoint(tmp_path / name / "checkpoint.npz") for name in ("one", "two"))
    assert np.array_equal(a.arrays["model/w"], b.arrays["model/w"]) and a.random == b.random
    with pytest.raises(ValueError, match="was trained in steps, not epochs"):
        with Run(tmp_path / "one", {"seed": 3}, resume=True) as run:
            run.keep(model=toy.Weights())
            next(run.epochs(99))


def test_a_damaged_checkpoint_is_refused(toy, tmp_path):
    toy.train(tmp_path, 2)
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="load_checkpoint: .*checkpoint.npz is damaged, cut short"):
        toy.train(tmp_path, 3, resume=True)


def test_a_loop_that_keeps_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Run.epochs: nothing would be saved; call run.keep\(model="):
        list(Run(tmp_path).epochs(3))


@pytest.mark.parametrize("loop, message", [
    (lambda run: run.epochs(-1), "Run.epochs: -1 epochs"), (lambda run: run.steps(4, every=0), "a row every 0")])
def test_loops_that_make_no_sense_are_refused(toy, tmp_path, loop, message):
    run = Run(tmp_path)
    run.keep(model=toy.Weights())
    with pytest.raises(ValueError, match=message):
        list(loop(run))
    with pytest.raises(ValueError, match="Run.update: a step on n = 0 examples"):
        run.update(0, loss=1.0)


def test_a_run_without_a_loop_is_a_folder_of_figures_and_results(tmp_path, capsys):
    from tinygen import figures
    for _ in range(2):
        with Run(tmp_path, {"seed": 1}) as run:
            run.figure("image", figures.image_grid(np.zeros((1, 1, 4, 4))))
            run.finish(bound=1.5)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "image.png", "index.html", "results.json"]
    page = (tmp_path / "index.html").read_text()
    assert ">finished</p>" in page and "1.500" in page and "held another run" not in capsys.readouterr().out
    with Run(tmp_path, {"seed": 2}) as run:
        run.finish(bound=2.5)
    assert {p.name for p in tmp_path.iterdir()} == {"config.json", "index.html", "results.json", "previous"}
    assert (tmp_path / "previous" / "image.png").exists() and "held another run" in capsys.readouterr().out


def test_what_has_no_state_cannot_be_kept(tmp_path):
    with pytest.raises(TypeError, match="Run.keep: schedule is a function without load_state_dict"):
        Run(tmp_path).keep(schedule=lambda: 0)


@pytest.mark.skipif(sys.platform == "win32", reason="no lock is held there")
def test_a_folder_that_another_process_writes_to_is_refused(toy, tmp_path, same_run):
    other = subprocess.Popen([sys.executable, "-c", "import sys; from tinygen.training import Run\n"
                              "with Run(sys.argv[1]): print('open', flush=True); sys.stdin.readline()", str(tmp_path / "run")],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert other.stdout.readline().startswith("writing to") and other.stdout.readline() == "open\n"
        for resume in (False, True):
            with pytest.raises(ValueError, match="Run: another process, which is still running, writes to .*; wait for it, or take another folder"):
                Run(tmp_path / "run", resume=resume)
    finally:
        other.communicate("go on\n", timeout=60)
    toy.train(tmp_path / "run", 2)
    toy.train(tmp_path / "alone", 2)
    same_run(tmp_path / "alone", tmp_path / "run")


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError, match="Run: the folder .*taken cannot be used: "):
        Run(tmp_path / "taken")


def test_a_read_only_folder_is_named(tmp_path, monkeypatch):
    def read_only(*arguments, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "x")
    monkeypatch.setattr(tg.files.os, "open", read_only)
    with pytest.raises(OSError, match=r"Run: the folder .* cannot be used: Read-only file system"):
        Run(tmp_path)


def test_a_full_disk_ends_the_run_with_the_old_checkpoint_intact(toy, tmp_path, monkeypatch, same_run):
    toy.train(tmp_path / "one", 4)
    real, calls = np.savez, []

    def full(file, **arrays):
        calls.append(file)
        if len(calls) > 2:
            file.write(b"as much as fits")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(file, **arrays)
    monkeypatch.setattr(checkpoint.np, "savez", full)
    with pytest.raises(OSError, match=r"cannot write .*checkpoint\.npz: No space left on device; what stood there before"):
        toy.train(tmp_path / "two", 4)
    monkeypatch.undo()
    assert load_checkpoint(tmp_path / "two" / "checkpoint.npz").facts["epoch"] == 2
    toy.train(tmp_path / "two", 4, resume=True)
    same_run(tmp_path / "one", tmp_path / "two")


def test_snapshots_and_figures_become_pictures_an_animation_and_part_of_the_page(toy, tmp_path, monkeypatch):
    from tinygen import figures
    monkeypatch.undo()                                  # the real curves
    images = np.linspace(0, 1, 4 * 64, dtype=np.float32).reshape(4, 1, 8, 8)

    def each(run, epoch):
        run.snapshot(figures.image_grid(images ** epoch))
        if epoch == 3:
            run.figure("latent", figures.image_grid(images))
    toy.train(tmp_path, 12, each=each)
    assert [p.name for p in sorted((tmp_path / "samples").iterdir())] == [f"epoch-{e:02}.png" for e in range(1, 13)]
    assert (tmp_path / "samples.gif").read_bytes()[:6] == b"GIF89a" and (tmp_path / "latent.png").exists()
    page = (tmp_path / "index.html").read_text()
    assert [page.count(f"data:image/{kind};base64,") for kind in ("png", "gif")] == [3, 1]


def test_results_of_another_run_go_when_the_settings_do(toy, tmp_path):
    toy.train(tmp_path / "run", 2)
    assert (tmp_path / "run/results.json").exists()
    with Run(tmp_path / "run", {"lr": 2.0}) as run:
        run.figure("picture", figures.new_figure(0.1, 0.1))
    assert not any((tmp_path / "run" / name).exists() for name in ("results.json", "model.npz", "index.html", "checkpoint.npz"))


def test_a_run_without_numbers_and_without_its_pictures_can_finish(toy, tmp_path):
    with Run(tmp_path / "run") as run:
        run.keep(model=toy.Weights())
        for _ in run.epochs(2):
            run.update(3)
            run.snapshot(tg.figures.image_grid(np.zeros((1, 4, 4))))
        (tmp_path / "run/samples/epoch-1.png").unlink()
        run.finish()
    assert (tmp_path / "run/index.html").exists() and not (tmp_path / "run/curves.png").exists()
