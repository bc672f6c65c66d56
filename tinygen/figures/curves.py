"""Curves: training metrics, functions side by side, rate against distortion, profiles along latent paths."""

import math

import numpy as np

from .bars import draw_bars
from .checks import as_array, as_count, as_mapping
from .style import GUIDE, INK, MARKERS, PALETTE, SMALL, dress, finish, legend_above, new_panels, series_style, short_log_ticks, whole_ticks

_SPLITS = ("train", "training", "test", "valid", "validation", "val")
_NATS = ("-ELBO", "ELBO", "reconstruction", "distortion", "KL", "rate")       # what is measured in nats under whatever split


def smooth(values, window):
    """Running mean over `window` neighbours, one more where it is even, centred everywhere: towards the ends it narrows, and the first and
    the last value are themselves, so that a curve that falls does not begin below its points.  (N,) -> (N,)"""
    values = as_array("smooth", "values", values, "(N,)").astype(np.float64)
    half = as_count("smooth", "window", window) // 2
    total = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    half = np.minimum(half, np.minimum(index, index[::-1]))
    return (total[index + half + 1] - total[index - half]) / (2 * half + 1)


def line_panels(x, panels, *, xlabel, title=None, logx=False, logy=False, markers=False, columns=None, guides=None, tops=None):
    """One panel for each entry of panels = {y label with unit: {curve name: y (N,)}}, all over the same x (N,).

    A point where y is NaN or infinite (with logy, also not positive) is a gap, not an error. logx, logy: logarithmic axes; markers: a mark
    on every point; guides = {y label: {text: y value}}: named dashed levels, e.g. an optimum; tops = {y label: y value}: where the frame of
    a panel ends, and curves leave it. Returns a Figure.
    """
    caller = "line_panels"
    x = as_array(caller, "x", x, "(N,)")
    panels = {label: as_mapping(caller, f"panels[{label!r}]", curves)
              for label, curves in as_mapping(caller, "panels", panels).items()}
    guides = {} if guides is None else as_mapping(caller, "guides", guides)
    tops = {} if tops is None else as_mapping(caller, "tops", tops)
    for what, given in (("guides", guides), ("tops", tops)):
        unknown = [label for label in given if label not in panels]
        if unknown:
            raise ValueError(f"{caller}: {what} for {unknown}, but the panels are {list(panels)}")
    figure, axes = new_panels(len(panels), columns, height=3.0)
    for ax, (label, curves) in zip(axes, panels.items()):
        for index, (name, y) in enumerate(curves.items()):
            y = as_array(caller, f"panels[{label!r}][{name!r}]", y, f"({len(x)},)", finite=False).astype(np.float64)
            y = np.where(np.isfinite(y) & ((y > 0) | (not logy)), y, np.nan)
            mark = MARKERS[index % len(MARKERS)] if markers else None
            ax.plot(x, y, label=name, linewidth=1.5, marker=mark, markersize=4, **series_style(index))
        for text, level in guides.get(label, {}).items():
            ax.axhline(level, color=INK, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
            ax.annotate(text, (1, level), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
                        ha="left", va="center", fontsize=SMALL, color=INK)
        dress(ax, xlabel=xlabel, ylabel=label)
        if logx:
            ax.set_xscale("log")
            short_log_ticks(ax.xaxis)
        else:
            whole_ticks(ax.xaxis, x)
        if logy:
            ax.set_yscale("log")
            short_log_ticks(ax.yaxis)
        if label in tops:
            low, high = ax.get_ylim()
            ax.set_ylim(low if logy else low * tops[label] / high if low < 0 < high else low, tops[label])
        if len(curves) > 1 or len(panels) == 1:
            legend_above(ax)
    return finish(figure, title)


def training_curves(history, *, x=None, panels=None, units=None, window=None, log="auto", title=None, columns=None):
    """Metrics over training, a panel for each kind of metric, smoothed over a faint raw line where points are many.

    history: {name: (N,) values} or a list of rows {name: value}; a missing, empty or NaN value means "not measured at
    that row", and infinite ones are left out and counted in the panel. x names the column for the abscissa (default:
    the first of step, iteration, epoch that is there, else the row number). panels = {y label: [names]} chooses and
    groups; by default "train loss" and "test loss" (or train_loss, loss_test, ...) share a panel and every other
    metric has its own. units = {name: unit} goes into the y labels; -ELBO, reconstruction, distortion, KL and rate are in nats if it does not
    say otherwise. window: rows of the running mean (default N // 40).
    log: "auto" takes a logarithmic axis where all values are positive and span over a factor of 100. Returns a Figure.
    """
    caller = "training_curves"
    table = _columns(caller, history)
    x = next((name for name in ("step", "iteration", "epoch") if name in table), None) if x is None else x
    if x is not None and x not in table:
        raise ValueError(f"{caller}: no column {x!r}; there are {list(table)}")
    abscissa = _numbers(caller, x, table[x]) if x else np.arange(1.0, len(next(iter(table.values()))) + 1)
    clock = ("step", "iteration", "epoch", x)
    panels = _grouped([name for name in table if name not in clock]) if panels is None else as_mapping(caller, "panels", panels)
    if not panels:
        raise ValueError(f"{caller}: history holds only {list(table)}; there is no metric to draw")
    missing = [name for names in panels.values() for name in names if name not in table]
    if missing:
        raise ValueError(f"{caller}: no column {missing}; there are {list(table)}")
    window = None if window is None else as_count(caller, "window", window)
    if log not in ("auto", True, False):
        raise ValueError(f"{caller}: log = {log!r} must be 'auto', True or False")

    figure, axes = new_panels(len(panels), columns)
    for ax, (label, names) in zip(axes, panels.items()):
        known = dict.fromkeys(names, "nats") if label in _NATS else {}
        unit = sorted({unit for name, unit in {**known, **(units or {})}.items() if name in names})
        if len(unit) > 1:
            raise ValueError(f"{caller}: panel {label!r} would hold {' and '.join(unit)}; split it with panels=")
        series = {name: _numbers(caller, name, table[name]) for name in names}
        smoothed = _draw_metrics(ax, abscissa, series, window, log)
        dress(ax, xlabel=x or "row", ylabel=f"{label} ({unit[0]})" if unit else label)
        if len(names) > 1 or smoothed:
            legend_above(ax)
    return finish(figure, title)


def _columns(caller, history):
    """A history of either form as {name: list of values, one a row}."""
    if isinstance(history, (list, tuple)):
        if not history:
            raise ValueError(f"{caller}: history is empty; there is nothing to draw")
        if not all(hasattr(row, "keys") for row in history):
            raise TypeError(f"{caller}: history is a list of {type(history[0]).__name__}; it must hold rows {{name: value}}")
        names = dict.fromkeys(name for row in history for name in row)
        return {name: [row.get(name) for row in history] for name in names}
    table = {name: values if isinstance(values, list) else as_array(caller, f"history[{name!r}]", values, "(N,)", finite=False)
             for name, values in as_mapping(caller, "history", history).items()}
    lengths = {name: len(values) for name, values in table.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{caller}: columns of different length, {lengths}; fill what was not measured with NaN")
    if not next(iter(lengths.values())):
        raise ValueError(f"{caller}: history has no rows; there is nothing to draw")
    return table


def _numbers(caller, name, values):
    """One column as float64, NaN where nothing was measured; numbers written as text, as csv reads them, are read."""
    try:
        return np.array([math.nan if value is None or value == "" else float(value) for value in values])
    except (TypeError, ValueError):
        raise TypeError(f"{caller}: column {name!r} holds more than numbers; name the columns to draw with panels=") from None


def _grouped(names):
    """Panels for metrics whose names differ only in the split they were measured on, in order of appearance."""
    panels = {}
    for name in names:
        words = name.replace("_", " ").replace("/", " ").split()
        kind = [word for word in words if word.lower() not in _SPLITS]
        panels.setdefault(" ".join(kind) if kind and len(kind) < len(words) else name, []).append(name)
    return panels


def _draw_metrics(ax, x, series, window, log):
    """The lines of one panel. Returns whether any of them is a running mean, which the legend then says."""
    left_out, means = 0, set()
    lowest, highest = math.inf, -math.inf
    for index, (name, y) in enumerate(series.items()):
        left_out += int(np.isinf(y).sum())
        there = np.isfinite(y) & np.isfinite(x)
        line = series_style(index)
        if not there.any():
            ax.plot([], [], label=name, **line)
            continue
        lowest, highest = min(lowest, y[there].min()), max(highest, y[there].max())
        span = there.sum() // 40 if window is None else window
        few = there.sum() <= 30
        if span > 1:
            ax.plot(x[there], y[there], color=line["color"], alpha=0.3, linewidth=0.7)
            means.add(f"running mean of {2 * (span // 2) + 1} points")
            ax.plot(x[there], smooth(y[there], span), label=name if len(series) > 1 else next(iter(means)), linewidth=1.6, **line)
        else:
            ax.plot(x[there], y[there], label=name, linewidth=1.5, marker=MARKERS[index % 10] if few else None,
                    markersize=3.5, **line)
    if means and len(series) > 1:
        ax.plot([], [], color=INK, linewidth=1.6, label="thick: " + (means.pop() if len(means) == 1 else "running means"))
    if log is True or (log == "auto" and 0 < lowest and highest > 100 * lowest):
        ax.set_yscale("log")
    else:
        whole_ticks(ax.yaxis, np.concatenate(list(series.values())))
    whole_ticks(ax.xaxis, x)
    if left_out:
        ax.set_title(f"left out: {left_out} infinite", loc="right", fontsize=SMALL, color=PALETTE[2])
    return bool(means)


def rate_distortion(curves, *, optimum=None, unit="nats per example", title=None):
    """Distortion over rate, one curve per model; the dashed lines join points of equal rate + distortion = -ELBO, whose value stands at them.

    curves = {name: (rate (K,), distortion (K,)) or (rate, distortion, beta (K,))}: beta is written at its point.
    optimum = (rate (M,), distortion (M,)): the best attainable, e.g. a closed form. Returns a Figure.
    """
    caller = "rate_distortion"
    data = {}
    for name, curve in as_mapping(caller, "curves", curves).items():
        if not isinstance(curve, (tuple, list)) or len(curve) not in (2, 3):
            raise ValueError(f"{caller}: curves[{name!r}] must be (rate, distortion) or (rate, distortion, beta)")
        rate = as_array(caller, f"rate of {name!r}", curve[0], "(K,)").astype(float)
        rest = [as_array(caller, f"{what} of {name!r}", values, f"({len(rate)},)").astype(float)
                for what, values in zip(("distortion", "beta"), curve[1:])]
        data[name] = (rate, *rest)
    figure, (ax,) = new_panels(1, width=5.8, height=4.4)
    if optimum is not None:
        bound = [as_array(caller, f"{what} of the optimum", part, "(M,)") for what, part in zip(("rate", "distortion"), optimum)]
        ax.plot(*bound, color=GUIDE, linewidth=4.5, solid_capstyle="round", label="optimum", zorder=2)
    labels, lines = [], []
    for index, (name, (rate, distortion, *beta)) in enumerate(data.items()):
        order = np.argsort(rate)
        lines += ax.plot(rate[order], distortion[order], label=name, linewidth=1.4, markersize=5, zorder=3,
                         marker=MARKERS[index % 10], markeredgecolor="white", markeredgewidth=0.5, **series_style(index))
        for k in range(len(rate)) if beta else ():
            label = ax.annotate(rf"$\beta$ = {beta[0][k]:g}" if k == 0 else f"{beta[0][k]:g}", (rate[k], distortion[k]),
                                xytext=(0, 0), textcoords="offset points", fontsize=SMALL - 1, color=INK, zorder=4)
            labels.append((label, index % 2 == 0))          # every second curve is labelled on its other side
    ax.margins(0.1)
    dress(ax, xlabel=f"rate ({unit})", ylabel=f"distortion ({unit})")
    totals = _equal_sums(ax, min(distortion.min() for _, distortion, *_ in data.values()), unit.split()[0])
    legend_above(ax)
    finish(figure, title)                                   # labels are placed in pixels, so the layout must be settled
    taken = []
    for label, above in sorted(labels, key=lambda pair: -pair[0].xy[1] if pair[1] else pair[0].xy[1]):      # of two points that all but meet,
        taken.append(_place(ax, label, above, taken))                                                     # the upper gets the place above
    _label_sums(ax, totals, taken, lines)
    return figure


def _place(ax, label, above, taken):
    """Put a label above right of its point, or below left (a curve that falls runs through neither), or where else it lies within the axes
    and not on those that are `taken`; returns its box in pixels."""
    right_above, left_below = (1, 1), (-1, -1)
    places = [right_above, left_below] if above else [left_below, right_above]
    for across, up in [*places, (1, -1), (-1, 1), places[0]]:
        label.set(position=(5 * across, 4 * up), ha="left" if across > 0 else "right", va="bottom" if up > 0 else "top")
        box = label.get_window_extent()
        if _inside(ax, box) and not any(box.overlaps(other) for other in taken):
            break
    return box


def _inside(ax, box):
    return ax.bbox.x0 < box.x0 and box.x1 < ax.bbox.x1 and ax.bbox.y0 < box.y0 and box.y1 < ax.bbox.y1


def _equal_sums(ax, lowest, unit):
    """Faint lines rate + distortion = constant across the axes, named in the legend; returns the constants. Axes begin at 0 unless `lowest`,
    the least distortion, lies below."""
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    x0, y0 = max(x0, -0.02 * (x1 - x0)), max(y0, 0.0) if lowest >= 0 else y0      # a rate is never negative
    ax.set(xlim=(x0, x1), ylim=(y0, y1))
    low, high = x0 + y0, x1 + y1
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (factor * step) <= 8)
    totals, style = np.arange(math.ceil(low / step) * step, high, step), {"color": GUIDE, "linewidth": 0.7, "linestyle": (0, (4, 3))}
    for total in totals:
        ax.plot([x0, x1], [total - x0, total - x1], zorder=1, scalex=False, scaley=False, **style)
    ax.plot([], [], label=f"rate + distortion = -ELBO ({unit})", **style)
    return totals


def _label_sums(ax, totals, taken, lines):
    """The constants at their lines: each where the line comes in, or further along it where a point, a curve or what is `taken` lies in
    the way; none where there is no room at all."""
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    along = np.linspace(0, 1, 200)
    curves = [ax.transData.transform(line.get_xydata()) for line in lines]
    curves = np.concatenate([np.concatenate([curve, *(a + along[:, None] * (b - a) for a, b in zip(curve, curve[1:]))]) for curve in curves])
    for total in totals:
        start, end = max(x0, total - y1), min(x1, total - y0)           # of the line within the axes
        for x in start + np.array([0, 0.2, 0.4, 0.6, 0.8]) * (end - start):
            text = ax.annotate(f"{total:g}", (x, total - x), xytext=(5, -4), fontsize=SMALL - 1, textcoords="offset points", ha="left",
                               va="top", color="#6a6a6a", zorder=1, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6})
            box = text.get_window_extent().padded(6)
            if _inside(ax, box) and not any(box.overlaps(other) for other in taken) and not box.count_contains(curves):
                taken.append(box)
                break
            text.remove()


def path_profiles(profiles, *, ylabel="speed", energies=None, energy_label="energy", title=None):
    """What a quantity does along paths, over t in [0, 1], and beside it each path's energy as a bar.

    profiles = {path name: (T,) values at equal steps of t}; T may differ. A path of least energy has constant speed.
    energies = {path name: number}. Returns a Figure.
    """
    caller = "path_profiles"
    lines = {name: as_array(caller, f"profiles[{name!r}]", values, "(T,)")
             for name, values in as_mapping(caller, "profiles", profiles).items()}
    energies = None if energies is None else as_mapping(caller, "energies", energies)
    if energies is not None and set(energies) - set(lines):
        raise ValueError(f"{caller}: energies of {sorted(set(energies) - set(lines))}, which have no profile")
    figure, axes = new_panels(1 if energies is None else 2, width=5.6 if energies is None else 4.2, height=3.2)
    for index, (name, values) in enumerate(lines.items()):
        axes[0].plot(np.linspace(0, 1, len(values)), values, label=name, linewidth=1.6, **series_style(index))
    dress(axes[0], xlabel="$t$", ylabel=ylabel)
    axes[0].set_xlim(0, 1)
    axes[0].set_ylim(bottom=min(0, *axes[0].get_ylim()))
    legend_above(axes[0])
    if energies is not None:
        draw_bars(axes[1], list(energies), {energy_label: [float(value) for value in energies.values()]},
                  colours=[PALETTE[list(lines).index(name) % 10] for name in energies], horizontal=True)
        dress(axes[1], xlabel=energy_label)
        axes[1].grid(False, axis="y")
    return finish(figure, title)
