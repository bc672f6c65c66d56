"""Random views of images: what they keep, what they change, that a seed repeats them."""
import numpy as np
import pytest

from tinygen.data import augment

x = np.random.default_rng(0).random((64, 3, 8, 8), dtype=np.float32)
VIEWS = [augment.mirrored, augment.shifted, augment.cropped, augment.recoloured, augment.noisy, augment.view]


@pytest.mark.parametrize("make", VIEWS)
def test_views_keep_shape_type_and_range_and_repeat_with_the_seed(make):
    before = x.copy()
    y = make(x, np.random.default_rng(1))
    assert y.shape == x.shape and y.dtype == x.dtype and y.min() >= 0 and y.max() <= 1
    assert np.array_equal(x, before) and not np.array_equal(y, x)
    assert np.array_equal(y, make(x, np.random.default_rng(1)))


def test_mirrored_turns_about_half():
    y = augment.mirrored(x, np.random.default_rng(2))
    turned = (y == x[:, :, :, ::-1]).all(axis=(1, 2, 3))
    kept = (y == x).all(axis=(1, 2, 3))
    assert (turned ^ kept).all() and 16 < turned.sum() < 48


def test_shifted_moves_the_middle():
    y = augment.shifted(x, np.random.default_rng(3), most=2)
    for image, moved in zip(x, y):
        windows = [image[:, a:a + 4, b:b + 4] for a in range(5) for b in range(5)]
        assert any(np.array_equal(moved[:, 2:6, 2:6], w) for w in windows)


def test_cropped_stretches_a_rectangle():
    """On a ramp, bilinear values are exact: along each axis a line, whose slope is the share of the side that is left."""
    ramp = np.broadcast_to(np.linspace(0, 1, 16, dtype=np.float32), (200, 1, 16, 16))
    y = augment.cropped(ramp, np.random.default_rng(5), least=0.25)
    inner = np.diff(y[:, 0, 0], axis=1)[:, 1:-1] * 15                                  # the outermost pixels meet the edge
    assert np.allclose(inner, inner[:, :1], atol=1e-4) and 0.4 < inner.min() < 0.55 and 0.9 < inner.max() <= 1.0001
    assert np.allclose(y, y[:, :, :1], atol=1e-6)                                      # and nothing changes down the columns
    whole = augment.cropped(x, np.random.default_rng(6), least=1.0)                    # the whole area, still of another shape
    assert np.abs(whole - x).max() > 0.01


def test_rotated_says_how_often():
    y, turns = augment.rotated(x, np.random.default_rng(4))
    assert set(turns) == {0, 1, 2, 3}
    assert all(np.array_equal(np.rot90(a, k, axes=(1, 2)), b) for a, b, k in zip(x, y, turns))


@pytest.mark.parametrize("call, error", [
    (lambda: augment.mirrored(x[0], np.random.default_rng(0)), ValueError), (lambda: augment.noisy(x, 7), TypeError),
    (lambda: augment.shifted(x, np.random.default_rng(0), most=8), ValueError),
    (lambda: augment.cropped(x, np.random.default_rng(0), least=0.0), ValueError),
    (lambda: augment.rotated(x[:, :, :4], np.random.default_rng(0)), ValueError)])
def test_refusals(call, error):
    with pytest.raises(error, match="mirrored|noisy|shifted|cropped|rotated"):
        call()
