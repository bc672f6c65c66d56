"""Finished runs that a demo is told to read: their settings, checked, and their weights."""
import json
from pathlib import Path

import numpy as np


def require(folder, *names, what):
    """Raise FileNotFoundError, naming the first file that `folder` lacks and `what` it therefore is not, a finished ..."""
    for name in names:
        if not (Path(folder) / name).is_file():
            raise FileNotFoundError(f"{folder} holds no {name}: it is not the folder of a finished {what}")


def differences(first, second, names):
    """[name, the first setting and the second] of those of the `names` in which two runs' settings differ."""
    return [f"{name} {first.get(name)} and {second.get(name)}" for name in names if first.get(name) != second.get(name)]


def settings_of(folder, *needed, files=("model.npz",), what="run"):
    """The settings of the finished run in `folder`.

    needed: settings that such a run has    files: what it leaves beside config.json and results.json    what: what kind of run is asked for
    Raises FileNotFoundError where a file is missing, ValueError where another demo wrote the run.
    """
    folder = Path(folder)
    require(folder, "config.json", what=what)
    config = json.loads((folder / "config.json").read_text())
    missing = [name for name in needed if name not in config["settings"]]
    if missing:
        raise ValueError(f"{folder} was written by {config.get('command', 'another program')!r}, which has no setting {missing[0]}: it is not a {what}")
    require(folder, *files, "results.json", what=what)
    return config["settings"]


def load_weights(folder, module, name="model"):
    """`module` in eval mode, with the weights that a finished run left in `folder` as NAME.npz."""
    with np.load(Path(folder) / f"{name}.npz") as weights:
        return module.load_state_dict(weights).eval()
