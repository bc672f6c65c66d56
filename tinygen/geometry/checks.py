"""What all of this asks of a generator and of codes, checked once at the door."""
import contextlib

from ..autograd import Tensor
from ..backend import is_array
from ..nn import Module, eval_mode


def frozen(generator):
    """`with frozen(generator):` a module in eval mode, so that batch norm ties no code to another; any other function as it is."""
    return eval_mode(generator) if isinstance(generator, Module) else contextlib.nullcontext()


def as_codes(function, z, name="z", axes="(N, D)"):
    """`z` if it is a float array or Tensor with as many axes as `axes` names, none of them empty; else TypeError or ValueError."""
    if not isinstance(z, Tensor) and not is_array(z):
        raise TypeError(f"{function}: {name} is a {type(z).__name__}; give codes {axes} as an array or a Tensor")
    if z.dtype.kind != "f":
        raise TypeError(f"{function}: {name} {z.shape} is {z.dtype}; codes are floats, as float32 networks take them: z.astype(np.float32)")
    if z.ndim != axes.count(",") + 1 or 0 in z.shape:
        raise ValueError(f"{function}: {name} {z.shape} must be {axes}, none of them zero" + ("; one code is z[None]" if z.ndim == 1 else ""))
    return z


def as_leaf(z):
    """A Tensor that gradients reach: `z` itself if they do already, else a new leaf on its values."""
    return z if isinstance(z, Tensor) and z.requires_grad else Tensor(z.data if isinstance(z, Tensor) else z, requires_grad=True)


def values_of(function, generator, z):
    """generator(z), which must be a Tensor (N, ...) for codes z (N, D)."""
    y = generator(z)
    if not isinstance(y, Tensor) or y.ndim < 2 or y.shape[0] != z.shape[0]:
        raise ValueError(f"{function}: the generator returned {getattr(y, 'shape', type(y).__name__)} for codes {z.shape} (N, D); it must return "
                         f"a Tensor ({z.shape[0]}, ...), one image a code")
    return y


def check_same(function, **shapes):
    """Raise ValueError unless all of {name: array} have one shape."""
    if len({a.shape for a in shapes.values()}) > 1:
        raise ValueError(f"{function}: " + " and ".join(f"{name} {a.shape}" for name, a in shapes.items()) + " must have one shape")
