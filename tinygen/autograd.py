"""The engine: reverse-mode differentiation of any order. It knows no operation.

A Tensor is an array with a memory of how it was made: the operation, its inputs, and the arrays it used. `grad` walks that
memory backwards. Every operation declares one vector-Jacobian product (VJP) per input, a formula that turns the gradient
`g` of a scalar with respect to the output into the gradient with respect to that input:

    @primitive(lambda g, y, x: g * (1 - y * y))
    def tanh(x):
        return xp(x).tanh(x)

The trick is duck typing. Operations accept arrays as well as Tensors, and given arrays they return arrays and record
nothing. So an ordinary backward walk hands arrays to the VJPs and runs at the speed of NumPy. Under `create_graph=True` the
walk hands them Tensors: the very same formula is recorded as it is computed, and can be differentiated again.

Why the walk needs an order at all: in `b = a + a; c = b + b`, the gradient of b must be complete (both uses in c summed)
before it is passed on to a. A tensor can only be made from tensors that exist, so going through the tensors from the
youngest to the oldest is such an order, and the number every tensor gets at its birth is all there is to sort.

A Tensor holds the arrays it was made from, not copies. What an optimizer changes in place is noticed, and refused; who changes a batch
or an index between the forward and the backward pass gets the gradient of something else.
"""
import functools
import inspect
import itertools
import operator

import numpy as np

from . import diagnosis
from .backend import device_of, host, is_array, to, xp
from .kernels.layout import along_memory

_number = itertools.count(1)      # births of tensors and updates of parameters, one clock for both
_last_update = 0                  # when a parameter was last updated in place
_changed = {}                     # id of the memory behind an array -> when it was last changed in place
_recording = True


class Tensor:
    """An array that remembers how it was computed, so that `grad` can differentiate it.

    `data` is the array (changed by hand, it changes in the graphs that used it, too), `requires_grad` says whether gradients flow
    through, `grad` is where `backward()` leaves them.
    """

    op = None                     # the operation that made it; None for a leaf
    inputs = arrays = edges = ()  # what the operation was given; the arrays behind it; which inputs gradients flow to
    static = aux = grad = None    # keyword arguments; what the forward kept; the result of backward()
    updated = 0                   # when it was last updated in place
    __array_ufunc__ = None        # so that `array + tensor` asks Tensor.__radd__

    def __init__(self, data, requires_grad=False):
        if not is_array(data):
            raise TypeError(f"Tensor: data is a {type(data).__name__}, not an array; use tinygen.tensor(data) to convert")
        if requires_grad and data.dtype.kind != "f":
            raise TypeError(f"Tensor: {data.dtype} data cannot have a gradient; convert it: tensor(data, dtype=np.float32)")
        self.data, self.requires_grad, self.number = data, requires_grad, next(_number)

    def __setstate__(self, state):
        """A copy (copy.deepcopy, pickle) is another tensor: the walk tells tensors apart by their numbers, so it gets its own."""
        vars(self).update(state)
        self.number, self.updated = next(_number), 0

    shape = property(lambda self: self.data.shape, doc="The lengths of the axes.")
    ndim = property(lambda self: self.data.ndim, doc="The number of axes.")
    size = property(lambda self: self.data.size, doc="The number of elements.")
    dtype = property(lambda self: self.data.dtype, doc="The type of the elements.")
    device = property(lambda self: device_of(self.data), doc='"cpu" or "cuda".')

    def numpy(self):
        """The values as a NumPy array on the host (the tensor's own memory if it is there already)."""
        return host(self.data)

    def item(self):
        """The single value, as a Python number."""
        return host(self.data).item()

    def detach(self):
        """A tensor with the same array that gradients do not flow through."""
        return Tensor(self.data)

    def backward(self):
        """Add the gradient of this scalar to the `.grad` of every leaf that requires one. The graph is used up."""
        if not self.requires_grad:
            raise ValueError("backward: this tensor does not depend on anything that requires a gradient")
        if self.size != 1:
            raise ValueError(f"backward: this tensor has shape {self.shape}, not one element; reduce it first, as with .sum() or .mean()")
        leaves = [t for t in ancestors(self) if t.op is None]
        for leaf, g in zip(leaves, walk(self, leaves, free=True)):
            leaf.grad = Tensor(g.copy("K") if leaf.grad is None else leaf.grad.data + g)       # its own memory: g may be shared, or a view

    def __array__(self, *args, **kwargs):
        raise TypeError("a Tensor does not turn into an array by itself: use tinygen's function instead of NumPy's, "
                        "or .data for its array")

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        return bool(self.data)

    def __float__(self):
        return float(self.item())

    def __repr__(self):
        origin = f" from {self.op.__name__}" if self.op else ", requires_grad" if self.requires_grad else ""
        values = np.array2string(host(self.data), precision=4, threshold=20, edgeitems=2, separator=", ")
        return f"{type(self).__name__}({values}, shape={self.shape}, {self.dtype}{origin})"


def tensor(data, requires_grad=False, device=None, dtype=None):
    """A Tensor of anything NumPy can turn into an array.

    Python numbers (and lists of them) become float32; float arrays keep their dtype; integer arrays stay integer and
    have no gradient. With requires_grad the array is copied, since a step changes it in place; else it is held as it is.
    Raises TypeError for a gradient of integers and for data that is not numeric.
    """
    if isinstance(data, Tensor):
        data = data.data
    if not is_array(data):
        try:
            data = np.asarray(data)
        except ValueError:
            raise ValueError("tensor: the nested lists have different lengths, so they have no shape") from None
        if data.dtype.kind in "fiu" and dtype is None:
            data = data.astype(np.float32)
    if data.dtype.kind not in "fiub":
        raise TypeError(f"tensor: cannot make numbers of {data.dtype} data; give real numbers, integers or booleans")
    if dtype is not None:
        data = data.astype(dtype)
    if device is not None:
        data = to(data, device)
    data = np.asarray(data) if isinstance(data, np.generic) else data
    return Tensor(data.copy("K") if requires_grad else data, requires_grad)


# ---- declaring operations ------------------------------------------------------------------------------------------------


def primitive(*vjps, each=None, joint=None, fit=None, aux=False, along=None, cuda=None):
    """Declare an operation by its VJPs; the decorated function computes the values from plain arrays.

    Tensors are positional, everything else is keyword-only (callers may also pass it by position after the tensors).
    A VJP is called `vjp(g, y, *inputs, **static)` and returns the gradient of one input. It reads nothing but its arguments
    and uses only what arrays and Tensors share, so that it can itself be differentiated.

    vjps   one VJP per input; None where the output is locally constant in that input (a mask, a label, a step)
    each   instead, `each(i, g, y, *inputs, **static)`, for any number of inputs
    joint  instead, `joint(wanted, g, y, *inputs, **static)` returns the gradients of all inputs at once (None where not
           `wanted`), for an operation whose gradients share most of their work
    fit    `fit(gx, shape=...)` brings a gradient to its input's shape; without it a VJP must return exactly that shape
    aux    the function returns `(y, kept)`; the VJPs get `aux=kept` in the array walk. Under create_graph they get
           `aux=None` and must compute it again from the inputs, so that it is differentiated too.
    along  `along(f, *arrays)` computes f and the VJPs on device arrays (of an operation that acts on each element: in the
           order of their memory); `cuda` = {i: kernel} does VJP i there, in the array walk, in one launch
    """
    def declare(forward):
        diagnosis.refuse_what_is_no_function(forward)
        parameters = inspect.signature(forward).parameters.values()
        keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}
        arity = None if each else sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
        name = forward.__name__.strip("_")
        if not (each or joint) and len(vjps) != arity:
            raise TypeError(f"primitive {name}: {len(vjps)} VJPs for {arity} inputs")

        @functools.wraps(forward)
        def op(*inputs, **static):
            if arity is not None and not 0 < len(inputs) <= arity:
                given = diagnosis.settings_by_position(name, inputs, arity, keywords, static)
                static, inputs = static | given, inputs[:arity]
            if defaults and len(static) < len(keywords):
                static = {**defaults, **static}
            arrays, edges, any_tensor = [], [], False
            for i, x in enumerate(inputs):
                if isinstance(x, Tensor):
                    any_tensor = True
                    arrays.append(x.data)
                    if x.requires_grad and _recording and (not vjps or vjps[i] is not None):
                        edges.append(i)
                else:
                    arrays.append(x)
            try:
                if along is None or type(arrays[0]) is np.ndarray or type(arrays[-1]) is np.ndarray:
                    y = forward(*arrays, **static)
                else:
                    y = along(forward, *arrays, **static)
            except (ValueError, TypeError, MemoryError) as error:
                diagnosis.name_the_operation(error, name, arrays)
                raise
            y, kept = y if aux else (y, None)
            if not any_tensor:
                return y
            if isinstance(y, np.generic):                  # NumPy's reductions return scalars
                y = np.asarray(y)
            for x in inputs:
                if isinstance(x, Tensor) and x.data.dtype is not y.dtype:
                    diagnosis.refuse_mixed_types(name, inputs, y)
            out = Tensor.__new__(Tensor)
            out.data, out.number, out.requires_grad = y, next(_number), False
            if edges:
                out.requires_grad = True
                out.op, out.inputs, out.arrays, out.edges, out.static = op, inputs, arrays, edges, static
                if aux:
                    out.aux = kept
            if diagnosis.watch is not None:
                diagnosis.watch(name, "output", y, arrays)
            return out

        op.__name__ = name
        op.vjps, op.each, op.joint, op.fit, op.aux, op.forward, op.along, op.cuda = vjps, each, joint, fit, aux, forward, along, cuda or {}
        primitives[name] = op
        return op
    return declare


primitives = {}      # every primitive by its name: what the tests go through, and what `explain` looks up


def undefined(why):
    """A VJP that raises when it is reached: for a gradient that is not the constant zero, yet has no formula."""
    def vjp(*args, **static):
        raise NotImplementedError(why)
    return vjp


# ---- the backward walk -----------------------------------------------------------------------------------------------------


def ancestors(output):
    """Every tensor that `output` depends on and gradients flow through, oldest first, `output` included."""
    found, stack = {output.number: output}, [output]
    while stack:
        t = stack.pop()
        if t.arrays is None:
            raise RuntimeError(f"the graph behind this {t.op.__name__} was freed by backward() or minimize(); call "
                               "tinygen.grad first (it keeps the graph) or compute the loss again")
        for i in t.edges:
            x = t.inputs[i]
            if x.number not in found:
                found[x.number] = x
                stack.append(x)
    return [found[number] for number in sorted(found)]


def walk(output, inputs, seed=None, create_graph=False, free=False):
    """The gradients of `output` with respect to `inputs`: arrays, or Tensors under create_graph. `free` uses up the graph.

    `g` holds the gradients still to be passed on; each is dropped as it is used, and with `free` so is the tape behind it,
    which keeps the memory of a training step at what the forward pass needed.
    """
    global _recording
    wanted = {x.number for x in inputs}
    leads, order = set(wanted), []                          # the tensors that depend on an input, oldest first
    for t in ancestors(output):
        if t.edges and any(t.inputs[i].number in leads for i in t.edges):
            leads.add(t.number)
            order.append(t)
    if seed is None:
        seed = xp(output.data).ones_like(output.data)
    g = {output.number: Tensor(seed) if create_graph and not isinstance(seed, Tensor) else seed}
    ours = set()                                            # sums made here, which may be added to in place
    recording, _recording = _recording, _recording or create_graph        # the plain walk computes on arrays, which record nothing
    try:
        while order:
            t = order.pop()
            if t.number not in g:
                continue
            gy = g[t.number] if t.number in wanted else g.pop(t.number)
            if create_graph or _last_update > t.number:
                _refuse_stale(t, create_graph)
            for i, gx in _input_gradients(t, gy, leads, create_graph):
                x, number = t.inputs[i], t.inputs[i].number
                if number not in g:
                    g[number] = gx
                elif create_graph:
                    g[number] = g[number] + gx
                elif type(gx) is not np.ndarray:            # on a GPU, or a number
                    g[number] = along_memory(operator.add, g[number], gx)
                elif number in ours:
                    g[number] += gx
                else:
                    g[number] = g[number] + gx              # not in place: the first may be shared or read-only
                    if x.ndim:
                        ours.add(number)
            if free:
                t.inputs = t.edges = ()
                t.arrays = t.aux = None
    except MemoryError as error:
        diagnosis.refuse_the_batch(error, f"gradient of {t.op.__name__}", t.arrays)
    finally:
        _recording = recording
    found = [g[x.number] if x.number in g else xp(x.data).zeros_like(x.data) for x in inputs]
    return [Tensor(a) if create_graph and not isinstance(a, Tensor) else a for a in found]


def _input_gradients(t, gy, leads, create_graph):
    """(i, gradient) for every input i of the operation behind `t` that leads to a wanted tensor."""
    op, edges = t.op, [i for i in t.edges if t.inputs[i].number in leads]
    y, xs, static = (t, t.inputs, t.static) if create_graph else (t.data, t.arrays, t.static)
    if op.aux:
        static = {**static, "aux": None if create_graph else t.aux}
    if op.joint:
        gradients = op.joint([i in edges for i in range(len(xs))], gy, y, *xs, **static)
    for i in edges:
        try:
            if op.joint:
                gx = gradients[i]
            elif op.each:
                gx = op.each(i, gy, y, *xs, **static)
            elif op.along is None or create_graph or type(gy) is np.ndarray or xp(gy) is np:
                gx = op.vjps[i](gy, y, *xs, **static)
            else:
                gx = op.along(op.cuda.get(i, op.vjps[i]), gy, y, *xs, **static)
        except TypeError as error:
            diagnosis.name_the_numpy_function(error, op.__name__, i)
            raise
        x = t.inputs[i].data
        if gx.shape != x.shape:
            if op.fit is None:
                raise RuntimeError(f"{op.__name__}: the VJP of input {i} returned shape {gx.shape} for an input of {x.shape}")
            gx = op.fit(gx, shape=x.shape)
        if gx.dtype is not x.dtype and gx.dtype != x.dtype:
            raise RuntimeError(f"{op.__name__}: the VJP of input {i} returned {gx.dtype} for an input of {x.dtype}")
        if diagnosis.watch is not None:
            diagnosis.watch(op.__name__, f"gradient of input {i}", gx if is_array(gx) else gx.data, t.arrays)
        yield i, gx


def _refuse_stale(t, create_graph):
    """Raise if an input of the operation behind `t` was updated in place, or rebound, since the operation used it.

    The memory is what counts: a view of a parameter (reshaped, detached) changes with it.
    """
    for x, a in zip(t.inputs, t.arrays):
        rebound = isinstance(x, Tensor) and (x.updated > t.number or create_graph and x.data is not a)
        if rebound or _last_update > t.number and _changed.get(_memory(a), 0) > t.number:
            diagnosis.refuse_what_was_updated(t.op.__name__, a.shape)


def mark_updated(t):
    """Note that `t.data` was changed in place: graphs that used the old values refuse to be differentiated."""
    global _last_update
    t.updated = _last_update = _changed[_memory(t.data)] = next(_number)


def _memory(a):
    """What tells apart the memory behind arrays: the id of the array that owns it, through any number of views."""
    while getattr(a, "base", None) is not None:
        a = a.base
    return id(a)


def grad(output, inputs, grad_output=None, create_graph=False):
    """[d output / d x for x in inputs], as Tensors of the shapes of the inputs; zeros where there is no dependence.

    `output` is a scalar, or any tensor with `grad_output` of its shape, and then the result is the vector-Jacobian product.
    With `create_graph` the result can be differentiated again. The graph is kept.
    Raises ValueError for a non-scalar output without grad_output, a wrong shape, or an input that requires no gradient.
    """
    inputs = diagnosis.checked_request(output, inputs, grad_output)
    seed = grad_output.data if isinstance(grad_output, Tensor) and not create_graph else grad_output
    return [g if isinstance(g, Tensor) else Tensor(np.asarray(g) if isinstance(g, np.generic) else g)
            for g in walk(output, inputs, seed, create_graph)]


# ---- switches --------------------------------------------------------------------------------------------------------------


class no_grad:
    """`with no_grad():` (or a decorator): operations compute values and record nothing, in all threads of the process."""

    recording = False

    def __enter__(self):
        global _recording
        self.before, _recording = (_recording, getattr(self, "before", None)), self.recording       # a chain: it may be entered twice

    def __exit__(self, *error):
        global _recording
        _recording, self.before = self.before

    def __call__(self, function):
        diagnosis.refuse_a_generator(type(self).__name__, function)

        @functools.wraps(function)
        def switched(*args, **kwargs):
            with type(self)():
                return function(*args, **kwargs)
        return switched


class enable_grad(no_grad):
    """`with enable_grad():` record again, inside no_grad: for a value that is itself made of a gradient."""

    recording = True
