"""Batches: every example once, in the generator's order, scaled exactly, and an interrupted epoch that goes on as it was."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygen.data import batches, binarize, threshold, to_float

IMAGES = np.random.default_rng(0).integers(0, 256, (23, 1, 4, 4), dtype=np.uint8)
LABELS = np.arange(23)


def generator(seed=1):
    return np.random.default_rng(seed)


@given(st.integers(1, 30), st.integers(1, 31), st.booleans(), st.booleans())
def test_every_example_comes_once(count, batch_size, drop_last, shuffled):
    data = np.arange(count, dtype=np.uint8).reshape(-1, 1)
    got = list(batches(data, batch_size, generator() if shuffled else None, labels=data[:, 0], drop_last=drop_last))
    sizes = [len(x) for x, _ in got]
    assert sizes == [batch_size] * (count // batch_size) + ([count % batch_size] if count % batch_size and not drop_last else [])
    labels = np.concatenate([y for _, y in got]) if got else np.empty(0, int)
    assert len(set(labels)) == len(labels)
    assert all(np.array_equal(np.round(x[:, 0] * 255), y) for x, y in got)              # labels stay with their images
    if not shuffled:
        assert labels.tolist() == list(range(len(labels)))


def test_the_generator_decides_the_order():
    order = [np.concatenate([y for _, y in batches(IMAGES, 5, rng, labels=LABELS)]) for rng in (generator(), generator(), generator(2))]
    assert np.array_equal(order[0], order[1]) and not np.array_equal(order[0], order[2]) and not np.array_equal(order[0], LABELS)
    rng = generator()
    first, second = (np.concatenate([y for _, y in batches(IMAGES, 5, rng, labels=LABELS)]) for _ in range(2))
    assert not np.array_equal(first, second)                                            # a new order each epoch


def test_scales_are_exact_at_their_ends():
    every = np.arange(256, dtype=np.uint8).reshape(1, 256)
    unit, symmetric = next(batches(every, 1)), next(batches(every, 1, scale=(-1, 1)))
    assert unit.dtype == symmetric.dtype == np.float32
    assert np.array_equal(unit[0], np.arange(256, dtype=np.float32) / np.float32(255))
    assert symmetric[0, 0] == -1 and symmetric[0, -1] == 1 and np.allclose(symmetric, 2 * unit - 1, atol=1e-7)
    assert every.dtype == np.uint8 and every[0, 255] == 255                             # the set itself is left as it is


def test_floats_pass_as_they_are():
    data = np.random.default_rng(0).standard_normal((10, 2))
    got = next(batches(data, 10))
    assert got.dtype == np.float64 and np.array_equal(got, data)
    got[:] = 0
    assert data.any()                                                                   # a batch is a copy


def test_dynamic_binarisation_draws_anew_with_the_pixels_probability():
    grey = np.full((4000, 3), (0, 51, 255), np.uint8)
    one, two = (np.concatenate(list(batches(grey, 100, generator(seed), binary=True))) for seed in (1, 2))
    assert one.dtype == np.float32 and set(np.unique(one)) == {0, 1}
    assert (one[:, 0] == 0).all() and (one[:, 2] == 1).all()
    assert one[:, 1].mean() == pytest.approx(0.2, abs=4 * 0.0064)                       # four standard errors
    assert not np.array_equal(one, two)


def test_a_test_set_is_binarised_once_by_its_seed():
    one, again, other = (binarize(IMAGES, generator(seed)) for seed in (7, 7, 8))
    assert np.array_equal(one, again) and not np.array_equal(one, other) and one.shape == IMAGES.shape
    assert np.array_equal(binarize(to_float(IMAGES), generator(7)), one)                # probabilities are taken as such


def test_threshold_rounds():
    assert threshold(np.array([0, 127, 128, 255], np.uint8)).tolist() == [0, 0, 1, 1]
    assert np.array_equal(threshold(IMAGES), np.round(IMAGES / 255))


@pytest.mark.parametrize("options", [{}, {"binary": True}, {"drop_last": True, "scale": (-1, 1)}])
@pytest.mark.parametrize("start", [0, 2, 4, 5, 9])
def test_an_interrupted_epoch_goes_on_as_it_was(options, start):
    whole = list(batches(IMAGES, 5, generator(), labels=LABELS, **options))
    rest = list(batches(IMAGES, 5, generator(), labels=LABELS, start=start, **options))
    assert len(rest) == max(0, len(whole) - start)
    for (x, y), (x_rest, y_rest) in zip(whole[start:], rest):
        assert np.array_equal(x, x_rest) and np.array_equal(y, y_rest)


@pytest.mark.parametrize("error, reason, arguments, options", [
    (ValueError, r"data \(0, 2\) must be \(N, ...\)", (np.zeros((0, 2)), 1), {}), (ValueError, r"data \(\)", (np.float32(1), 1), {}),
    (TypeError, "dtype int64; give uint8 images", (LABELS, 1), {}), (ValueError, "NaN or infinity", (np.array([[1.0], [np.nan]]), 1), {}),
    (ValueError, r"labels \(22,\) .* as many as the examples in data \(23, 1, 4, 4\)", (IMAGES, 1), {"labels": LABELS[1:]}),
    (ValueError, "batch_size = 0 must be an integer, 1 or more", (IMAGES, 0), {}), (ValueError, "batch_size = 2.0", (IMAGES, 2.0), {}),
    (ValueError, "start = -1", (IMAGES, 1), {"start": -1}), (TypeError, "rng is a int", (IMAGES, 1, 5), {}),
    (ValueError, r"scale = \(0, 2\) must be \(0, 1\) or \(-1, 1\)", (IMAGES, 1), {"scale": (0, 2)}),
    (ValueError, "needs rng", (IMAGES, 1), {"binary": True}),
    (ValueError, "needs rng", (IMAGES, 1, generator()), {"binary": True, "scale": (-1, 1)})])
def test_bad_input_is_refused_before_the_first_batch(error, reason, arguments, options):
    with pytest.raises(error, match=f"batches: .*{reason}"):
        batches(*arguments, **options)


def test_bad_input_of_binarize_threshold_and_to_float():
    with pytest.raises(TypeError, match="binarize: rng is a int"):
        binarize(IMAGES, 3)
    for wrong in (np.array([[1.5]]), np.array([[np.nan]]), np.array([[-0.1]])):
        with pytest.raises(ValueError, match=r"binarize: images \(1, 1\) of float64 hold values outside \[0, 1\]"):
            binarize(wrong, generator())
    with pytest.raises(TypeError, match="threshold: images have dtype float64, not uint8"):
        threshold(np.zeros(3))
    with pytest.raises(ValueError, match="to_float: scale"):
        to_float(IMAGES, 1)


def test_numbers_that_are_neither_bytes_nor_floats_are_refused():
    with pytest.raises(TypeError, match="to_float: images .* are int64"):
        to_float(np.array([[255]]))


def test_probabilities_outside_their_range_are_refused_before_the_first_batch():
    with pytest.raises(ValueError, match="batches: .* outside"):
        batches(np.array([[0.0], [1.5]], np.float32), 1, generator(), binary=True)
