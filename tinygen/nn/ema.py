"""An exponential moving average of a module: samples of a GAN's averaged generator are better than those of its last step."""
import copy

import numpy as np

from ..autograd import mark_updated
from ..backend import to
from ..kernels.layout import in_layout_of
from ..kernels.pointwise import approach
from .module import Buffer, Parameter


class ExponentialMovingAverage:
    """`average` is a copy of the module, in eval mode: parameters <- decay * average + (1 - decay) * current, buffers copied.

    Step t takes min(decay, (1 + t) / (10 + t)) for decay, so that the first steps do not linger.
    """

    def __init__(self, module, decay=0.999):
        if not 0 <= decay < 1:
            raise ValueError(f"ExponentialMovingAverage: decay {decay} is not in [0, 1)")
        self.module, self.decay, self.steps = module, decay, 0
        self.average = copy.deepcopy(module).eval()

    def update(self):
        """Take in the module's present values."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        tensors = ([t for _, t in m._named_tensors((Parameter, Buffer))] for m in (self.average, self.module))
        averaged = []
        for kept, now in zip(*tensors):
            if isinstance(kept, Buffer):
                kept.data = now.data.copy()
            else:
                kept.data = in_layout_of(to(kept.data, now.device).astype(now.dtype, copy=False), now.data)      # follow a module that was moved
                averaged.append((kept.data, now.data))
                mark_updated(kept)
        approach(averaged, 1 - decay)

    def __call__(self, *inputs):
        return self.average(*inputs)

    def state_dict(self):
        """{name: NumPy array} of the average, and the number of steps."""
        return {**self.average.state_dict(), "ema_steps": np.array(self.steps)}

    def load_state_dict(self, state):
        """Take over what `state_dict` gave."""
        state = dict(state)
        if "ema_steps" not in state:
            raise ValueError("ExponentialMovingAverage.load_state_dict: missing ema_steps")
        steps = int(state.pop("ema_steps"))
        self.average.load_state_dict(state)
        self.steps = steps
