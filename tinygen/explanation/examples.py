"""What an operation is shown on when it is given no inputs: arrays of shapes and with settings that it can take."""
from typing import Callable, NamedTuple

import numpy as np

from .. import ops


class Example(NamedTuple):
    """A call of an operation: shapes of the inputs that are differentiated, settings, and `call` where those are not simply its arguments."""

    shapes: tuple
    settings: dict = {}
    call: Callable | None = None


_IMAGE = (1, 2, 4, 4)                                        # (N, C, H, W)
_ROWS = np.array([0, 2, 2])
_MASK = np.array([True, False, True])

EXAMPLES = {
    ops.avg_pool2d: Example((_IMAGE,), {"kernel_size": 2}),
    ops.batch_norm: Example(((4, 2), (2,), (2,))),
    ops.broadcast_to: Example(((3,),), {"shape": (2, 3)}),
    ops.clip: Example(((4,),), {"low": -0.5, "high": 0.5}),
    ops.concatenate: Example(((2,), (3,)), call=lambda x, z: ops.concatenate([x, z])),
    ops.conv2d: Example((_IMAGE, (3, 2, 3, 3), (3,))),
    ops.conv2d_weight: Example((_IMAGE, (1, 3, 2, 2)), {"kernel": 3}),
    ops.conv_transpose2d: Example(((1, 2, 3, 3), (2, 2, 2, 2), (2,)), {"stride": 2}),
    ops.dropout: Example(((4,),)),
    ops.embedding: Example(((3, 2),), call=lambda weight: ops.embedding(_ROWS, weight)),
    ops.flatten: Example(((2, 2, 2),)),
    ops.flip: Example(((3,),), {"axis": 0}),
    ops.getitem: Example(((3, 2),), {"index": _ROWS}),
    ops.layer_norm: Example(((2, 3), (3,), (3,)), call=lambda x, weight, bias: ops.layer_norm(x, 3, weight, bias)),
    ops.linear: Example(((2, 3), (2, 3), (2,))),
    ops.log_softmax: Example(((2, 3),)),
    ops.matmul: Example(((2, 3), (3, 2))),
    ops.max_pool2d: Example((_IMAGE,), {"kernel_size": 2}),
    ops.one_hot: Example(((4,),), call=lambda like: ops.one_hot(_ROWS, 3, like)),
    ops.pad: Example(((3,),), {"widths": ((1, 2),)}),
    ops.power: Example(((4,),), {"p": 3}),
    ops.reshape: Example(((2, 3),), {"shape": (3, 2)}),
    ops.scatter: Example(((3,),), {"index": _ROWS, "shape": (4,)}),
    ops.softmax: Example(((2, 3),)),
    ops.stack: Example(((2,), (2,)), call=lambda x, z: ops.stack([x, z])),
    ops.take: Example(((3, 2),), {"indices": _ROWS}),
    ops.transpose: Example(((2, 3),)),
    ops.upsample: Example(((1, 1, 2, 2),)),
    ops.upsample_conv2d: Example(((1, 2, 2, 2), (1, 2, 3, 3), (1,)), {"padding": 1}),
    ops.where: Example(((3,), (3,)), call=lambda x, z: ops.where(_MASK, x, z)),
}
