"""Files of pictures: figures as PNG, PDF or SVG, arrays as crisp PNGs, frames as an animated GIF; whole or not at all."""

import io
from pathlib import Path

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure
from matplotlib.image import imread, imsave

from ..files import replaced
from .checks import as_array, as_count, as_pixels
from .style import new_figure


def save(figure, path):
    """Write a figure at its own size and resolution; the suffix says how: .png, .pdf or .svg.

    Raises ValueError for another suffix, FileNotFoundError for a folder that is not there.
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"save: figure is a {type(figure).__name__}; pass the Figure a drawing function returned")
    with replaced(_checked_path("save", path, (".png", ".pdf", ".svg"))) as part:
        figure.savefig(part, dpi=figure.dpi, facecolor="white")


def write_png(array, path, scale=1):
    """One picture (H, W) or (H, W, 3), uint8 or floats in [0, 1], as a PNG of scale*H x scale*W pixels, not smoothed.

    Raises as `save`, and ValueError for values out of range.
    """
    pixels = _enlarged("write_png", array, scale)
    with replaced(_checked_path("write_png", path, (".png",))) as part:
        imsave(part, pixels, format="png")


def write_gif(frames, path, fps=10, scale=1):
    """An endless GIF from frames: Figures, names of PNG files, or arrays (H, W) or (H, W, 3), uint8 or floats in [0, 1].

    Figures are drawn at 100 dots an inch, files kept as they are, every pixel of an array made a block of scale x scale.
    Frames of different sizes are set on white paper of the largest. GIF holds 256 colours a frame; equal neighbours
    become one longer frame, so repeat the last frame to hold it. Raises as `save`, and ValueError for no frames.
    """
    if not 0 < fps <= 50:
        raise ValueError(f"write_gif: fps = {fps}; it must lie in (0, 50], the speed viewers can keep")
    path = _checked_path("write_gif", path, (".gif",))
    pictures = [_frame(frame, scale) for frame in frames]
    if not pictures:
        raise ValueError("write_gif: frames is empty; there is nothing to write")
    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    carrier = new_figure(width / 100, height / 100, layout=None)
    writer = PillowWriter(fps=fps)
    with replaced(path) as part:
        writer.setup(carrier, str(part), dpi=100)       # not `saving`: it would turn a Ctrl-C before the first frame into an IndexError
        for picture in pictures:
            page = np.full((height, width, 3), 255, np.uint8)
            page[:picture.shape[0], :picture.shape[1]] = picture
            carrier.clear()
            carrier.figimage(page)
            writer.grab_frame()
        writer.finish()


def _checked_path(caller, path, suffixes):
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{caller}: {path.name!r} must end in {' or '.join(suffixes)}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{caller}: there is no folder {str(path.parent)!r} to write {path.name!r} into; make it first")
    return path


def _frame(frame, scale):
    """One frame of any kind as uint8 (H, W, 3)."""
    if isinstance(frame, Figure):
        drawn = io.BytesIO()
        frame.savefig(drawn, format="png", dpi=100, facecolor="white")
        drawn.seek(0)
        frame, scale = drawn, 1
    elif isinstance(frame, (str, Path)):
        if not Path(frame).is_file():
            raise FileNotFoundError(f"write_gif: there is no file {str(frame)!r} to take as a frame")
        scale = 1
    else:
        return _enlarged("write_gif", frame, scale)
    picture = imread(frame, format="png")
    return _enlarged("write_gif", picture if picture.ndim == 2 else picture[..., :3], scale)


def _enlarged(caller, array, scale):
    """One picture as uint8 (scale*H, scale*W, 3), nothing smoothed."""
    scale = as_count(caller, "scale", scale)
    picture = as_array(caller, "array", array, "(H, W) or (H, W, 3)")
    pixels = as_pixels(caller, "array", picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1)[None])[0]
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)
