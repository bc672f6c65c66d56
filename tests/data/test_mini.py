"""The bundled sets: there, real, balanced, small, and packed as their README says."""
import hashlib
from pathlib import Path

import numpy as np
import pytest

from tinygen.data import class_names, load, mini, read_idx

# sha256 of the decompressed arrays' bytes: the pixels and labels themselves, whatever xz made of them
CONTENT = {
    ("mnist-mini", "train"): "d8660740428cf7be0523c4092d5eaa8d48e90206c1b68b923aea227c866a0013",
    ("mnist-mini", "test"): "c2607999153c1b75b505480f806c0645f9d7fba021a52ca3a5835bb478c728ae",
    ("fashion-mini", "train"): "d04919469196668f12166573f4fcda126a24fd2c8f6ff98de0861dadc433b74f",
    ("fashion-mini", "test"): "22489d4842e74e85dc8dfa1e618d5c8b760cc913f0c941bf9aebbb0d0b933b9e",
}


@pytest.mark.parametrize("name", mini.SETS)
@pytest.mark.parametrize("split, count", [("train", 6000), ("test", 1000)])
def test_bundled_sets(name, split, count):
    images, labels = load(name, split)
    assert images.shape == (count, 1, 28, 28) and images.dtype == np.uint8 and labels.shape == (count,) and labels.dtype == np.int64
    assert np.bincount(labels).tolist() == [count // 10] * 10
    assert hashlib.sha256(images.tobytes() + labels.astype(np.uint8).tobytes()).hexdigest() == CONTENT[name, split]
    assert len(np.unique(labels[:20])) > 5                              # not sorted by class
    images[0] = 0                                                       # the caller's own


def test_a_person_would_recognise_a_one_and_trousers():
    images, labels = load("mnist-mini", "test")
    mean = images[labels == 1].mean(axis=(0, 1))
    assert mean[14, 13:15].min() > 150 and mean[:, :6].max() < 5        # a stroke down the middle, nothing at the left
    images, labels = load("fashion-mini", "test")
    trousers = images[labels == class_names("fashion-mini").index("Trouser")].mean(axis=(0, 1))
    assert trousers[22, 14] < 0.6 * min(trousers[22, 10], trousers[22, 17])             # two legs, and a gap between them


def test_they_are_small_and_come_with_their_licences():
    assert sum(path.stat().st_size for path in mini.BUNDLED.iterdir()) < 4.2e6
    assert len(list(mini.BUNDLED.glob("*.xz"))) == 8
    readme = (mini.BUNDLED / "README.md").read_text(encoding="utf-8")
    for said in ("Yann LeCun, Corinna Cortes", "Burges", "by-sa/3.0", "Zalando SE", "The MIT License", "WITHOUT WARRANTY OF ANY KIND"):
        assert said in readme
    for name in mini.SETS:
        size = sum(path.stat().st_size for path in mini.BUNDLED.glob(f"{name}-*"))
        assert f"{size:,}" in readme


def test_pack_and_unpack(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(10), 130))
    images = rng.integers(0, 256, (1300, 1, 28, 28), dtype=np.uint8)
    mini.pack("mnist-mini", "test", images, labels, tmp_path)
    got_images, got_labels = mini.unpack("mnist-mini", "test", tmp_path)
    keep = mini.first_of_each_class(labels, 100)
    assert np.array_equal(got_images, images[keep]) and np.array_equal(got_labels, labels[keep])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mnist-mini-test-images-idx3-ubyte.xz", "mnist-mini-test-labels-idx1-ubyte.xz"]


def test_first_of_each_class():
    assert mini.first_of_each_class(np.array([2, 0, 2, 1, 0, 1, 2, 0]), 2).tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="first_of_each_class: labels .* fewer than 3 examples"):
        mini.first_of_each_class(np.array([0, 0, 0, 1]), 3)


@pytest.mark.fulldata
def test_the_files_can_be_made_again(tmp_path):
    mini.pack_all(tmp_path)
    for path in mini.BUNDLED.glob("*.xz"):
        assert np.array_equal(read_idx(path), read_idx(Path(tmp_path) / path.name))
