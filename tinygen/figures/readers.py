"""Pictures from a folder of PNG files, as the arrays everything else here takes."""

from pathlib import Path

import numpy as np
from matplotlib.image import imread


def read_images(folder, limit=None):
    """All PNG files of a folder, by name, as uint8 (N, C, H, W); C is 1 for grey files, 3 for colour, transparency is dropped.

    limit: only the first so many.  Raises FileNotFoundError for no folder or no PNG in it, ValueError for a file that is no PNG or for
    images that differ in size or channels.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"read_images: there is no folder {str(folder)!r}")
    paths = sorted(folder.glob("*.png"))[:limit]
    if not paths:
        raise FileNotFoundError(f"read_images: the folder {str(folder)!r} holds no .png files")
    images = [_read(path) for path in paths]
    for path, image in zip(paths, images):
        if image.shape != images[0].shape:
            raise ValueError(f"read_images: {path.name} is (C, H, W) = {image.shape}, {paths[0].name} is {images[0].shape}; "
                             f"all images of {str(folder)!r} must be of one size and kind")
    return np.stack(images)


def _read(path):
    try:
        pixels = imread(path, format="png")                     # floats in [0, 1]: (H, W), or (H, W, 3 or 4)
    except (SyntaxError, ValueError, OSError) as error:         # Pillow says SyntaxError for bytes that are no PNG
        raise ValueError(f"read_images: {str(path)!r} is not a whole PNG file: {error}") from error
    pixels = np.round(pixels * 255).astype(np.uint8)
    return pixels[None] if pixels.ndim == 2 else pixels[..., :3].transpose(2, 0, 1)
