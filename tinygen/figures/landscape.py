"""A loss over two parameters, as contours, and the gradients that an estimator draws from it."""

import numpy as np

from .checks import as_array, as_mapping, as_points
from .style import INK, PALETTE, SMALL, colour_bar, dress, finish, new_panels, number

_REACH = 0.25                            # of the x axis: how far from its point the farthest dot lies, but for one in twenty


def gradient_clouds(x, y, values, panels, *, best=None, best_name="optimum", xlabel="", ylabel="", label="", title=None):
    """A function of two parameters, and at some points the gradients that each estimator draws, every draw a dot.

    x (W,), y (H,), values (H, W): the function on a grid, drawn as grey bands called `label`, dark where it is low; best: the point of its
    optimum, a star called `best_name`.
    panels = {panel title: (points (P, 2), gradients (P, K, 2))}: a dot stands where a step along its gradient leads, an arrow shows the
    mean of the K. The step is one for all panels, so that clouds can be compared. Returns a Figure.
    """
    caller = "gradient_clouds"
    x, y = as_array(caller, "x", x, "(W,)"), as_array(caller, "y", y, "(H,)")
    values = as_array(caller, "values", values, f"({len(y)}, {len(x)})")
    clouds = {}
    for name, pair in as_mapping(caller, "panels", panels).items():
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"{caller}: panels[{name!r}] must be (points (P, 2), gradients (P, K, 2))")
        points = as_points(caller, f"points of {name!r}", pair[0])
        clouds[name] = points, as_array(caller, f"gradients of {name!r}", pair[1], f"({len(points)}, K, 2)").astype(np.float64)
    lengths = np.concatenate([np.linalg.norm(gradients, axis=2).ravel() for _, gradients in clouds.values()])
    step = _REACH * (x[-1] - x[0]) / max(np.quantile(lengths, 0.95), 1e-12)
    figure, axes = new_panels(len(clouds), width=3.5, height=3.5)
    levels = np.unique(np.quantile(values, np.linspace(0, 1, 15)))          # as much of the plane between each two
    span = levels[-1] - levels[0]
    for ax, (name, (points, gradients)) in zip(axes, clouds.items()):
        bands = ax.contourf(x, y, values, levels=levels, cmap="gray", vmin=levels[0] - 1.4 * span, vmax=levels[-1])
        ax.contour(x, y, values, levels=levels, colors="white", linewidths=0.6, linestyles="solid")
        for k, (point, drawn) in enumerate(zip(points, gradients)):
            colour, ends = PALETTE[(0, 5, 4, 2, 6)[k % 5]], point + step * drawn
            ax.scatter(*ends.T, s=7, c=colour, alpha=0.4, linewidths=0, zorder=2, rasterized=True)
            ax.annotate("", point + step * drawn.mean(axis=0), point, zorder=4,
                        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9})
            ax.scatter(*point, s=26, c=colour, edgecolors="white", linewidths=0.8, zorder=5)
        if best is not None:
            ax.scatter(*best, s=110, marker="*", c="white", edgecolors=INK, linewidths=0.9, zorder=3, label=best_name)
        ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
        dress(ax, title=name, xlabel=xlabel, ylabel=ylabel, grid=False, frame=True)
    axes[0].scatter([], [], s=26, c=INK, edgecolors="white", linewidths=0.8, label="a point, one colour each")
    axes[0].scatter([], [], s=7, c=INK, alpha=0.6, linewidths=0, label="point + one drawn gradient (scaled)")
    axes[0].scatter([], [], s=40, marker=r"$\rightarrow$", c=INK, linewidths=0.4, label="mean of the gradients")
    handles, texts = axes[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols={1: 1, 2: 2}.get(len(clouds), 4), fontsize=SMALL, frameon=False, labelcolor=INK)
    colour_bar(figure, bands, axes, label).set_ticks(levels[::-3], labels=[number(level, ".3g") for level in levels[::-3]])
    return finish(figure, title)
