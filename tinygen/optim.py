"""Optimizers: PyTorch's formulas, argument names and defaults.

    opt = Adam(model.parameters(), lr=1e-3)
    opt.minimize(loss)

`minimize` takes the gradients of `loss` with respect to this optimizer's own parameters and updates them. A GAN's loop then
needs no zero_grad, no detach and no frozen flags: the generator's optimizer does not touch the critic. `step(grads)` updates
from gradients taken before (several losses on one graph), and `step()` from the `.grad` that `backward()` left.
Parameters change in place; graphs that used the old values refuse to be differentiated (autograd.mark_updated).
"""
import math
import numbers

import numpy as np

from .autograd import Tensor, mark_updated, walk
from .backend import device_of, host, to, xp
from .kernels import pointwise
from .kernels.layout import in_layout_of


class Optimizer:
    """The part all optimizers share. A subclass names its per-parameter `slots` and defines `update(p, g, slots)`, in place."""

    slots = ()

    def __init__(self, parameters, lr, **settings):
        name = type(self).__name__
        if isinstance(parameters, Tensor) or not hasattr(parameters, "__iter__"):
            raise TypeError(f"{name}: parameters is a {type(parameters).__name__}, not a list of Tensors; give module.parameters()")
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError(f"{name}: the list of parameters is empty")
        for i, p in enumerate(self.parameters):
            if not isinstance(p, Tensor) or not p.requires_grad or p.op is not None:
                raise TypeError(f"{name}: parameters[{i}] is not a leaf Tensor that requires a gradient")
        if len({id(p) for p in self.parameters}) < len(self.parameters):
            raise ValueError(f"{name}: a parameter occurs twice in the list, and would be updated twice a step")
        if not isinstance(lr, numbers.Real) or not lr >= 0:
            raise ValueError(f"{name}: lr = {lr!r} is not a number >= 0")
        self.lr, self.steps = lr, 0
        self.settings = settings
        vars(self).update(settings)
        self.state = [{s: xp(p.data).zeros_like(p.data) for s in self.slots} for p in self.parameters]

    def minimize(self, loss):
        """One step down the gradient of the scalar `loss`. Uses up the loss's graph. Returns the gradients, as arrays.

        A parameter that the loss does not reach has the gradient 0: momentum and weight decay go on moving it.
        """
        if not isinstance(loss, Tensor) or loss.size != 1:
            raise ValueError(f"minimize: the loss is not a Tensor of one element but {getattr(loss, 'shape', type(loss).__name__)}")
        if not loss.requires_grad:
            raise ValueError("minimize: the loss does not depend on anything that requires a gradient")
        gradients = walk(loss, self.parameters, free=True)
        self.step(gradients)
        return gradients

    def step(self, grads=None):
        """One update from `grads`, one array or Tensor a parameter in order; without, from the parameters' `.grad`.

        A parameter without a gradient stays as it is. `steps` counts the optimizer's steps (PyTorch counts those of each parameter).
        """
        if grads is None:
            grads = [p.grad for p in self.parameters]
            if all(g is None for g in grads):
                raise ValueError("step: no parameter has a .grad; call loss.backward() first, or minimize(loss)")
        if len(grads) != len(self.parameters):
            raise ValueError(f"step: {len(grads)} gradients for {len(self.parameters)} parameters")
        updates = []
        for i, (p, g) in enumerate(zip(self.parameters, grads)):
            if g is None:
                continue
            g = g.data if isinstance(g, Tensor) else g
            if g.shape != p.shape:
                raise ValueError(f"step: gradient {i} has shape {g.shape}, its parameter {p.shape}")
            if type(g) is not type(p.data) and device_of(g) != p.device:
                raise TypeError(f'step: gradient {i} is on {device_of(g)}, its parameter on {p.device}; move one: '
                                f'gradient.to("{p.device}"), or module.to("{device_of(g)}")')
            slots = self.state[i]
            for s in slots:                                        # follow a parameter that was moved or converted
                if slots[s].dtype != p.dtype or type(slots[s]) is not type(p.data):
                    slots[s] = in_layout_of(to(host(slots[s]).astype(p.dtype), p.device), p.data)
            updates.append((p, g, slots))
        self.steps += 1                                            # from here on nothing is refused any more
        for p, _, _ in updates:
            mark_updated(p)
        self.update_all([(p.data, g, slots) for p, g, slots in updates])

    def update_all(self, updates):
        """The step of every (parameter array, gradient array, slots)."""
        for p, g, slots in updates:
            self.update(p, g, slots)

    def zero_grad(self):
        """Forget every parameter's `.grad`."""
        for p in self.parameters:
            p.grad = None

    def state_dict(self):
        """{name: NumPy array}: the step count, the learning rate and the slots of every parameter ("0.m", "0.v", ...)."""
        state = {"steps": np.array(self.steps), "lr": np.array(self.lr)}
        return state | {f"{i}.{s}": host(a).copy() for i, slots in enumerate(self.state) for s, a in slots.items()}

    def load_state_dict(self, state):
        """Take over what `state_dict` gave; ValueError names what does not fit."""
        expected = {f"{i}.{s}": p.shape for i, p in enumerate(self.parameters) for s in self.slots} | {"steps": (), "lr": ()}
        wrong = [k for k in expected if k not in state or np.shape(state[k]) != expected[k]] + [k for k in state if k not in expected]
        if wrong:
            raise ValueError(f"{type(self).__name__}.load_state_dict: missing, unexpected or misshapen: {', '.join(wrong[:6])}")
        self.steps, self.lr = int(state["steps"]), float(state["lr"])
        for i, p in enumerate(self.parameters):
            for s in self.slots:
                self.state[i][s] = in_layout_of(to(np.array(state[f"{i}.{s}"]), p.device), p.data)

    def __repr__(self):
        settings = ", ".join(f"{k}={v}" for k, v in {"lr": self.lr, **self.settings}.items())
        return f"{type(self).__name__}({len(self.parameters)} parameters, {settings})"


class SGD(Optimizer):
    """p <- p - lr b, where b = g + weight_decay p without momentum; with it, b <- momentum b + (1 - dampening) g (the first
    b is g), and Nesterov steps along g + momentum b."""

    def __init__(self, parameters, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
        if nesterov and (momentum <= 0 or dampening):
            raise ValueError("SGD: nesterov needs a momentum and no dampening")
        self.slots = ("momentum_buffer",) if momentum else ()
        super().__init__(parameters, lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov)

    def update(self, p, g, slots):
        """One parameter's step."""
        if self.weight_decay:
            g = g + self.weight_decay * p
        if self.momentum:
            b = slots["momentum_buffer"]
            b *= self.momentum
            b += g if self.steps == 1 else (1 - self.dampening) * g
            g = g + self.momentum * b if self.nesterov else b
        p -= self.lr * g


class RMSprop(Optimizer):
    """v <- alpha v + (1 - alpha) g^2;  p <- p - lr g / (sqrt(v) + eps) (Hinton 2012).

    centered: takes v minus the square of the running mean of g. momentum: b <- momentum b + g / (sqrt(v) + eps);  p <- p - lr b.
    """

    def __init__(self, parameters, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
        self.slots = ("square_avg",) + ("momentum_buffer",) * bool(momentum) + ("grad_avg",) * bool(centered)
        super().__init__(parameters, lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered)

    def update(self, p, g, slots):
        """One parameter's step."""
        if self.weight_decay:
            g = g + self.weight_decay * p
        v = slots["square_avg"]
        v *= self.alpha
        v += (1 - self.alpha) * g * g
        if self.centered:
            average = slots["grad_avg"]
            average += (1 - self.alpha) * (g - average)
            v = xp(p).maximum(v - average * average, 0)         # a variance, which rounding can make negative
        d = g / (xp(p).sqrt(v) + self.eps)
        if self.momentum:
            b = slots["momentum_buffer"]
            b *= self.momentum
            b += d
            d = b
        p -= self.lr * d


class Adam(Optimizer):
    """m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  p <- p - lr m' / (sqrt(v') + eps), where m' = m / (1 - b1^t) and
    v' = v / (1 - b2^t) (Kingma & Ba 2015, Algorithm 1). weight_decay is added to the gradient."""

    slots = ("m", "v")
    decoupled = False

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        if not all(0 <= b < 1 for b in betas):
            raise ValueError(f"{type(self).__name__}: betas {betas} are not in [0, 1)")
        super().__init__(parameters, lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay)

    def update_all(self, updates):
        """The step of all parameters, shared out to the threads together."""
        if self.weight_decay and not self.decoupled:
            updates = [(p, g + self.weight_decay * p, slots) for p, g, slots in updates]
        (b1, b2), t = self.betas, self.steps
        pointwise.adam([(p, g, slots["m"], slots["v"]) for p, g, slots in updates], self.lr, b1, b2, self.eps,
                       1 - b1 ** t, 1 - b2 ** t, self.weight_decay if self.decoupled else 0.0)


class AdamW(Adam):
    """Adam whose weight decay shrinks the weights directly: p <- (1 - lr weight_decay) p (Loshchilov & Hutter 2019)."""

    decoupled = True

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(parameters, lr, betas, eps, weight_decay)


def gradient_norm(gradients):
    """sqrt of the sum of all squared elements, over a list of arrays or Tensors: one number, on their device."""
    arrays = [g.data if isinstance(g, Tensor) else g for g in gradients if g is not None]
    return xp(*arrays).sqrt(sum((a * a).sum() for a in arrays))


def clip_grad_norm(gradients, max_norm):
    """(gradients scaled so that their joint norm is at most max_norm, the norm before). The arrays given stay as they are.

    Raises FloatingPointError where the norm is not finite; on a GPU, which is not waited for, the gradients come back as NaN.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_grad_norm: max_norm {max_norm} is not positive")
    norm = gradient_norm(gradients)
    if xp(norm) is np:
        if not np.isfinite(norm):
            raise FloatingPointError(f"clip_grad_norm: the norm of the gradients is {norm}; the loss has diverged: lower the learning rate")
        factor = float(min(1.0, max_norm / (float(norm) + 1e-6)))
    else:
        factor = xp(norm).minimum(max_norm / (norm + 1e-6), 1.0) + 0 * norm                 # 0 * inf = NaN, not a step of 0
    return [None if g is None else g * factor for g in gradients], norm


# ---- learning-rate schedules: set optimizer.lr before each epoch or step -----------------------------------------------------


def _at_least_one(function, **lengths):
    for name, value in lengths.items():
        if not value >= 1:
            raise ValueError(f"{function}: {name} = {value} is not a positive number of steps")


def step_decay(lr, step, every, factor=0.1):
    """lr * factor ** (step // every)."""
    _at_least_one("step_decay", every=every)
    return lr * factor ** (step // every)


def exponential_decay(lr, step, factor):
    """lr * factor ** step."""
    return lr * factor ** step


def cosine(lr, step, total, floor=0.0):
    """From lr down to floor along half a cosine over `total` steps (Loshchilov & Hutter 2017, Eq. 5)."""
    _at_least_one("cosine", total=total)
    return floor + (lr - floor) * 0.5 * (1 + math.cos(math.pi * min(step, total) / total))


def linear_decay(lr, step, total, warmup=0):
    """Up to lr in `warmup` equal steps, the first lr / warmup, then down to 0 at `total`."""
    _at_least_one("linear_decay", total=total)
    if warmup > total:
        raise ValueError(f"linear_decay: warmup = {warmup} is more than total = {total} steps")
    if step < warmup:
        return lr * (step + 1) / warmup
    return lr * max(0.0, (total - step) / max(1, total - warmup))
