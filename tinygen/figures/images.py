"""Grids of images: samples, reconstructions, classes, time, paths; every image pixel a whole number of screen pixels."""

import math

import numpy as np

from .checks import as_array, as_count, as_labels, as_mapping, as_pixels, unflatten
from .style import DPI, INK, SMALL, TEXT, TITLE, new_figure

_PAGE = (1200, 1350)                     # pixels a grid may fill: a screen, one column of print
_TILE = 128                              # largest side of one tile, in pixels, when the scale is chosen here


def array_to_image(array, shape=(28, 28)):
    """One flat image of H*W numbers -> (H, W), or of C*H*W -> (C, H, W); a view, values and dtype as they are.

    Sheet 001 (CS 446 homework 5) names it. Raises ValueError when the sizes differ.
    """
    image = as_array("array_to_image", "array", array, "(D,) or (1, D)").reshape(-1)
    if image.size != math.prod(shape):
        raise ValueError(f"array_to_image: array has {image.size} numbers, an image {tuple(shape)} has {math.prod(shape)}; "
                         "pass shape=")
    return image.reshape(shape)


def concat_images(images, rows, cols, padding=3, *, order="columns"):
    """rows * cols images as one picture, `padding` zero pixels between neighbours and none around.

    images (N, H, W), (N, 1, H, W) or flat (N, H*W) -> (rows*H + (rows-1)*padding, cols*W + (cols-1)*padding);
    (N, 3, H, W) gets a last axis of 3. The dtype stays. Image k stands in row k % rows and column k // rows: the
    template of sheet 001 fills columns first, so that its 10 x 2 figure is 10 densities, then 10 samples.
    order="rows" reads like text. Raises ValueError unless there are exactly rows * cols images.
    """
    rows, cols = as_count("concat_images", "rows", rows), as_count("concat_images", "cols", cols)
    padding = as_count("concat_images", "padding", padding, least=0)
    if order not in ("columns", "rows"):
        raise ValueError(f"concat_images: order {order!r} must be 'columns' or 'rows'")
    images = as_array("concat_images", "images", images, "(N, C, H, W) or (N, H, W) or (N, D)")
    images = unflatten("concat_images", "images", images)
    if len(images) != rows * cols:
        raise ValueError(f"concat_images: images (N, ...) = {images.shape} but rows * cols = {rows} * {cols} = {rows * cols}")
    if images.ndim == 4:
        if images.shape[1] not in (1, 3):
            raise ValueError(f"concat_images: images (N, C, H, W) = {images.shape} must have 1 or 3 channels")
        images = images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1)
    if order == "columns":
        images = images.reshape(cols, rows, *images.shape[1:]).swapaxes(0, 1).reshape(images.shape)
    return _tiled(images, rows, cols, padding, 0)


def _tiled(tiles, rows, cols, padding, paper):
    """(rows*cols, H, W[, 3]) -> one picture, row by row, on a paper of that value."""
    height, width = tiles.shape[1:3]
    picture = np.full((rows * (height + padding) - padding, cols * (width + padding) - padding, *tiles.shape[3:]),
                      paper, tiles.dtype)
    for index, tile in enumerate(tiles):
        top, left = (index // cols) * (height + padding), (index % cols) * (width + padding)
        picture[top:top + height, left:left + width] = tile
    return picture


def image_grid(images, rows=None, cols=None, *, row_labels=None, col_labels=None, title=None, value_range=None,
               padding=2, scale=None):
    """A grid of images, read like text, with labels at its rows and columns.

    images (N, C, H, W), (N, H, W) or flat square (N, D); uint8, or floats in value_range, by default (0, 1). Without
    rows and cols the grid is nearly square; the last places may stay empty. scale is the screen pixels per image pixel.
    Returns a Figure. Raises ValueError when N images do not fit or labels are not one a row or column.
    """
    pixels = as_pixels("image_grid", "images", images, value_range)
    count = len(pixels)
    rows, cols = (None if given is None else as_count("image_grid", name, given) for name, given in (("rows", rows), ("cols", cols)))
    if rows is None and cols is None:
        cols = math.ceil(math.sqrt(count))
    rows = math.ceil(count / cols) if rows is None else rows
    cols = math.ceil(count / rows) if cols is None else cols
    if count > rows * cols:
        raise ValueError(f"image_grid: {count} images do not fit into {rows} rows x {cols} columns")
    return grid_figure("image_grid", pixels, rows, cols, row_labels, col_labels, title, padding, scale)


def image_rows(rows, *, col_labels=None, title=None, value_range=None, padding=2, scale=None):
    """One labelled row of images for each entry of rows = {label: images (N, ...)}; shorter rows end in blank paper.

    Images as in `image_grid`, of one size throughout; grey rows may stand beside colour ones. Returns a Figure.
    """
    return _rows_figure("image_rows", rows, col_labels, title, value_range, padding, scale)


def reconstruction_pairs(inputs, reconstructions, *, title=None, value_range=None, per_row=10, scale=None):
    """Inputs above their reconstructions, at most per_row pairs a line.

    reconstructions is (N, ...) like inputs, or a dict {label: (N, ...)} to compare several, e.g. the first and the
    last epoch. Images as in `image_grid`. Returns a Figure. Raises ValueError when the numbers of images differ.
    """
    caller = "reconstruction_pairs"
    per_row = as_count(caller, "per_row", per_row)
    named = as_mapping(caller, "reconstructions", reconstructions) if hasattr(reconstructions, "items") else {
        "reconstruction": reconstructions}
    stacks = {"input": as_pixels(caller, "inputs", inputs, value_range)}
    for label, images in named.items():
        stacks[str(label)] = as_pixels(caller, f"reconstructions[{label!r}]", images, value_range)
        if len(stacks[str(label)]) != len(stacks["input"]):
            raise ValueError(f"{caller}: {len(stacks['input'])} inputs but {len(stacks[str(label)])} images in "
                             f"reconstructions[{label!r}]; one each")
    lines = [(label, pixels[start:start + per_row]) for start in range(0, len(stacks["input"]), per_row)
             for label, pixels in stacks.items()]
    return lines_figure(caller, lines, None, title, 2, scale)


def class_rows(images, labels, class_names=None, *, per_class=10, title=None, value_range=None, scale=None):
    """One row per class, holding the first per_class images with that label; a class with fewer leaves blanks.

    images as in `image_grid`, labels (N,) integers, class_names one a class (default: the numbers). Returns a Figure.
    """
    pixels = as_pixels("class_rows", "images", images, value_range)
    labels = as_labels("class_rows", "labels", labels, len(pixels), None if class_names is None else len(class_names))
    names = [str(label) for label in range(int(labels.max()) + 1)] if class_names is None else list(class_names)
    per_class = as_count("class_rows", "per_class", per_class)
    lines = [(name, pixels[labels == label][:per_class]) for label, name in enumerate(names)]
    return lines_figure("class_rows", lines, None, title, 2, scale)


def samples_over_time(snapshots, *, unit="epoch", title=None, value_range=None, scale=None):
    """The same latent codes decoded at several moments: one row per entry of snapshots = {moment: images (N, ...)}.

    Images as in `image_grid`; unit names the moments. Returns a Figure.
    """
    rows = {f"{unit} {moment}": images for moment, images in as_mapping("samples_over_time", "snapshots", snapshots).items()}
    return _rows_figure("samples_over_time", rows, None, title, value_range, 2, scale)


def path_strips(strips, *, ends=None, title=None, value_range=None, scale=None):
    """Images along paths from t = 0 to t = 1, one row per path: strips = {name: images (T, ...)}, one T for all.

    ends = (x_A, x_B), one image each without the leading axis, stand at the two sides of every row: what the path was
    asked to join. Images as in `image_grid`. Returns a Figure. Raises ValueError when the T differ.
    """
    caller = "path_strips"
    stacks = {name: as_pixels(caller, f"strips[{name!r}]", images, value_range)
              for name, images in as_mapping(caller, "strips", strips).items()}
    steps = {len(pixels) for pixels in stacks.values()}
    if len(steps) > 1:
        raise ValueError(f"{caller}: the strips have {sorted(steps)} images; every path must have the same number")
    count = steps.pop()
    times = [f"{t:.2g}" for t in np.linspace(0, 1, count)]
    labels = ["$t = $" + times[0]] + times[1:]
    if ends is not None:
        if not isinstance(ends, (list, tuple)) or len(ends) != 2:
            raise ValueError(f"{caller}: ends must be the two images (x_A, x_B)")
        first, last = (as_pixels(caller, f"ends[{i}]", np.asarray(end)[None] if isinstance(end, np.ndarray) else end,
                                 value_range) for i, end in enumerate(ends))
        stacks = {name: np.concatenate([first, pixels, last]) for name, pixels in stacks.items()}
        labels = ["$x_A$", *labels, "$x_B$"]
    return lines_figure(caller, list(stacks.items()), labels, title, 2, scale)


def _rows_figure(caller, rows, col_labels, title, value_range, padding, scale):
    lines = [(str(label), as_pixels(caller, f"rows[{label!r}]", images, value_range))
             for label, images in as_mapping(caller, "rows", rows).items()]
    return lines_figure(caller, lines, col_labels, title, padding, scale)


def lines_figure(caller, lines, col_labels, title, padding, scale):
    """A grid from (label, pixels) lines of unequal length: blanks fill up, grey turns to colour where both occur."""
    shapes = {pixels.shape[1:3] for _, pixels in lines}
    if len(shapes) > 1:
        raise ValueError(f"{caller}: images of sizes (H, W) = {sorted(shapes)} in one figure; they must all be equal")
    if any(pixels.ndim == 4 for _, pixels in lines):
        lines = [(label, pixels if pixels.ndim == 4 else np.repeat(pixels[..., None], 3, axis=3)) for label, pixels in lines]
    cols = max(len(pixels) for _, pixels in lines)
    full = [np.concatenate([pixels, np.full((cols - len(pixels), *pixels.shape[1:]), 255, np.uint8)])
            for _, pixels in lines]
    return grid_figure(caller, np.concatenate(full), len(lines), cols, [label for label, _ in lines], col_labels, title,
                        padding, scale)


def grid_figure(caller, tiles, rows, cols, row_labels, col_labels, title, padding, scale, names=(None, None)):
    """The figure of a grid of uint8 tiles, placed pixel by pixel: one image artist, labels measured, page cut to fit.

    names = (of the columns, of the rows) stand beside their labels.
    """
    padding = as_count(caller, "padding", padding, least=0)
    for name, labels, count in (("row_labels", row_labels, rows), ("col_labels", col_labels, cols)):
        if labels is not None and len(labels) != count:
            raise ValueError(f"{caller}: {len(labels)} {name} for {count} {name[:3]}s; one each")
    picture = _tiled(tiles, rows, cols, padding, 255)
    height, width = picture.shape[:2]
    tile = max(tiles.shape[1:3])
    if scale is None:
        scale = max(1, min(_PAGE[0] // width, _PAGE[1] // height, max(1, _TILE // tile)))
    scale = as_count(caller, "scale", scale)

    figure = new_figure(width * scale / DPI, height * scale / DPI, layout=None)
    ax = figure.add_axes((0, 0, 1, 1))
    rgb = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)      # a grey map would be off by one
    ax.imshow(rgb, interpolation="nearest", aspect="auto")
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=0, labelsize=TEXT, labelcolor=INK, pad=5)
    step = {"row": tiles.shape[1] + padding, "col": tiles.shape[2] + padding}
    ax.set_yticks([i * step["row"] + tiles.shape[1] / 2 - 0.5 for i in range(rows)] if row_labels is not None else [],
                  row_labels)
    ax.xaxis.tick_top()
    ax.set_xticks([i * step["col"] + tiles.shape[2] / 2 - 0.5 for i in range(cols)] if col_labels is not None else [],
                  col_labels)
    ax.xaxis.set_label_position("top")
    ax.set_xlabel(names[0], fontsize=TEXT, color=INK, labelpad=6)
    ax.set_ylabel(names[1], fontsize=TEXT, color=INK, labelpad=6)
    _fit_page(figure, ax, width * scale, height * scale, step["col"] * scale, title)
    return figure


def _fit_page(figure, ax, width, height, pitch, title):
    """Give the picture exactly width x height pixels and cut the page to the picture, its labels and the title."""
    renderer = figure.canvas.get_renderer()
    texts = ax.get_xticklabels()
    if any(text.get_window_extent(renderer).width > pitch - 4 for text in texts):
        for text in texts:                            # labels wider than their column stand slanted
            text.set(rotation=40, ha="left", va="center", rotation_mode="anchor", fontsize=SMALL)
    box = ax.get_tightbbox(renderer)
    left, right = math.ceil(max(0, -box.x0)) + 8, math.ceil(max(0, box.x1 - width)) + 8
    below, above = 8, math.ceil(max(0, box.y1 - height)) + 8
    if title:
        line = figure.text(0.5, 0.5, title, fontsize=TITLE, color=INK, ha="center", va="top")
        size = line.get_window_extent(renderer)
        missing = math.ceil(size.width) + 16 - (left + width + right)
        if missing > 0:                               # a title wider than the picture widens the page on both sides
            left, right = left + (missing + 1) // 2, right + (missing + 1) // 2
        above += math.ceil(size.height) + 8
    page = (left + width + right, below + height + above)
    figure.set_size_inches(page[0] / DPI, page[1] / DPI)
    ax.set_position((left / page[0], below / page[1], width / page[0], height / page[1]))
    if title:
        centre = (left + width / 2) / page[0] if size.width < width else 0.5
        line.set_position((centre, 1 - 8 / page[1]))
