"""Training runs that lose nothing: a folder for each, exact resume, and a page that shows it all."""
from .checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from .report import write_report
from .run import Run

__all__ = ["Checkpoint", "Run", "load_checkpoint", "save_checkpoint", "write_report"]
