"""The one style of every figure: sizes, fonts, and colours that survive grey print and colour-blind eyes.

A figure is made as an object and handed back. Nothing here imports pyplot or changes rcParams, both of which are
global: a figure drawn in a test or a thread is freed like any other object, and the caller's own settings stay as
they are. So the style is put on each axes by hand, by `dress`.
"""

import math
import textwrap

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

DPI = 150                                # a 7 inch figure is 1050 pixels wide: sharp on a screen, one column of print
INK, GUIDE, GRID = "#262626", "#b5b5b5", "#e3e3e3"
TITLE, TEXT, SMALL = 10.5, 9.0, 8.0      # font sizes in points

# Ten colours found by search: of lightness 32 to 74, so that none fades on white, and with the largest smallest
# distance, 28 CIELAB units, under normal sight and all three kinds of colour blindness (Machado et al. 2009; measured
# in tests/figures/test_style.py). The order is for curves: neighbours differ in lightness.
PALETTE = ("#6971fb", "#fb9f08", "#8f2221", "#8ec06c", "#80009f", "#d43503", "#05cac8", "#a27570", "#c39cff", "#58446f")
# Ten colours are too many for grey print: a marker and a dash pattern say the same thing again.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
MARKER_AREAS = (1.0, 0.85, 1.0, 0.75, 1.0, 1.2, 1.2, 1.0, 1.0, 1.7)      # to make them look equally large
DASHES = ("-", "--", "-.", ":", (0, (6, 1.5, 1, 1.5, 1, 1.5)))

MAP = "viridis"                          # amounts, densities, fields: lightness grows with the value


def series_style(index):
    """Line colour and dash pattern of the series with this index, as keywords for `ax.plot`."""
    return {"color": PALETTE[index % len(PALETTE)], "linestyle": DASHES[index % len(DASHES)]}


def new_figure(width, height, layout="constrained"):
    """An empty white figure of width x height inches on the Agg canvas, known to nobody but the caller."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout=layout)
    if layout == "constrained":
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)       # inches between the panels and around them
    FigureCanvasAgg(figure)
    return figure


def new_panels(count, columns=None, width=None, height=2.8):
    """A figure of `count` panels, row by row: (figure, list of axes); sizes in inches.

    width is that of one panel: by default 5.6 alone, 3.6 in two columns, 3.1 in more, so that text stays legible where
    the figure is shrunk to the width of a page.
    """
    columns = columns or (count if count <= 3 else math.ceil(count / math.ceil(count / 3)))
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    width = width or {1: 5.6, 2: 3.6}.get(columns, 3.1)
    figure = new_figure(columns * width, rows * height)
    return figure, [figure.add_subplot(rows, columns, index + 1) for index in range(count)]


def dress(ax, *, title=None, xlabel=None, ylabel=None, grid=True, frame=False):
    """Put the house style on one axes: fonts, thin spines, a grid below the data, labels."""
    ax.set_facecolor("white")
    ax.set_axisbelow(True)
    if grid:
        ax.grid(True, color=GRID, linewidth=0.6, linestyle="-")
    else:
        ax.grid(False)
    for side, spine in ax.spines.items():
        spine.set_visible(frame or side in ("left", "bottom"))
        spine.set_color(INK)
        spine.set_linewidth(0.7)
    ax.tick_params(which="both", labelsize=SMALL, color=INK, labelcolor=INK, width=0.7, direction="out")
    ax.tick_params(which="major", length=3)
    ax.tick_params(which="minor", length=1.5)
    for text in (ax.yaxis.get_offset_text(), ax.xaxis.get_offset_text()):
        text.set_fontsize(SMALL)
    if title:
        ax.set_title(title, fontsize=TEXT, color=INK)
    if xlabel:
        ax.set_xlabel(xlabel, fontsize=TEXT, color=INK)
    if ylabel:
        ax.set_ylabel(ylabel, fontsize=TEXT, color=INK)


def whole_ticks(axis, values):
    """Ticks at whole numbers only, where that is all the values are (epochs, counts)."""
    values = values[np.isfinite(values)]
    if len(values) and (values == np.rint(values)).all():
        axis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))


def short_log_ticks(axis):
    """Plain numbers, 1, 2 and 5 of each power of ten, on a logarithmic axis of less than two decades; a longer one is left as it is."""
    low, high = axis.get_view_interval()
    if 0 < low < high < 100 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def ink_on(colour):
    """White or black text, whichever reads better on an (r, g, b, ...) colour: by its luma (ITU-R BT.601)."""
    return "white" if np.dot(colour[:3], (0.299, 0.587, 0.114)) < 0.55 else INK


def number(value, form="g"):
    """A number as text, with a true minus sign."""
    return format(value, form).replace("-", "\N{MINUS SIGN}")


def finish(figure, title=None):
    """The figure, with a title above all its panels and its layout settled: the last call of a drawing function.

    Labels too long for their axes are folded. A layout changes the ticks, whose labels change the layout: it takes about
    three, the last when the figure is drawn.
    """
    if title:
        _fold(figure.suptitle(title, fontsize=TITLE, color=INK), "width", 0.97 * figure.bbox.width)
    figure.draw_without_rendering()
    for ax in figure.axes:
        _fold(ax.title, "width", ax.bbox.width)
        _fold(ax.xaxis.label, "width", ax.bbox.width)
        middle = (ax.bbox.y0 + ax.bbox.y1) / 2                      # a label may be longer than its axes, but not leave the page
        _fold(ax.yaxis.label, "height", min(1.15 * ax.bbox.height, 1.94 * min(middle, figure.bbox.height - middle)))
    figure.draw_without_rendering()
    return figure


def _fold(text, side, room):
    """Break a text at spaces into lines of at most `room` pixels along `side`, as equal as can be; formulas stay in one piece."""
    words = text.get_text()
    length = getattr(text.get_window_extent(), side) if words else 0
    if length > room and "$" not in words:
        wrapped = lambda letters: textwrap.wrap(words, letters, break_long_words=False)
        most = max(12, int(len(words) * room / length))
        lines = len(wrapped(most))
        even = next(found for found in map(wrapped, range(max(1, len(words) // lines), most + 1)) if len(found) == lines)
        text.set(multialignment="center", text="\n".join(even))


_MARKUP = str.maketrans("", "", "$\\^_{}")          # characters of mathtext that take no room
_LEGEND = {"fontsize": SMALL, "frameon": False, "borderaxespad": 0.2, "labelcolor": INK}


def legend_above(ax):
    """A legend in the strip above the axes, where no data can lie under it, in as many columns as fit."""
    handles, labels = ax.get_legend_handles_labels()
    if not labels:
        return None
    width = ax.get_figure().get_size_inches()[0] / max(1, ax.get_gridspec().ncols) - 0.5
    entries = [0.45 + 0.065 * len(label.translate(_MARKUP)) for label in labels]     # inches: handle, text at 8 points
    columns = len(labels) if sum(entries) <= width else max(1, min(len(labels), int(width / max(entries))))
    return ax.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.01), ncols=columns, columnspacing=1.2,
                     handlelength=2.4, **_LEGEND)


def legend_beside(ax, **options):
    """A legend in the margin right of the axes."""
    return ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), **{**_LEGEND, **options})


def colour_bar(figure, mappable, axes, label):
    """A slim colour bar right of `axes` (one axes or a list of them)."""
    bar = figure.colorbar(mappable, ax=axes, fraction=0.046, pad=0.02, aspect=24)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=SMALL, color=INK, labelcolor=INK, width=0.7, length=3)
    bar.ax.yaxis.get_offset_text().set_fontsize(SMALL)
    bar.set_label(label, fontsize=TEXT, color=INK)
    return bar
