"""Numbers side by side: bars with their errors, shares of classes, and a table whose cells are coloured by value."""

import textwrap

import numpy as np
from matplotlib.colors import LogNorm, Normalize

from ..progress import column
from .checks import as_array, as_mapping
from .style import INK, MAP, PALETTE, SMALL, colour_bar, dress, finish, ink_on, legend_above, new_figure

_HATCHES = ("", "///", "...", "xxx", "\\\\\\", "+++")      # a second sign beside colour, for grey print


def draw_bars(ax, categories, groups, *, errors=None, colours=None, horizontal=False, values=True):
    """Grouped bars on an axes: groups = {series name: one height per category}; heights are written where they fit."""
    places = np.arange(len(categories))
    thick = 0.8 / len(groups)
    for index, (name, heights) in enumerate(groups.items()):
        heights = np.asarray(heights, dtype=np.float64)
        spread = None if errors is None else np.asarray(errors[name], dtype=np.float64)
        at = places + (index - (len(groups) - 1) / 2) * thick
        colour = colours or PALETTE[index % len(PALETTE)]
        shape = {"color": colour, "edgecolor": "white", "linewidth": 0.6, "label": name, "zorder": 2,
                 "hatch": "" if colours else _HATCHES[index % len(_HATCHES)],
                 "error_kw": {"elinewidth": 0.9, "capsize": 2.5, "ecolor": INK}}
        if horizontal:
            bars = ax.barh(at, heights, thick * 0.92, xerr=spread, **shape)
        else:
            bars = ax.bar(at, heights, thick * 0.92, yerr=spread, **shape)
        if values and len(categories) * len(groups) <= 12:
            digits = 4 if len(groups) == 1 else 3                       # neighbours need room
            texts = [f"{height:,.0f}" if 1000 <= abs(height) < 1e6 else f"{height:.{digits}g}" for height in heights]
            ax.bar_label(bars, texts, fontsize=SMALL, color=INK, padding=2)
    if horizontal:
        ax.set_yticks(places, categories)
        ax.invert_yaxis()
        ax.margins(x=0.18)
    else:
        ax.set_xticks(places, categories)
        ax.margins(y=0.12)


def bar_chart(groups, categories, *, ylabel, errors=None, reference=None, title=None):
    """Grouped bars, a group per category: groups = {series name: (K,) heights}, categories = K names.

    errors = {series name: (K,)} draws whiskers: say in the title what they are. reference = (text, value) draws a named
    dashed level. Up to twelve bars carry their value. Returns a Figure.
    """
    caller = "bar_chart"
    categories = [str(category) for category in categories]
    groups = {name: as_array(caller, f"groups[{name!r}]", heights, f"({len(categories)},)").astype(float)
              for name, heights in as_mapping(caller, "groups", groups).items()}
    if errors is not None:
        errors = {name: as_array(caller, f"errors[{name!r}]", spread, f"({len(categories)},)").astype(float)
                  for name, spread in as_mapping(caller, "errors", errors).items()}
        if set(errors) != set(groups):
            raise ValueError(f"{caller}: errors for {sorted(errors)} but groups {sorted(groups)}; give all or none")
    categories = [textwrap.fill(category, 14, break_long_words=False) for category in categories]
    letters = max(len(line) for category in categories for line in category.splitlines())
    width = min(10.0, max(4.2, len(categories) * max(0.2 + 0.34 * len(groups), 0.085 * letters)))
    figure = new_figure(width, 3.2)
    ax = figure.add_subplot()
    draw_bars(ax, categories, groups, errors=errors)
    if width / len(categories) < 0.075 * letters:
        ax.tick_params(axis="x", rotation=30)
        for text in ax.get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")
    dress(ax, ylabel=ylabel)
    ax.grid(False, axis="x")
    ax.tick_params(axis="x", length=0)
    if reference is not None:
        text, level = reference
        ax.axhline(level, color=INK, linewidth=1.0, linestyle=(0, (4, 2)), zorder=3, label=text)
    if len(groups) > 1 or reference is not None:
        legend_above(ax)
    return finish(figure, title)


def heat_table(values, row_labels, col_labels, *, label, row_name=None, col_name=None, log=False, form=None, title=None):
    """A matrix as coloured cells with its numbers in them: a confusion matrix, distances of all pairs, a sweep's scores.

    values (R, C), NaN for a cell without a value; label names the colour bar, row_name and col_name the axes; log colours
    by logarithm (positive values); form is the number format: by default one for all cells, `tinygen.progress.column`. Returns a Figure.
    """
    caller = "heat_table"
    values = as_array(caller, "values", values, f"({len(row_labels)}, {len(col_labels)})", finite=False).astype(float)
    there = values[np.isfinite(values)]
    if not there.size or (log and there.min() <= 0):
        raise ValueError(f"{caller}: values must hold numbers, and positive ones where log=True")
    low, high = there.min(), there.max()
    norm = (LogNorm if log else Normalize)(low, high if high > low else low + abs(low) + 1)
    texts = iter(column(there) if form is None else [format(value, form) for value in there])
    texts = {place: next(texts) for place in zip(*np.nonzero(np.isfinite(values)))}
    cell = 0.36 + 0.055 * max(map(len, texts.values()))
    figure = new_figure(max(3.6, 1.7 + cell * values.shape[1]), max(2.4, 1.1 + 0.34 * values.shape[0]))
    ax = figure.add_subplot()
    image = ax.imshow(values, cmap=MAP, norm=norm, aspect="auto")
    for (row, col), text in texts.items():
        ax.text(col, row, text, ha="center", va="center", fontsize=SMALL, color=ink_on(image.cmap(norm(values[row, col]))))
    dress(ax, xlabel=col_name, ylabel=row_name, grid=False, frame=True)
    ax.set_xticks(range(values.shape[1]), [str(name) for name in col_labels])
    ax.set_yticks(range(values.shape[0]), [str(name) for name in row_labels])
    if max(len(str(name)) for name in col_labels) * 0.075 > cell:
        for text in ax.get_xticklabels():
            text.set(rotation=35, ha="right", rotation_mode="anchor")
    bar = colour_bar(figure, image, ax, label)
    if log:
        marks = np.geomspace(norm.vmin, norm.vmax, 4)
        bar.set_ticks(marks, labels=[format(mark, ".3g") for mark in marks])
        bar.minorticks_off()
    return finish(figure, title)


def class_shares(counts, class_names=None, *, title=None):
    """The share of each class among samples, in percent, beside the uniform share; whiskers: one standard error.

    counts = {model name: (K,) whole numbers of samples judged to be of each class}. The error is binomial,
    sqrt(p (1 - p) / n). Returns a Figure. Raises ValueError for negative counts or none at all.
    """
    caller = "class_shares"
    shares, errors = {}, {}
    for name, row in as_mapping(caller, "counts", counts).items():
        row = as_array(caller, f"counts[{name!r}]", row, "(K,)")
        if row.dtype.kind not in "iu":
            raise TypeError(f"{caller}: counts[{name!r}] holds {row.dtype}; pass whole numbers of samples, not shares")
        if row.min() < 0 or row.sum() == 0:
            raise ValueError(f"{caller}: counts[{name!r}] must be non-negative and not all zero")
        p = row / row.sum()
        shares[name], errors[name] = 100 * p, 100 * np.sqrt(p * (1 - p) / row.sum())
    classes = {len(row) for row in shares.values()}
    if len(classes) > 1:
        raise ValueError(f"{caller}: rows of {sorted(classes)} classes; they must agree")
    count = classes.pop()
    names = [str(k) for k in range(count)] if class_names is None else list(class_names)
    if len(names) != count:
        raise ValueError(f"{caller}: {len(names)} class_names for {count} classes")
    return bar_chart(shares, names, ylabel="share of samples (%)", errors=errors,
                     reference=(f"uniform, {100 / count:.3g} %", 100 / count), title=title)
