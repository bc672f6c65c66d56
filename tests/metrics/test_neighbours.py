"""Nearest neighbours against brute force; precision and recall where the answer is known."""
import numpy as np
import pytest

from tinygen.metrics import mean_pairwise_distance, nearest, neighbours, precision_recall


def brute_force(queries, points, k):
    distances = np.linalg.norm(queries[:, None] - points[None], axis=2)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, 1), order


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("block", [1, 100, neighbours.BLOCK])
def test_nearest_is_brute_force_for_every_block_size(monkeypatch, dtype, block):
    monkeypatch.setattr(neighbours, "BLOCK", block)
    rng = np.random.default_rng(0)
    queries, points = rng.standard_normal((23, 5)).astype(dtype), rng.standard_normal((31, 5)).astype(dtype)
    distance, index = nearest(queries, points, 4)
    expected_distance, expected_index = brute_force(queries, points, 4)
    np.testing.assert_array_equal(index, expected_index)
    np.testing.assert_allclose(distance, expected_distance, rtol=1e-5)


def test_copies_have_distance_exactly_zero_far_from_the_origin():
    points = np.random.default_rng(1).standard_normal((40, 100)).astype(np.float32) + 1000
    distance, index = nearest(points[::-1], points)
    assert (distance == 0).all() and (index[:, 0] == np.arange(40)[::-1]).all()


def test_leave_one_out_is_by_index_so_duplicates_are_neighbours():
    points = np.array([[0.0], [0.0], [3.0]])
    distance, index = nearest(points, points, 2, leave_one_out=True)
    assert distance.tolist() == [[0, 3], [0, 3], [3, 3]] and index[:2, 0].tolist() == [1, 0]


def test_k_may_be_every_point():
    distance, index = nearest(np.zeros((1, 1)), np.array([[2.0], [1.0]]), 2)
    assert distance.tolist() == [[1, 2]] and index.tolist() == [[1, 0]]


def test_precision_and_recall_of_equal_and_of_distant_sets():
    x = np.random.default_rng(2).standard_normal((200, 3))
    assert precision_recall(x, x)[:2] == (1, 1)
    assert precision_recall(x, x + 100)[:2] == (0, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_and_recall_of_copies(dtype):
    """The manifold of points that have k copies each is the points themselves."""
    x = np.random.default_rng(2).standard_normal((50, 8)).astype(dtype)
    assert precision_recall(np.repeat(x, 5, axis=0), np.repeat(x, 5, axis=0))[:2] == (1, 1)
    assert precision_recall(x, np.repeat(x[:10], 5, axis=0))[:2] == (1, 0.2)


def test_dropping_a_mode_costs_recall_and_junk_costs_precision():
    rng = np.random.default_rng(3)
    left, right = rng.standard_normal((300, 2)), rng.standard_normal((300, 2)) + [50, 0]
    real = np.concatenate([left, right])
    dropped = precision_recall(real, rng.standard_normal((600, 2)))
    assert dropped.precision > 0.9 and 0.4 < dropped.recall < 0.55
    junk = precision_recall(real, np.concatenate([left + 0.01, right + [0, 500]]))
    assert 0.45 < junk.precision < 0.55
    assert "precision" in str(junk) and "600 real" in str(junk)


def test_precision_by_hand():
    """Real 0, 1, 3 have first-neighbour radii 1, 1, 2; samples 4.9 and 5.1 have radius 0.2."""
    result = precision_recall(np.array([[0.0], [1.0], [3.0]]), np.array([[4.9], [5.1]]), k=1)
    assert result.precision == 0.5 and result.recall == 0


def test_mean_pairwise_distance():
    assert mean_pairwise_distance(np.array([[0.0], [1.0], [3.0]])) == pytest.approx((1 + 2 + 3) / 3)
    assert mean_pairwise_distance(np.ones((5, 4))) == 0
    x = np.random.default_rng(4).standard_normal((3000, 50))
    assert mean_pairwise_distance(x) == pytest.approx(10, rel=0.02)                      # sqrt(2 * 50)
    assert mean_pairwise_distance(x) == mean_pairwise_distance(x)


@pytest.mark.parametrize("call, message", [
    (lambda: nearest(np.zeros((2, 3)), np.zeros((4, 2))), "differ in features"),
    (lambda: nearest(np.zeros((2, 3)), np.zeros((4, 3)), 5), "k = 5 must be between 1 and 4"),
    (lambda: nearest(np.zeros((4, 3)), np.zeros((4, 3)), 4, leave_one_out=True), "k = 4 must be between 1 and 3"),
    (lambda: nearest(np.zeros((2, 3)), np.zeros((4, 3)), leave_one_out=True), "the same set"),
    (lambda: precision_recall(np.zeros((3, 2)), np.zeros((9, 2))), "3 real, 9 samples"),
    (lambda: precision_recall(np.full((9, 2), np.inf), np.zeros((9, 2))), "real .* NaN or infinity in 9 rows"),
    (lambda: mean_pairwise_distance(np.zeros((1, 2))), "at least 2"),
])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
