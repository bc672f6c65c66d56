"""An autoencoder with a code of two numbers: the plane of digits, against PCA [002.3.3]

784-512-128-2-128-512-784, trained on the cross-entropy of each pixel. What the plane shows is said in numbers: the reconstruction error
beside that of two principal components, the accuracy of a vote of the five nearest neighbours in the plane, and the pairs of classes that
this vote confuses. A linear autoencoder is trained too, to show that it reaches PCA's error and no less.
Measured on full MNIST (`python -m demos autoencoder --data mnist --epochs 6`, 40 seconds of one core):

    two numbers a digit    test squared error    5-NN accuracy in the plane
    autoencoder            28.65                 78.9 %
    PCA                    43.64                 42.5 %

The pairs that overlap are 4 and 9 (30.7 % of their test images fall among the other class), 5 and 8 (16.2 %), 3 and 5 (13.9 %), 3 and 8 (8.5 %)
and 7 and 9 (7.2 %). The linear autoencoder's training error, 42.984822, is that of two principal components in every digit shown.
"""
import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, losses
from tinygen.backend import to
from tinygen.data import class_names, to_float
from tinygen.metrics import knn_classify
from tinygen.models.autoencoders import DenseAutoencoder
from tinygen.models.vae import as_input
from tinygen.training import Run

from demos.command_line import Grey
from demos.descent import minimise
from demos.tables import print_table
from demos.vae_training import rows


def main(*, data: Grey = "mnist-mini", epochs=30, hidden=(512, 128), batch_size=50, lr=2e-3, device="cpu", seed=0, out="runs/autoencoder",
         resume=False):
    """Train it, draw the plane, and say which classes overlap.

    hidden: widths of the encoder's hidden layers; the decoder has them in reverse
    lr: the learning rate of Adam, which falls to 0 along half a cosine
    """
    with Run(out, locals(), resume=resume) as run:
        tg.manual_seed(seed)
        (images, labels), (test_images, test_labels) = (tgdata.load(data, split) for split in ("train", "test"))
        train, test = rows(images), rows(test_images)
        names = class_names(data)
        model = DenseAutoencoder(tuple(hidden)).to(device)
        optimizer = tg.optim.Adam(model.parameters(), lr)
        run.keep(model=model, optimizer=optimizer)

        for epoch in run.epochs(epochs, images=len(train)):
            for step, x in enumerate(tgdata.batches(train, batch_size, np.random.default_rng((seed, epoch)))):
                optimizer.lr = tg.optim.cosine(lr, (epoch - 1) * len(train) + step * batch_size, epochs * len(train))
                x = to(x, device)
                loss = losses.bernoulli(model(x), x).mean()
                optimizer.minimize(loss)
                run.update(len(x), loss=loss)
            run.log(test_loss=cross_entropy(model, test), test_error=squared_error(model, test))

        codes, test_codes = model.codes(train), model.codes(test)
        pca_codes, pca_test_codes, pca_error = principal_plane(to_float(train), to_float(test))
        voted = knn_classify(codes, labels, test_codes)
        accuracy, pca_accuracy = (voted == test_labels).mean(), (knn_classify(pca_codes, labels, pca_test_codes) == test_labels).mean()
        planes = {"autoencoder, asinh of the codes": np.arcsinh(test_codes), "two principal components": pca_test_codes}     # few codes lie far out
        run.figure("plane", figures.latent_scatter(planes, test_labels, names, title="Codes of the test images"))
        shown = to_float(test[:10])
        run.figure("reconstructions", figures.reconstruction_pairs(shown, model.reconstruct(shown), title="The first test images, from two numbers each"))
        print_table({"autoencoder": {"test squared error": squared_error(model, test), "5-NN accuracy in the plane": accuracy},
                     "PCA": {"test squared error": pca_error, "5-NN accuracy in the plane": pca_accuracy}}, "two numbers a digit")
        for share, a, b in overlapping_pairs(voted, test_labels)[:5]:
            print(f"{names[a]} and {names[b]} overlap: {share:.1%} of their test images fall among the other class")
        linear, pca = linear_autoencoder_error(to_float(train[:2000]))
        print(f"a linear autoencoder of width 2 (L-BFGS): training error {linear:.6f}; two principal components: {pca:.6f}")
        run.finish(**{"test squared error": squared_error(model, test), "PCA squared error": pca_error, "5-NN accuracy": accuracy,
                      "PCA 5-NN accuracy": pca_accuracy, "linear autoencoder minus PCA": linear - pca})


def cross_entropy(model, data, batch_size=500):
    """Mean cross-entropy of the reconstructions of a data set, in nats per example."""
    with tg.nn.eval_mode(model), tg.no_grad():
        total = 0.0
        for start in range(0, len(data), batch_size):
            x = as_input(data[start:start + batch_size], model)
            total += float(losses.bernoulli(model(x), x).sum())
    return total / len(data)


def squared_error(model, data):
    """Mean squared distance of the reconstructions, summed over pixels."""
    return float(losses.squared_error(model.reconstruct(data), to_float(data)).mean())


def principal_plane(train, test, k=2):
    """(codes of train, codes of test, test squared error) of the projection on the first k principal components of train."""
    mean = train.mean(axis=0)
    directions = np.linalg.eigh(np.cov((train - mean).astype(np.float64), rowvar=False))[1][:, :-k - 1:-1]
    codes, test_codes = (train - mean) @ directions, (test - mean) @ directions
    return codes, test_codes, float(((test - mean - test_codes @ directions.T) ** 2).sum(axis=1).mean())


def overlapping_pairs(voted, labels):
    """[(share, a, b)], largest first: of the images of classes a and b together, the share that was taken for the other of the two."""
    classes = range(int(labels.max()) + 1)
    confused = np.array([[((labels == a) & (voted == b)).sum() for b in classes] for a in classes])
    sizes = confused.sum(axis=1)
    return sorted(((confused[a, b] + confused[b, a]) / (sizes[a] + sizes[b]), a, b) for a in classes for b in classes if a < b)[::-1]


def linear_autoencoder_error(x, width=2, components=30):
    """(least training error of a linear autoencoder found by gradients, the error of PCA), both mean squared errors summed over pixels.

    Started from small random weights. The images are first written in their `components` leading principal axes, which changes neither of the
    errors but for the same constant, added back.
    """
    x = (x - x.mean(axis=0)).astype(np.float64)
    values, axes = np.linalg.eigh(x.T @ x / len(x))
    values, axes = values[::-1], axes[:, ::-1]
    covariance = np.diag(values[:components])                   # of the images in those axes
    rng = np.random.default_rng(0)

    def error(encoder, decoder):                                # E |x - D E x|^2 = tr((I - D E) C (I - D E)')
        left = np.eye(components) - decoder @ encoder
        return (left @ covariance * left).sum()

    least, _ = minimise(error, 0.1 * rng.standard_normal((width, components)), 0.1 * rng.standard_normal((components, width)))
    rest = values[components:].sum()
    return least + rest, values[width:].sum()
