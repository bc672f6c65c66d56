"""The graph behind a loss, as a table and as a drawing: every operation with its shapes, its gradient and its share of the time."""
import math
import textwrap
import time
from typing import NamedTuple

import numpy as np

from ..autograd import Tensor, ancestors, enable_grad, grad
from ..backend import host, is_array
from ..nn import Module, Parameter

SHOWN = 80                  # rows of a table that are printed; a person reads no more


class Row(NamedTuple):
    """One tensor of a graph.

    number: its place in the order in which all were made; kind: "parameter", "input", "constant" or "op"; name: what it is called, or "";
    operation: that made it, or ""; inputs: what the operation was given, rows as "#3"; gradient: the norm of d loss / d it, None where no
    gradient flows; seconds: of its operation alone, forward and backward together; share: of the sum of all seconds.
    """

    number: int
    kind: str
    name: str
    operation: str
    inputs: tuple
    shape: tuple
    gradient: float | None
    seconds: float
    share: float

    @property
    def text(self):
        """What a person is shown: encode.0.weight, mu = getitem, relu, constant."""
        return " = ".join(part for part in (self.name, self.operation) if part) or self.kind


class GraphExplanation:
    """The graph behind a scalar `loss`: `rows`, oldest first; `forward` and `backward`, seconds in all; `draw()`, a Figure.

    names: {name: Module, Tensor or array}, what leaves and results are called. Seconds are measured here: every operation is run once more, by
    itself, on the arrays it was given (the fastest of `repeats`). Gradients of all tensors are held at once, while this is made.

    Raises ValueError for a loss that is not a scalar or was computed from nothing that requires a gradient; RuntimeError, as `grad` does,
    where the graph was used up or a parameter updated since; TypeError for names of anything else.
    """

    def __init__(self, loss, names=(), repeats=5):
        if loss.op is None:
            raise ValueError("explain: this tensor was computed from nothing that requires a gradient, so there is no graph behind it; pass a loss")
        if loss.size != 1:
            raise ValueError(f"explain: this tensor has shape {loss.shape}, not one element; reduce it first, as with .sum() or .mean()")
        tensors = ancestors(loss)
        gradients = dict(zip((t.number for t in tensors), grad(loss, tensors)))
        names = {id(loss): "loss", **_names(dict(names))}
        times = {t.number: _seconds(t, gradients[t.number].data, repeats) for t in tensors if t.op}
        self.forward, self.backward = (sum(part) for part in zip(*times.values()))
        self.rows, self.edges = [], []
        total, places = self.forward + self.backward, {}            # where each tensor, and each array that is no tensor's, stands

        def add(key, kind, name, shape, operation="", inputs=(), gradient=None, seconds=0.0):
            places[key] = len(self.rows) + 1
            self.rows.append(Row(places[key], kind, name, operation, inputs, shape, gradient, seconds, seconds / total))

        for t in tensors:
            norm = float(np.linalg.norm(host(gradients[t.number].data).astype(np.float64)))
            name = names.get(id(t), "")
            if t.op is None:
                add(t.number, "parameter" if isinstance(t, Parameter) else "input", name, t.shape, gradient=norm)
                continue
            given = []                                              # rows, or plain numbers, that the operation was given
            for i, (x, array) in enumerate(zip(t.inputs, t.arrays)):
                key = x.number if i in t.edges else ("constant", id(array))
                if key not in places and np.ndim(array):
                    called = names.get(id(x), names.get(id(array), ""))
                    add(key, "input" if called else "constant", called, array.shape)
                given.append(places[key] if key in places else float(array))
            add(t.number, "op", name, t.shape, t.op.__name__, tuple(f"#{g}" if isinstance(g, int) else f"{g:.4g}" for g in given), norm,
                sum(times[t.number]))
            self.edges += [(g, places[t.number]) for g in given if isinstance(g, int)]

    def __repr__(self):
        operations = sum(row.kind == "op" for row in self.rows)
        return f"<graph of {operations} operations on {len(self.rows) - operations} leaves; str() is the table, .draw() a figure>"

    def __str__(self):
        operations = [row for row in self.rows if row.kind == "op"]
        lines = [f"{len(operations)} operations on {len(self.rows) - len(operations)} leaves; each once more, alone: "
                 f"{1e3 * self.forward:.2f} ms forward, {1e3 * self.backward:.2f} ms backward", ""]
        shown = self.rows[:SHOWN]
        cells = [("#", "what", "of", "shape", "|gradient|", "time")]
        cells += [(str(r.number), r.text, ", ".join(r.inputs) or r.kind, _shape(r.shape), "" if r.gradient is None else f"{r.gradient:.3g}",
                   f"{r.share:.1%}" if r.kind == "op" else "") for r in shown]
        widths = [max(len(row[i]) for row in cells) for i in range(6)]
        lines += [f"{n:>{widths[0]}}  {name:{widths[1]}}  {of:{widths[2]}}  {shape:{widths[3]}}  {norm:>{widths[4]}}  {share:>{widths[5]}}".rstrip()
                  for n, name, of, shape, norm, share in cells]
        if len(self.rows) > len(shown):
            lines.append(f"... and {len(self.rows) - len(shown)} more; .rows has them all")
        shares = ", ".join(f"{name} ({count}) {share:.1%}" for name, (count, share) in self.totals().items())
        return "\n".join([*lines, "", *textwrap.wrap(f"time by operation: {shares}", 120)])

    def totals(self):
        """{operation: (how many there are, their share of the time)}, the most expensive first."""
        found = {}
        for row in self.rows:
            if row.kind == "op":
                count, share = found.get(row.operation, (0, 0.0))
                found[row.operation] = count + 1, share + row.share
        return dict(sorted(found.items(), key=lambda item: -item[1][1]))

    def draw(self, colour="gradient", title=None):
        """The graph as a Figure, inputs above and the loss below, coloured by the log10 of the gradient's norm or by the share of "time".

        Raises ValueError for another colour, and from `figures.draw_graph` for more nodes than a page holds.
        """
        from ..figures import Node, draw_graph
        if colour == "gradient":
            values = {r.number: math.log10(r.gradient) for r in self.rows if r.gradient and math.isfinite(r.gradient)}
            label = "log10 of the gradient's norm"
        elif colour == "time":
            values, label = {r.number: 100 * r.share for r in self.rows if r.kind == "op"}, "share of the time (%)"
        else:
            raise ValueError(f'explain: colour {colour!r}; the colours are "gradient" and "time"')
        nodes = [Node(r.number, _label(r), r.shape, "output" if r is self.rows[-1] else r.kind) for r in self.rows]
        return draw_graph(nodes, self.edges, values=values, value_label=label, title=title)


def _names(named):
    """{id of a Tensor or array: what it is called} from {name: Module, Tensor or array}."""
    names = {}
    for name, thing in named.items():
        if isinstance(thing, Module):
            names.update((id(p), f"{name}.{part}") for part, p in thing.named_parameters())
        elif isinstance(thing, Tensor) or is_array(thing):
            names[id(thing)] = names[id(thing.data if isinstance(thing, Tensor) else thing)] = name
        else:
            raise TypeError(f"explain: {name} is a {type(thing).__name__}; what is named is a Module, a Tensor or an array")
    return names


def _seconds(t, g, repeats):
    """(forward, backward) seconds of the operation behind `t`, run again on its own, with g as the gradient of its output."""
    leaves = [Tensor(a, requires_grad=True) if i in t.edges else a for i, a in enumerate(t.arrays)]
    wanted = [leaves[i] for i in t.edges]
    static = {name: None if callable(value) else value for name, value in t.static.items()}     # batch norm's observer saw this batch
    best = [math.inf, math.inf]
    for _ in range(repeats):
        start = time.perf_counter()
        with enable_grad():
            y = t.op(*leaves, **static)
        _wait(y.data)
        middle = time.perf_counter()
        for gradient in grad(y, wanted, grad_output=g):
            _wait(gradient.data)
        best = [min(best[0], middle - start), min(best[1], time.perf_counter() - middle)]
    return best


def _wait(array):
    """Until a device has computed `array`: a clock on the host would stop too early."""
    host(array[(slice(1),) * array.ndim])


def _shape(shape):
    return "x".join(map(str, shape)) or "scalar"


def _label(row):
    """The name, with plain numbers among the inputs: subtract(1, ·)."""
    if all(given.startswith("#") for given in row.inputs):
        return row.text
    return f"{row.text}({', '.join('·' if given.startswith('#') else given for given in row.inputs)})"
