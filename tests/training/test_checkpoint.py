"""The checkpoint file: what comes back, what is refused, what survives a failed write."""
import errno
import json
import zipfile

import numpy as np
import pytest

import tinygen as tg
from tinygen import backend
from tinygen.training import checkpoint as module
from tinygen.training import load_checkpoint, save_checkpoint


class Part:
    """Anything with a state."""

    def __init__(self, **state):
        self.state = state

    def state_dict(self):
        return dict(self.state)

    def load_state_dict(self, state):
        if state.keys() != self.state.keys():
            raise ValueError(f"missing {sorted(self.state.keys() - state.keys())}")
        self.state = state


def parts(scale=1.0):
    return {"model": Part(**{"0.weight": np.arange(6, dtype=np.float32).reshape(2, 3) * scale, "n": np.array(3)}),
            "optimizer": Part(m=np.float64([1e-300, np.nan, -0.0]), empty=np.zeros((0, 4), np.int8))}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, parts(), {"epoch": 3, "history": [{"loss": 0.1}]})
    return path


def test_everything_comes_back_bit_for_bit(path):
    loaded = load_checkpoint(path)
    assert loaded.facts == {"epoch": 3, "history": [{"loss": 0.1}]}
    for name, part in parts().items():
        for key, value in part.state.items():
            there = loaded.state(name)[key]
            assert there.dtype == value.dtype and there.shape == value.shape and there.tobytes() == value.tobytes()


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_generators_go_on_where_they_were(tmp_path, bits):
    rng = np.random.Generator(bits(5))
    rng.integers(0, 9, 3, dtype=np.int32)               # leaves half a word behind, which is state too
    tg.manual_seed(7)
    tg.standard_normal((3,))
    save_checkpoint(tmp_path / "c.npz", {"rng": rng}, {})
    expected = rng.integers(0, 9, 5, dtype=np.int32), tg.standard_normal((4,))
    other = np.random.Generator(bits(6))
    tg.manual_seed(8)
    load_checkpoint(tmp_path / "c.npz").restore({"rng": other})
    assert np.array_equal(other.integers(0, 9, 5, dtype=np.int32), expected[0])
    assert np.array_equal(tg.standard_normal((4,)), expected[1])


def test_it_is_a_plain_npz_without_pickles(path):
    with np.load(path, allow_pickle=False) as file:
        assert set(file.files) == {"checkpoint", "model/0.weight", "model/n", "optimizer/m", "optimizer/empty"}
        json.loads(file["checkpoint"].tobytes())


def test_other_parts_are_refused(path):
    with pytest.raises(ValueError, match="holds model, optimizer; this run keeps model, ema"):
        load_checkpoint(path).restore({"model": Part(), "ema": Part()})


def test_a_part_that_does_not_fit_is_named(path):
    with pytest.raises(ValueError, match=r"resume: optimizer differs from the one in .*missing \['v'\]"):
        load_checkpoint(path).restore({"model": parts()["model"], "optimizer": Part(v=np.zeros(3))})


def test_another_kind_of_generator_is_named(tmp_path):
    save_checkpoint(tmp_path / "c.npz", {"rng": np.random.default_rng(1)}, {})
    with pytest.raises(ValueError, match="resume: rng differs"):
        load_checkpoint(tmp_path / "c.npz").restore({"rng": np.random.Generator(np.random.SFC64(1))})


def test_a_state_that_is_no_array_is_refused(tmp_path):
    with pytest.raises(TypeError, match="model/name is of type dict, not an array of numbers"):
        save_checkpoint(tmp_path / "c.npz", {"model": Part(name={})}, {})
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="load_checkpoint: there is no file .*nothing.npz"):
        load_checkpoint(tmp_path / "nothing.npz")


def test_every_truncation_is_noticed(path):
    content = path.read_bytes()
    for length in range(0, len(content), 11):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="is damaged, cut short, or not a tinygen checkpoint"):
            load_checkpoint(path)


def test_a_changed_byte_is_noticed_or_harmless(path):
    """A flipped byte in a date of the zip directory changes nothing that is read; anywhere else it must be an error."""
    content = path.read_bytes()
    whole = load_checkpoint(path)
    caught = 0
    for position in range(0, len(content), 5):
        damaged = bytearray(content)
        damaged[position] ^= 0x55
        path.write_bytes(damaged)
        try:
            loaded = load_checkpoint(path)
        except ValueError as error:
            assert "is damaged" in str(error)
            caught += 1
            continue
        assert loaded.facts == whole.facts and loaded.random == whole.random
        assert all(loaded.arrays[k].tobytes() == a.tobytes() for k, a in whole.arrays.items())
    assert caught > len(content) / 5 * 0.5


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY", b"PK\x05\x06" + bytes(18), b"\x80\x04K\x01."])
def test_foreign_files_are_refused(tmp_path, content):
    (tmp_path / "c.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"c\.npz is damaged, cut short, or not a tinygen checkpoint"):
        load_checkpoint(tmp_path / "c.npz")


def test_other_npz_files_are_refused(tmp_path):
    np.savez(tmp_path / "weights.npz", a=np.zeros(3))
    np.save(tmp_path / "one.npy", np.zeros(3))
    np.savez(tmp_path / "pickle.npz", checkpoint=np.array({"a": 1}, dtype=object))
    text = np.frombuffer(json.dumps({"format": "tinygen checkpoint 99"}).encode(), np.uint8)
    np.savez(tmp_path / "future.npz", checkpoint=text)
    for name in ("weights.npz", "one.npy", "pickle.npz", "future.npz"):
        with pytest.raises(ValueError, match="not a tinygen checkpoint"):
            load_checkpoint(tmp_path / name)


@pytest.mark.parametrize("renamed", [{"model/n.npy": "other.npy"},
                                     {"model/n.npy": "model/0.weight.npy", "model/0.weight.npy": "model/n.npy"}])
def test_a_missing_or_exchanged_array_is_noticed(path, tmp_path, renamed):
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(tmp_path / "b.npz", "w") as target:
        for name in source.namelist():
            target.writestr(renamed.get(name, name), source.read(name))
    with pytest.raises(ValueError, match="not a tinygen checkpoint"):
        load_checkpoint(tmp_path / "b.npz")


@pytest.mark.parametrize("after", [0, 100, 700])
def test_a_full_disk_leaves_the_old_checkpoint(path, monkeypatch, after):
    old = path.read_bytes()

    def full(file, **arrays):
        file.write(b"x" * after)
        raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(module.np, "savez", full)
    with pytest.raises(OSError, match=r"cannot write .*checkpoint\.npz: No space left on device; what stood there before"):
        save_checkpoint(path, parts(2.0), {"epoch": 4})
    monkeypatch.undo()
    assert path.read_bytes() == old and [p.name for p in path.parent.iterdir()] == ["checkpoint.npz"]
    assert load_checkpoint(path).facts["epoch"] == 3


def test_the_state_of_tinygens_generator_is_json(path):
    assert json.loads(json.dumps(backend.rng_state())) == backend.rng_state()
