"""A training in plain NumPy that uses every source of randomness a run saves; as a script, a process to kill.

    python toy_training.py OUT EPOCHS PAUSE [resume]
"""
import sys
import time

import tinygen as tg
from tinygen.training import Run

import numpy as np


class Weights:
    """Stands in for a module."""

    def __init__(self, size=4):
        self.w = tg.standard_normal((size,))

    def named_parameters(self):
        yield "w", self.w

    def state_dict(self):
        return {"w": self.w.copy()}

    def load_state_dict(self, state):
        if np.shape(state["w"]) != self.w.shape:
            raise ValueError(f"w has shape {np.shape(state['w'])}, the module {self.w.shape}")
        self.w = state["w"]


class Momentum:
    """Stands in for an optimizer."""

    def __init__(self, weights, lr):
        self.weights, self.lr, self.steps, self.v = weights, lr, 0, np.zeros_like(weights.w)

    def step(self, g):
        self.steps += 1
        self.v = 0.9 * self.v + g
        self.weights.w = self.weights.w - np.float32(self.lr / self.steps ** 0.5) * self.v

    def state_dict(self):
        return {"v": self.v.copy(), "steps": np.array(self.steps)}

    def load_state_dict(self, state):
        self.v, self.steps = state["v"], int(state["steps"])


def train(out, epochs=6, *, resume=False, pause=0.0, seed=1, data="toy", lr=0.1, size=4, each=lambda run, epoch: None):
    """Fit `size` weights to a target, with a noise of their own each step; returns the run."""
    settings = {"epochs": epochs, "seed": seed, "data": data, "lr": lr}
    with Run(out, settings, resume=resume, unit="points") as run:
        tg.manual_seed(seed)
        model = Weights(size)
        optimizer = Momentum(model, lr)
        order = np.random.default_rng((seed, 1))
        target = tg.standard_normal((size,))
        run.keep(model=model, optimizer=optimizer, order=order)
        for epoch in run.epochs(epochs):
            for i in order.permutation(3):
                g = model.w - target + tg.standard_normal((size,)) * (i + 1)
                optimizer.step(g)
                run.update(int(i) + 1, loss=(g * g).sum())
            if epoch >= 3:
                run.log(late=float(model.w[0]))             # a column that comes later
            each(run, epoch)
            time.sleep(pause)
        run.finish(w=model.w.sum())
    return run


if __name__ == "__main__":
    out, epochs, pause, *rest = sys.argv[1:]
    train(out, int(epochs), pause=float(pause), resume=rest == ["resume"])
