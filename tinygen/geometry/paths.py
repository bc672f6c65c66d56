"""Paths between two codes, and the energies that make some of them short (sheet 000, question d).

A path is its nodes (N + 1, D), at equal steps of t from 0 to 1; P of them together are (P, N + 1, D). Two energies of a path Z(t):

    U = int [||G(Z) - xA||^2 + ||G(Z) - xB||^2] ||dZ/dt||^2 dt        the sheet's: `path_energy`
    int ||dG(Z)/dt||^2 dt                                             what its words describe: `pull_back_energy`

With rho(z) = ||G(z) - xA||^2 + ||G(z) - xB||^2 = 2 ||G(z) - (xA + xB)/2||^2 + 1/2 ||xA - xB||^2, U is the energy of the conformal metric
rho(z) I: lengths in latent space, dearer where the image is far from the mean of the two. The second is the energy of the pull-back
metric J'J: lengths in image space. A path of least energy has constant speed in its metric, sqrt(rho) ||dZ/dt|| or ||dG/dt||.
"""
from typing import NamedTuple

import numpy as np

from ..autograd import Tensor
from ..backend import to, xp
from ..ops import as_array, matmul, sqrt
from .checks import as_codes, check_same, frozen, values_of
from .descent import descend

# ---- where paths begin -------------------------------------------------------------------------------------------------------


def straight(z_a, z_b, segments=32):
    """(1 - t) zA + t zB at segments + 1 equal steps: z_a, z_b (P, D) -> nodes (P, segments + 1, D)."""
    z_a, z_b, t = _ends("straight", z_a, z_b, segments)
    return (1 - t) * z_a[:, None] + t * z_b[:, None]


def spherical(z_a, z_b, segments=32):
    """[sin((1 - t) w) zA + sin(t w) zB] / sin w, w the angle between the two: z_a, z_b (P, D) -> nodes (P, segments + 1, D).

    It keeps the norm where the ends have one norm, as draws from N(0, I) nearly do in many dimensions; the middle of the straight path
    is nearer to the origin than any draw. Parallel ends are joined straight. Raises ValueError for a code at the origin, or opposite
    ones: no great circle between them is the shortest. Source: Shoemake 1985; for latent spaces White 2016.
    """
    z_a, z_b, t = _ends("spherical", z_a, z_b, segments)
    module = xp(z_a)
    norms = module.sqrt((z_a * z_a).sum(axis=1) * (z_b * z_b).sum(axis=1))
    if not norms.all():
        raise ValueError("spherical: a code at the origin lies on no sphere around it; join it with `straight`")
    angle = module.arccos(module.clip((z_a * z_b).sum(axis=1) / norms, -1, 1))[:, None, None]
    if (angle > np.pi - 1e-3).any():
        raise ValueError("spherical: two codes are opposite, and every great circle through both is as short; join them with `straight`")
    parallel = angle < 1e-3
    angle = module.where(parallel, 1, angle)
    first, second = (module.where(parallel, line, module.sin(line * angle) / module.sin(angle)) for line in (1 - t, t))
    return first * z_a[:, None] + second * z_b[:, None]


def _ends(function, z_a, z_b, segments):
    """The two ends as arrays (P, D), and t (segments + 1, 1) of their type."""
    z_a, z_b = (as_codes(function, z, name, "(P, D)") for z, name in ((z_a, "z_a"), (z_b, "z_b")))
    check_same(function, z_a=z_a, z_b=z_b)
    if isinstance(segments, bool) or not isinstance(segments, (int, np.integer)) or segments < 1:
        raise ValueError(f"{function}: segments = {segments!r} must be a whole number, 1 or more")
    z_a, z_b = (z.data if isinstance(z, Tensor) else z for z in (z_a, z_b))
    return z_a, z_b, xp(z_a).linspace(0, 1, segments + 1, dtype=z_a.dtype)[:, None]


STARTS = {"straight": straight, "spherical": spherical}

# ---- energies ------------------------------------------------------------------------------------------------------------------


def path_energy(generator, nodes, x_a, x_b, *, squared=True):
    """U (P,) of nodes (P, N + 1, D) between images x_a, x_b (P, ...), a Tensor: N sum_i rho(midpoint i) ||dZ_i||^2.

    squared=False takes the print of the sheet, which leaves it open, at its word: int rho ||dZ/dt|| dt, sum_i rho(midpoint i) ||dZ_i||, a
    length in the metric rho^2 I, the same however fast a path is run through. For G the identity from -1 to 1: U is 32/3 on the straight
    path and 10.539 at its least; the length is 16/3 on both. Source: sheet 000, Eq. 1; rho at midpoints.
    """
    rho, squares = _segments("path_energy", generator, nodes, x_a, x_b)
    return (rho * squares).sum(axis=1) * float(squares.shape[1]) if squared else (rho * sqrt(squares + 1e-30)).sum(axis=1)


def path_speed(generator, nodes, x_a, x_b):
    """sqrt(rho) ||dZ/dt|| on every segment: (P, N), a Tensor. Constant along a path of least U, whose square it then is."""
    rho, squares = _segments("path_speed", generator, nodes, x_a, x_b)
    return sqrt(rho * squares + 1e-30) * float(squares.shape[1])


def pull_back_energy(generator, nodes):
    """int ||dG(Z)/dt||^2 dt of nodes (P, N + 1, D): (P,), a Tensor, N sum_i ||G(Z_{i+1}) - G(Z_i)||^2.

    At least ||G(zB) - G(zA)||^2: that of a path whose images fade from the one to the other. Source: Arvanitidis et al. 2018, Eq. 5;
    Shao et al. 2018, Eq. 2.
    """
    steps = _image_steps("pull_back_energy", generator, nodes)
    return (steps * steps).sum(axis=(1, 2)) * float(steps.shape[1])


def pull_back_speed(generator, nodes):
    """||dG/dt|| on every segment: (P, N), a Tensor. Constant along a path of least pull-back energy."""
    steps = _image_steps("pull_back_speed", generator, nodes)
    return sqrt((steps * steps).sum(axis=2) + 1e-30) * float(steps.shape[1])


def relative_energy(energy, z_a, z_b, x_a, x_b):
    """U / (||xA - xB||^2 ||zA - zB||^2), (P,): U without the scales of image and latent space. Never below 1/2.

    Where G fades linearly from xA to xB along the straight path it is (1 + asinh(1) / sqrt 2)^2 / 4 = .6587; where all images on the way
    are as far from both ends as the ends are from each other, 2.
    Raises ValueError for a pair of equal images or codes: its energy has no scale.
    """
    images, codes = _squared_distance(x_a, x_b), _squared_distance(z_a, z_b)
    for what, squares in (("images", images), ("codes", codes)):
        if not (as_array(squares) > 0).all():
            raise ValueError(f"relative_energy: the two {what} of pair {int((as_array(squares) <= 0).argmax())} are equal, so its energy has no scale; "
                             "leave it out")
    return energy / (images * codes)


def _squared_distance(a, b):
    off = (a - b).reshape(len(a), -1)
    return (off * off).sum(axis=1)


def _segments(function, generator, nodes, x_a, x_b):
    """rho at the midpoint of every segment and its squared length: (P, N) each."""
    _check_nodes(function, nodes)
    steps = nodes[:, 1:] - nodes[:, :-1]
    y = _images(function, generator, (nodes[:, 1:] + nodes[:, :-1]) * 0.5)
    rho = 0.0
    for name, x in (("x_a", x_a), ("x_b", x_b)):
        if len(x) != len(nodes) or x.reshape(len(x), 1, -1).shape[2] != y.shape[2]:
            raise ValueError(f"{function}: {name} {x.shape} must be ({len(nodes)}, ...), one image of {y.shape[2]} numbers a path of nodes {nodes.shape}")
        off = y - x.reshape(len(x), 1, -1)
        rho = rho + (off * off).sum(axis=2)
    return rho, (steps * steps).sum(axis=2)


def _image_steps(function, generator, nodes):
    _check_nodes(function, nodes)
    y = _images(function, generator, nodes)
    return y[:, 1:] - y[:, :-1]


def _check_nodes(function, nodes):
    as_codes(function, nodes, "nodes", "(P, N + 1, D)")
    if nodes.shape[1] < 2:
        raise ValueError(f"{function}: nodes {nodes.shape} (P, N + 1, D) are single points; a path has two ends")


def _images(function, generator, z):
    """The generator's images of codes (P, K, D) as rows: (P, K, size)."""
    count, places, dimension = z.shape
    flat = z.reshape(count * places, dimension)
    with frozen(generator):
        return values_of(function, generator, flat if isinstance(flat, Tensor) else Tensor(flat)).reshape(count, places, -1)


# ---- the shortest ----------------------------------------------------------------------------------------------------------------


class Path(NamedTuple):
    """nodes (P, N + 1, D) and energy (P,) of the best path found for each pair, in arrays on the host.

    before, after: {start: (P,)}, the energies of each starting path, and of what the descent made of it.
    """

    nodes: np.ndarray
    energy: np.ndarray
    before: dict
    after: dict


def shortest_path(energy, z_a, z_b, *, segments=32, steps=100, starts=("straight", "spherical"), method="lbfgs", lr=0.05):
    """Paths of least energy between z_a and z_b (P, D), all P at once: a `Path`.

    energy: Tensor nodes (P, N + 1, D) -> Tensor (P,), such as lambda nodes: path_energy(generator, nodes, x_a, x_b).
    The inner nodes descend from every path in `starts`, the ends stay; for each pair the lower result is kept: a local minimum. method,
    steps, lr: see `descend`.

    The descent moves the displacement from the start in sine waves, each scaled by 1 / (its frequency), which makes N sum ||dZ||^2 a sum
    of squares: with the nodes themselves as variables, N^2 steps or so pass before one end feels the other.
    Raises ValueError for an unknown start, or what `straight` and `spherical` refuse.
    """
    unknown = [name for name in starts if name not in STARTS]
    if unknown or not starts:
        raise ValueError(f"shortest_path: starts {tuple(starts)} must be some of {', '.join(STARTS)}")
    found, before, after = [], {}, {}
    for name in starts:
        first = STARTS[name](z_a, z_b, segments)
        waves = to(sine_waves(segments).astype(first.dtype), Tensor(first).device)
        along = lambda amplitudes: energy(matmul(waves, amplitudes) + first)
        descent = descend(along, xp(first).zeros_like(first[:, 1:-1]), method=method, steps=steps, lr=lr)
        found.append(to(first, "cpu") + to(waves, "cpu") @ descent.point)
        before[name], after[name] = descent.values[0], descent.value
    energies = np.stack(list(after.values()))
    best, each = energies.argmin(axis=0), np.arange(len(z_a))
    return Path(np.stack(found)[best, each], energies[best, each], before, after)


def sine_waves(segments):
    """W (N + 1, N - 1), zero at both ends, with N sum_i ||(W a)_{i+1} - (W a)_i||^2 = ||a||^2: columns sqrt(2/N) sin(pi k i/N) / (2 sqrt(N) sin(pi k/(2N)))."""
    i, k = np.arange(segments + 1)[:, None], np.arange(1, segments)
    return np.sqrt(2 / segments) * np.sin(np.pi * k * i / segments) / (2 * np.sqrt(segments) * np.sin(np.pi * k / (2 * segments)))
