"""Downloads that can be interrupted: resumed where they stopped, from the first mirror that works, checked before they are used."""
import contextlib
import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from ..progress import Progress

CHUNK = 1 << 16
CUT_OFFS = 10                   # a link that breaks more often than this is given up; a later run goes on from there


def download(urls, path, md5, *, label=None, timeout=30.0, stream=None):
    """Fetch a file from the first of `urls` that gives the bytes of this md5; returns when it stands at `path`.

    The bytes are gathered in PATH.part, which survives an interruption: the next call asks for the rest only, of whichever
    mirror. A file already at `path` is left alone. On a terminal (`stream`, stderr unless told) a line shows the progress.

    urls: http or https addresses, tried in this order        timeout: seconds without a byte until a link is given up
    Raises ValueError for a file at `path` with another checksum, and ConnectionError, with every address and what was wrong
    with it, where none worked; OSError where nothing can be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with open(part, "ab") as file:
        _wait_for_others(file)
        there = path.exists()                                       # before we came, or fetched by another process meanwhile
        if not there and checksum(part) != md5:
            _fetch_from_any(urls, file, part, md5, label or path.name, timeout, stream or sys.stderr)
    if there:
        part.unlink(missing_ok=True)
        _check_existing(path, md5)
        return
    try:
        os.replace(part, path)
    except FileNotFoundError:
        if not path.exists():                                       # else another process was as far, and faster
            raise


def checksum(path):
    """md5 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _check_existing(path, md5):
    found = checksum(path)
    if found != md5:
        raise ValueError(f"download: {path} has md5 {found}, not {md5}: damaged, or another file; delete it and load again")


def _fetch_from_any(urls, file, part, md5, label, timeout, stream):
    """Fill `file` from the first address that gives the right bytes."""
    failures = []
    for url in urls:
        for _ in range(CUT_OFFS):
            start = os.path.getsize(part)
            try:
                _fetch(url, file, label, timeout, stream)
            except (OSError, http.client.HTTPException) as error:
                reason = f"HTTP {error.code} {error.reason}" if isinstance(error, urllib.error.HTTPError) else (
                    str(getattr(error, "reason", "") or error) or type(error).__name__)
                if isinstance(error, urllib.error.HTTPError):
                    error.close()
                    if error.code == 416:                           # no such range: what we hold is not the start of this file
                        file.truncate(0)
                        continue
                if os.path.getsize(part) > start:
                    continue                                        # cut off on the way: go on from there
                break
            found = checksum(part)
            if found == md5:
                return
            file.truncate(0)
            reason = f"wrong bytes (md5 {found}, expected {md5})"
            if start == 0:
                break                                               # else the earlier part may be at fault: once more, from zero
        failures.append(f"{url}: {reason}")
    if os.path.getsize(part) == 0:
        with contextlib.suppress(PermissionError):                  # Windows keeps a file that is open
            part.unlink()
    raise ConnectionError("; ".join(failures))


def _fetch(url, file, label, timeout, stream):
    """Append what `file` lacks of `url`; raises when the connection ends before the file does."""
    start = file.seek(0, os.SEEK_END)
    headers = {"User-Agent": "tinygen"} | ({"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout) as answer:
        if answer.status != 206 or not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            file.truncate(0)                                        # this server sends the whole file again
            start = 0
            if answer.status == 206:
                raise ConnectionError("the server sent another part than was asked for")
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length else None
        size = start
        try:
            with Progress(total and total / 1e6, label, unit="MB", done=start / 1e6, stream=stream) as progress:
                while chunk := answer.read1(CHUNK):
                    file.write(chunk)
                    size += len(chunk)
                    progress.update(len(chunk) / 1e6)
        finally:
            file.flush()                                            # what came before the connection broke counts
    if total is not None and size != total:
        raise ConnectionError(f"the connection ended after {size:,} of {total:,} bytes")


def _wait_for_others(file):
    """Hold the part alone: two runs started together must not write into it in turn. Ends with the file, or the process."""
    try:
        import fcntl
    except ImportError:                                             # not on Windows
        return
    fcntl.flock(file, fcntl.LOCK_EX)
