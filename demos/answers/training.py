"""Where the trained answers take their numbers from: the finished run of a demo if there is one, else the same demo, small, on the spot."""
import contextlib
import functools
import importlib
import io
import json
import tempfile
from pathlib import Path
from typing import NamedTuple

import tinygen as tg
from demos.command_line import find

_folder = Path("runs")
TOLD = ("data", "epochs", "steps", "images", "latent", "beta")       # settings of a finished run that its line names, where it has them
_small = {}          # {(demo, settings): (Trained, its temporary folder)}: each small run is made once a process


class Trained(NamedTuple):
    """A finished run: its folder, settings and results, whether it was made here, small, and one line on where it comes from."""
    folder: Path
    settings: dict
    results: dict
    small: bool
    origin: str


def use_runs(folder):
    """Look for finished runs in the folders below `folder` from now on."""
    global _folder
    _folder = Path(folder)


def trained(demo, small, **wanted):
    """The newest finished run of `demo` whose settings are `wanted`, as `Trained`; where there is none, the demo is run here, quietly, with
    the settings `wanted` and `small`."""
    found = latest(demo, **wanted)
    if found is not None:
        return found
    settings = {**wanted, **small}
    key = demo, json.dumps(settings, sort_keys=True)
    if key not in _small:
        keeper = tempfile.TemporaryDirectory(prefix=f"tinygen-{demo}-")
        with contextlib.redirect_stdout(io.StringIO()):
            importlib.import_module(f"demos.{demo}").main(**settings, out=keeper.name)
        tg.manual_seed(0)
        described = ", ".join(f"{name} = {value}" for name, value in settings.items())
        origin = f"there is no finished run of {demo} below {_folder}/, so it was run small here: {described}"
        _small[key] = _read(Path(keeper.name), origin), keeper
    return _small[key][0]


def latest(demo, **wanted):
    """The newest finished run of `demo` whose settings are `wanted`, as `Trained`, or None."""
    folders = [path.parent for path in _folder.glob("*/results.json") if _made_by(path.parent, demo)]
    runs = [_read(folder) for folder in folders]
    runs = [run for run in runs if all(run.settings.get(name) == value for name, value in wanted.items())]
    return max(runs, key=lambda run: (run.folder / "results.json").stat().st_mtime, default=None)


def see_also(id):
    """One line for each demo whose sheet numbers, as in "[002.5]", the question belongs to: how to run it, where a finished run lies."""
    lines = []
    for demo in _demos():
        if any(tag and id.startswith(tag) for tag in demo.sheet.split(", ")):
            run = latest(demo.name)
            lines.append(f"python -m demos {demo.name}" + (f"   (finished: {run.folder / 'index.html'})" if run else ""))
    return lines


@functools.cache
def _demos():
    return find()


def reported(run):
    """The results of a run in one line."""
    return ", ".join(f"{name} {value:.4g}" for name, value in run.results.items())


def _made_by(folder, demo):
    try:
        words = json.loads((folder / "config.json").read_text())["command"].split()
    except (OSError, ValueError, KeyError, AttributeError):
        return False
    return words[:4] == ["python", "-m", "demos", demo]


def _read(folder, small_origin=None):
    """The run in `folder`; `small_origin` says how it was made where it was made here."""
    settings, results = (json.loads((folder / name).read_text()) for name in ("config.json", "results.json"))
    settings = settings["settings"]
    told = ", ".join(f"{name} {settings[name]}" for name in TOLD if settings.get(name) is not None)
    origin = small_origin or f"from the finished run {folder}" + (f" ({told})" if told else "")
    return Trained(folder, settings, results, small_origin is not None, origin)
