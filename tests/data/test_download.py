"""Downloads against a server that is slow, breaks off, lies, or is not there."""
import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from server import serving

from tinygen.data.download import checksum, download
from tinygen.progress import Progress

DATA = np.random.default_rng(0).bytes(300_000)
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serving({"file": DATA}) as server:
        yield server


def fetch(server, path, *manners, md5=MD5, **options):
    download([f"{server.url}/{manner}/file" for manner in manners], path, md5, **options)


def test_good(server, tmp_path):
    fetch(server, tmp_path / "new" / "file", "good")
    assert (tmp_path / "new" / "file").read_bytes() == DATA
    assert os.listdir(tmp_path / "new") == ["file"]
    assert server.requests == [("good", "file", None)]


def test_a_file_that_is_there_is_left_alone(server, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    fetch(server, path, "good")
    assert server.requests == [] and os.listdir(tmp_path) == ["file"]
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match=f"download: {path} has md5 .*, not {MD5}.*delete it"):
        fetch(server, path, "good")
    assert path.read_bytes() == b"something else"


def test_slow(server, tmp_path):
    fetch(server, tmp_path / "file", "slow", timeout=1)
    assert checksum(tmp_path / "file") == MD5


def test_a_broken_connection_is_taken_up_where_it_broke(server, tmp_path):
    with pytest.raises(ConnectionError, match="the connection ended after"):
        fetch(server, tmp_path / "file", "cut")                             # breaks off half way through the rest each time
    assert os.listdir(tmp_path) == ["file.part"]
    have = (tmp_path / "file.part").stat().st_size
    assert DATA[:have] == (tmp_path / "file.part").read_bytes() and have > 290_000
    assert server.requests[1] == ("cut", "file", "bytes=150000-")
    fetch(server, tmp_path / "file", "good")
    assert server.requests[-1] == ("good", "file", f"bytes={have}-")
    assert checksum(tmp_path / "file") == MD5 and os.listdir(tmp_path) == ["file"]


def test_a_mirror_goes_on_with_what_another_began(server, tmp_path):
    fetch(server, tmp_path / "file", "stall", "good", timeout=0.2)
    assert server.requests[:2] == [("stall", "file", None), ("stall", "file", "bytes=150000-")]
    assert server.requests[-1][0] == "good" and server.requests[-1][2] > "bytes=150000-"
    assert checksum(tmp_path / "file") == MD5


def test_a_server_without_ranges_sends_the_whole_again(server, tmp_path):
    (tmp_path / "file.part").write_bytes(DATA[:1000])
    fetch(server, tmp_path / "file", "no-ranges")
    assert checksum(tmp_path / "file") == MD5


def test_a_server_that_sends_another_range_is_left(server, tmp_path):
    (tmp_path / "file.part").write_bytes(DATA[:1000])
    fetch(server, tmp_path / "file", "odd", "good")
    assert [manner for manner, *_ in server.requests] == ["odd", "good"] and checksum(tmp_path / "file") == MD5


def test_404_then_a_mirror(server, tmp_path):
    fetch(server, tmp_path / "file", "gone", "good")
    assert [manner for manner, *_ in server.requests] == ["gone", "good"] and checksum(tmp_path / "file") == MD5


def test_wrong_bytes_then_a_mirror(server, tmp_path):
    fetch(server, tmp_path / "file", "wrong", "good")
    assert server.requests == [("wrong", "file", None), ("good", "file", None)]         # nothing of the wrong bytes is kept
    assert checksum(tmp_path / "file") == MD5


@pytest.mark.parametrize("part", [b"x" * 1000, b"x" * len(DATA), b"x" * (len(DATA) + 5)])
def test_a_part_of_something_else_is_started_over(server, tmp_path, part):
    (tmp_path / "file.part").write_bytes(part)
    fetch(server, tmp_path / "file", "good")
    assert checksum(tmp_path / "file") == MD5 and server.requests[-1] == ("good", "file", None)


def test_a_part_that_is_whole_already_needs_no_network(server, tmp_path):
    (tmp_path / "file.part").write_bytes(DATA)
    fetch(server, tmp_path / "file", "good")
    assert server.requests == [] and os.listdir(tmp_path) == ["file"]


def test_when_nothing_works_every_link_and_its_reason_are_named(server, tmp_path):
    urls = [f"{server.url}/gone/file", f"{server.url}/wrong/file", "http://127.0.0.1:9/file"]
    with pytest.raises(ConnectionError) as error:
        download(urls, tmp_path / "file", MD5)
    for url, reason in zip(urls, ("HTTP 404 Not Found", "wrong bytes (md5 ", "")):
        assert f"{url}: {reason}" in str(error.value)
    assert "\n" not in str(error.value) and os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "blocked").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="blocked"):
        fetch(server, tmp_path / "blocked" / "file", "good")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_progress_line_on_a_terminal_only(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Progress, "delay", 0)
    monkeypatch.setattr(Progress, "interval", 0)
    terminal, log = Terminal(), io.StringIO()
    fetch(server, tmp_path / "a", "slow", label="digits", stream=terminal)
    assert re.search(r"digits  [1-9]\d%  \d\.\d MB/s  0:0\d left", terminal.getvalue())
    fetch(server, tmp_path / "b", "good", stream=log)
    assert log.getvalue() == "" and capsys.readouterr() == ("", "")


def test_two_at_once_fetch_it_once(server, tmp_path):
    server.pause = 0.02
    threads = [threading.Thread(target=fetch, args=(server, tmp_path / "file", "slow")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert checksum(tmp_path / "file") == MD5 and os.listdir(tmp_path) == ["file"]
    assert len(server.requests) == 1


def test_a_killed_download_goes_on(server, tmp_path):
    server.pause = 0.1
    path = tmp_path / "file"
    program = f"from tinygen.data.download import download; download(['{server.url}/slow/file'], {str(path)!r}, '{MD5}')"
    process = subprocess.Popen([sys.executable, "-c", program])
    part = tmp_path / "file.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > 60_000) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not path.exists()
    have = part.stat().st_size
    assert 60_000 < have < len(DATA)
    fetch(server, path, "good")
    assert server.requests[-1] == ("good", "file", f"bytes={have}-") and checksum(path) == MD5
