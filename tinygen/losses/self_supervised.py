"""What a code can be asked for without labels: to tell views of one image from others, or which way up an image was."""
import numpy as np

from ..ops import concatenate, getitem, log_softmax, matmul, one_hot, sqrt, where


def cross_entropy(logits, labels):
    """-mean_n log softmax(logits_n)[label_n], in nats: logits (N, K), integer labels (N,). log K where nothing is known."""
    if logits.ndim != 2 or np.shape(labels) != (len(logits),):
        raise ValueError(f"cross_entropy: logits {logits.shape} must be (N, K) and labels {np.shape(labels)} (N,)")
    chosen = one_hot(labels, logits.shape[1], like=logits)
    return where(chosen > 0, log_softmax(logits, axis=1), 0.0).sum() * (-1.0 / len(logits))      # a product would make NaN of a logit of -inf


def contrast(a, b, temperature=0.5):
    """NT-Xent of two views, codes a and b (N, D): each code must find the other view of its image among the 2N - 1 other codes.

    Mean over the 2N codes of -log exp(s(i, j) / t) / sum_{k != i} exp(s(i, k) / t), s the cosine (of codes longer than 1e-5 or so); log(2N - 1) where nothing is known.
    Source: Chen et al. 2020 (SimCLR), Eq. 1.
    """
    if a.shape != b.shape or a.ndim != 2 or len(a) < 2:
        raise ValueError(f"contrast: a {a.shape} and b {b.shape} must both be (N, D), row by row views of the same images, N at least 2")
    if not temperature > 0:
        raise ValueError(f"contrast: temperature = {temperature} must be positive")
    n = len(a)
    codes = concatenate([a, b])
    codes = codes / sqrt((codes * codes).sum(axis=1, keepdims=True) + 1e-12)
    scores = matmul(codes, codes.transpose(1, 0)) * (1.0 / temperature)
    others = ~np.eye(2 * n, dtype=bool)
    rows = getitem(scores, index=np.nonzero(others)).reshape(2 * n, 2 * n - 1)        # without the code itself
    partner = np.concatenate([np.arange(n) + n - 1, np.arange(n)])                    # its column once the diagonal is out
    return cross_entropy(rows, partner)
