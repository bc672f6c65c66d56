"""tinygen.files: a file is the old one or the new one, whatever goes wrong in between."""
import builtins
import errno
import os

import pytest

from tinygen import files
from tinygen.files import remove_parts, replaced, replacing


def test_replaces_in_text_and_in_bytes(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path, "w") as file:
        file.write("één\n")
    assert path.read_bytes() == "één\n".encode()
    with replacing(path, sync=True) as file:
        file.write(b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_name_keeps_the_suffix_and_the_folder(tmp_path):
    with replaced(tmp_path / "a.png") as part:
        assert part.parent == tmp_path and part.suffix == ".png"
        part.write_bytes(b"x")
        assert not (tmp_path / "a.png").exists()
    assert (tmp_path / "a.png").read_bytes() == b"x"


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_an_error_on_the_way_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        with replacing(path) as file:
            file.write(b"half of the n")
            raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_named_with_the_file(tmp_path):
    with pytest.raises(OSError, match=r"cannot write .*a\.bin: No space left on device; what stood there") as caught:
        with replacing(tmp_path / "a.bin"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.errno == errno.ENOSPC


def test_a_read_only_folder_is_named(tmp_path, monkeypatch):
    def read_only(path, mode="r", **options):
        if mode[0] == "w":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return builtins.open(path, mode, **options)
    monkeypatch.setattr(files, "open", read_only, raising=False)
    with pytest.raises(PermissionError, match=r"cannot write .*a\.bin: Permission denied"):
        with replacing(tmp_path / "a.bin") as file:
            file.write(b"x")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cannot write .*nowhere.a: No such file"):
        with replacing(tmp_path / "nowhere" / "a"):
            pass


def test_what_a_killed_process_left_is_removed(tmp_path):
    for name in (".a.77.part.npz", ".config.12.part.json", ".hidden", "b.part", "c.npz"):
        (tmp_path / name).write_bytes(b"")
    remove_parts(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".hidden", "b.part", "c.npz"]


def test_what_can_be_computed_again_is_kept_if_possible(tmp_path, capsys):
    files.keep(tmp_path / "new" / "a.bin", lambda file: file.write(b"x"))
    assert (tmp_path / "new" / "a.bin").read_bytes() == b"x" and capsys.readouterr().err == ""
    files.keep(tmp_path / "new" / "a.bin" / "b.bin", lambda file: file.write(b"x"))             # a file is no folder
    assert "b.bin is not kept, so it will be computed again" in capsys.readouterr().err
