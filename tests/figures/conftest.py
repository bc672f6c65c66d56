"""What the tests of the figures share: a way to see a figure's pixels."""
import numpy as np
import pytest


@pytest.fixture
def pixels():
    """Draws a figure and gives its pixels, uint8 (H, W, 3)."""
    def draw(figure):
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    return draw


@pytest.fixture
def inside():
    """Gives the pixels of a figure that its first axes covers, uint8 (h, w, 3)."""
    def cut(figure):
        figure.canvas.draw()
        page = np.asarray(figure.canvas.buffer_rgba())[..., :3]
        box = figure.axes[0].bbox
        x0, x1, y0, y1 = (round(float(value)) for value in (box.x0, box.x1, box.y0, box.y1))
        return page[len(page) - y1:len(page) - y0, x0:x1].copy()
    return cut
