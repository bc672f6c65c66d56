"""Every drawing function draws, without a warning, on ordinary and on awkward input; none leaves anything behind."""
import gc
import inspect
import subprocess
import sys
import threading
import weakref

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from tinygen import figures

RNG = np.random.default_rng(0)
IMAGES = RNG.random((12, 1, 8, 8)).astype(np.float32)
COLOUR = RNG.integers(0, 256, (12, 3, 8, 8), dtype=np.uint8)
LABELS = np.arange(12) % 3
POINTS = RNG.normal(size=(60, 2))
SPOT = np.zeros((5, 2))                                   # a collapsed generator: every sample on one spot
FIELD = np.add.outer(np.linspace(0, 1, 12), np.linspace(1, 3, 15) ** 2)
X = np.linspace(-3, 3, 50)
BELL = np.exp(-X * X / 2) / np.sqrt(2 * np.pi)
MESH = np.stack(np.meshgrid(np.linspace(-1, 1, 6), np.linspace(-1, 1, 5)), axis=2)
NODES = [("x", "x", (4, 3), "input"), ("w", "weight", (2, 3), "parameter"), ("y", "matmul", (4, 2), "op"),
         ("l", "mean", (), "output")]
EDGES = [("x", "y"), ("w", "y"), ("y", "l")]


def square(points):
    return (points ** 2).sum(axis=1)


def decoder(codes):
    return np.clip(codes.sum(axis=1)[:, None, None] * np.ones((1, 4, 4)) / 12 + 0.5, 0, 1)


CASES = {
    "image_grid": lambda: figures.image_grid(IMAGES, title="title"),
    "image_grid flat": lambda: figures.image_grid(IMAGES.reshape(12, 64), 3, 4, row_labels=list("abc"), col_labels=list("abcd")),
    "image_grid colour": lambda: figures.image_grid(COLOUR, cols=5, scale=2),
    "image_grid tanh": lambda: figures.image_grid(IMAGES * 2 - 1, value_range=(-1, 1), padding=0),
    "image_grid one": lambda: figures.image_grid(IMAGES[:1], title="a title that is far wider than the one small picture below it"),
    "image_rows": lambda: figures.image_rows({"grey": IMAGES[:4], "colour": COLOUR[:6]}, title="both"),
    "image_rows slanted": lambda: figures.image_rows({"row": IMAGES[:3]}, col_labels=["a long label", "another one", "short"], scale=2),
    "reconstruction_pairs": lambda: figures.reconstruction_pairs(IMAGES, IMAGES, per_row=5),
    "reconstruction_pairs two": lambda: figures.reconstruction_pairs(IMAGES, {"epoch 1": IMAGES, "epoch 9": IMAGES}),
    "class_rows": lambda: figures.class_rows(IMAGES, LABELS, ["zero", "one", "two", "never seen"], per_class=5),
    "samples_over_time": lambda: figures.samples_over_time({1: IMAGES[:3], 10: IMAGES[3:6]}),
    "path_strips": lambda: figures.path_strips({"straight": IMAGES[:5], "least": IMAGES[5:10]}, ends=(IMAGES[0], IMAGES[4])),
    "latent_manifold": lambda: figures.latent_manifold(decoder, 5, title="title"),
    "latent_manifold quantiles": lambda: figures.latent_manifold(decoder, 5, (-1.6, 1.6), quantiles=True),
    "latent_scatter": lambda: figures.latent_scatter(POINTS, np.arange(60) % 10),
    "latent_scatter two": lambda: figures.latent_scatter({"a": POINTS, "b": POINTS * [1, 90]}, np.arange(60) % 2, ["x", "y", "z"]),
    "latent_scatter spot": lambda: figures.latent_scatter(SPOT, np.arange(5)),
    "latent_traversals": lambda: figures.latent_traversals(IMAGES.reshape(3, 4, 8, 8), [-2, -1, 0, 1], [4, 7, 9]),
    "plane_map": lambda: figures.plane_map(FIELD, (-1, 1), label="value", paths={"p": POINTS[:9], "q": POINTS[9:12]}, points=POINTS),
    "plane_map log": lambda: figures.plane_map({"a": FIELD, "b": FIELD * 9}, ((0, 1), (0, 9)), label="value", log=True),
    "plane_map constant": lambda: figures.plane_map(np.ones((3, 3)), (0, 1), label="value", points={"cloud": POINTS}),
    "density_pair": lambda: figures.density_pair(POINTS, POINTS + 0.1, title="title"),
    "density_pair collapsed": lambda: figures.density_pair(SPOT, POINTS),
    "density_over_time": lambda: figures.density_over_time({0: SPOT, 500: POINTS * 2, 1000: POINTS}, POINTS, limits=(-3, 3)),
    "densities_1d": lambda: figures.densities_1d(X, {"p": BELL, "q": BELL[::-1]}, discriminators={"D": BELL}, samples={"s": POINTS[:, 0]}),
    "densities_1d alone": lambda: figures.densities_1d(X, {"p": BELL}, title="title"),
    "critic_map": lambda: figures.critic_map(square, real=POINTS, fake=POINTS + 1, arrows=-POINTS, title="title"),
    "critic_map array": lambda: figures.critic_map(FIELD, (-1, 1), value_range=(0, 4)),
    "critic_map constant": lambda: figures.critic_map(np.zeros((3, 3)), (-1, 1), fake=SPOT, arrows=SPOT),
    "critic_panels": lambda: figures.critic_panels({"a": (square, POINTS, -POINTS), "b": (FIELD, None, None)}, (-2, 2), real=POINTS, title="title"),
    "gradient_clouds": lambda: figures.gradient_clouds(X, X[:40], np.add.outer(X[:40] ** 2, X ** 2), {
        "a": (POINTS[:3], RNG.normal(size=(3, 20, 2))), "b": (POINTS[:1], np.zeros((1, 5, 2)))}, best=(0, 0), label="value", title="title"),
    "generator_manifold": lambda: figures.generator_manifold(MESH, real=POINTS),
    "generator_manifold curve": lambda: figures.generator_manifold(MESH[0]),
    "generator_manifold collapsed": lambda: figures.generator_manifold(np.zeros((4, 4, 2)), title="title"),
    "domain_maps": lambda: figures.domain_maps({"a": (POINTS, POINTS + 3), "b": (POINTS, -POINTS)}, labels=np.arange(60) % 4, target=POINTS + 3),
    "point_panels": lambda: figures.point_panels({"clean": POINTS, "noisy": POINTS + 0.1}, labels=np.arange(60) % 2, curve=POINTS[:7]),
    "training_curves": lambda: figures.training_curves([{"epoch": e, "train loss": 1 / e, "test loss": 2 / e, "KL": e} for e in (1, 2, 3)],
                                                       units={"KL": "nats"}, title="title"),
    "training_curves long": lambda: figures.training_curves({"loss": np.exp(-np.arange(2000) / 200) + 1e-9}),
    "line_panels": lambda: figures.line_panels(X, {"value": {"p": BELL, "q": np.where(X > 0, np.inf, BELL)}, "slope": {"p": -X * BELL}},
                                               xlabel="$x$", guides={"value": {"best": 0.3}}, markers=True, title="title"),
    "line_panels log": lambda: figures.line_panels(np.exp(X), {"value": {"p": BELL - 0.1}}, xlabel="x", logx=True, logy=True),
    "rate_distortion": lambda: figures.rate_distortion({"VAE": ([1, 5, 20], [150, 120, 80], [4, 1, 0.1]), "Echo": ([2, 9], [130, 100])},
                                                       optimum=([0, 30], [180, 60]), title="title"),
    "path_profiles": lambda: figures.path_profiles({"straight": X ** 2, "least": np.ones(9)}, energies={"straight": 3.0, "least": 2.0}),
    "path_profiles alone": lambda: figures.path_profiles({"straight": X ** 2}, ylabel="rho"),
    "bar_chart": lambda: figures.bar_chart({"before": [1, 2], "after": [1, 1]}, ["a", "a rather long name of a category"], ylabel="energy",
                                           errors={"before": [0.1, 0.1], "after": [0.2, 0.2]}, reference=("best", 0.5), title="title"),
    "class_shares": lambda: figures.class_shares({"GAN": [5, 0, 9], "CGAN": [7, 7, 7]}, ["a", "b", "c"]),
    "heat_table": lambda: figures.heat_table([[1.0, np.nan], [2.0, 3.0]], ["a", "b"], ["c", "d"], label="score", log=True, title="title"),
    "heat_table constant": lambda: figures.heat_table([[0.0]], ["a"], ["a column with a long name"], label="score", row_name="r", col_name="c"),
    "draw_graph": lambda: figures.draw_graph(NODES, EDGES, title="title"),
    "draw_graph values": lambda: figures.draw_graph(NODES, EDGES + [("y", "l")], values={"x": 1.0, "y": 1.0}, value_label="norm"),
}

NO_FIGURE = {"Node", "array_to_image", "concat_images", "dress", "finish", "kernel_density", "latent_plane", "likely_bandwidth",
             "new_figure", "new_panels", "read_images", "save", "smooth", "write_gif", "write_png"}


@pytest.mark.parametrize("case", CASES)
def test_draws_without_a_warning(case, pixels):
    figure = CASES[case]()
    assert isinstance(figure, Figure)
    page = pixels(figure)                                  # warnings are errors in this test run
    assert page.std() > 1 and 50 < page.shape[0] < 2500 and 50 < page.shape[1] < 1800
    assert (page[0] == 255).all() and (page[:, 0] == 255).all()        # nothing is cut off at the upper or left edge


def test_every_drawing_function_is_drawn_here():
    drawing = {name for name in figures.__all__ if name not in NO_FIGURE}
    assert drawing == {case.split()[0] for case in CASES}
    assert all(inspect.getdoc(getattr(figures, name)) for name in figures.__all__)


def test_figures_are_freed_when_the_caller_lets_go():
    kept = [weakref.ref(CASES[case]()) for case in ("image_grid", "latent_scatter", "density_pair", "draw_graph")]
    gc.collect()
    assert [reference() for reference in kept] == [None] * 4


def test_no_global_state_is_touched():
    before = dict(matplotlib.rcParams)
    found = []
    workers = [threading.Thread(target=lambda: found.append(CASES["training_curves"]())) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 3 and dict(matplotlib.rcParams) == before


def test_pyplot_is_never_imported():
    code = ("import sys, numpy as np\nfrom tinygen import figures\nfigure = figures.image_grid(np.zeros((4, 5, 5)))\n"
            "figure.canvas.draw()\nassert 'matplotlib.pyplot' not in sys.modules\n")
    subprocess.run([sys.executable, "-c", code], check=True)
