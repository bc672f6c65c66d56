"""A training in plain NumPy that uses every source of randomness a run saves; as a script, a process to kill.

As a script it has everything loaded and waits: for each line `OUT EPOCHS [resume]` on its standard input it forks a process
that trains, and answers with that process's id, and, when it has ended, with its exit code.
"""
import os
import sys

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


def train(out, epochs=6, *, resume=False, seed=1, data="toy", lr=0.1, size=4, each=lambda run, epoch: None):
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
        run.finish(w=model.w.sum())
    return run


def serve():
    """See the top of the file."""
    from tinygen import figures  # noqa: F401  (the last thing a run would load)
    for line in sys.stdin:
        out, epochs, *rest = line.split("\t")
        process = os.fork()
        if not process:
            sys.stdout = open(os.devnull, "w")
            train(out, int(epochs), resume=bool(rest))
            os._exit(0)
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
