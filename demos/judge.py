"""Train the classifiers that judge samples, on real images only: the judges of MNIST and Fashion-MNIST.

They are frozen and kept in the data folder, where every other demo finds them; their accuracy on real test images stands beside every
number they give. The bundled sets have judges too, trained on 6,000 images.

    python -m demos judge --data mnist
    python -m demos judge --data fashion-mnist
"""
from typing import Literal

import numpy as np

from tinygen import data as tgdata
from tinygen import figures
from tinygen.metrics import train_judge
from tinygen.training import Run


def main(*, data: Literal["mnist-mini", "fashion-mini", "mnist", "fashion-mnist"] = "mnist-mini", epochs: int | None = None, seed=0,
         out="runs/judge"):
    """Train one, keep it in the data folder, draw what it gets wrong.

    epochs: passes over the training set; by default as many as it takes
    """
    with Run(out, locals()) as run:
        judge = train_judge(data, epochs=epochs, seed=seed)
        images, labels = tgdata.load(data, "test")
        logits = judge.logits(images)
        said, names = logits.argmax(axis=1), tgdata.class_names(data)
        print(judge)
        run.figure("confusion", figures.heat_table(
            confusion(labels, said, len(names)), names, names, label="share of the row", row_name="true class", col_name="judged",
            title=str(judge)))
        wrong = surest_mistakes(logits, labels)
        run.figure("mistakes", figures.class_rows(images[wrong], labels[wrong], names, title="The surest mistakes, by true class"))
        run.finish(test_accuracy=judge.accuracy, mistakes=len(wrong))


def confusion(labels, said, classes):
    """The share (K, K) of each true class (row) that was judged to be each class (column); zeros for a class without images."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (labels, said), 1)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def surest_mistakes(logits, labels):
    """Indices of the misjudged images, the surest first: by how far the right class lies below the chosen one."""
    right = logits[np.arange(len(labels)), labels]
    lead = logits.max(axis=1) - right
    order = np.argsort(-lead, kind="stable")
    return order[lead[order] > 0]
