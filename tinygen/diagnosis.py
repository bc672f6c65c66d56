"""What the engine says when something is wrong: which operation, on which shapes, and what to do about it."""
import inspect

import numpy as np

from .backend import device_of, host, is_array

watch = None          # called with (operation, what, value, the arrays it was computed from) while something looks on


def name_the_operation(error, name, arrays):
    """Raise `error`, which came up inside operation `name`, anew with the operation and the shapes it was given in its text.

    Nothing happens where its text starts with the operation already.
    """
    text, shapes = str(error), " and ".join(str(a.shape) for a in arrays if hasattr(a, "shape"))
    if isinstance(error, MemoryError):
        refuse_the_batch(error, name, arrays)
    if text.startswith(f"{name}: "):
        return
    refuse_two_devices(name, arrays, error)
    if "broadcast" in text:
        text = f"shapes {shapes} do not fit together; compared from the last axis, lengths must be equal, or one of them 1"
    else:
        text = f"{text}; the inputs have shapes {shapes}"
    raise (TypeError if isinstance(error, TypeError) else ValueError)(f"{name}: {text}") from error


def refuse_two_devices(name, arrays, error=None):
    """Raise TypeError if the arrays or Tensors given to operation `name` are on two devices."""
    places = [f"{a.shape} on {device_of(a)}" for a in arrays if hasattr(a, "shape")]
    if len({place.rsplit(" ", 1)[1] for place in places}) > 1:
        raise TypeError(f'{name}: the inputs are on two devices: {", ".join(places)}; move some of them: tensor.to("cuda"), module.to("cuda"), '
                        'or tinygen.backend.to(array, "cuda") for an array') from error


def name_the_numpy_function(error, name, i):
    """Raise TypeError for the VJP of input `i` of operation `name`, if `error` is NumPy's word for a Tensor among its arguments."""
    if "does not support ufuncs" in str(error):
        raise TypeError(f"{name}: the VJP of input {i} calls a NumPy function on a Tensor; write it with tinygen's functions, which take both, so "
                        "that it can be differentiated again") from error


def refuse_what_is_no_function(forward):
    """Raise TypeError for what `@primitive` without its parentheses hands on in place of the decorated function."""
    if not inspect.isfunction(forward):
        raise TypeError("primitive: write @primitive(vjp, ...) above the function, with one VJP an input, in parentheses")


def settings_by_position(name, inputs, arity, keywords, static):
    """{setting: value} of what operation `name` was given by position after its `arity` inputs; TypeError where that is too much, or twice."""
    given = dict(zip(keywords, inputs[arity:]))
    if not inputs or len(inputs) > arity + len(keywords) or given.keys() & static:
        raise TypeError(f"{name}: {len(inputs)} arguments by position; it takes {arity} inputs so, and {keywords}, each once")
    return given


def refuse_a_generator(name, function):
    """Raise TypeError if the switch `name` decorates a generator, whose body runs after the call."""
    if inspect.isgeneratorfunction(function):
        raise TypeError(f"{name}: {function.__name__} is a generator, whose body runs after the call; write `with {name}():` in it, around what "
                        "lies between two yields")


def refuse_what_was_updated(name, shape):
    """Raise RuntimeError: an input of operation `name` is not what it was in the forward pass."""
    raise RuntimeError(f"{name}: an input of shape {shape} was updated after the forward pass used it, so its gradient would be wrong; compute "
                       "the loss again after the update, or take all gradients first (tinygen.grad) and then step")


def refuse_the_batch(error, name, arrays):
    """Raise MemoryError for operation `name`, with the shapes and the size of the batch; at once where `error` names them already."""
    if "smaller batch size" in str(error):
        raise error
    shapes = [a.shape for a in arrays if hasattr(a, "shape")]
    batch = f" than {shapes[0][0]:,}" if shapes and shapes[0] else ""
    place = "GPU" if any(device_of(a) == "cuda" for a in arrays) else "main"
    raise MemoryError(f"{name}: out of {place} memory, with inputs {' and '.join(map(str, shapes))} ({error}); use a smaller batch "
                      f"size{batch}") from error


def refuse_mixed_types(name, inputs, y):
    """Raise if operation `name`, with the result `y`, mixed float32 with float64, by Tensors, arrays or NumPy scalars alike."""
    if name == "convert":                                   # the one operation that changes the type on purpose
        return
    given = {str(x.dtype) for x in inputs if hasattr(x, "requires_grad") and x.dtype.kind == "f"}
    if y.dtype.kind == "f" and given - {str(y.dtype)} or len(given) > 1:
        described = ", ".join(f"{x.dtype} {x.shape}" if hasattr(x, "dtype") else type(x).__name__ for x in inputs)
        raise TypeError(f"{name}: inputs of different types ({described}) would change the type of a Tensor; "
                        "convert one: x.to(np.float32), for an array x.astype(np.float32), or float(c) for a constant")


def checked_request(output, inputs, grad_output):
    """The list of `inputs` of `grad`; raises where what it is asked for has no answer."""
    is_tensor = lambda x: hasattr(x, "requires_grad")
    if is_tensor(inputs):
        raise TypeError("grad: inputs is one Tensor; pass a list of them: grad(output, [x])")
    if not is_tensor(output):
        raise TypeError(f"grad: output is a {type(output).__name__}, not a Tensor")
    inputs = list(inputs)
    for i, x in enumerate(inputs):
        if not is_tensor(x) or not x.requires_grad:
            raise ValueError(f"grad: inputs[{i}] is not a Tensor that requires a gradient; make it one with "
                             "tensor(data, requires_grad=True) before it is used")
    if grad_output is None:
        if output.size != 1:
            raise ValueError(f"grad: output has shape {output.shape}, not one element; reduce it with .sum() or pass grad_output")
    elif not is_tensor(grad_output) and not is_array(grad_output):
        raise TypeError(f"grad: grad_output is a {type(grad_output).__name__}, not an array or a Tensor")
    elif grad_output.shape != output.shape or grad_output.dtype != output.dtype:
        raise ValueError(f"grad: grad_output is {grad_output.dtype} {grad_output.shape}, output {output.dtype} {output.shape}; "
                         "type and shape must be equal")
    return inputs


class detect_nonfinite:
    """`with detect_nonfinite():` raise FloatingPointError at the first operation that makes a NaN or an infinity.

    Forward or backward; the message names the operation, the shapes, and where in the result it is. It reads every result,
    so it is slow: a tool for finding out, not for leaving on.
    """

    def __enter__(self):
        global watch
        self.before, watch = (watch, getattr(self, "before", None)), self.inspect                   # a chain: it may be entered twice

    def __exit__(self, *error):
        global watch
        watch, self.before = self.before

    @staticmethod
    def inspect(name, what, value, arrays):
        """Raise if `value`, computed by operation `name` from `arrays`, is not finite."""
        value = host(value)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            shapes = ", ".join(str(getattr(a, "shape", a)) for a in arrays)
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
            kind = "NaN" if np.isnan(value[where]) else "infinity"
            raise FloatingPointError(f"{name}: the {what}, shape {value.shape}, has its first {kind} at {where}; inputs: {shapes}")
