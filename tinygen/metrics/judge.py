"""Judges: small classifiers of MNIST and Fashion-MNIST, trained on the real training split only, then frozen.

They answer what no distance does: which class a sample shows, and how surely. Their last hidden layer is also the fast extractor,
a stand-in for Inception on grey 28 x 28 images; Fréchet distances from it carry its name, never the name FID.

    judge = load_judge("mnist")                # trained once, then read from the data folder
    judge.predict(images), judge.confidence(images)
    compare(samples, test_images, extractor=judge.extractor())
"""
import hashlib
from dataclasses import dataclass

import numpy as np

from .. import files, nn
from ..autograd import no_grad, tensor
from ..backend import generator, rng_state, set_rng_state
from ..data.batches import batches, to_float
from ..data.readers import read_npz
from ..data.registry import data_folder, load
from ..losses.self_supervised import cross_entropy
from ..optim import Adam
from ..progress import Progress
from .checks import as_images
from .comparison import Extractor

EPOCHS = {"mnist": 4, "fashion-mnist": 8, "mnist-mini": 8, "fashion-mini": 8}
BATCH = 128
FEATURES = 128


class Classifier(nn.Module):
    """Grey images (N, 1, 28, 28) in [0, 1] -> logits (N, 10)."""

    def __init__(self):
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 7 * 7, FEATURES), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(FEATURES, 10))

    def forward(self, x):
        return self.head(self.body(x))


@dataclass(frozen=True)
class Judge:
    """A frozen classifier of the classes of data set `data`.  accuracy: on `count` real test images, none of them seen in training."""
    data: str
    network: Classifier
    accuracy: float
    count: int

    def logits(self, images):
        """Class scores (N, 10) of uint8 images (N, 1, 28, 28)."""
        return self._apply(self.network, images)

    def predict(self, images):
        """The class (N,), int64, of each image."""
        return self.logits(images).argmax(axis=1)

    def confidence(self, images):
        """The probability (N,) of the predicted class."""
        logits = self.logits(images)
        return np.exp(logits.max(axis=1) - np.logaddexp.reduce(logits, axis=1))

    def features(self, images, device="cpu"):
        """The last hidden layer, (N, 128)."""
        return self._apply(self.network.to(device).body, images)

    def extractor(self):
        """The fast extractor: `features` under a name of its own.

        MNIST's test set is ordered, the easy images first: by these features its first 5,000 lie 37 from its last 5,000, where two
        random halves lie 4.9 apart. So take all of it, or a random part.
        """
        weights = b"".join(np.ascontiguousarray(a).tobytes() for a in self.network.state_dict().values())
        return Extractor(self.features, f"{FEATURES} hidden features of the {self}", "none (28 x 28)",
                         f"judge-{self.data}-{hashlib.sha256(weights).hexdigest()[:8]}", channels=1)

    def __str__(self):
        return f"{self.data} judge ({self.accuracy:.2%} on {self.count:,} real test images)"

    def _apply(self, part, images, batch=500):
        images = as_images(images, "judge", "images", channels=1, minimum=1)
        if images.shape[2:] != (28, 28):
            raise ValueError(f"judge: images {images.shape} (N, C, H, W) must be 28 x 28, like those it was trained on")
        with no_grad():
            device = part.parameters()[0].device
            return np.concatenate([part(tensor(to_float(images[i:i + batch]), device=device)).numpy() for i in range(0, len(images), batch)])


def load_judge(data):
    """The judge of "mnist", "fashion-mnist", or the bundled "mnist-mini", "fashion-mini": from the data folder, else trained now."""
    _check_data("load_judge", data)
    path = data_folder() / "judges" / f"{data}.npz"
    if not path.is_file():
        return train_judge(data)
    network = Classifier()
    try:
        arrays = read_npz(path)
        accuracy, count = float(arrays.pop("accuracy")), int(arrays.pop("count"))
        network.load_state_dict(arrays)
    except (KeyError, ValueError) as error:
        raise ValueError(f"load_judge: {path} is not a judge of this version ({error}); delete it, and it is trained again") from error
    return Judge(data, network.eval(), accuracy, count)


def train_judge(data, *, epochs=None, seed=0, keep=True):
    """Train a judge on the training split of `data`, measure it on the test split, keep it in the data folder; seeded.

    tinygen's own generator is left as it was found, so a run that needs a judge goes the same way whether or not it was there.
    """
    _check_data("train_judge", data)
    if epochs is not None and epochs < 1:
        raise ValueError(f"train_judge: epochs = {epochs} must be at least 1")
    before = rng_state()
    set_rng_state(np.random.default_rng(seed).bit_generator.state)
    try:
        judge = _train(data, EPOCHS[data] if epochs is None else epochs)
    finally:
        set_rng_state(before)
    if keep:
        arrays = {"accuracy": judge.accuracy, "count": judge.count, **judge.network.state_dict()}
        files.keep(data_folder() / "judges" / f"{data}.npz", lambda file: np.savez(file, **arrays))
    return judge


def _check_data(function, data):
    if data not in EPOCHS:
        raise ValueError(f"{function}: there is no judge of {data!r}; choose from {', '.join(EPOCHS)}")


def _train(data, epochs):
    images, labels = load(data, "train")
    test_images, test_labels = load(data, "test")
    network = Classifier()
    optimizer = Adam(network.parameters(), lr=1e-3)
    steps = epochs * (len(images) // BATCH)
    with Progress(steps * BATCH, f"{data} judge") as line:
        for epoch in range(epochs):
            network.train()
            for x, y in batches(images, BATCH, generator(), labels=labels, drop_last=True):
                optimizer.lr = 1e-3 * (1 - optimizer.steps / steps)                                  # linearly to zero
                loss = cross_entropy(network(tensor(x)), y)
                optimizer.minimize(loss)
                line.update(BATCH, loss=loss.item())
            network.eval()
            judge = Judge(data, network, 0.0, len(test_images))
            accuracy = float((judge.predict(test_images) == test_labels).mean())
            line.keep(epoch=epoch + 1, test_accuracy=accuracy)
    return Judge(data, network, accuracy, len(test_images))
