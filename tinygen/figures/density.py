"""Distributions: kernel densities of samples beside the real ones, in the plane and on the line."""

import numpy as np
from matplotlib.colors import PowerNorm

from .checks import as_array, as_limits, as_mapping, as_points
from .style import DASHES, INK, MAP, PALETTE, SMALL, colour_bar, dress, finish, legend_above, new_figure, new_panels, series_style

_CELLS = 160                             # a density is computed on a grid of _CELLS x _CELLS


def kernel_density(points, x, y, bandwidth):
    """Gaussian kernel density of points (N, 2) on the grid x (W,), y (H,) -> (H, W), per unit area.

    p(x, y) = 1/N sum_n N((x, y); point_n, bandwidth^2 I), bandwidth in the units of the data. It equals
    scipy.stats.gaussian_kde with that kernel, computed as one matrix product. gaussian_kde's own kernel takes its shape
    from the covariance of the whole cloud: separate modes smear into each other, and a collapsed generator's points,
    all on one spot, raise.
    """
    points = as_points("kernel_density", "points", points)
    x, y = as_array("kernel_density", "x", x, "(W,)"), as_array("kernel_density", "y", y, "(H,)")
    if not bandwidth > 0:
        raise ValueError(f"kernel_density: bandwidth = {bandwidth}; it must be positive, in the units of the data")
    over_x, over_y = (np.exp(-0.5 * ((grid[:, None] - axis) / bandwidth) ** 2) for grid, axis in zip((x, y), points.T))
    return over_y @ over_x.T / (2 * np.pi * bandwidth ** 2 * len(points))


def likely_bandwidth(points, most=1000):
    """The kernel width under which each of points (N, 2) is likeliest given the others (leave-one-out), of 40 tried.

    Widths from a five-hundredth to the whole of the cloud's standard deviation, on at most `most` points, taken evenly.
    Silverman 1986, section 3.4.4.
    """
    points = as_points("likely_bandwidth", "points", points)
    points = points[:: -(-len(points) // most)]
    spread = points.std(axis=0).max()
    if len(points) < 3 or spread == 0:
        return 1.0 if spread == 0 else float(spread)
    squared = ((points[:, None] - points) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    widths = spread * np.geomspace(1 / 500, 1, 40)
    scores = [np.log(np.exp(-0.5 * squared / width ** 2).sum(axis=1) / width ** 2 + 1e-300).mean() for width in widths]
    return float(widths[int(np.argmax(scores))])


def square_limits(*clouds, margin=0.08):
    """Limits ((x0, x1), (y0, y1)) of a square that holds all clouds (N, 2) and `margin` of its side around them."""
    everything = np.concatenate(clouds)
    low, high = everything.min(axis=0), everything.max(axis=0)
    half = (0.5 + margin) * max((high - low).max(), 1e-6)
    return tuple((middle - half, middle + half) for middle in (low + high) / 2)


def density_pair(samples, real, *, limits=None, bandwidth=None, names=("generated", "real"), title=None):
    """The density of samples (N, 2) beside that of real data (M, 2): same axes, same kernel, same colours.

    limits: (low, high) or one pair an axis; by default a square around the real data; a share of samples outside is
    written below. bandwidth: kernel width in the units of
    the data; by default `likely_bandwidth(real)`, at least a hundredth of the axes. Points where the density is under a
    hundredth of the real one's maximum are drawn as dots. Returns a Figure.
    """
    return _densities("density_pair", {names[0]: samples}, real, names[1], limits, bandwidth, title)


def density_over_time(snapshots, real, *, unit="generator step", limits=None, bandwidth=None, title=None):
    """How the generated density moves: one panel for each of snapshots = {moment: samples (N, 2)}, the real one last.

    Otherwise as `density_pair`. Returns a Figure.
    """
    snapshots = as_mapping("density_over_time", "snapshots", snapshots)
    panels = {f"{unit} {moment:,}" if isinstance(moment, int) else f"{unit} {moment}": samples
              for moment, samples in snapshots.items()}
    return _densities("density_over_time", panels, real, "real", limits, bandwidth, title)


def _densities(caller, panels, real, real_name, limits, bandwidth, title):
    clouds = {name: as_points(caller, f"samples[{name!r}]", samples) for name, samples in panels.items()}
    if real_name in clouds:
        raise ValueError(f"{caller}: two panels are called {real_name!r}; give them different names")
    clouds[real_name] = as_points(caller, "real", real)
    (x0, x1), (y0, y1) = square_limits(clouds[real_name], margin=0.3) if limits is None else as_limits(caller, limits)
    if bandwidth is None:                   # at least a hundredth of the axes: a narrower mode would be a pixel
        bandwidth = max(likely_bandwidth(clouds[real_name]), (x1 - x0) / 100)
    x, y = np.linspace(x0, x1, _CELLS), np.linspace(y0, y1, _CELLS)
    fields = {name: kernel_density(points, x, y, bandwidth) for name, points in clouds.items()}
    top = fields[real_name].max()
    if not top > 0:
        raise ValueError(f"{caller}: limits {limits} hold none of the real data")
    columns = len(fields) if len(fields) <= 4 else -(-len(fields) // -(-len(fields) // 4))
    side = {1: 4.6, 2: 3.8, 3: 3.0}.get(columns, 2.3)
    figure, drawn = new_panels(len(fields), columns, width=side, height=side * 0.92 + 0.1)
    norm = PowerNorm(0.5, vmin=0, vmax=top)       # the root shows thin mass between the modes; the bar is labelled in p
    for ax, (name, field) in zip(drawn, fields.items()):
        # The colours end at the real density's maximum: a collapsed generator's peak may not hide everything else.
        image = ax.imshow(field, origin="lower", extent=(x0, x1, y0, y1), cmap=MAP, norm=norm, interpolation="bilinear")
        ax.contour(x, y, np.minimum(field, top), levels=top * np.array([0.1, 0.3, 0.5, 0.7, 0.9]), colors="white",
                   linewidths=0.6, alpha=0.7)
        points = clouds[name]
        _draw_strays(ax, points, field, x, y, top)
        ax.set(xlim=(x0, x1), ylim=(y0, y1))
        outside = 100 * np.mean((points < (x0, y0)).any(axis=1) | (points > (x1, y1)).any(axis=1))
        dress(ax, title=name, xlabel=f"$x$   ({outside:.2g} % lie outside)" if outside else "$x$", ylabel="$y$", grid=False, frame=True)
        ax.xaxis.label.set_fontsize(SMALL)
        ax.locator_params(nbins=5)
    colour_bar(figure, image, drawn, f"density per unit area\n(kernel width {bandwidth:.2g})")
    return finish(figure, title)


def _draw_strays(ax, points, field, x, y, top):
    """As dots, up to 400 points where the density is too thin for its colour to show."""
    column, row = (np.clip(np.searchsorted(grid, values), 0, len(grid) - 1) for grid, values in zip((x, y), points.T))
    strays = points[field[row, column] < 0.01 * top][:400]
    ax.scatter(strays[:, 0], strays[:, 1], s=2.5, c="white", alpha=0.6, linewidths=0, rasterized=True)


def densities_1d(x, densities, *, discriminators=None, samples=None, xlabel="$x$", title=None):
    """Densities on a line and, below over the same x, discriminators: trained against optimal.

    x (N,) increasing; densities = {name: (N,)} non-negative; discriminators = {name: (N,) in [0, 1]}, e.g. the trained
    one and D* = p / (p + q); samples = {name: (M,)} as histograms behind the densities. Returns a Figure.
    """
    caller = "densities_1d"
    x = as_array(caller, "x", x, "(N,)")
    if (np.diff(x) <= 0).any():
        raise ValueError(f"{caller}: x must increase")
    curves = {name: as_array(caller, f"densities[{name!r}]", p, f"({len(x)},)")
              for name, p in as_mapping(caller, "densities", densities).items()}
    judges = {} if discriminators is None else {
        name: as_array(caller, f"discriminators[{name!r}]", d, f"({len(x)},)")
        for name, d in as_mapping(caller, "discriminators", discriminators).items()}
    for kind, group in (("densities", curves), ("discriminators", judges)):
        for name, values in group.items():
            if values.min() < 0 or (kind == "discriminators" and values.max() > 1):
                raise ValueError(f"{caller}: {kind}[{name!r}] lies in [{values.min():.4g}, {values.max():.4g}]; densities "
                                 "are not negative, discriminators lie in [0, 1] (apply the sigmoid to logits)")
    figure = new_figure(6.0, 4.6 if judges else 3.2)
    axes = figure.subplots(2 if judges else 1, sharex=True, squeeze=False)[:, 0]
    for index, (name, values) in enumerate((samples or {}).items()):
        drawn = as_array(caller, f"samples[{name!r}]", values, "(M,)")
        bins = np.linspace(x[0], x[-1], 61)                     # a density of all samples, those outside as well
        axes[0].hist(drawn, bins=bins, weights=np.full(len(drawn), 1 / (len(drawn) * (bins[1] - bins[0]))),
                     color=PALETTE[(len(curves) + index) % 10], alpha=0.35, label=name, zorder=1)
    for index, (name, p) in enumerate(curves.items()):
        style = series_style(index)
        axes[0].fill_between(x, p, color=style["color"], alpha=0.18, linewidth=0)
        axes[0].plot(x, p, label=name, linewidth=1.7, **style)
    axes[0].set_ylim(bottom=0)
    dress(axes[0], ylabel="density", xlabel=None if judges else xlabel)
    legend_above(axes[0])
    if judges:
        axes[1].axhline(0.5, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
        for index, (name, d) in enumerate(judges.items()):
            axes[1].plot(x, d, label=name, linewidth=1.7, color=PALETTE[(len(curves) + index) % 10],
                         linestyle=DASHES[index % len(DASHES)])
        axes[1].set_ylim(-0.03, 1.03)
        dress(axes[1], ylabel="$D(x)$", xlabel=xlabel)
        legend_above(axes[1])
    axes[-1].set_xlim(x[0], x[-1])
    return finish(figure, title)
