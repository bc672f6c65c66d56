"""Data: sets by name, readers of the files they come in, toy distributions, batches.

Reading order: registry.py (`load`), mini.py (the sets in the package), download.py; untrusted.py, readers.py, pickles.py and
pytorch_files.py (files); toy.py; batches.py; augment.py (random views).
"""
from . import augment
from .batches import batches, binarize, threshold, to_bytes, to_float
from .pytorch_files import read_state_dict
from .readers import read_cifar_binary, read_cifar_pickle, read_idx, read_npz, write_idx
from .registry import NAMES, class_names, load
from .toy import (TOYS, bimodal, eight_gaussians, grid, modes, parabola, ring, sample, spiral, swiss_roll, twenty_five_gaussians,
                  two_moons)

__all__ = ["load", "class_names", "NAMES", "batches", "binarize", "threshold", "to_bytes", "to_float",
           "read_idx", "write_idx", "read_npz", "read_cifar_binary", "read_cifar_pickle", "read_state_dict",
           "TOYS", "sample", "modes", "eight_gaussians", "twenty_five_gaussians", "ring", "grid", "spiral", "swiss_roll", "two_moons",
           "bimodal", "parabola"]
