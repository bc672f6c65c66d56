"""GAN inversion: the code of an image by gradient descent, from ten starts [000.2c]

    python -m demos inversion                              trains a small WGAN-GP first, on the digits in the package
    python -m demos inversion --run runs/gan               the averaged generator of a finished run of gan

The generator is frozen, in eval mode, and z* = argmin ||G(z) - x||^2 is sought from several starts at once, for images that it made
itself (x = G(z0): the least error is 0) and for the first test images. Measured by the first command (ten images, ten starts):

    x = G(z0)     error below .001 a pixel, on [-1, 1], for 10 of 10 images and from all 100 starts; the largest of the best errors is 3e-6.
                  No z* is z0 to 1 %: other codes make the same image
    test images   ten starts an image, 1,500 iterations of L-BFGS:

                    best error  different z*  ||z*||  slope  flattest  steepest  minima  pairs with a ridge
    no prior          .005-.117         1-9   18-93  .20-.76  -.011-.002  183-504  22 of 100         29 %
    prior .2          .007-.126         2-7  3.4-7.7  .07-.71   .17-.22  376-1099  100 of 100        59 %

    way, mean of the images      best error  mean error  ||z*||
    L-BFGS                            .051        .054    35.7
    Adam                              .054        .061    13.8
    Adam, clipped at 2.5              .060        .062     7.4
    L-BFGS, prior .2                  .061        .061     5.7

Is argmin a local minimum? As the sheet has it, hardly: the starts end in long flat valleys (least eigenvalue of the Hessian about 0, largest in
the hundreds), along which ||z*|| still grows while the error hardly falls; some are caught far away, at errors up to .15. With 1/2 prior ||z||^2
all 100 ends are local minima, 2 to 7 different ones an image at nearly the same error, .1 to 1.7 apart on average, with a ridge on the straight
line between more than half of the pairs.
So yes: from different starts we receive different z*, and each is a local minimum as soon as there is one to find.
"""
from typing import Literal

import numpy as np

import tinygen as tg
from tinygen import figures, geometry
from tinygen.losses import squared_error
from tinygen.training import Run

from demos.command_line import Grey
from demos.latent_gan import trained_gan
from demos.tables import print_table


def main(*, run: str | None = None, data: Grey = "mnist-mini", z_dim=32, steps=2000, images=10, starts=10, method: Literal["lbfgs", "adam"] = "lbfgs",
         iterations=1500, prior=0.2, seed=0, out="runs/inversion", resume=False):
    """Train the GAN, unless --run names one, invert images, compare what the starts found.

    run: the folder of a finished run of gan; without it a WGAN-GP is trained here
    data: what that is trained on; a run has its own
    z_dim: numbers in its codes
    steps: updates of its generator
    images: how many of each kind are inverted
    starts: codes from the prior that every descent begins from
    method: of the descent
    iterations: of the descent, at most
    prior: weight of 1/2 ||z||^2 in the second table
    """
    settings = dict(locals())
    overview = Run(out, settings)
    gan = trained_gan(run, out, settings, data=data, z_dim=z_dim, steps=steps, seed=seed, resume=resume)
    tg.manual_seed((seed, 1))
    truth, first = gan.draw(images), gan.draw(starts)
    made, (test, labels) = gan.images(truth), (part[:images] for part in gan.test_images())
    invert = lambda x, method=method, **options: geometry.invert(gan.generator, x, first, **{"method": method, "steps": iterations, **options})
    noiseless, real, pulled = invert(made), invert(test), invert(test, prior=prior)

    with overview as folder:
        results = measure_noiseless(noiseless, truth, made[0].size)
        names = [f"{i} ({label})" for i, label in enumerate(labels)]
        tables = {head: dict(zip(names, measure_minima(gan.generator, test, found, weight)))
                  for head, found, weight in (("test image", real, 0.0), (f"with prior {prior:g}", pulled, prior))}
        for head, table in tables.items():
            print_table(table, head)
        ways = {"L-BFGS": {"method": "lbfgs"}, "Adam": {"method": "adam"}, "Adam, clipped at 2.5": {"method": "adam", "clip": 2.5},
                "L-BFGS, prior": {"method": "lbfgs", "prior": prior}}
        compared = {name: compare(invert(test, **options), test[0].size) for name, options in ways.items()}
        print_table(compared, "way")

        folder.figure("reconstructions", figures.reconstruction_pairs(
            test, {"best of all": gan.images(real.best), "worst": gan.images(worst(real))}, value_range=gan.architecture.scale,
            title=f"The first {images} test images, and G(z*) for the best and the worst of {starts} starts"))
        folder.figure("starts", figures.image_rows(
            {f"image {i}": np.concatenate([test[i:i + 1], gan.images(real.z[i])]) for i in range(min(5, images))}, value_range=gan.architecture.scale,
            col_labels=["x", *map(str, range(1, starts + 1))], title="Test images x, and G(z*) from each start"))
        mse = real.loss / test[0].size
        folder.figure("losses", figures.heat_table(mse, names, range(1, starts + 1), label="squared error a pixel", row_name="test image (digit)",
                                                   col_name="start", form=".3f", title="||G(z*) - x||^2 / pixels, from every start"))
        folder.figure("distances", figures.heat_table(
            distances(pulled.z[0]), range(1, starts + 1), range(1, starts + 1), label="distance", row_name="start", col_name="start", form=".2f",
            title=f"||z* - z*'|| for the first test image, prior {prior:g}; ||z*|| = {np.linalg.norm(pulled.z[0], axis=1).mean():.2f} on average"))
        folder.figure("descent", figures.line_panels(
            np.arange(len(real.objective)) + 1, {f"test image {i}: squared error": {f"start {k + 1}": real.objective[:, i, k] for k in range(min(starts, 5))}
                                                 for i in range(min(3, images))}, xlabel="iteration", logx=True, logy=True))
        rows = {f"{head} {name}": row for head, table in tables.items() for name, row in table.items()}
        folder.finish(**results, **{f"{name}: {column}": value for name, row in rows.items() for column, value in row.items()},
                      **{f"{name}: {column}": value for name, row in compared.items() for column, value in row.items()})


def measure_noiseless(found, truth, pixels):
    """{what: number} for images that the generator made: how many are found again, and whether as the code they were made of."""
    mse = found.loss / pixels
    off = np.linalg.norm(found.best - truth, axis=1) / np.linalg.norm(truth, axis=1)
    results = {"G(z0): images with a best error below .001 a pixel": int((mse.min(axis=1) < 1e-3).sum()), "G(z0): images": len(mse),
               "G(z0): largest of the best errors": float(mse.min(axis=1).max()), "G(z0): share of starts below .001": float((mse < 1e-3).mean()),
               "G(z0): images whose best z* is z0 to 1 %": int((off < 0.01).sum())}
    print("\n".join(f"{name}: {value:.4g}" for name, value in results.items()))
    return results


def measure_minima(generator, images, found, prior=0.0):
    """For every image a row {column: number} on the points where its starts ended, of the function they went down: error + prior / 2 ||z||^2.

    slope, flattest, steepest: medians over the starts of the gradient's norm and of the least and largest eigenvalue of the Hessian.
    """
    for x, z, loss in zip(images, found.z, found.loss):
        objective = lambda codes: squared_error(generator(codes), x[None]) + (codes * codes).sum(axis=1) * (0.5 * prior)
        slope = lambda codes, record=True: tg.grad(objective(codes).sum(), [codes], create_graph=record)[0]
        hessians = geometry.jacobian(slope, z).astype(np.float64)
        curvature = np.linalg.eigvalsh((hessians + hessians.swapaxes(1, 2)) / 2)
        gradients = slope(tg.tensor(z, requires_grad=True), record=False).numpy()
        heights = loss + 0.5 * prior * (z * z).sum(axis=1)
        yield {"best error": loss.min() / x.size, "worst": loss.max() / x.size, "different z*": distinct(z),
               "mean distance": distances(z)[np.triu_indices(len(z), 1)].mean(), "mean ||z*||": np.linalg.norm(z, axis=1).mean(),
               "slope": np.median(np.linalg.norm(gradients, axis=1)), "flattest": np.median(curvature[:, 0]), "steepest": np.median(curvature[:, -1]),
               "minima": int((curvature[:, 0] > 0).sum()), "pairs with a ridge": float(np.mean(ridges(objective, z, heights) > 0))}


@tg.no_grad()
def ridges(objective, z, heights, points=19):
    """For every pair of z*, how far the objective on the straight line between them rises above both ends, in units of the larger."""
    first, second = np.triu_indices(len(z), 1)
    t = (np.arange(1, points + 1, dtype=z.dtype) / (points + 1))[:, None]
    line = (1 - t) * z[first][:, None] + t * z[second][:, None]
    along = objective(tg.tensor(line.reshape(-1, z.shape[1]))).numpy().reshape(len(first), points)
    ends = np.maximum(heights[first], heights[second])
    return along.max(axis=1) / ends - 1


def distances(z):
    """||z_i - z_j|| for all pairs of codes (S, D): (S, S)."""
    return np.linalg.norm(z[:, None] - z, axis=2)


def distinct(z, within=0.05):
    """How many of the codes (S, D) are further than `within` of their mean norm from all that are counted before them."""
    near, counted = distances(z) < within * np.linalg.norm(z, axis=1).mean(), []
    for i in range(len(z)):
        if not near[i, counted].any():
            counted.append(i)
    return len(counted)


def worst(found):
    """(B, D): for each image the z* of the start that came least close."""
    return found.z[np.arange(len(found.z)), found.loss.argmax(axis=1)]


def compare(found, pixels):
    """{column: number} for one way to descend."""
    mse = found.loss / pixels
    return {"best error": mse.min(axis=1).mean(), "mean error": mse.mean(), "mean ||z*||": np.linalg.norm(found.z, axis=2).mean(),
            "largest |z_i|": abs(found.z).max(), "iterations": len(found.objective) - 1}
