"""The matrix product: every 2-D product of tinygen goes through `matmul`."""
import numpy as np

from ..backend import parallel, scratch, xp

PAGE = 4096         # bytes; rows that are a multiple of it apart fall on the same few lines of the cache
PANEL = 512         # columns copied side by side at a time: with 1,024 rows 2 MB


def matmul(a, b):
    """a @ b, for matrices or stacks of them.

    A BLAS reads b down its columns to pack it. Where its rows lie a multiple of a page apart (8,192 columns, say), every
    element of a column maps to the same cache set, and the packing takes longer than the product: 9.9 ms for 64 x 1024 times
    1024 x 8192. Copied panel by panel into reused memory first, it takes 3.5. And a column times a row is no work for a BLAS:
    64 x 1 times 1 x 6272 takes it 0.36 ms, a broadcast multiplication 0.02.
    """
    if type(b) is not np.ndarray and a.ndim == b.ndim == 2 and xp(b) is not np:
        return device_matmul(a, b)
    if a.shape[-1] == 1 and a.ndim > 1:
        return a * b
    if not _rows_collide(a, b):
        return a @ b
    y = np.empty((len(a), b.shape[1]), a.dtype)

    def columns(part):
        panel = scratch(len(b) * PANEL, b.dtype, "panel").reshape(len(b), PANEL)
        for j in range(part.start, part.stop, PANEL):
            width = min(PANEL, part.stop - j)
            panel[:, :width] = b[:, j:j + width]
            np.matmul(a, panel[:, :width], out=y[:, j:j + width])
    parallel(columns, b.shape[1])
    return y


def device_matmul(a, b, out=None):
    """a @ b for two matrices on a GPU, into `out`: one call of cuBLAS, which takes transposed matrices as they are."""
    return a.dot(b, out)


def _rows_collide(a, b):
    return (type(b) is np.ndarray and b.ndim == a.ndim == 2 and a.dtype == b.dtype and len(a) <= 1024 and b.size >= 1 << 18
            and b.strides[1] == b.itemsize and b.strides[0] % PAGE == 0)
