"""Finished runs that a demo is told to read: their settings, checked, and their weights."""
import json
from pathlib import Path

import numpy as np


def settings_of(folder, *needed, files=("model.npz",), what="run"):
    """The settings of the finished run in `folder`.

    needed: settings that such a run has    files: what it leaves beside config.json and results.json    what: what kind of run is asked for
    Raises FileNotFoundError where a file is missing, ValueError where another demo wrote the run.
    """
    folder = Path(folder)
    def found(name):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} holds no {name}: it is not the folder of a finished {what}")
        return folder / name

    config = json.loads(found("config.json").read_text())
    missing = [name for name in needed if name not in config["settings"]]
    if missing:
        raise ValueError(f"{folder} was written by {config.get('command', 'another program')!r}, which has no setting {missing[0]}: it is not a {what}")
    for name in (*files, "results.json"):
        found(name)
    return config["settings"]


def load_weights(folder, module, name="model"):
    """`module` in eval mode, with the weights that a finished run left in `folder` as NAME.npz."""
    with np.load(Path(folder) / f"{name}.npz") as weights:
        return module.load_state_dict(weights).eval()
