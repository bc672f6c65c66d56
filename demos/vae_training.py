"""What the studies of VAEs share: the training loop, which `demos/vae.py` has written out."""
import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import losses
from tinygen.backend import to
from tinygen.models.vae import evaluate


def rows(images):
    """Images (N, C, H, W) as rows (N, C * H * W)."""
    return images.reshape(len(images), -1)


def one_of(settings, **chosen):
    """The settings of one run of a sweep: what was `chosen` for it, in place of the lists (tuples) that are swept over.

    The lists themselves are left out, so that a sweep can be resumed with longer ones.
    """
    swept = {name + "s" for name in chosen}
    return {name: value for name, value in settings.items() if name not in swept} | chosen


def train_vae(run, model, images, labels=None, *, epochs, batch_size=128, lr=1e-3, floor=None, seed=0, device="cpu", beta=1.0,
              loss=None, binary=False, test=None):
    """Train `model` by Adam inside `run`; yields every epoch, once it is trained and tested, and before its row is written.

    images (N, D): bytes or floats; labels (N,), if given, go to the model beside them. binary: pixels are drawn anew from their grey values
    lr: of Adam; with `floor` it falls from lr to floor along half a cosine, epoch by epoch
    loss: (model, x, *labels) -> losses.Terms; by default beta_vae of `model.terms`
    test: the arguments of `evaluate` after the model: images, or (images, labels)
    """
    loss = loss or (lambda model, *x: losses.beta_vae(*model.terms(*x), beta))
    model.to(device)
    optimizer = tg.optim.Adam(model.parameters(), lr)
    run.keep(model=model, optimizer=optimizer)
    for epoch in run.epochs(epochs, images=len(images)):
        optimizer.lr = lr if floor is None else tg.optim.cosine(lr, epoch - 1, epochs, floor)
        rng = np.random.default_rng((seed, epoch))
        for batch in tgdata.batches(images, batch_size, rng, labels=labels, binary=binary):
            x, *y = (batch,) if labels is None else batch
            terms = loss(model, to(x, device), *y)
            optimizer.minimize(terms.loss)
            run.update(len(x), **{"-ELBO": terms.distortion + terms.rate, "distortion": terms.distortion, "rate": terms.rate})
        if test is not None:
            log_test(run, *evaluate(model, *(test if isinstance(test, tuple) else (test,))))
        yield epoch


def log_test(run, distortion, rate):
    """The test set's numbers for the present row."""
    run.log(**{"test -ELBO": distortion + rate, "test distortion": distortion, "test rate": rate})
