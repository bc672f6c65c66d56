"""Linear and nearest-neighbour probes on problems with known answers."""
import numpy as np
import pytest

from tinygen.metrics import knn_classify, knn_probe, linear_probe


def blobs(n, seed, separation=4.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    return separation * np.eye(3, 5)[labels] + rng.standard_normal((n, 5)), labels


@pytest.mark.parametrize("method", ["ridge", "logistic"])
def test_separable_blobs_are_found(method):
    probe = linear_probe(*blobs(600, 0, 8.0), *blobs(400, 1, 8.0), method=method)
    assert probe.accuracy > 0.99 and probe.weight.shape == (3, 5) and probe.bias.shape == (3,)
    assert method in str(probe)


@pytest.mark.parametrize("method", ["ridge", "logistic"])
def test_features_without_information_give_chance(method):
    rng = np.random.default_rng(2)
    probe = linear_probe(rng.standard_normal((4000, 3)), rng.integers(4, size=4000), rng.standard_normal((4000, 3)),
                         rng.integers(4, size=4000), method=method)
    assert abs(probe.accuracy - 0.25) < 0.03


@pytest.mark.parametrize("method", ["ridge", "logistic"])
def test_scale_and_offset_of_a_feature_do_not_matter(method):
    (x, y), (test, wanted) = blobs(500, 3, 2.0), blobs(500, 4, 2.0)
    scale, offset = np.array([1e-3, 1, 1e3, 7, 0.1]), np.array([5, -3, 1e4, 0, 1])
    plain = linear_probe(x, y, test, wanted, method=method)
    moved = linear_probe(x * scale + offset, y, test * scale + offset, wanted, method=method)
    assert abs(moved.accuracy - plain.accuracy) <= 0.002
    np.testing.assert_allclose(moved.weight * scale, plain.weight, rtol=1e-2, atol=1e-3)


def test_ridge_without_penalty_is_least_squares():
    (x, y), (test, wanted) = blobs(200, 5), blobs(100, 6)
    probe = linear_probe(x, y, test, wanted, method="ridge", penalty=0)
    solution, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), np.eye(3)[y], rcond=None)
    np.testing.assert_allclose(np.column_stack([probe.weight, probe.bias]), solution.T, rtol=1e-8, atol=1e-10)


def test_logistic_gradient_vanishes_at_the_answer():
    x, y = blobs(300, 7, 1.5)
    penalty = 1e-2
    probe = linear_probe(x, y, x, y, method="logistic", penalty=penalty)
    logits = x @ probe.weight.T + probe.bias
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    standardised = (x - x.mean(0)) / x.std(0)
    gradient = (p - np.eye(3)[y]).T @ standardised / len(x) + penalty * probe.weight * x.std(0)
    assert np.abs(gradient).max() < 1e-4 and np.abs((p - np.eye(3)[y]).mean(0)).max() < 1e-4


@pytest.mark.parametrize("method", ["ridge", "logistic"])
def test_float32_features_give_the_same_answer(method):
    (x, y), (test, wanted) = blobs(500, 10, 2.0), blobs(500, 11, 2.0)
    double = linear_probe(x, y, test, wanted, method=method)
    single = linear_probe(x.astype(np.float32), y, test.astype(np.float32), wanted, method=method)
    np.testing.assert_allclose(single.weight, double.weight, rtol=2e-3, atol=2e-3)
    assert abs(single.accuracy - double.accuracy) <= 0.004 and single.weight.dtype == np.float64


def test_a_constant_feature_is_harmless():
    (x, y), (test, wanted) = blobs(200, 8), blobs(100, 9)
    x[:, 4], test[:, 4] = 3.0, 3.0
    assert linear_probe(x, y, test, wanted).accuracy > 0.9
    x[:, 4], test[:, 4] = 0.1, 0.1000001                            # the standard deviation of 200 times 0.1 is not quite 0
    assert linear_probe(x, y, test, wanted).accuracy > 0.9


def test_knn_votes_and_breaks_ties_by_the_nearest():
    points, labels = np.array([[0.0], [1.0], [2.0], [10.0]]), np.array([0, 1, 1, 0])
    assert knn_classify(points, labels, np.array([[0.1], [9.0]]), k=1).tolist() == [0, 0]
    assert knn_classify(points, labels, np.array([[0.1]]), k=3).tolist() == [1]
    assert knn_classify(points, labels, np.array([[0.1], [0.9]]), k=2).tolist() == [0, 1]
    assert knn_probe(points, labels, points, labels, k=1) == 1


@pytest.mark.parametrize("change, error, message", [
    (dict(method="svm"), ValueError, "'ridge' or 'logistic'"),
    (dict(penalty=-1), ValueError, "must not be negative"),
    (dict(train_labels=np.zeros(3, int)), ValueError, "one label for each of the 4 samples"),
    (dict(train_labels=np.zeros(4)), TypeError, "labels are integers"),
    (dict(test_labels=np.array([0, 5])), ValueError, "class indices 0 .. 1"),
    (dict(test_features=np.zeros((2, 7))), ValueError, "differ in features"),
    (dict(train_features=np.full((4, 3), np.nan)), ValueError, "NaN"),
    (dict(train_features=np.zeros((4, 3)), penalty=0, method="ridge"), ValueError, "penalty above 0"),
])
def test_bad_input(change, error, message):
    good = dict(train_features=np.arange(12.0).reshape(4, 3), train_labels=np.array([0, 1, 0, 1]),
                test_features=np.ones((2, 3)), test_labels=np.array([0, 1]))
    with pytest.raises(error, match=message):
        linear_probe(**good | change)


def test_labels_may_be_bytes_up_to_255():
    features = np.array([[0.0], [1.0]])
    assert knn_classify(features, np.array([0, 255], np.uint8), features, k=1).tolist() == [0, 255]
