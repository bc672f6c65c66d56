"""Folders of PNG files come back as the pixels that were written."""
import struct
import zlib

import numpy as np
import pytest

from tinygen import figures


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_what_was_written_is_read(tmp_path, shape):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (3, *shape)).astype(np.uint8)
    for i, picture in enumerate(pictures):
        figures.write_png(picture, tmp_path / f"{i:03}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    images = figures.read_images(tmp_path)
    assert images.dtype == np.uint8 and images.shape == (3, 3, 5, 7)                      # write_png makes grey colour
    np.testing.assert_array_equal(images[:, 0] if len(shape) == 2 else images.transpose(0, 2, 3, 1), pictures)
    np.testing.assert_array_equal(figures.read_images(tmp_path, limit=2), images[:2])


def write_grey_png(path, picture):
    """The smallest writer of the format: header, one compressed block of rows with filter byte 0, end."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    header = struct.pack(">IIBBBBB", *picture.shape[::-1], 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def test_grey_files_have_one_channel(tmp_path):
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    write_grey_png(tmp_path / "grey.png", picture)
    np.testing.assert_array_equal(figures.read_images(tmp_path), picture[None, None])


def test_bad_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        figures.read_images(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds no .png"):
        figures.read_images(tmp_path)
    (tmp_path / "a.png").write_bytes(b"not a PNG")
    with pytest.raises(ValueError, match="a.png' is not a whole PNG"):
        figures.read_images(tmp_path)
    figures.write_png(np.zeros((4, 4), np.uint8), tmp_path / "a.png")
    figures.write_png(np.zeros((4, 5), np.uint8), tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"b.png is \(C, H, W\) = \(3, 4, 5\)"):
        figures.read_images(tmp_path)
