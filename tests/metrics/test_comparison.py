"""Sets of images compared: what is printed, what is cached, and the floor; with a cheap extractor in place of Inception."""
import numpy as np
import pytest

from tinygen.metrics import Extractor, Score, cached_features, compare, compare_features, comparison, fid, frechet_score, kid

CALLS = []


def corner(images, device="cpu"):
    """Twelve pixels of each image."""
    CALLS.append(len(images))
    return images[:, :, :2, :2].reshape(len(images), -1).astype(np.float32)


CORNER = Extractor(corner, "twelve pixels", "none", "corner", channels=3)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (150, 3, 4, 4)).astype(np.uint8)
DARK = (IMAGES[:60] // 8).astype(np.uint8)


@pytest.fixture(autouse=True)
def empty_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path))
    monkeypatch.setattr(comparison, "INCEPTION", CORNER)
    monkeypatch.setattr(comparison, "WORTH_KEEPING", 50)
    CALLS.clear()
    return tmp_path


def test_real_features_are_computed_once_and_found_by_content(empty_data_folder):
    first = cached_features(IMAGES, CORNER)
    np.testing.assert_array_equal(cached_features(IMAGES.copy(), CORNER), first)
    assert CALLS == [150]
    changed = IMAGES.copy()
    changed[7, 0, 3, 3] ^= 1
    cached_features(changed, CORNER)
    cached_features(IMAGES, Extractor(corner, "others", "none", "other-key", channels=3))
    assert CALLS == [150] * 3
    assert len(list((empty_data_folder / "features").iterdir())) == 3


def test_a_damaged_cache_is_computed_again(empty_data_folder):
    first = cached_features(IMAGES, CORNER)
    [path] = (empty_data_folder / "features").iterdir()
    for damage in (b"", path.read_bytes()[:100], b"no array at all"):
        path.write_bytes(damage)
        np.testing.assert_array_equal(cached_features(IMAGES, CORNER), first)


def test_few_images_are_not_worth_a_file(empty_data_folder):
    cached_features(IMAGES[:10], CORNER)
    assert not (empty_data_folder / "features").exists()


def test_fid_and_kid_are_the_scores_of_the_features():
    value = fid(DARK, IMAGES, splits=("dark", "all"))
    assert isinstance(value, Score) and value == frechet_score(corner(DARK), corner(IMAGES)) > 0
    for text in ("60 (dark)", "150 (all)", "twelve pixels", "resizer: none"):
        assert text in str(value)
    near, far = kid(IMAGES[:70], IMAGES[70:], subsets=10), kid(DARK, IMAGES, subsets=10)
    assert abs(near) < far and far.error > 0


def test_samples_are_not_kept_but_found_where_they_are_real_ones(empty_data_folder):
    fid(IMAGES[:60], IMAGES[60:])
    assert len(list((empty_data_folder / "features").iterdir())) == 1 and CALLS == [60, 90]
    fid(IMAGES[60:], IMAGES[60:])
    assert CALLS == [60, 90]


def test_only_inception_may_be_called_fid():
    assert comparison.Extractor.frechet == "Fréchet distance (not FID)"
    text = str(compare(DARK, IMAGES, extractor=CORNER))
    assert "not FID" in text and "not KID" in text


def test_compare_prints_scores_and_floor():
    result = compare(DARK, IMAGES[:75], held_out=IMAGES[75:], extractor=CORNER, splits=("dark", "half", "other half"))
    assert result.samples.frechet > 10 * result.floor.frechet
    assert result.floor.frechet.counts == (60, 75)             # as many held-out images as samples
    assert result.samples.manifold.recall < result.floor.manifold.recall
    for text in ("samples  N = 60 (dark) against 75 (half)", "floor    N = 60 (other half) against 75 (half)", "precision, k = 3",
                 "features twelve pixels", "resizer  none", "subsets of 30"):
        assert text in str(result)


def test_without_held_out_images_the_floor_is_two_halves():
    few = compare_features(corner(DARK[:20]), corner(IMAGES[:75]), held_out=corner(IMAGES[75:]), extractor=CORNER)
    assert [score.counts for score in (few.samples.frechet, few.floor.frechet)] == [(20, 75), (20, 75)]
    result = compare_features(corner(DARK), corner(IMAGES[:80]), extractor=CORNER, splits=("dark", "real"))
    assert result.floor.frechet.counts == (40, 40) and "half of real" in str(result.floor)


@pytest.mark.parametrize("call", [fid, kid, compare])
def test_bad_images(call):
    with pytest.raises(TypeError, match="the first set .* float64"):
        call(DARK / 255, IMAGES)
    with pytest.raises(ValueError, match="the second set .* 1 channels"):
        call(DARK, IMAGES[:, :1])
    with pytest.raises(ValueError, match="holds 1 images, at least 2"):
        call(DARK[:1], IMAGES)
    assert CALLS == []                                          # all is checked before anything is computed
