"""The strategies users draw from: what they promise holds, and every kind of geometry comes up."""
import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygen as tg
from tinygen.testing import arrays, broadcastable, convolutions, poolings, shapes

CONV, TRANSPOSED, POOL = convolutions(), convolutions(transposed=True), poolings()


@given(st.data())
def test_arrays_keep_their_promises(data):
    x = data.draw(arrays(low=-1.5, high=2.5, away_from=(0, 1), gap=0.2))
    assert x.dtype == np.float64 and x.size and x.min() >= -1.5 and x.max() <= 2.5
    assert (abs(x) >= 0.2).all() and (abs(x - 1) >= 0.2).all()
    assert np.array_equal(x, x.astype(np.float32))                      # float32 holds the values exactly


@given(arrays(shapes(min_dims=1, max_side=6), distinct=True))
def test_distinct_arrays_have_no_ties(x):
    values = np.sort(x.ravel())
    assert (np.diff(values) > 2.0 / x.size).all() and abs(x).max() < 2


@given(arrays((2, 3), dtype=np.float32))
def test_a_shape_and_a_type_can_be_given(x):
    assert x.shape == (2, 3) and x.dtype == np.float32


def test_zeros_and_equal_elements_come_up():
    assert (hypothesis.find(arrays((4,)), lambda x: (x == 0).any()) == 0).any()
    assert len(set(hypothesis.find(arrays((4,)), lambda x: len(set(x)) < 4))) < 4


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="distinct values .* cannot also keep away from points"):
        hypothesis.find(arrays(distinct=True, away_from=(0,)), lambda x: True)
    with pytest.raises(ValueError, match="arrays: between -0.1 and 0.1 no sixteenth is 0.2 away from .*; widen the range"):
        hypothesis.find(arrays(low=-0.1, high=0.1, away_from=(0,), gap=0.2), lambda x: True)


@given(broadcastable(3))
def test_broadcastable_shapes_fit(found):
    assert len(found) == 3 and np.broadcast_shapes(*found) is not None


@given(CONV)
def test_every_convolution_has_an_output(geometry):
    x, w, settings = geometry
    assert min(tg.conv2d(np.ones(x), np.ones(w), **settings).shape) >= 1


@given(TRANSPOSED)
def test_every_transposed_convolution_has_an_output(geometry):
    x, w, settings = geometry
    assert min(tg.conv_transpose2d(np.ones(x), np.ones(w), **settings).shape) >= 1


@given(POOL)
def test_every_pooling_has_an_output(geometry):
    x, kernel, settings = geometry
    assert min(tg.max_pool2d(np.ones(x), kernel, **settings).shape) >= 1


@pytest.mark.parametrize("strategy, kind", [
    (CONV, lambda x, w, k: k["padding"] == "same"), (CONV, lambda x, w, k: k["stride"] == (1, 3)), (CONV, lambda x, w, k: k["dilation"] == 2),
    (CONV, lambda x, w, k: isinstance(k["padding"], tuple) and isinstance(k["padding"][0], tuple) and k["padding"][0][0] != k["padding"][0][1]),
    (CONV, lambda x, w, k: isinstance(k["padding"], tuple) and isinstance(k["padding"][0], int)), (CONV, lambda x, w, k: w[2] != w[3]),
    (TRANSPOSED, lambda x, w, k: max(k["output_padding"]) == 2),
    (TRANSPOSED, lambda x, w, k: k["padding"] not in (0, "same") and k["stride"] == 2),
    (POOL, lambda x, w, k: k["stride"] is None), (POOL, lambda x, w, k: k["stride"] and k["stride"] < ((w, w) if isinstance(w, int) else w)),
], ids=["same", "strides", "dilation", "asymmetric", "pair", "oblong", "output_padding", "strided back", "default stride", "overlapping"])
def test_every_kind_of_geometry_comes_up(strategy, kind):
    first_found = hypothesis.settings(max_examples=2000, phases=[hypothesis.Phase.generate])
    assert hypothesis.find(strategy, lambda found: kind(*found), settings=first_found)
