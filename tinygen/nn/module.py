"""Module: a function with parameters. It finds them by looking at its own attributes."""
import contextlib
import math

import numpy as np

from ..autograd import Tensor, mark_updated, no_grad
from ..backend import host, to, xp

_observers = []          # what `summary` installs: called with every module and its output


class Parameter(Tensor):
    """A Tensor that a module learns: a leaf that requires a gradient."""

    def __init__(self, data):
        super().__init__((data.data if isinstance(data, Tensor) else data).copy("K"), requires_grad=True)        # steps change it in place


class Buffer(Tensor):
    """A Tensor that a module keeps but does not learn, such as running statistics: in the state dict, without gradient."""

    def __init__(self, data):
        super().__init__(data)


class Module:
    """The base of all layers and models: assign parameters and other modules as attributes, define `forward`.

    Attributes that are Parameters, Buffers, Modules, or lists of Modules are found in the order they were assigned, and
    named as PyTorch names them ("0.weight", "encoder.2.bias"). One that appears twice counts once, under its first name.
    """

    training = True       # a class attribute, so that a subclass needs no super().__init__()

    def forward(self, *inputs):
        """The module's function."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __setattr__(self, name, value):
        if isinstance(value, Tensor) and not isinstance(value, Parameter) and isinstance(vars(self).get(name), Parameter):
            raise TypeError(f"{type(self).__name__}.{name} is a Parameter, and a plain Tensor in its place would not learn; give a Parameter, or change "
                            f"the values: .{name}.data = ..., nn.init, load_state_dict")
        super().__setattr__(name, value)

    def __call__(self, *inputs, **options):
        y = self.forward(*inputs, **options)
        for observe in _observers:
            observe(self, y)
        return y

    # ---- what is inside ----

    def named_children(self):
        """(name, module) for every module among the attributes."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, (list, tuple)):
                yield from ((f"{name}.{i}", m) for i, m in enumerate(value) if isinstance(m, Module))

    def modules(self):
        """This module and all below it, each once."""
        seen, stack = set(), [self]
        while stack:
            module = stack.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield module
                stack += [child for _, child in module.named_children()][::-1]

    def _named_tensors(self, kind, prefix="", seen=None):
        seen = set() if seen is None else seen
        for name, value in vars(self).items():
            if isinstance(value, kind) and id(value) not in seen:
                seen.add(id(value))
                yield prefix + name, value
            elif isinstance(value, Module):
                yield from value._named_tensors(kind, f"{prefix}{name}.", seen)
            elif isinstance(value, (list, tuple)):
                for i, item in enumerate(value):
                    if isinstance(item, Module):
                        yield from item._named_tensors(kind, f"{prefix}{name}.{i}.", seen)

    def named_parameters(self):
        """(name, Parameter) for all parameters, in order, shared ones once."""
        return self._named_tensors(Parameter)

    def parameters(self):
        """All parameters, as a list."""
        return [p for _, p in self.named_parameters()]

    def named_buffers(self):
        """(name, Buffer) for all buffers, in order."""
        return self._named_tensors(Buffer)

    def count_parameters(self):
        """The number of learned numbers."""
        return sum(p.size for p in self.parameters())

    # ---- modes and places ----

    def train(self, mode=True):
        """Set training mode (or, with mode=False, eval mode) here and below: dropout and batch norm care."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self):
        """Set eval mode here and below."""
        return self.train(False)

    def to(self, target):
        """Move all parameters and buffers to a device ("cpu", "cuda") or convert them to a float dtype, in place."""
        if not isinstance(target, str) and np.dtype(target).kind != "f":
            raise TypeError(f"{type(self).__name__}.to: {np.dtype(target)} is not a float type; parameters learn, so they are floats")
        for _, t in self._named_tensors((Parameter, Buffer)):
            data = to(t.data, target) if isinstance(target, str) else t.data.astype(target, copy=False)
            if data is t.data:                      # it is there already: graphs and .grad stay good
                continue
            t.data, t.grad = data, None
            mark_updated(t)
        return self

    # ---- state ----

    def state_dict(self):
        """{name: NumPy array} of all parameters and buffers: copies, on the host."""
        return {name: host(t.data).copy() for name, t in self._named_tensors((Parameter, Buffer))}

    def load_state_dict(self, state):
        """Take over all values. The module adopts the float dtype of the state; devices stay.

        `num_batches_tracked`, which PyTorch's batch norm keeps, is ignored. Raises ValueError naming missing, unexpected
        and misshapen entries; then nothing was loaded.
        """
        if not hasattr(state, "items"):
            raise TypeError(f"load_state_dict: the state is a {type(state).__name__}, not a dictionary {{name: array}}")
        state = {k: v.data if isinstance(v, Tensor) else v for k, v in state.items() if k.rsplit(".", 1)[-1] != "num_batches_tracked"}
        own = dict(self._named_tensors((Parameter, Buffer)))
        problems = [f"missing {k}" for k in own if k not in state] + [f"unexpected {k}" for k in state if k not in own]
        problems += [f"{k} has shape {np.shape(state[k])}, the module {t.shape}" for k, t in own.items()
                     if k in state and np.shape(state[k]) != t.shape]
        problems += [f"{k} holds {host(state[k]).dtype}, not numbers" for k in own if k in state and host(state[k]).dtype.kind not in "fiub"]
        if problems:
            shown = "; ".join(problems[:6]) + (f"; and {len(problems) - 6} more" if len(problems) > 6 else "")
            raise ValueError(f"load_state_dict: the state does not fit this {type(self).__name__}: {shown}")
        for name, t in own.items():
            value = np.asarray(host(state[name]))
            data = xp(t.data).empty_like(t.data, dtype=value.dtype if value.dtype.kind == "f" else t.dtype)
            data[...] = to(value.astype(data.dtype), t.device)          # in the memory order that the module has chosen
            t.data = data
            mark_updated(t)
        return self

    # ---- looks ----

    def describe(self):
        """What the repr says of this module beside its name, such as its sizes."""
        return ", ".join(f"{name} {t.shape}" for name, t in vars(self).items() if isinstance(t, (Parameter, Buffer)))

    def __repr__(self):
        lines = [f"({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        head = f"{type(self).__name__}({self.describe()}"
        if not lines:
            return head + ")"
        return "\n  ".join([head, *lines]) + f"\n)  # {self.count_parameters():,} parameters"


class Sequential(Module):
    """Modules (or plain functions) applied one after the other; names are "0", "1", ..."""

    def __init__(self, *layers):
        for i, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(f"Sequential: layer {i} is a {type(layer).__name__}, not a module or a function; pass the layers one by one")
            setattr(self, str(i), layer)
        self._length = len(layers)

    def layers(self):
        """The layers, in order."""
        return [vars(self)[str(i)] for i in range(self._length)]

    def forward(self, x):
        """Each layer applied to what the one before it returned."""
        for layer in self.layers():
            x = layer(x)
        return x

    def __getitem__(self, i):
        return Sequential(*self.layers()[i]) if isinstance(i, slice) else self.layers()[i]

    def __len__(self):
        return self._length

    def __iter__(self):
        return iter(self.layers())


@contextlib.contextmanager
def eval_mode(module):
    """`with eval_mode(model):` eval mode for `module` and all below it; after the block, every module's mode from before."""
    modes = [(m, m.training) for m in module.modules()]
    try:
        yield module.eval()
    finally:
        for m, mode in modes:
            m.training = mode


def summary(module, *inputs):
    """A table of the layers that ran on `inputs`: name, output shape, parameters. Runs in eval mode, without recording."""
    names = {id(module): type(module).__name__}

    def name_below(parent, prefix):
        for name, child in parent.named_children():
            if id(child) not in names:
                names[id(child)] = f"{prefix}{name}"
                name_below(child, f"{prefix}{name}.")
    name_below(module, "")
    rows = []
    own = lambda m: sum(p.size for p in vars(m).values() if isinstance(p, Parameter))
    observe = lambda m, y: rows.append((f"{names.get(id(m), '?')} {type(m).__name__}", str(getattr(y, "shape", "")), own(m)))
    _observers.append(observe)
    try:
        with eval_mode(module), no_grad():
            module(*inputs)
    finally:
        _observers.remove(observe)
    width = max(len(r[0]) for r in rows)
    lines = [f"{name:{width}}  {shape:>20}  {n:>12,}" for name, shape, n in rows if name.split()[0] != type(module).__name__ or n]
    megabytes = sum(math.prod(p.shape) * p.dtype.itemsize for p in module.parameters()) / 1e6
    total = f"{type(module).__name__}: {module.count_parameters():,} parameters, {megabytes:.1f} MB"
    return "\n".join([f"{'layer':{width}}  {'output shape':>20}  {'parameters':>12}", *lines, total])
