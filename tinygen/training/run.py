"""A training run and its folder: settings, numbers, pictures, one checkpoint and one page, whatever happens on the way.

    with Run("runs/vae", settings, resume=resume) as run:
        ...                                                     # data, model, optimizer
        run.keep(model=model, optimizer=optimizer)              # what the checkpoint holds
        for epoch in run.epochs(20):                            # only those still to do
            for x in batches:
                ...
                run.update(len(x), loss=loss)                   # the progress line; averaged over the epoch
            run.log(test_loss=...)                              # more numbers for the epoch's row
            run.snapshot(figures.image_grid(...))               # the samples so far
        run.figure("latent", figures.latent_scatter(...))
        run.finish(test_loss=...)

The folder then holds config.json (settings, seed, versions, machine), metrics.csv (a row an epoch), the figures, samples/
and samples.gif, curves.png, checkpoint.npz, index.html with all of it on one page, and the weights, model.npz.

A run without a loop keeps nothing: its folder holds the figures and results of a study.

The state is saved after every epoch and read back where the loop begins: everything drawn before the loop (initial
weights, a fixed noise to sample from) comes from the seed again, everything in it continues from the checkpoint.
Killed at any moment, the folder can be read, and a run that is resumed ends bit for bit like one that never stopped. A run on a
GPU does so where the GPU itself repeats its bits: the gradients of integer indexing and of Embedding add there in no fixed order
(atomics), so that with them no two runs agree in the last digits.
"""
import json
import numbers
import time
from pathlib import Path

import numpy as np

import tinygen
from .. import backend
from ..files import hold, release, remove_parts, replacing
from ..progress import Progress, duration
from .checkpoint import as_json, load_checkpoint, save_checkpoint
from .folder import about, another_study, command, demo, how_to_resume, refuse_differences, retire, write_json, write_metrics
from .report import write_report

UNREAD = 150                        # numbers left on a GPU before they are read; the progress line shows those that were


class Finished(Exception):
    """Nothing is left to train. It ends the `with` block of its run, without an error."""


class Run:
    """A training run that writes the folder `out`; see the top of this file.

    settings: {name: value}, all that the results depend on; a demo passes its keyword arguments, `locals()`
    resume:   go on from the folder's checkpoint. Without it a new run takes the folder over as soon as it has something to
              write, and moves an earlier one into the subfolder `previous`
    unit:     what `update` counts

    Raises OSError if the folder cannot be written; ValueError if another process writes to it, or if it holds a run that
    cannot go on here and now, naming the first thing that differs: a setting (data, seed...), the BLAS core type, the number
    of threads.
    """

    def __init__(self, out, settings=(), *, resume=False, unit="images"):
        self.out = Path(out)
        self._resumable = "resume" in dict(settings)
        settings = {name: value for name, value in dict(settings).items() if name not in ("out", "resume")}
        self.settings = json.loads(json.dumps(settings, default=as_json))       # as they will be read back
        self.machine = {"tinygen": tinygen.__version__, **backend.machine(self.settings.get("device", "cpu"))}
        self.epoch = self.step = 0              # finished epochs, and training steps in all
        self.seconds = 0.0                      # of training, over all processes
        self.history, self.results = [], {}     # the rows of metrics.csv; what `finish` was given
        self._unit, self._total = "epoch", 0    # what the loop counts, and up to where;
        self._index = 0                         # the one it is at
        self._before = 0.0                      # the seconds of earlier processes
        self._parts = {}                        # what the checkpoint holds
        self._sums, self._logged = {}, {}       # the row to come: {name: (sum, weight)} and {name: number}
        self._unread = []                       # (name, n, value) of numbers that are still on the GPU
        self._pictures = []                     # files, in the order in which they were first drawn
        self._saved = None                      # the checkpoint to go on from
        self._begun = False                     # whether the folder is this run's
        self._rows_saved = 0                    # how much of the history the newest checkpoint holds
        self._progress = Progress(unit=unit)
        self._lock = None                       # held until the run ends, so that no two processes write one folder
        try:
            self._open(resume)
        except BlockingIOError:
            raise ValueError(f"Run: another process, which is still running, writes to {self.out}; wait for it, or take another folder (out)") from None
        except OSError as error:
            raise OSError(error.errno, f"Run: the folder {self.out} cannot be used: {error.strerror or error}") from error

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._progress.close()
        release(self._lock, self.out / ".lock")
        if kind is Finished:
            print(error)
        elif kind is KeyboardInterrupt:
            self._stopped()
        return kind is Finished

    # ---- the loop ----------------------------------------------------------------------------------------------------

    def keep(self, **parts):
        """Name what the checkpoint holds: modules, optimizers, averages, schedules (whatever has state_dict and
        load_state_dict) and NumPy generators. tinygen's own generator is always in it."""
        for name, part in parts.items():
            if not hasattr(part, "load_state_dict") and not isinstance(part, np.random.Generator):
                raise TypeError(f"Run.keep: {name} is a {type(part).__name__} without load_state_dict; keep modules, "
                                "optimizers, averages and numpy.random.Generators")
        self._parts.update(parts)

    def epochs(self, total, *, images=None):
        """The epochs still to do, up to `total`, counted from 1; each ends with a row of numbers and a checkpoint.

        images: how many there are in an epoch; if given, the progress line knows the time left from the start.
        """
        return self._loop("epoch", total, 1, images)

    def steps(self, total, *, every):
        """The steps still to do, up to `total`, counted from 1, for training that has no epochs; each `every` steps, and
        the last, end with a row of numbers and a checkpoint."""
        return self._loop("step", total, every, 1)

    def _loop(self, unit, total, every, size):
        if not self._parts:
            raise ValueError(f"Run.{unit}s: nothing would be saved; call run.keep(model=..., optimizer=...) first")
        if total < 0 or every < 1:
            raise ValueError(f"Run.{unit}s: {total} {unit}s with a row every {every}: the first must be 0 or more, the second 1 or more")
        self._restore(unit, total)
        self._index, start, self._before = self._done, self._done, self.seconds
        self._progress = progress = Progress(size and size * total, done=start * (size or 0),
                                             unit="steps" if unit == "step" else self._progress.unit)
        for index in range(start + 1, total + 1):
            if (index - 1) % every == 0:
                self._seed_gpu(index)
            progress.label = f"{unit} {index:{len(f'{total:,}')},}/{total:,}"
            progress.skip()
            self._index = index
            yield index
            self._done = index
            if unit == "step":
                progress.update(1)
            if size is None and index == start + 1:
                progress.total = progress.done * (total - start)                # now it is known how long an epoch is
            if index % every == 0 or index == total:
                self._end_row()
        self._seed_gpu(total, 1)                # what is drawn from here on does not depend on whether a row was left to do

    def _seed_gpu(self, *where):
        """A GPU's generator has no state to save: draws begin anew at each row and after the loop. On the CPU they just go on."""
        if self.settings.get("device") == "cuda":
            backend.manual_seed((self.settings.get("seed", 0), *where))

    def update(self, n=1, **numbers):
        """One training step on `n` examples is done. The averages of `numbers` (floats, or arrays and Tensors of one
        element) since the last row, weighted by n, are shown and go into the row to come. Those on a GPU are read every
        UNREAD numbers, all at once, so that no step waits for it."""
        if n < 1:
            raise ValueError(f"Run.update: a step on n = {n} examples; it must be 1 or more")
        for name, value in numbers.items():
            if backend.device_of(value) == "cuda" and value.size == 1:
                self._unread.append((name, n, value.data if isinstance(value, tinygen.Tensor) else value))
            else:
                self._add(name, n, _number(name, value))
        if len(self._unread) >= UNREAD:
            self._read()
        if self._unit == "epoch":
            self.step += 1
        self._progress.update(n if self._unit == "epoch" else 0, **self._averages())

    def _add(self, name, n, number):
        total, weight = self._sums.get(name, (0.0, 0))
        self._sums[name] = total + n * number, weight + n

    def _read(self):
        """Fetch the numbers that are still on the GPU."""
        if self._unread:
            names, counts, values = zip(*self._unread)
            self._unread = []
            together = backend.xp(values[0]).stack([value.reshape(()) for value in values])
            for name, n, number in zip(names, counts, backend.host(together).tolist()):
                self._add(name, n, number)

    def _averages(self):
        return {name: total / weight for name, (total, weight) in self._sums.items()}

    def log(self, **numbers):
        """Numbers for the present row, as they are."""
        self._logged.update((name, _number(name, value)) for name, value in numbers.items())

    def _end_row(self):
        self._read()
        self.seconds = self._before + self._progress.seconds
        averages = self._averages()
        diverged = [name for name, value in averages.items() if value != value]
        if diverged:
            raise ValueError(f"Run: {diverged[0]} became NaN in {self._unit} {self._done:,}: the training has diverged; a lower learning rate (lr) "
                             "is the first thing to try, and tinygen.detect_nonfinite() finds the operation. Nothing of it was saved")
        numbers = {**averages, **self._logged}
        self.history.append({self._unit: self._done, **numbers})
        self._sums, self._logged = {}, {}
        write_metrics(self.out / "metrics.csv", self.history)
        self._save()
        self._progress.keep(**numbers)          # after saving: an epoch that was printed can be gone on from

    # ---- pictures and the end ----------------------------------------------------------------------------------------

    def snapshot(self, figure):
        """Keep a figure of how the samples look now. All of them become samples.gif."""
        self._draw(f"samples/{self._unit}-{self._index:0{len(str(self._total))}}.png", figure)

    def figure(self, name, figure):
        """Write NAME.png into the folder, and show it on the page."""
        self._draw(f"{name}.png", figure)

    def arrays(self, name, **arrays):
        """Write NAME.npz into the folder. `samples` with images, uint8 (N, C, H, W), is what `python -m demos fid` reads."""
        self._begin()
        with replacing(self.out / f"{name}.npz") as file:
            np.savez_compressed(file, **arrays)

    def _draw(self, name, figure):
        from .. import figures             # loads matplotlib, which a run without pictures does not need
        self._begin()
        (self.out / name).parent.mkdir(exist_ok=True)
        figures.save(figure, self.out / name)
        if name not in self._pictures:
            self._pictures.append(name)

    def finish(self, **results):
        """The run is complete: write the weights of every module and average that was kept (model.npz for `model`), the
        `results` (numbers, in results.json), the curves, the animation and the page."""
        self.results = {name: _number(name, value) for name, value in results.items()}
        self._begin()
        if self._index > self._done:            # the loop was left by break: what it did there counts
            self._done = self._index
            self._end_row()
        for name, part in self._parts.items():
            module = getattr(part, "average", part)                     # of an ExponentialMovingAverage, the module
            if hasattr(module, "named_parameters"):
                with replacing(self.out / f"{name}.npz") as file:
                    np.savez(file, **module.state_dict())
        write_json(self.out / "results.json", self.results)
        self._write_page("finished")
        if self._parts:
            self._save(finished=True)           # last: a run that is killed before this comes here again when resumed
        print(f"finished; everything is in {self.out / 'index.html'}")

    def _stopped(self):
        """Ctrl-C: say how to go on, and bring the numbers and the page to what the checkpoint holds."""
        if not self._rows_saved:
            print(f"stopped; nothing to save yet, go on with: {how_to_resume() if self._resumable else command()}")
            return
        del self.history[self._rows_saved:]
        done = self.history[-1][self._unit]
        print(f"stopped; {self._unit} {done:,} is saved, go on with: {how_to_resume()}")
        if self._total:                         # else the loop had not begun, and the page is as the last process left it
            write_metrics(self.out / "metrics.csv", self.history)
            self._write_page(f"stopped after {done:,}")

    def _write_page(self, status):
        from .. import figures
        snapshots = [name for name in self._pictures if name.startswith("samples/") and (self.out / name).is_file()]
        shown = {Path(name).stem: name for name in self._pictures if not name.startswith("samples/")}
        if len(self.history) > 1 and any(name != self._unit for row in self.history for name in row):
            figures.save(figures.training_curves(self.history, x=self._unit), self.out / "curves.png")
            shown = {"curves": "curves.png", **shown}
        if snapshots:
            figures.write_gif([self.out / name for name in snapshots], self.out / "samples.gif", fps=2)
            shown |= {f"samples, {Path(snapshots[-1]).stem.replace('-', ' ')}": snapshots[-1], "samples over time": "samples.gif"}
        write_report(self.out / "index.html", title=self.out.resolve().name,
                     status=f"{self._total:,} {self._unit}s, {status}, {duration(self.seconds)} of training" if self._total else status,
                     about=about(), command=command(), settings=self.settings, machine=self.machine, history=self.history,
                     results=self.results, figures={caption: self.out / name for caption, name in shown.items()})

    # ---- the folder --------------------------------------------------------------------------------------------------

    @property
    def _done(self):
        return self.step if self._unit == "step" else self.epoch

    @_done.setter
    def _done(self, index):
        setattr(self, self._unit, index)

    @property
    def _checkpoint(self):
        return self.out / "checkpoint.npz"

    def _open(self, resume):
        """Make the folder; find the checkpoint to go on from and check that it fits, or begin anew."""
        self.out.mkdir(parents=True, exist_ok=True)
        self._lock = hold(self.out / ".lock")
        remove_parts(self.out)
        remove_parts(self.out / "samples")
        if resume and self._checkpoint.exists():
            self._saved = load_checkpoint(self._checkpoint)
            facts = self._saved.facts
            refuse_differences(self.out, facts, self.settings, self.machine)
            self._unit, self.epoch, self.step, self.seconds = (facts[key] for key in ("unit", "epoch", "step", "seconds"))
            self.history, self.results, self._pictures = facts["history"], facts["results"], facts["pictures"]
            self._rows_saved, self._begun = len(self.history), True
            return
        if resume:
            print(f"there is no checkpoint in {self.out} yet: starting from the beginning")
        print(f"writing to {self.out}")

    def _begin(self):
        """Take the folder over: now there is something to write, and no mistyped setting or missing data can come to light any more."""
        if self._begun:
            return
        self._begun = True
        if self._checkpoint.exists() or another_study(self.out, self.settings):
            there = (self.out / "previous").exists()
            retire(self.out)
            print(f"{self.out} held another run, which is now in {self.out / 'previous'}" + (", in place of the one that was there" if there else ""))
        self._write_config()

    def _restore(self, unit, total):
        """Where the loop begins: what was kept gets the state it had in the checkpoint, if there is one to go on from."""
        saved, self._saved, self._total = self._saved, None, total
        if saved and saved.facts["unit"] != unit:
            raise ValueError(f"resume: {self.out} was trained in {self._unit}s, not {unit}s; start a new run elsewhere")
        self._unit = unit
        if not saved:
            self._begin()
            return
        if saved.facts["finished"] and self._done >= total:
            raise Finished(f"the run in {self.out} is finished, all {self._done:,} {unit}s of it: nothing to do")
        saved.restore(self._parts)
        self._write_config()
        write_metrics(self.out / "metrics.csv", self.history)           # less the rows that came after the checkpoint
        print(f"resuming {self.out} after {unit} {self._done:,} of {total:,}")

    def _write_config(self):
        """The settings; results that lie there belong to others, or to fewer epochs."""
        (self.out / "results.json").unlink(missing_ok=True)
        write_json(self.out / "config.json", {"command": command(), "written": time.strftime("%Y-%m-%d %H:%M:%S"),
                                              "demo": demo(), "seed": self.settings.get("seed"), "settings": self.settings,
                                              "machine": self.machine})

    def _save(self, finished=False):
        save_checkpoint(self._checkpoint, self._parts, {
            "unit": self._unit, "epoch": self.epoch, "step": self.step, "seconds": self.seconds, "finished": finished,
            "demo": demo(), "settings": self.settings, "machine": self.machine, "history": self.history, "pictures": self._pictures,
            "results": self.results})
        self._rows_saved = len(self.history)


def _number(name, value):
    """A float from a number, or from an array or Tensor of one element on any device; counts stay whole."""
    if isinstance(value, numbers.Integral):
        return int(value)
    try:
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"Run: {name} is not one number: {error}") from error
