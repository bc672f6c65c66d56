"""A checkpoint: one file that holds a whole training run, so that it can go on as if it had never stopped.

The file is an .npz without pickles: the arrays of every module, optimizer and average, named `part/key`, and one JSON text
with everything else: the states of the random generators, the epoch and step, the history, and a list of the arrays. It
replaces the one before in a single step, so whenever the process is killed there is one whole checkpoint, old or new.
"""
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import backend
from ..files import replacing

FORMAT = "tinygen checkpoint 1"
_TEXT = "checkpoint"                # the JSON's name in the file; arrays have a "/" in theirs


def save_checkpoint(path, parts, facts):
    """Write to `path` the state of all `parts` and the `facts` to remember beside them.

    parts: {name: part}; a part has state_dict() and load_state_dict(), or is a numpy.random.Generator. tinygen's own
           generator is saved too.
    facts: anything that JSON can hold.
    Raises OSError if the file cannot be written, and then leaves what stood there; TypeError for a state that is no array.
    """
    arrays, generators = {}, {}
    for name, part in parts.items():
        if isinstance(part, np.random.Generator):
            generators[name] = part.bit_generator.state
            continue
        for key, value in part.state_dict().items():
            array = backend.host(value)
            if array.dtype.hasobject:
                raise TypeError(f"save_checkpoint: {name}/{key} is of type {type(value).__name__}, not an array of numbers")
            arrays[f"{name}/{key}"] = array
    text = json.dumps({"format": FORMAT, "facts": facts, "parts": list(parts),
                       "random": backend.rng_state(), "generators": generators,
                       "arrays": {key: _description(a) for key, a in arrays.items()}}, default=as_json)
    with replacing(path, sync=True) as file:
        np.savez(file, **{_TEXT: np.frombuffer(text.encode(), np.uint8)}, **arrays)


def load_checkpoint(path):
    """The Checkpoint in the file `path`, read whole and verified.

    Raises FileNotFoundError, or ValueError if the file is damaged, cut short, or none of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"load_checkpoint: there is no file {path}")
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            content = json.loads(file[_TEXT].tobytes())
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']!r}, not {FORMAT!r}")
            arrays = {name: file[name] for name in content["arrays"]}
        for name, described in content["arrays"].items():
            if _description(arrays[name]) != described:
                raise ValueError(f"{name} is {_description(arrays[name])}, but was {described} when it was saved")
        return Checkpoint(path, content["facts"], content["parts"], arrays, content["random"], content["generators"])
    except Exception as error:          # a damaged file makes zipfile, zlib, json and NumPy raise a dozen different kinds
        raise ValueError(f"load_checkpoint: {path} is damaged, cut short, or not a tinygen checkpoint "
                         f"({type(error).__name__}: {error})") from error


@dataclass
class Checkpoint:
    """What a checkpoint file holds: see `save_checkpoint`."""
    path: Path
    facts: dict
    parts: list
    arrays: dict
    random: dict
    generators: dict

    def restore(self, parts):
        """Bring all `parts`, and tinygen's own generator, to the state in the file.

        Raises ValueError, naming the first difference, where the file does not fit the parts.
        """
        if sorted(parts) != sorted(self.parts):
            raise ValueError(f"resume: {self.path} holds {', '.join(self.parts)}; this run keeps {', '.join(parts)}; "
                             "resume with the program that wrote it, or start in another folder")
        for name, part in parts.items():
            try:
                if isinstance(part, np.random.Generator):
                    part.bit_generator.state = self.generators[name]
                else:
                    part.load_state_dict(self.state(name))
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"resume: {name} differs from the one in {self.path}: {error}; "
                                 "resume with the settings it was trained with, or start in another folder") from error
        backend.set_rng_state(self.random)

    def state(self, name):
        """The state dict of the part `name`."""
        prefix = f"{name}/"
        return {key.removeprefix(prefix): a for key, a in self.arrays.items() if key.startswith(prefix)}


def as_json(value):
    """For json.dumps(default=...): arrays and NumPy's numbers as lists and numbers, anything else by its text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _description(array):
    return [str(array.dtype), *array.shape]
