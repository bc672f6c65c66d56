"""How a decoder stretches its latent plane: singular values of dG/dz, magnification, and the paths that go around it [000.2]

    python -m demos magnification                          trains both first, on the digits in the package

Two generators of digits from two numbers, a VAE's decoder and a GAN's generator. Over the plane are drawn the singular values of the
Jacobian, by how much the image moves for a step in the best and the worst direction, and their product sqrt(det J'J), the magnification
factor: an area of images for an area of codes. Ridges separate regions of one digit; a geodesic crosses them where they are low, and is
a straight step in latent space only where the plane is stretched evenly. Measured (pixels in [0, 1], medians over 40 x 40 codes in [-3, 3]^2; sure:
codes whose image the judge gives a class with a probability over .9):

           largest  smallest  sqrt(det J'J)  where sure  where unsure  share sure  int ||dG/dt||^2: straight  geodesic
    VAE        4.2       2.6           11.2         7.6          12.9        35 %                        163       145
    GAN       11.0       6.5           71.2        65.2          80.9        68 %                       2882      2501

The GAN, which has to cover all digits with samples that look real, stretches the plane six times as much as the VAE's decoder, which blurs; both
stretch it less where there is a clear digit.
"""
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures, geometry
from tinygen.metrics import load_judge
from tinygen.models.vae import SheetVAE
from tinygen.training import Run

from demos.command_line import Grey
from demos.finished import load_weights
from demos.latent_gan import read_gan, train_latent_gan
from demos.tables import print_table
from demos.vae_training import rows, train_vae

LIMITS = (-3.0, 3.0)


def main(*, data: Grey = "mnist-mini", epochs=40, steps=2000, side=40, iterations=100, seed=0, out="runs/magnification", resume=False):
    """Train the two with two latent dimensions, draw the maps, measure the magnification where digits are clear and where they are not.

    epochs: of the VAE's training
    steps: updates of the GAN's generator
    side: codes along each side of the plane
    iterations: of the descent to a geodesic, at most
    """
    settings = dict(locals())
    overview = Run(out, settings)
    decoders = {"VAE": vae_decoder(Path(out) / "vae", settings, data, epochs, seed, resume), "GAN": None}
    train_latent_gan(Path(out) / "gan", {**settings, "z_dim": 2}, data=data, z_dim=2, steps=steps, seed=seed, resume=resume)
    gan = read_gan(Path(out) / "gan")
    decoders["GAN"] = lambda z: (gan.generator(z).reshape(len(z), -1) + 1.0) * 0.5
    judge = load_judge(data)
    plane = figures.latent_plane(side, LIMITS).astype(np.float32)
    field = lambda values: values.reshape(side, side)[::-1]             # the plane is listed as a picture, from the top
    table, fields = {}, {}
    with overview as folder:
        for name, decoder in decoders.items():
            stretch = geometry.singular_values(decoder, plane)
            magnification = stretch.prod(axis=1)
            table[name] = measure(decoder, judge, plane, stretch)
            fields |= {f"{name}: largest": field(stretch[:, 0]), f"{name}: smallest": field(stretch[:, 1])}
            ends = far_apart(decoder, judge, plane)
            path = geometry.shortest_path(lambda nodes: geometry.pull_back_energy(decoder, nodes), *ends, segments=48, steps=iterations, starts=("straight",))
            straight = geometry.straight(*ends, 48)
            table[name] |= {"energy, straight": path.before["straight"].mean(), "energy, geodesic": path.energy.mean()}
            lines = {"straight": straight[0], "geodesic": path.nodes[0]}
            images = tg.no_grad()(lambda z: decoder(tg.tensor(z.astype(np.float32))).numpy())
            folder.figure(f"magnification-{name.lower()}", figures.plane_map(
                field(np.maximum(magnification, 1e-6 * magnification.max())), LIMITS, label="sqrt(det J'J)", log=True, paths=lines,
                title=f"{name}: magnification"))
            folder.figure(f"digits-{name.lower()}", figures.latent_manifold(images, 18, LIMITS, title=f"{name}: G(z) over the same plane"))
            at = np.linspace(0, 48, 9).astype(int)
            folder.figure(f"paths-{name.lower()}", figures.path_strips({kind: images(line[at]) for kind, line in lines.items()},
                                                                       title=f"{name}: images along the two paths"))
        print_table(table, "decoder")
        folder.figure("singular-values", figures.plane_map(fields, LIMITS, label="singular value of dG/dz", log=True))
        folder.finish(**{f"{name}: {column}": value for name, row in table.items() for column, value in row.items()})


def vae_decoder(out, settings, data, epochs, seed, resume):
    """The decoder of a VAE with two latent dimensions, sheet 001's, to pixels in [0, 1]; trained in `out`; with `resume`, only what is not there yet."""
    train, test = (rows(tgdata.load(data, split)[0]) for split in ("train", "test"))
    with Run(out, settings, resume=resume) as run:
        tg.manual_seed(seed)
        for _ in train_vae(run, SheetVAE(), train, epochs=epochs, seed=seed, test=test):
            pass
        run.finish()
    model = load_weights(out, SheetVAE())
    return lambda z: model.mean(model.decode(z))


@tg.no_grad()
def judged(decoder, judge, plane):
    """(class, confidence) of the image of every code."""
    images = tgdata.to_bytes(decoder(tg.tensor(plane)).numpy().reshape(-1, 1, 28, 28))
    return judge.predict(images), judge.confidence(images)


def measure(decoder, judge, plane, stretch):
    """{what: number}: the magnification where the judge is sure of a digit, and where not."""
    _, confidence = judged(decoder, judge, plane)
    sure, magnification = confidence > 0.9, stretch.prod(axis=1)
    return {"median largest": np.median(stretch[:, 0]), "median smallest": np.median(stretch[:, 1]), "median sqrt(det J'J)": np.median(magnification),
            "share of the plane where the judge is sure": sure.mean(), "median where sure": np.median(magnification[sure]) if sure.any() else float("nan"),
            "median where unsure": np.median(magnification[~sure]) if (~sure).any() else float("nan")}


def far_apart(decoder, judge, plane):
    """(z_a, z_b), (1, 2) each: of the codes within a radius of 2 that clearly show a digit, the two furthest apart that show different ones."""
    said, confidence = judged(decoder, judge, plane)
    inside = np.flatnonzero((np.linalg.norm(plane, axis=1) < 2) & (confidence > 0.9))
    if len(set(said[inside])) < 2:
        inside = np.flatnonzero(np.linalg.norm(plane, axis=1) < 2)
    between = np.linalg.norm(plane[inside, None] - plane[inside], axis=2) * (said[inside, None] != said[inside])
    a, b = np.unravel_index(between.argmax(), between.shape)
    return plane[inside[[a]]], plane[inside[[b]]]
