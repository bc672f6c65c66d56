"""What does a representation know of the labels? A linear layer on top of it, and a vote of nearest neighbours.

Both are deterministic: the ridge probe is a closed form, the logistic probe a convex problem started from zero weights. The large
products are made in the dtype of the features, all else in float64.
"""
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from .checks import as_feature_pair, as_labels
from .neighbours import nearest


class Probe(NamedTuple):
    """accuracy: on the test set.  train_accuracy: on the training set.  weight (K, D), bias (K,): scores are features @ weight.T + bias."""
    accuracy: float
    train_accuracy: float
    weight: np.ndarray
    bias: np.ndarray
    method: str

    def __str__(self):
        return f"linear probe ({self.method}): test accuracy {self.accuracy:.2%}, training {self.train_accuracy:.2%}"


def linear_probe(train_features, train_labels, test_features, test_labels, *, method="logistic", penalty=1e-4, classes=None, steps=500):
    """Accuracy of one linear layer, features (N, D) -> K class scores, fitted on the training set. Features are standardised first.

    "ridge":    least squares on one-hot targets, W = argmin 1/N |X W - Y|^2 + penalty |W|^2, in closed form.
    "logistic": softmax regression, argmin of mean cross-entropy + penalty/2 |W|^2, by L-BFGS from W = 0, b = 0, at most `steps` steps.
    The bias is not penalised. Raises ValueError or TypeError for shapes that do not match, labels that are not 0 .. K - 1, NaN.
    """
    if method not in ("ridge", "logistic"):
        raise ValueError(f"linear_probe: method {method!r} is unknown; use 'ridge' or 'logistic'")
    if not penalty >= 0:
        raise ValueError(f"linear_probe: penalty = {penalty} must not be negative")
    train, test, labels, wanted, classes = _as_task("linear_probe", train_features, train_labels, test_features, test_labels, classes)
    mean, scale = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    scale[np.ptp(train, axis=0) == 0] = 1.0                     # a constant feature carries nothing; its deviation may be rounding
    x = (train - mean.astype(train.dtype)) / scale.astype(train.dtype)
    targets = np.eye(classes)[labels]
    weight, bias = _ridge(x, targets, penalty) if method == "ridge" else _logistic(x, targets, penalty, steps)
    train_accuracy = float(((x @ weight.T.astype(x.dtype) + bias).argmax(axis=1) == labels).mean())
    weight = weight / scale                                     # back to the units of the features
    bias = bias - weight @ mean
    accuracy = float(((test @ weight.T + bias).argmax(axis=1) == wanted).mean())
    return Probe(accuracy, train_accuracy, weight, bias, method)


def knn_probe(train_features, train_labels, test_features, test_labels, *, k=5, classes=None):
    """Test accuracy of a vote of the k nearest training features (Euclidean); ties go to the class of the nearest among them."""
    train, test, labels, wanted, classes = _as_task("knn_probe", train_features, train_labels, test_features, test_labels, classes)
    return float((knn_classify(train, labels, test, k=k, classes=classes) == wanted).mean())


def knn_classify(train_features, train_labels, features, *, k=5, classes=None):
    """Labels (M,) of features (M, D) by a vote of the k nearest of train_features (N, D); ties go to the class of the nearest voter."""
    labels = as_labels(train_labels, "knn_classify", "train_labels", rows=len(train_features), classes=classes)
    votes = labels[nearest(features, train_features, k)[1]]                              # (M, k), nearest first
    counts = np.zeros((len(votes), int(labels.max()) + 1), np.int64)
    np.add.at(counts, (np.arange(len(votes))[:, None], votes), 1)
    tied = np.take_along_axis(counts, votes, axis=1) == counts.max(axis=1, keepdims=True)
    return votes[np.arange(len(votes)), tied.argmax(axis=1)]


def _as_task(function, train_features, train_labels, test_features, test_labels, classes):
    train, test = as_feature_pair(train_features, test_features, function, ("train_features", "test_features"), minimum=1)
    labels = as_labels(train_labels, function, "train_labels", len(train), classes)
    classes = int(labels.max()) + 1 if classes is None else classes
    wanted = as_labels(test_labels, function, "test_labels", len(test), classes)
    return train, test, labels, wanted, classes


def _ridge(x, targets, penalty):
    """x is centred, so the bias is the mean target."""
    gram = (x.T @ x / len(x)).astype(np.float64) + penalty * np.eye(x.shape[1])
    bias = targets.mean(axis=0)
    try:
        return np.linalg.solve(gram, x.T @ (targets - bias).astype(x.dtype) / len(x)).T, bias
    except np.linalg.LinAlgError:
        raise ValueError(f"linear_probe: the {x.shape[1]} features are linearly dependent; give a penalty above 0") from None


def _logistic(x, targets, penalty, steps):
    n, dimension = x.shape
    classes = targets.shape[1]

    def objective(flat):
        weight, bias = flat[:-classes].reshape(classes, dimension), flat[-classes:]
        logits = x @ weight.T.astype(x.dtype) + bias
        logits -= logits.max(axis=1, keepdims=True)
        log_normaliser = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        residual = (np.exp(logits - log_normaliser) - targets) / n
        loss = (log_normaliser.sum() - (targets * logits).sum()) / n + penalty / 2 * (weight * weight).sum()
        return loss, np.concatenate([(residual.T.astype(x.dtype) @ x + penalty * weight).ravel(), residual.sum(axis=0)])

    found = minimize(objective, np.zeros(classes * (dimension + 1)), jac=True, method="L-BFGS-B", options={"maxiter": steps})
    return found.x[:-classes].reshape(classes, dimension), found.x[-classes:]
