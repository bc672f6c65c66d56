"""Files of pictures: exact pixels, the right number of frames, never half a file."""
import os

import numpy as np
import pytest
from matplotlib.image import imread

from tinygen import figures
from tinygen.figures import writers

RNG = np.random.default_rng(2)


def gif_frames(path):
    """(width, height, number of frames, delays in hundredths of a second) of a GIF, read block by block."""
    data = path.read_bytes()
    assert data[:6] == b"GIF89a"
    width, height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    at = 13 + (3 * 2 ** ((data[10] & 7) + 1) if data[10] & 128 else 0)
    frames, delays = 0, []
    while data[at] != 0x3B:
        if data[at] == 0x21:                                   # an extension; 0xF9 holds the delay of the next frame
            if data[at + 1] == 0xF9:
                delays.append(int.from_bytes(data[at + 4:at + 6], "little"))
            at += 2
        else:                                                  # an image, perhaps with its own colours
            assert data[at] == 0x2C
            frames += 1
            at += 11 + (3 * 2 ** ((data[at + 9] & 7) + 1) if data[at + 9] & 128 else 0)
        while data[at]:
            at += data[at] + 1
        at += 1
    return width, height, frames, delays


def test_png_holds_every_pixel_as_a_block(tmp_path):
    grey, colour = RNG.integers(0, 256, (5, 7), dtype=np.uint8), RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    for array, scale in ((grey, 3), (colour, 1), (grey / 255, 2)):
        figures.write_png(array, tmp_path / "a.png", scale)
        read = np.rint(imread(tmp_path / "a.png")[..., :3] * 255).astype(int)
        wanted = np.rint(array * (255 if array.dtype == float else 1)).astype(int)
        wanted = wanted[..., None] if wanted.ndim == 2 else wanted
        assert (read == wanted.repeat(scale, axis=0).repeat(scale, axis=1)).all()


def test_save_keeps_the_figure_s_own_size(tmp_path):
    figure = figures.image_grid(RNG.random((4, 9, 9)), title="t")
    figures.save(figure, tmp_path / "a.png")
    assert imread(tmp_path / "a.png").shape[:2] == (round(figure.bbox.height), round(figure.bbox.width))
    for suffix in ("pdf", "svg"):
        figures.save(figure, tmp_path / f"a.{suffix}")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.pdf", "a.png", "a.svg"]


def test_a_rerun_writes_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        figures.save(figures.training_curves({"loss": [3.0, 2.0, 1.0]}), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_gif_of_arrays(tmp_path):
    frames = [np.full((6, 8), level) for level in (0.0, 0.5, 1.0)] + [RNG.random((6, 8, 3))]
    figures.write_gif(frames, tmp_path / "a.gif", fps=5, scale=4)
    assert gif_frames(tmp_path / "a.gif") == (32, 24, 4, [20] * 4)


def test_gif_of_figures_and_of_files_on_the_largest_paper(tmp_path):
    small, large = figures.image_grid(np.zeros((1, 9, 9))), figures.image_grid(np.zeros((4, 9, 9)), title="larger")
    figures.save(small, tmp_path / "a.png")
    figures.save(large, tmp_path / "b.png")
    figures.write_gif([tmp_path / "a.png", str(tmp_path / "b.png")], tmp_path / "files.gif")
    assert gif_frames(tmp_path / "files.gif")[:3] == (round(large.bbox.width), round(large.bbox.height), 2)
    figures.write_gif(iter([small, large, small]), tmp_path / "figures.gif")
    width, height, frames, _ = gif_frames(tmp_path / "figures.gif")
    assert frames == 3 and abs(width - large.bbox.width / 1.5) <= 1 and abs(height - large.bbox.height / 1.5) <= 1


def test_equal_neighbours_become_one_longer_frame(tmp_path):
    black, white = np.zeros((4, 4)), np.ones((4, 4))
    figures.write_gif([black, white, white, white], tmp_path / "a.gif", fps=10)
    assert gif_frames(tmp_path / "a.gif")[2:] == (2, [10, 30])


@pytest.mark.parametrize("write", [
    lambda path: figures.save(figures.image_grid(np.zeros((1, 4, 4))), path.with_suffix(".jpeg")),
    lambda path: figures.write_png(np.zeros((2, 2)), path.with_suffix(".gif")),
    lambda path: figures.write_gif([np.zeros((2, 2))], path.with_suffix(".png"))])
def test_the_suffix_must_be_known(tmp_path, write):
    with pytest.raises(ValueError, match="must end in"):
        write(tmp_path / "a")


def test_the_folder_must_be_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="make it first"):
        figures.write_png(np.zeros((2, 2)), tmp_path / "gone" / "a.png")
    with pytest.raises(FileNotFoundError, match="to take as a frame"):
        figures.write_gif([tmp_path / "gone.png"], tmp_path / "a.gif")


@pytest.mark.parametrize("fps", [0, -1, 51])
def test_speeds_no_viewer_keeps(tmp_path, fps):
    with pytest.raises(ValueError, match="fps"):
        figures.write_gif([np.zeros((2, 2))], tmp_path / "a.gif", fps)


def test_bad_frames(tmp_path):
    with pytest.raises(ValueError, match="frames is empty"):
        figures.write_gif([], tmp_path / "a.gif")
    with pytest.raises(ValueError, match=r"must be \(H, W\) or \(H, W, 3\)"):
        figures.write_gif([np.zeros((2, 2, 2))], tmp_path / "a.gif")
    with pytest.raises(TypeError, match="pass the Figure"):
        figures.save(np.zeros((2, 2)), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_what_stood_there_survives_a_failure(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    figures.write_png(np.zeros((2, 2)), path)
    before = path.read_bytes()

    def fails(file, *args, **options):
        with open(file, "wb") as half:
            half.write(b"half")
        raise RuntimeError("stopped")

    monkeypatch.setattr(writers, "imsave", fails)
    with pytest.raises(RuntimeError, match="stopped"):
        figures.write_png(np.ones((2, 2)), path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.png"]


def test_ctrl_c_before_the_first_frame_is_a_ctrl_c_and_leaves_no_file(tmp_path, monkeypatch):
    def interrupted(self, **_):
        raise KeyboardInterrupt
    monkeypatch.setattr("matplotlib.animation.PillowWriter.grab_frame", interrupted)
    with pytest.raises(KeyboardInterrupt):
        figures.write_gif([np.zeros((2, 2))], tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


def test_a_grey_png_file_as_a_frame_keeps_its_width(tmp_path):
    from PIL import Image
    Image.fromarray(np.zeros((10, 20), np.uint8)).save(tmp_path / "grey.png")
    figures.write_gif([tmp_path / "grey.png"], tmp_path / "a.gif")
    assert gif_frames(tmp_path / "a.gif")[:2] == (20, 10)
