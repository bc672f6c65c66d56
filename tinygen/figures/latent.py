"""Pictures of a latent space: codes by class, the images along a plane or an axis, a field over the plane."""

import math

import numpy as np
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from scipy.special import ndtr, ndtri

from .checks import as_array, as_count, as_labels, as_limits, as_mapping, as_pixels, as_points
from .images import grid_figure, lines_figure
from .style import (INK, MAP, MARKER_AREAS, MARKERS, PALETTE, SMALL, TEXT, colour_bar, dress, finish, legend_above,
                    legend_beside, new_panels, number, series_style)


def latent_scatter(z, labels, class_names=None, *, axes=("$z_1$", "$z_2$"), title=None):
    """Codes of a two-dimensional latent space, coloured by class, each class named at the median of its points.

    z (N, 2), or {panel title: (N, 2)} for several encoders of the same images; labels (N,) integers; class_names one a
    class. The classes are drawn in turns, so that none hides the others. Returns a Figure.
    """
    caller = "latent_scatter"
    panels = {name: as_points(caller, f"z[{name!r}]", points) for name, points in z.items()} if hasattr(z, "items") else {
        "": as_points(caller, "z", z)}
    if not panels:
        raise ValueError(f"{caller}: z is empty; there is nothing to draw")
    names = None if class_names is None else [str(name) for name in class_names]
    for points in panels.values():
        labels = as_labels(caller, "labels", labels, len(points), None if names is None else len(names))
    names = [str(k) for k in range(int(labels.max()) + 1)] if names is None else names
    figure, drawn = new_panels(len(panels), width=5.6 if len(panels) == 1 else 4.2, height=4.9 if len(panels) == 1 else 4.4)
    for ax, (name, points) in zip(drawn, panels.items()):
        _scatter_classes(ax, points, labels, names)
        dress(ax, title=name, xlabel=axes[0], ylabel=axes[1], grid=False)
        spread = np.ptp(points, axis=0)
        if 0 < spread.max() <= 3 * spread.min():
            ax.set_aspect("equal", adjustable="datalim")
    legend_beside(drawn[-1], handletextpad=0.3, title="class", title_fontsize=SMALL)
    finish(figure, title)                          # labels are placed in pixels, so the layout must be settled
    for ax, points in zip(drawn, panels.values()):
        _name_classes(ax, points, labels, names)
    return figure


def _scatter_classes(ax, points, labels, names, turns=6):
    size = float(np.clip(12000 / len(points), 4, 30))
    present = np.unique(labels)
    for turn in range(turns):
        for k in present:
            mine = points[labels == k][turn::turns]
            ax.scatter(mine[:, 0], mine[:, 1], s=size * MARKER_AREAS[k % 10], c=PALETTE[k % 10], marker=MARKERS[k % 10],
                       alpha=0.8, linewidths=0, rasterized=True)
    for k in present:
        ax.scatter([], [], s=28 * MARKER_AREAS[k % 10], c=PALETTE[k % 10], marker=MARKERS[k % 10], label=names[k])


def _name_classes(ax, points, labels, names):
    """Each class's name at the median of its points; names that would overlap move apart, a thin line leads back."""
    present = np.unique(labels)
    medians = np.stack([np.median(points[labels == k], axis=0) for k in present])
    texts = [ax.annotate(names[k], median, textcoords="offset pixels", xytext=(0, 0), ha="center", va="center", zorder=6,
                         fontsize=TEXT, fontweight="bold", color=INK, annotation_clip=False,
                         bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": PALETTE[k % 10],
                               "linewidth": 1.3, "alpha": 0.9},
                         arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0})
             for k, median in zip(present, medians)]
    renderer = ax.figure.canvas.get_renderer()
    boxes = [Text.get_window_extent(text, renderer) for text in texts]           # of the letters, without their frames
    anchors = ax.transData.transform(medians)
    room = np.array([[box.width, box.height] for box in boxes]) + TEXT / 72 * ax.figure.dpi * 0.75
    for text, offset in zip(texts, spread_boxes(anchors, room) - anchors):
        text.set_position(offset)
        text.arrow_patch.set_visible(bool(np.hypot(*offset) > 1))


def spread_boxes(centres, sizes, rounds=200):
    """Centres (K, 2) of boxes of sizes (K, 2), moved apart until none overlap, each along its shorter way out."""
    centres = centres + 1e-3 * np.arange(len(centres))[:, None] * [1, -1]        # equal centres part as well
    for _ in range(rounds):
        gap = centres[:, None] - centres[None]
        overlap = (sizes[:, None] + sizes[None]) / 2 - np.abs(gap)
        hit = (overlap > 0).all(axis=2) & ~np.eye(len(centres), dtype=bool)
        if not hit.any():
            break
        along = overlap.argmin(axis=2)[..., None] == np.arange(2)
        centres = centres + 0.26 * (np.sign(gap) * overlap * along * hit[..., None]).sum(axis=1)
    return centres


def latent_plane(n=20, limits=(-3.0, 3.0), *, quantiles=False):
    """The n * n codes of a square grid over a latent plane, in the order a picture is drawn: (n*n, 2).

    The first row has the largest z_2, the first column the smallest z_1. quantiles=True spaces each axis by equal
    probability under N(0, 1) between the same ends (Kingma & Welling 2014, figure 4) instead of evenly.
    """
    n = as_count("latent_plane", "n", n, least=2)
    first, second = (ndtri(np.linspace(ndtr(low), ndtr(high), n)) if quantiles else np.linspace(low, high, n)
                     for low, high in as_limits("latent_plane", limits))
    return np.stack([np.tile(first, n), np.repeat(second[::-1], n)], axis=1)


def latent_manifold(decoder, n=20, limits=(-3.0, 3.0), *, quantiles=False, value_range=None, title=None):
    """What a decoder makes of a plane of codes: n x n images edge to edge, each standing at its own code.

    decoder is called once with `latent_plane(n, limits, quantiles=quantiles)`, (n*n, 2) float64, and returns images
    (n*n, ...) as `image_grid` takes them; or it is that array of images. Returns a Figure.
    """
    caller = "latent_manifold"
    plane = latent_plane(n, limits, quantiles=quantiles)
    pixels = as_pixels(caller, "images", decoder(plane) if callable(decoder) else decoder, value_range)
    if len(pixels) != n * n:
        raise ValueError(f"{caller}: {len(pixels)} images for a plane of n * n = {n} * {n} = {n * n} codes")
    shown = set(np.rint(np.linspace(0, n - 1, min(n, 7))).astype(int))
    ticks = [[number(value, ".2f") if index in shown else "" for index, value in enumerate(values)]
             for values in (plane[:n, 0], plane[::n, 1])]
    return grid_figure(caller, pixels, n, n, ticks[1], ticks[0], title, 0, None, names=("$z_1$", "$z_2$"))


def latent_traversals(images, values, dimensions=None, *, value_range=None, title=None):
    """What each latent dimension does alone: a row per dimension, one image for each value it is set to.

    images (D, T, C, H, W) or (D, T, H, W): row d is decoded with dimension d at the T values (T,) and the others as
    they were; dimensions (D,) are the numbers at the rows, from 1 by default. Returns a Figure.
    """
    caller = "latent_traversals"
    images = as_array(caller, "images", images, "(D, T, C, H, W) or (D, T, H, W)")
    values = as_array(caller, "values", values, f"({images.shape[1]},)")
    dimensions = range(1, len(images) + 1) if dimensions is None else list(dimensions)
    if len(dimensions) != len(images):
        raise ValueError(f"{caller}: {len(dimensions)} dimensions for images of {len(images)} rows; one each")
    pixels = as_pixels(caller, "images", images.reshape(-1, *images.shape[2:]), value_range)
    pixels = pixels.reshape(images.shape[:2] + pixels.shape[1:])
    lines = [(f"$z_{{{number}}}$", row) for number, row in zip(dimensions, pixels)]
    return lines_figure(caller, lines, [number(value) for value in np.round(values, 2)], title, 2, None)


def plane_map(values, limits, *, label, axes=("$z_1$", "$z_2$"), paths=None, points=None, log=False, title=None):
    """One or several fields over the same plane as heat maps with contours, on one colour scale.

    values (H, W), or {panel title: (H, W)}: values[i, j] belongs to the i-th y from below and the j-th x, over limits
    ((x low, x high), (y low, y high)) or (low, high) for both; e.g. singular values of dG/dz, the magnification
    sqrt(det J'J), an energy density. label names the colour bar. log: a logarithmic scale, for positive values.
    paths = {name: (T, 2)} are drawn over the field, ends marked; points (N, 2) as white dots, {name: (N, 2)} each in its
    colour. Returns a Figure.
    """
    caller = "plane_map"
    limits = as_limits(caller, limits)
    fields = {name: as_array(caller, f"values[{name!r}]", field, "(H, W)").astype(float) for name, field in (
        as_mapping(caller, "values", values) if hasattr(values, "items") else {"": values}).items()}
    lowest, highest = (bound([bound(field) for field in fields.values()]) for bound in (np.min, np.max))
    if log and lowest <= 0:
        raise ValueError(f"{caller}: log=True needs positive values; the smallest is {lowest:g}")
    if min(min(field.shape) for field in fields.values()) < 2:
        raise ValueError(f"{caller}: a field needs at least 2 x 2 values, got {[field.shape for field in fields.values()]}")
    clouds = {} if points is None else {name: as_points(caller, f"points[{name!r}]", cloud) for name, cloud in (
        points if hasattr(points, "items") else {"": points}).items()}
    paths = {} if paths is None else {name: as_points(caller, f"paths[{name!r}]", path)
                                      for name, path in as_mapping(caller, "paths", paths).items()}
    (x0, x1), (y0, y1) = limits
    shown = {name: np.log10(field) for name, field in fields.items()} if log else fields
    low, high = (math.log10(lowest), math.log10(highest)) if log else (lowest, highest)
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-300):            # a constant field still needs a colour scale
        low, high = low - 0.5, high + 0.5
    figure, drawn = new_panels(len(fields), width=4.9 if len(fields) == 1 else 3.6, height=4.2 if len(fields) == 1 else 3.3)
    for ax, (name, field) in zip(drawn, shown.items()):
        xs, ys = np.linspace(x0, x1, field.shape[1]), np.linspace(y0, y1, field.shape[0])
        mesh = ax.pcolormesh(xs, ys, field, cmap=MAP, vmin=low, vmax=high, shading="gouraud", rasterized=True)
        if np.ptp(field) > 0:
            ax.contour(xs, ys, field, levels=np.linspace(low, high, 9)[1:-1], colors="white", linewidths=0.5, alpha=0.6,
                       linestyles="solid")
        for index, (cloud_name, cloud) in enumerate(clouds.items()):
            ax.scatter(cloud[:, 0], cloud[:, 1], s=13 if cloud_name else 5, marker=MARKERS[index % 10], linewidths=0.4,
                       c=PALETTE[(len(paths) + index) % 10] if cloud_name else "white", zorder=3, label=cloud_name or None,
                       edgecolors="white" if cloud_name else INK)
        for index, (path_name, path) in enumerate(paths.items()):
            _draw_path(ax, path, path_name, index)
        ax.set(xlim=(x0, x1), ylim=(y0, y1))
        dress(ax, title=name, xlabel=axes[0], ylabel=axes[1], grid=False, frame=True)
        if 0.8 < (x1 - x0) / (y1 - y0) < 1.25:
            ax.set_aspect("equal")
    legend_above(drawn[0])
    bar = colour_bar(figure, mesh, drawn, label)
    if log:
        _power_ticks(bar, low, high)
    return finish(figure, title)


def _draw_path(ax, path, name, index):
    """A path with a white halo, so that it shows on every colour of the field, its first end round, its last square."""
    ax.plot(path[:, 0], path[:, 1], linewidth=1.9, zorder=4, label=name, **series_style(index),
            path_effects=[withStroke(linewidth=4.2, foreground="white")])
    for end, marker in ((path[0], "o"), (path[-1], "s")):
        ax.plot(*end, marker=marker, markersize=6, color="white", markeredgecolor=INK, markeredgewidth=1.0, zorder=5)


def _power_ticks(bar, low, high):
    """Ticks of a colour bar that shows log10 values, written as the values themselves."""
    powers = np.arange(math.ceil(low), math.floor(high) + 1)
    marks = powers if len(powers) > 1 else np.linspace(low, high, 5)
    bar.set_ticks(marks, labels=[f"{10.0 ** mark:.3g}" for mark in marks])
