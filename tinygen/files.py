"""Writing files that are never half written: the old one or the new one, whatever kills the process or fills the disk."""
import contextlib
import errno
import os
import sys
from pathlib import Path


@contextlib.contextmanager
def replaced(path):
    """The name of a new file beside `path`, to be written in the block; it takes the place of `path` when the block ends.

    After any error, `path` is as it was before. Raises OSError, saying which file could not be written, and why.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")      # the suffix tells some writers the format
    try:
        yield part
        os.replace(part, path)              # one step for the file system: there is never no file, and never half a one
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            message = f"cannot write {path}: {error.strerror or error}; what stood there before is untouched"
            raise (OSError(message) if error.errno is None else OSError(error.errno, message)) from error
        raise


@contextlib.contextmanager
def replacing(path, mode="wb", *, sync=False):
    """Open a new file that takes the place of `path` when the block ends, as with `replaced`.

        with replacing("model.npz") as file:
            np.savez(file, **arrays)

    sync: wait until the disk has it, so that not even a power cut loses both files; about 10 ms.
    """
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    with replaced(path) as part:
        with open(part, mode, **text) as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())


def keep(path, write):
    """write(file) into a new file `path`, made for the next time. Where that cannot be, standard error says so, and work goes on."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            write(file)
    except OSError as error:
        print(f"{Path(path).name} is not kept, so it will be computed again: {error}", file=sys.stderr)


def hold(path):
    """Open `path` and hold it for this process, until it is closed: returns a file descriptor. BlockingIOError where another process holds it.

    However the process ends, the system lets go: a killed one leaves nothing to clear away. Where locks are unknown (Windows, some
    network disks) nothing is held.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        import fcntl
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):                 # POSIX leaves it open which of the two means "held"
            os.close(descriptor)
            raise BlockingIOError(error.errno, "another process holds it", str(path)) from None
    return descriptor


def release(descriptor, path):
    """Remove and close what `hold` opened."""
    with contextlib.suppress(OSError):
        os.unlink(path)
    os.close(descriptor)


def remove_parts(folder):
    """Remove what a killed process left half written in `folder`."""
    for part in Path(folder).glob(".*.part*"):
        with contextlib.suppress(OSError):
            part.unlink()
