"""An operation: the formula of its gradient beside its code, and a check of the one against finite differences, on the spot."""
import ast
import inspect
import textwrap
from typing import NamedTuple

import numpy as np

from ..autograd import Tensor, ancestors, grad, no_grad
from ..backend import host, is_array, rng_state, set_rng_state
from ..checking import STEP, GradientError, gradcheck
from .examples import EXAMPLES, Example

WIDE = 132                  # columns: formulas and code that fit stand side by side, others one below the other
SHOWN = 4                   # elements of an input whose gradients are printed


class Formula(NamedTuple):
    """The declaration of one primitive: `gradients`, lines "dL/dx = ..."; `where`, lines that say what is meant; `code`, its source."""

    name: str
    gradients: tuple
    where: tuple
    code: str


class Derivative(NamedTuple):
    """One element of a gradient: of which input, at which index and value, by the formula, and by central differences."""

    input: str
    index: tuple
    value: float
    by_formula: float
    by_differences: float


class OperationExplanation:
    """What a function of Tensors is made of: `formulas` of its primitives, `code` where it is composed of several, and the check.

    inputs: arrays, Tensors and numbers to show it on (those of a float type are differentiated, in float64), settings: its other arguments;
    without inputs, an example that fits. What it draws at random is drawn the same at every call. The check: `derivatives`, the gradient of
    <g, y> for a random g, every element by the formula and by central differences; `error`, the largest difference of the two; `orders`,
    {1: "agree", 2: "agree"}, or what `gradcheck` said instead.

    Raises TypeError or ValueError where the function cannot be called so.
    """

    def __init__(self, function, inputs=(), settings=None):
        self.name = getattr(function, "__name__", "function").strip("_")
        call, names, points = _prepared(function, inputs, settings or {})
        y, primitives = _recorded(call, points)
        self.formulas = [formula_of(op) for op in primitives]
        self.head = _head(function)
        self.code = "" if [op.__name__ for op in primitives] == [self.name] else _source(function)
        flows = isinstance(y, Tensor) and y.requires_grad
        self.orders = _checked(call, points) if flows else {}
        self.derivatives = _derivatives(call, names, points) if flows and "cannot" not in self.orders[1] else []
        self.error = max((abs(d.by_formula - d.by_differences) for d in self.derivatives), default=0.0)

    def __repr__(self):
        return f"<{self.name}: {', '.join(f'order {order} {verdict}' for order, verdict in self.orders.items()) or 'no gradient'}; str() is the text>"

    def __str__(self):
        lines = [self.head, ""]
        if self.code:
            lines += [self.code, ""]
            width = max((len(f.name) for f in self.formulas), default=0)
            lines += [f"{name:{width}}  {line}" for f in self.formulas for name, line in zip([f.name] + [""] * len(f.gradients), f.gradients)]
        else:
            lines += [line for f in self.formulas for line in _side_by_side([*f.gradients, *f.where], f.code.split("\n"))]
        return "\n".join([*lines, "", *self._check_lines()])

    def _check_lines(self):
        if not self.orders:
            return ["No gradient flows through it, so there is nothing to check."]
        width = max((len(d.input + _index(d.index)) for d in self.derivatives), default=5)
        lines = [f"{'input':{width}}  {'value':>9}  {'by the formula':>15}  {'by differences':>15}"]
        for name in dict.fromkeys(d.input for d in self.derivatives):
            mine = [d for d in self.derivatives if d.input == name]
            lines += [f"{name + _index(d.index):{width}}  {d.value:9.4f}  {d.by_formula:15.9f}  {d.by_differences:15.9f}" for d in mine[:SHOWN]]
            if len(mine) > SHOWN:
                lines.append(f"{'':{width}}  and {len(mine) - SHOWN} more elements")
        lines.append(f"largest difference of {len(self.derivatives)}: {self.error:.1e}")
        return lines + [f"{which} derivatives: formula and central differences {verdict}"
                        for which, verdict in zip(("first", "second"), self.orders.values())]


# ---- the declaration, read from the source ---------------------------------------------------------------------------------


def formula_of(op):
    """The Formula of a primitive, from the text of its declaration; without text (typed into an interpreter) only the name."""
    code = _source(op)
    if not code:
        return Formula(op.__name__, ("the source of its declaration cannot be read",), (), "")
    function = ast.parse(code).body[0]
    arguments = [a.arg for a in function.args.args] or [f"{function.args.vararg.arg}[i]"]
    declaration = next(d for d in function.decorator_list if isinstance(d, ast.Call))
    together = {k.arg: k.value for k in declaration.keywords if k.arg in ("joint", "each")}
    named = op.joint or op.each
    if named:
        left = ", ".join(f"dL/d{a}" for a in arguments)
        gradients = (f"{left} = {ast.unparse(*together.values())}({', '.join(inspect.signature(named).parameters)})",)
        letters, code = list(inspect.signature(named).parameters)[1:3], f"{_source(named)}\n\n{code}"
    else:
        gradients, letters = [], ["g", "y"]
        for argument, vjp in zip(arguments, declaration.args):
            if isinstance(vjp, ast.Lambda):
                letters = [a.arg for a in vjp.args.args[:2]]
                right = " ".join(ast.get_source_segment(code, vjp.body).split())
            elif isinstance(vjp, ast.Constant):
                right = "0, locally constant"
            elif isinstance(vjp, ast.Name):
                found = op.vjps[len(gradients)]
                letters = list(inspect.signature(found).parameters)[:2]
                right, code = f"{vjp.id}({', '.join(inspect.signature(found).parameters)})", f"{_source(found)}\n\n{code}"
            else:
                right = ast.unparse(vjp)                             # undefined("why")
            gradients.append(f"dL/d{argument} = {right}")
    g, y = letters
    where = (f"where {y} = {op.__name__}({', '.join(arguments)}), {g} = dL/d{y}",)
    if op.fit and len(arguments) > 1:
        where += ("each summed over the axes that were stretched",)
    return Formula(op.__name__, tuple(gradients), where, code)


def _head(function):
    """Name, module and line of a function, and the first line of what it says of itself."""
    try:
        place = f"{function.__module__}, line {inspect.getsourcelines(getattr(function, 'forward', function))[1]}"
    except (OSError, TypeError):
        place = "no source"
    says = (inspect.getdoc(function) or "").split("\n")[0]
    return f"{getattr(function, '__name__', 'function').strip('_')} ({place})" + (f": {says}" if says else "")


def _source(function):
    """The source of a function or an operation; "" where there is none to read."""
    function = getattr(function, "forward", function)
    try:
        return textwrap.dedent(inspect.getsource(function)).rstrip()
    except (OSError, TypeError):
        return ""


def _side_by_side(left, right):
    """Two lists of lines as columns where they fit into `WIDE`, else one below the other."""
    width = max(map(len, left))
    if width + 4 + max(map(len, right)) > WIDE:
        return [*left, "", *(f"    {line}" if line else "" for line in right)]
    rows = max(len(left), len(right))
    left, right = (column + [""] * (rows - len(column)) for column in (left, right))
    return [f"{a:{width}}    {b}".rstrip() for a, b in zip(left, right)]


# ---- the check -------------------------------------------------------------------------------------------------------------


def _prepared(function, inputs, settings):
    """(function of the differentiated inputs alone, their names, their values as float64 arrays)."""
    if not inputs:
        return _prepared_example(function, settings)
    given = [x.data if isinstance(x, Tensor) else x for x in inputs]
    given = [host(x) if is_array(x) else x for x in given]
    moving = [i for i, x in enumerate(given) if isinstance(x, float) or is_array(x) and x.dtype.kind == "f"]
    if not moving:
        raise TypeError(f"explain: none of the inputs of {function.__name__} is a float, or an array or a Tensor of floats, so there is nothing "
                        "to differentiate by")

    def call(*points):
        arguments = list(given)
        for i, point in zip(moving, points):
            arguments[i] = point
        return function(*arguments, **settings)
    names = _parameter_names(function, len(given))
    return _repeatable(call, function.__name__), [names[i] for i in moving], [np.array(given[i], np.float64) for i in moving]


def _prepared_example(function, settings):
    """The same for a function that is given no inputs."""
    example = EXAMPLES.get(function) or Example(((4,),) * _required(function))
    shown = example.call or function
    call = _repeatable(lambda *points: shown(*points, **{**example.settings, **settings}), function.__name__)
    rng = np.random.default_rng(0)
    points = [rng.uniform(0.25, 1.5, shape) * rng.choice((-1, 1), shape) for shape in example.shapes]
    try:
        with np.errstate(all="ignore"):
            if not _is_finite(call, points):
                points = [np.abs(x) for x in points]                # logarithms and roots
    except (TypeError, ValueError, AttributeError) as error:
        raise TypeError(f"explain: {function.__name__} cannot be called on {len(points)} vectors ({error}); give it inputs that it takes: "
                        f"explain({function.__name__}, ...)") from error
    return call, _parameter_names(shown, len(points)), points


def _repeatable(call, name):
    """`call`, under this name, with the same random draws every time, and none taken from those to come."""
    state = rng_state()

    def repeated(*points):
        set_rng_state(state)
        try:
            return call(*points)
        finally:
            set_rng_state(state)
    repeated.__name__ = name
    return repeated


def _is_finite(call, points):
    with no_grad():
        y = call(*map(Tensor, points))
    return not isinstance(y, Tensor) or y.dtype.kind != "f" or bool(np.isfinite(y.data).all())


def _required(function):
    """How many positional arguments a function must be given."""
    parameters = inspect.signature(function).parameters.values()
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty for p in parameters)


def _parameter_names(function, count):
    names = []
    for name, parameter in inspect.signature(function).parameters.items():
        names += [f"{name}[{i}]" for i in range(count)] if parameter.kind is parameter.VAR_POSITIONAL else [name]
    return names[:count]


def _recorded(call, points):
    """(the output, the primitives that gradients flow through on the way to it, each once, in the order of use)."""
    y = call(*(Tensor(x, requires_grad=True) for x in points))
    if not isinstance(y, Tensor) or not y.requires_grad:
        return y, []
    return y, list(dict.fromkeys(t.op for t in ancestors(y) if t.op))


def _derivatives(call, names, points):
    """Every element's Derivative of <g, call(points)> for a random g."""
    tensors = [Tensor(x, requires_grad=True) for x in points]
    y = call(*tensors)
    g = np.random.default_rng(1).standard_normal(y.shape)
    found = []
    for i, gradient in enumerate(grad(y, tensors, grad_output=g)):
        for index in np.ndindex(points[i].shape):
            values = []
            for step in (STEP, -STEP):
                moved = [x.copy() for x in points]
                moved[i][index] += step
                with no_grad():
                    values.append(float((call(*map(Tensor, moved)).data * g).sum()))
            found.append(Derivative(names[i], index, float(points[i][index]), float(gradient.data[index]) + 0.0,     # + 0.0: no -0
                                    (values[0] - values[1]) / (2 * STEP)))
    return found


def _checked(call, points):
    """{order: "agree", or what gradcheck says instead} for the first two orders; none after the first that fails."""
    verdicts = {}
    for order in (1, 2):
        try:
            gradcheck(call, points, order=order)
            verdicts[order] = "agree"
        except (GradientError, NotImplementedError) as error:
            verdicts[order] = f"do not agree: {error}" if isinstance(error, GradientError) else f"cannot be compared: {error}"
            break
    return verdicts


def _index(index):
    return f"[{', '.join(map(str, index))}]" if index else ""
