"""A generative game in the plane: what the critic sees, where the samples are pushed, how the generator folds its codes."""

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.ticker import MaxNLocator

from .checks import as_array, as_labels, as_limits, as_mapping, as_points
from .density import square_limits
from .style import (GUIDE, INK, MAP, MARKERS, PALETTE, SMALL, colour_bar, dress, finish, legend_above, new_panels)

_REAL, _FAKE = 0, 5                      # palette places: blue dots are real, red triangles generated, in every figure


def critic_map(critic, limits=None, *, real=None, fake=None, arrows=None, label="critic", value_range=None,
               resolution=80, title=None):
    """The critic's value over the plane as grey bands with contours, real and generated points, and their gradients.

    critic: a function (M, 2) -> (M,), or its values (H, W) with values[i, j] at the i-th y from below and the j-th x.
    real (N, 2), fake (M, 2); arrows (M, 2) start at the fake points: the direction one generator step pushes each, drawn
    at one common scale so that the longest spans a tenth of the axes. limits default to the clouds. value_range =
    (low, high) fixes the greys, so that frames of one film can be compared. Returns a Figure.
    """
    figure, (ax,) = new_panels(1, width=5.4, height=4.7)
    bands = _draw_game("critic_map", ax, critic, limits, real, fake, arrows, value_range, resolution)
    colour_bar(figure, bands, ax, label).locator = MaxNLocator(6)
    if real is not None or fake is not None:
        legend_above(ax)
    return finish(figure, title)


def critic_panels(panels, limits, *, real=None, value_range=None, resolution=50, columns=None, title=None):
    """Several critics side by side, as in `critic_map`: one game under several losses, or at several moments.

    panels = {panel title: (critic, fake (M, 2), arrows (M, 2))}, fake and arrows None where there are none. In every panel the arrows have
    a scale of their own, and the greys too, unless value_range = (low, high) fixes them: say sizes in the titles. Returns a Figure.
    """
    caller = "critic_panels"
    panels = as_mapping(caller, "panels", panels)
    for name, parts in panels.items():
        if not isinstance(parts, (tuple, list)) or len(parts) != 3:
            raise ValueError(f"{caller}: panels[{name!r}] must be (critic, fake, arrows)")
    figure, axes = new_panels(len(panels), columns, width=2.5, height=2.75)
    for ax, (name, (critic, fake, arrows)) in zip(axes, panels.items()):
        _draw_game(caller, ax, critic, limits, real, fake, arrows, value_range, resolution)
        dress(ax, title=name, grid=False, frame=True)
    return finish(figure, title)


def _draw_game(caller, ax, critic, limits, real, fake, arrows, value_range, resolution):
    """One critic with its points and arrows, as `critic_map` describes them, on `ax`. Returns the bands, for a colour bar."""
    real, fake, arrows = (None if value is None else as_points(caller, name, value)
                          for name, value in (("real", real), ("fake", fake), ("arrows", arrows)))
    if arrows is not None and (fake is None or arrows.shape != fake.shape):
        raise ValueError(f"{caller}: arrows {arrows.shape} start at the fake points, "
                         f"{'which are missing' if fake is None else f'which are {fake.shape}'}; one each")
    clouds = [cloud for cloud in (real, fake) if cloud is not None]
    if limits is None and not clouds:
        raise ValueError(f"{caller}: without points the limits are needed")
    (x0, x1), (y0, y1) = square_limits(*clouds) if limits is None else as_limits(caller, limits)
    if callable(critic):
        x, y = np.linspace(x0, x1, resolution), np.linspace(y0, y1, resolution)
        grid = np.stack(np.meshgrid(x, y), axis=2)
        values = as_array(caller, "critic(points)", critic(grid.reshape(-1, 2)), f"({resolution * resolution},)")
        values = values.reshape(resolution, resolution)
    else:
        values = as_array(caller, "critic", critic, "(H, W)")
        if min(values.shape) < 2:
            raise ValueError(f"{caller}: critic {values.shape} must have at least 2 x 2 values")
        x, y = np.linspace(x0, x1, values.shape[1]), np.linspace(y0, y1, values.shape[0])
    bands = _draw_critic(ax, x, y, values.astype(float), value_range)
    _draw_clouds(ax, real, fake)
    longest = 0.0 if arrows is None else np.hypot(*arrows.T).max()
    if longest > 0:
        ax.quiver(*fake.T, *(arrows * ((x1 - x0) / 10 / longest)).T, angles="xy", scale_units="xy", scale=1,
                  color=INK, width=0.0028, headwidth=4, headlength=4.5, zorder=4)
    ax.set(xlim=(x0, x1), ylim=(y0, y1), aspect="equal")
    dress(ax, xlabel="$x$", ylabel="$y$", grid=False, frame=True)
    ax.locator_params(nbins=6)
    return bands


def _draw_critic(ax, x, y, values, value_range):
    """Light greys only, dark where the critic is low, so that coloured points stand out in print as well."""
    low, high = (values.min(), values.max()) if value_range is None else value_range
    values = np.clip(values, low, high)
    if high - low < 1e-12 * max(1.0, abs(low), abs(high)):
        low, high = low - 0.5, high + 0.5
    levels = MaxNLocator(12).tick_values(low, high)
    span = levels[-1] - levels[0]
    bands = ax.contourf(x, y, values, levels=levels, cmap="gray", vmin=levels[0] - 1.4 * span, vmax=levels[-1])
    ax.contour(x, y, values, levels=levels, colors="white", linewidths=0.6, linestyles="solid")
    return bands


def _draw_clouds(ax, real, fake):
    if real is not None:
        ax.scatter(real[:, 0], real[:, 1], s=11, c=PALETTE[_REAL], marker="o", linewidths=0.3, edgecolors="white",
                   label="real", zorder=3, rasterized=True)
    if fake is not None:
        ax.scatter(fake[:, 0], fake[:, 1], s=17, c=PALETTE[_FAKE], marker="^", linewidths=0.3, edgecolors="white",
                   label="generated", zorder=5, rasterized=True)


def point_panels(panels, *, labels=None, curve=None, axes=("$x$", "$y$"), title=None):
    """Clouds of points side by side on the same axes: data, corrupted, denoised; real and generated.

    panels = {panel title: (N, 2)}; labels (N,) integers colour them where all panels hold the same N points; curve
    (T, 2) is drawn in each, e.g. the manifold the data lie on. Returns a Figure.
    """
    caller = "point_panels"
    clouds = {name: as_points(caller, f"panels[{name!r}]", cloud)
              for name, cloud in as_mapping(caller, "panels", panels).items()}
    curve = None if curve is None else as_points(caller, "curve", curve)
    low, high = _bounds([*clouds.values(), *([] if curve is None else [curve])])
    figure, drawn = new_panels(len(clouds), height=3.2)
    for ax, (name, cloud) in zip(drawn, clouds.items()):
        classes = np.zeros(len(cloud), dtype=int) if labels is None else as_labels(caller, "labels", labels, len(cloud))
        for k in np.unique(classes):
            ax.scatter(*cloud[classes == k].T, s=float(np.clip(6000 / len(cloud), 3, 16)), c=PALETTE[k % 10],
                       marker=MARKERS[k % 10], alpha=0.8, linewidths=0, rasterized=True)
        if curve is not None:
            ax.plot(curve[:, 0], curve[:, 1], color=INK, linewidth=1.0, linestyle=(0, (4, 2)), zorder=3)
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        dress(ax, title=name, xlabel=axes[0], ylabel=axes[1])
    return finish(figure, title)


def _bounds(clouds):
    """(low, high) of all clouds (N, 2) with a small margin, each axis by itself."""
    everything = np.concatenate(clouds)
    low, high = everything.min(axis=0), everything.max(axis=0)
    edge = 0.05 * np.maximum(high - low, 1e-6)
    return low - edge, high + edge


def generator_manifold(mesh, *, real=None, limits=None, title=None):
    """Where a generator puts a regular grid of codes: how it stretches, folds and tears its latent space.

    mesh (R, C, 2): the images G(z) of an R x C grid of two-dimensional codes; a cell is the darker the smaller it
    is, because it then carries more probability per area (uniform z). mesh (T, 2): the images of T rising
    one-dimensional codes, a curve coloured by z. real (N, 2) is drawn below. Returns a Figure.
    """
    caller = "generator_manifold"
    mesh = as_array(caller, "mesh", mesh, "(R, C, 2) or (T, 2)").astype(np.float64)
    if min(mesh.shape[:-1]) < 2:
        raise ValueError(f"{caller}: mesh {mesh.shape} needs at least two codes along each axis")
    real = None if real is None else as_points(caller, "real", real)
    points = mesh.reshape(-1, 2)
    (x0, x1), (y0, y1) = (square_limits(points, *(() if real is None else (real,))) if limits is None
                          else as_limits(caller, limits))
    figure, (ax,) = new_panels(1, width=5.2, height=4.8)
    if real is not None:
        _draw_clouds(ax, real, None)
    if mesh.ndim == 3:
        corners = [mesh[:-1, :-1], mesh[1:, :-1], mesh[1:, 1:], mesh[:-1, 1:]]
        cells = np.stack(corners, axis=2).reshape(-1, 4, 2)
        across, down = cells[:, 2] - cells[:, 0], cells[:, 3] - cells[:, 1]
        area = np.abs(across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]) / 2
        density = 1 / np.maximum(area, 1e-3 * max(float(np.median(area)), 1e-12))
        strength = np.clip(np.sqrt(density / np.quantile(density, 0.95)), 0.06, 1.0)
        colours = np.concatenate([np.tile(to_rgb(PALETTE[_FAKE]), (len(cells), 1)), 0.75 * strength[:, None]], axis=1)
        ax.add_collection(PolyCollection(cells, facecolors=colours, edgecolors=(0.15, 0.15, 0.15, 0.35), linewidths=0.3,
                                         zorder=4, label="image of the latent grid (darker: denser)"))
    else:
        pieces = np.stack([mesh[:-1], mesh[1:]], axis=1)
        curve = LineCollection(pieces, cmap=MAP, linewidths=2.2, zorder=4, capstyle="round")
        curve.set_array(np.linspace(0, 1, len(pieces)))
        ax.add_collection(curve)
        bar = colour_bar(figure, curve, ax, "$z$, lowest to highest")
        bar.set_ticks([])
    ax.set(xlim=(x0, x1), ylim=(y0, y1), aspect="equal")
    dress(ax, xlabel="$x$", ylabel="$y$", grid=False, frame=True)
    ax.locator_params(nbins=6)
    legend_above(ax)
    return finish(figure, title)


def domain_maps(maps, *, labels=None, target=None, title=None):
    """Where maps between two domains send points: an arrow from each source to its image, one panel per map.

    maps = {panel title: (source (N, 2), image (N, 2))}; labels (N,) colour the source's components, so that crossing or
    merging shows; target (M, 2) is the other domain's data, grey. Returns a Figure.
    """
    caller = "domain_maps"
    pairs = {}
    for name, pair in as_mapping(caller, "maps", maps).items():
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"{caller}: maps[{name!r}] must be (source, image), both (N, 2)")
        pairs[name] = [as_points(caller, f"{what} of {name!r}", part) for what, part in zip(("source", "image"), pair)]
        if pairs[name][0].shape != pairs[name][1].shape:
            raise ValueError(f"{caller}: source {pairs[name][0].shape} and image {pairs[name][1].shape} of {name!r} differ")
        if labels is not None:
            labels = as_labels(caller, "labels", labels, len(pairs[name][0]))
    target = None if target is None else as_points(caller, "target", target)
    low, high = _bounds([part for pair in pairs.values() for part in pair] + ([] if target is None else [target]))
    width = 5.4 if len(pairs) == 1 else 3.7
    figure, drawn = new_panels(len(pairs), width=width,
                               height=1.15 + (width - 0.6) * np.clip((high - low)[1] / (high - low)[0], 0.4, 1.5))
    for ax, (name, (source, image)) in zip(drawn, pairs.items()):
        if target is not None:
            ax.scatter(target[:, 0], target[:, 1], s=6, c=GUIDE, linewidths=0, label="target data", zorder=1)
        classes = np.zeros(len(source), dtype=int) if labels is None else labels
        for k in np.unique(classes):
            mine = classes == k
            colour = PALETTE[k % 10]
            segments = np.stack([source[mine], image[mine]], axis=1)
            ax.add_collection(LineCollection(segments, colors=colour, linewidths=0.5, alpha=0.35, zorder=2))
            ax.scatter(*source[mine].T, s=10, c="white", edgecolors=colour, linewidths=0.8, marker=MARKERS[k % 10], zorder=3)
            ax.scatter(*image[mine].T, s=10, c=colour, linewidths=0, marker=MARKERS[k % 10], zorder=4)
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        dress(ax, title=name, xlabel="$x$", ylabel="$y$", grid=False, frame=True)
    _key(drawn[0], target is not None)
    return finish(figure, title)


def _key(ax, with_target):
    """What hollow, full and grey mean, written once below the first panel."""
    text = "hollow: source   full: its image" + ("   grey: target data" if with_target else "")
    ax.set_xlabel(f"$x$\n{text}", fontsize=SMALL, color=INK)
