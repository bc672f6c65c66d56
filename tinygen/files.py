"""Writing files that are never half written: the old one or the new one, whatever kills the process or fills the disk."""
import contextlib
import os
from pathlib import Path


@contextlib.contextmanager
def replacing(path, mode="wb"):
    """Open a new file that takes the place of `path` when the block ends; after any error, `path` is as it was before.

        with replacing("model.npz") as file:
            np.savez(file, **arrays)

    The new file is written beside `path` under the name `.NAME.PID.part` and renamed, which file systems do in one step.
    Raises OSError, saying which file could not be written, and why.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with open(part, mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())         # else a power cut could leave the new name on an empty file
        os.replace(part, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            raise OSError(error.errno, f"cannot write {path}: {error.strerror or error}; "
                          "what stood there before is untouched") from error
        raise


def remove_parts(folder):
    """Remove what a killed process left of `replacing` in `folder`."""
    for part in Path(folder).glob(".*.part"):
        with contextlib.suppress(OSError):
            part.unlink()
