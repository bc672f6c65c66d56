"""Paths between the codes of two images: straight, spherical, of least U, and geodesics [000.2d]

    python -m demos paths                                  trains a small WGAN-GP first, on the digits in the package
    python -m demos paths --run runs/inversion/gan         that of the demo inversion; or a finished run of gan

Test images are inverted, then joined by paths of which each is the best for one energy: the sheet's U, the same with ||dZ/dt|| not
squared (the print leaves it open; then it is a length), and the pull-back energy int ||dG/dt||^2 dt, which is what the sheet's words ask
for: smallest differences of images a step. All paths are measured by all energies. Measured by the first command: means of 20 pairs of test
images, relative U is U / (||xA-xB||^2 ||zA-zB||^2), with its standard error:

    path                 U  unsquared  pull-back      relative U  length in z  smallest ||z||
    straight          7741       1679        670   .906 +- .010          4.43            2.22
    spherical         9845       1900        787  1.131 +- .025          4.85            2.79
    least U           7486       1612        597   .878 +- .009          4.46            2.19
    least unsquared   7593       1603        620   .891 +- .009          4.52            2.16
    geodesic         13330       1999        424  1.573 +- .073          5.58            1.91

U is the energy of the metric rho(z) I, in which the straight path is nearly the shortest already; the geodesic of the pull-back metric goes a long
way round through codes that all make faint images. From both starts, straight and spherical, the descent comes to the same U for all 20 pairs, and to
the same pull-back energy for 14. Along the path of least U sqrt(rho) ||dZ/dt|| is constant (deviation / mean .0005), along the geodesic
||dG/dt|| (.023). Looked at on four times finer segments the pull-back energies rise by less than 1 %, so nothing hides between the nodes.
"""
import numpy as np

import tinygen as tg
from tinygen import figures, geometry
from tinygen.training import Run

from demos.command_line import Grey
from demos.latent_gan import trained_gan
from demos.tables import print_table

SHOWN = 9                               # images in a strip


def main(*, run: str | None = None, data: Grey = "mnist-mini", z_dim=32, steps=2000, pairs=20, segments=32, iterations=60, starts=4, prior=1.0, seed=0,
         out="runs/paths", resume=False):
    """Train the GAN, unless --run names one, invert pairs of test images, find the paths and measure them.

    run: the folder of a finished run of gan; without it a WGAN-GP is trained here
    data: what that is trained on; a run has its own
    z_dim: numbers in its codes
    steps: updates of its generator
    pairs: of test images, each of two different classes
    segments: of a path
    iterations: of the descents, at most
    starts: codes that every inversion begins from
    prior: weight of 1/2 ||z||^2 in the inversions, which keeps the codes where the generator was trained
    """
    settings = dict(locals())
    overview = Run(out, settings)
    gan = trained_gan(run, out, settings, data=data, z_dim=z_dim, steps=steps, seed=seed, resume=resume)
    tg.manual_seed((seed, 1))
    x_a, x_b, names = held_out_pairs(gan, pairs, np.random.default_rng(seed))
    codes = geometry.invert(gan.generator, np.concatenate([x_a, x_b]), gan.draw(starts), method="lbfgs", steps=300, prior=prior)
    z_a, z_b = np.split(codes.best, 2)
    print(f"inverted {2 * pairs} test images: squared error a pixel {codes.loss.min(axis=1).mean() / x_a[0].size:.4f} on average")

    measures = {
        "U": lambda nodes: geometry.path_energy(gan.generator, nodes, x_a, x_b),
        "unsquared": lambda nodes: geometry.path_energy(gan.generator, nodes, x_a, x_b, squared=False),
        "pull-back energy": lambda nodes: geometry.pull_back_energy(gan.generator, nodes),
    }
    best = {name: geometry.shortest_path(energy, z_a, z_b, segments=segments, steps=iterations) for name, energy in measures.items()}
    paths = {"straight": geometry.straight(z_a, z_b, segments), "spherical": geometry.spherical(z_a, z_b, segments),
             "least U": best["U"].nodes, "least unsquared": best["unsquared"].nodes, "geodesic": best["pull-back energy"].nodes}

    with overview as folder, tg.no_grad():
        table = {name: measure(gan, nodes, measures, x_a, x_b) for name, nodes in paths.items()}
        print_table(table, "path")
        speeds = {"sqrt(rho) ||dZ/dt||": lambda nodes: geometry.path_speed(gan.generator, nodes, x_a, x_b).numpy(),
                  "||dG/dt||": lambda nodes: geometry.pull_back_speed(gan.generator, nodes).numpy()}
        steady = {f"{name} on the path of {which}, deviation / mean": float((speed(paths[path]).std(axis=1) / speed(paths[path]).mean(axis=1)).mean())
                  for (name, speed), (which, path) in zip(speeds.items(), (("least U", "least U"), ("least pull-back energy", "geodesic")))}
        starts_table = {name: {"from straight": path.after["straight"].mean(), "from spherical": path.after["spherical"].mean(),
                               "pairs where they differ by 1 %": int((abs(path.after["straight"] / path.after["spherical"] - 1) > 0.01).sum())}
                        for name, path in best.items()}
        print_table(starts_table, "minimised")
        print("\n".join(["", *(f"{name}: {value:.4f}" for name, value in steady.items())]))

        drawn = {name: nodes for name, nodes in paths.items() if name != "least unsquared"}
        for i in range(min(3, pairs)):
            at = np.linspace(0, segments, SHOWN).round().astype(int)
            folder.figure(f"strip-{i + 1}", figures.path_strips({name: gan.images(nodes[i, at]) for name, nodes in drawn.items()}, ends=(x_a[i], x_b[i]),
                                                                value_range=gan.architecture.scale, title=names[i]))
        for (label, speed), key, file in zip(speeds.items(), ("U", "pull-back energy"), ("speed-u", "speed-pull-back")):
            folder.figure(file, figures.path_profiles(
                {name: speed(nodes)[0] for name, nodes in drawn.items()}, ylabel=label, energy_label=key,
                energies={name: float(measures[key](nodes).numpy()[0]) for name, nodes in drawn.items()}, title=f"{names[0]}: the speed along each path"))
        folder.finish(**{f"{name}: {column}": value for name, row in {**table, **starts_table}.items() for column, value in row.items()}, **steady,
                      **{"squared error of the inversions a pixel": codes.loss.min(axis=1).mean() / x_a[0].size})


def held_out_pairs(gan, count, rng):
    """(x_a, x_b, names): `count` pairs of test images of two different classes, and what they are."""
    images, labels = gan.test_images()
    order = rng.permutation(len(images))
    first, rest = order[:count], order[count:]
    second = [rest[i::count][labels[rest[i::count]] != labels[a]][0] for i, a in enumerate(first)]
    return images[first], images[second], [f"{labels[a]} to {labels[b]}" for a, b in zip(first, second)]


def measure(gan, nodes, measures, x_a, x_b):
    """{column: mean over the pairs} of paths `nodes`, with the standard error of U's."""
    values = {name: energy(nodes).numpy() for name, energy in measures.items()}
    relative = geometry.relative_energy(values["U"], nodes[:, 0], nodes[:, -1], x_a, x_b)
    finer = measures["pull-back energy"](refined(nodes, 4)).numpy()
    return {**{name: value.mean() for name, value in values.items()}, "pull-back, four times finer": finer.mean(),
            "U / (||xA-xB||^2 ||zA-zB||^2)": relative.mean(), "+-": relative.std(ddof=1) / np.sqrt(len(relative)) if len(relative) > 1 else 0.0,
            "length in z": np.linalg.norm(np.diff(nodes, axis=1), axis=2).sum(axis=1).mean(),
            "smallest ||z||": np.linalg.norm(nodes, axis=2).min(axis=1).mean()}


def refined(nodes, times):
    """The same broken lines with `times` as many segments: an energy of G(Z) that only looks at the nodes can miss what lies between."""
    t = (np.arange(times, dtype=nodes.dtype) / times)[:, None]
    between = (1 - t) * nodes[:, :-1, None] + t * nodes[:, 1:, None]
    return np.concatenate([between.reshape(len(nodes), -1, nodes.shape[2]), nodes[:, -1:]], axis=1)
