"""A strict stand-in for CuPy, so that device code runs, and is checked, where there is no GPU.

Its arrays live in host memory, but act like CuPy 14's where it matters:

* they never mix with NumPy arrays, and NumPy's functions refuse them (numbers, Python's and NumPy's, pass);
* what CuPy lacks is missing, and so are the keywords it does not take (tests/test_cupy_wheel.py compares with the real one);
* a new array is C-contiguous, whatever the memory order of those it is computed from;
* reductions give 0-d arrays; whatever waits for the device (float, bool, item, get, print, nonzero...) is noted in READS, with the
  place where it happened; every kernel that a GPU would start is noted in LAUNCHES;
* the bodies of ElementwiseKernel are compiled as C++ and run (fakecupy_kernels.py).
"""
import math
import operator
import sys
import types

import numpy as np

READS, LAUNCHES = [], []          # (what, "file:line in function") of every read by the host; names of the kernels started
LIMIT = None                      # bytes that an array may have; more raises OutOfMemoryError

# What NumPy has and CuPy has not.
MISSING = set("""asmatrix block bmat einsum_path emath errstate frompyfunc geomspace getbufsize geterr histogram_bin_edges insert isnat
    longdouble ma matrix matvec memmap nanpercentile nanquantile ndenumerate nditer nested_iters polyder polydiv polyint rec recarray
    record setbufsize seterr spacing strings unstack vecdot vecmat void""".split())
MISSING_LINALG = set("diagonal matrix_norm multi_dot outer svdvals tensordot trace vecdot vector_norm".split())
MISSING_METHODS = set("ctypes getfield resize setfield setflags to_device".split())
MISSING_KEYWORDS = set("where initial like device correction mean subok".split())
DRAWS = set("""beta binomial chisquare dirichlet exponential f gamma geometric hypergeometric integers logseries poisson power random
    standard_exponential standard_gamma standard_normal uniform""".split())
SCATTERS = set("add subtract maximum minimum bitwise_and bitwise_or bitwise_xor".split())
WAITS = set("nonzero flatnonzero argwhere unique item tolist tobytes tofile dump dumps compress extract".split())
KEEPS_ORDER = set("empty_like zeros_like ones_like full_like astype".split())


class OutOfMemoryError(MemoryError):
    """What cupy.cuda.memory raises when the GPU is full."""


def read(what):
    """Note that the host waits for the device here."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename == __file__ or frame.f_code.co_name in ("host", "_in_order", "<lambda>", "item"):
        frame = frame.f_back
    READS.append((what, f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"))


def unwrap(x, scalars=True):
    """The memory behind an argument; host arrays are refused, also inside lists."""
    if isinstance(x, ndarray):
        return x.memory
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}: a host array reached a function of CuPy")
    if type(x) in (tuple, list):
        return type(x)(unwrap(i) for i in x)
    if isinstance(x, slice):
        return slice(*map(unwrap, (x.start, x.stop, x.step)))
    return x


def wrap(x, *sources, keep=False, name=""):
    """NumPy's result as a device array: a view of one of the `sources`, or new and then C-contiguous."""
    if type(x) in (tuple, list):
        return type(x)(wrap(i, *sources, name=name) for i in x)
    if not isinstance(x, (np.ndarray, np.generic)):
        return x
    x = np.asarray(x)
    for s in sources:
        if isinstance(s, ndarray) and np.may_share_memory(x, s.memory):
            return ndarray(x, s if s.base is None else s.base)
    if LIMIT is not None and x.nbytes > LIMIT:
        raise OutOfMemoryError(f"Out of memory allocating {x.nbytes:,} bytes (allocated so far: 0 bytes).")
    if not name.startswith("empty"):
        LAUNCHES.append(name)
    return ndarray(x if keep or x.flags.c_contiguous else x.copy(order="C"))


def flat(args):
    """The arguments, those inside lists too."""
    for a in args:
        yield from a if type(a) in (tuple, list) else (a,)


def refuse(name, keywords, missing=MISSING_KEYWORDS):
    """Raise for keywords that CuPy does not take."""
    if bad := missing & {k for k, v in keywords.items() if v is not None}:
        raise TypeError(f"{name}: CuPy has no argument {', '.join(sorted(bad))}")


def function(f, name):
    """NumPy's function as one of CuPy."""
    def call(*args, out=None, **keywords):
        refuse(name, keywords)
        if name in WAITS or name == "where" and len(args) == 1:
            read(name)
        if name == "clip" and len(args) < 3:
            raise TypeError("clip: CuPy needs both bounds")
        keywords = {k: unwrap(v) for k, v in keywords.items()}
        if out is None:
            return wrap(f(*map(unwrap, args), **keywords), *flat(args), keep=name in KEEPS_ORDER, name=name)
        LAUNCHES.append(name)
        f(*map(unwrap, args), out=unwrap(out), **keywords)
        return out
    call.__name__ = name
    return call


class ufunc:
    """An elementwise function."""

    def __init__(self, numpys):
        self.numpys, self.__name__, self.nin = numpys, numpys.__name__, numpys.nin

    def __call__(self, *args, out=None, dtype=None, casting="same_kind"):
        if len(args) != self.nin or any(isinstance(a, (list, tuple)) for a in args):
            raise TypeError(f"{self.__name__}: {self.nin} arrays or numbers are needed")
        keywords = {} if dtype is None else {"dtype": dtype}
        memory = [unwrap(a) for a in args]
        if out is None:
            return wrap(np.array(self.numpys(*memory, casting=casting, **keywords)), name=self.__name__)
        LAUNCHES.append(self.__name__)
        if out.shape != np.broadcast_shapes(*(np.shape(m) for m in memory)):
            raise ValueError("Out shape is mismatched")
        self.numpys(*memory, out=unwrap(out), casting=casting, **keywords)
        return out

    def at(self, a, indices, b=None):
        """In place, at indices that may repeat."""
        if self.__name__ not in SCATTERS:
            raise NotImplementedError(f"`{self.__name__}.at` is not supported yet")
        LAUNCHES.append(self.__name__ + ".at")
        self.numpys.at(a.memory, unwrap(indices), unwrap(b))

    def reduce(self, array, axis=0, dtype=None, out=None, keepdims=False):
        """Only sums and products."""
        if self.__name__ not in ("add", "multiply"):
            raise NotImplementedError(f"`{self.__name__}.reduce` is not supported yet")
        return wrap(self.numpys.reduce(unwrap(array), axis, dtype, None, keepdims), name=self.__name__ + ".reduce")


class ndarray:
    """An array on the device that is not there. `memory` is NumPy's."""

    __array_priority__ = 100
    __hash__ = None

    def __init__(self, memory, base=None):
        self.memory, self.base = memory, base

    def __array__(self, *args, **keywords):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly.")

    def __array_ufunc__(self, f, method, *args, **keywords):
        raise TypeError(f"np.{f.__name__} reached a device array: use xp(a).{f.__name__}, and no NumPy array beside it")

    def __array_function__(self, f, *args):
        raise TypeError(f"np.{f.__name__} reached a device array: use xp(a).{f.__name__}")

    def get(self, stream=None, order="C", out=None, blocking=True):
        """A copy on the host."""
        read("get")
        return self.memory.copy(order=order)

    def set(self, a):
        """Copy from the host."""
        self.memory[...] = a

    def copy(self, order="C"):
        """A copy, in C order unless asked otherwise."""
        return wrap(self.memory.copy(order=order), name="copy", keep=True)

    def __deepcopy__(self, memo):
        return self.copy()

    def __getitem__(self, key):
        for k in key if isinstance(key, tuple) else (key,):
            if isinstance(k, ndarray) and k.dtype == bool:
                read("boolean mask")
        return wrap(self.memory[unwrap(key)], self, name="getitem")

    def __setitem__(self, key, value):
        for k in key if isinstance(key, tuple) else (key,):
            if isinstance(k, ndarray) and k.dtype.kind in "iu" and np.unique(k.memory).size < k.size:
                raise ValueError("assignment through repeated indices is undefined on a GPU")
        LAUNCHES.append("setitem")
        self.memory[unwrap(key)] = unwrap(value)

    def __getattr__(self, name):
        if name.startswith("__") or name in MISSING_METHODS:
            raise AttributeError(f"cupy.ndarray has no {name}")
        value = getattr(self.memory, name)
        if not callable(value):
            return wrap(value, self)

        def method(*args, **keywords):
            refuse(f"ndarray.{name}", keywords)
            if name in WAITS:
                read(name)
                return value(*args, **keywords)
            result = value(*map(unwrap, args), **{k: unwrap(v) for k, v in keywords.items()})
            return wrap(result, self, *flat(args), name=name, keep=name in KEEPS_ORDER)
        return method

    data = property(lambda self: types.SimpleNamespace(ptr=self.memory.ctypes.data))
    device = property(lambda self: "<CUDA Device 0>")
    shape = property(lambda self: self.memory.shape)
    dtype = property(lambda self: self.memory.dtype)
    __len__ = lambda self: len(self.memory)
    __iter__ = lambda self: (self[i] for i in range(len(self.memory)))
    __repr__ = lambda self: repr(self.get())
    __str__ = lambda self: str(self.get())
    __format__ = lambda self, spec: format(self.get(), spec)


def _number(kind):
    def convert(self):
        read(kind.__name__)
        return kind(self.memory)
    return convert


def _binary(op, swapped=False):
    def compute(self, other):
        if getattr(type(other), "__array_ufunc__", 0) is None:             # a Tensor: its own operator is asked
            return NotImplemented
        a, b = unwrap(self), unwrap(other)
        return wrap(op(b, a) if swapped else op(a, b), name=op.__name__)
    return compute


def _in_place(op):
    def compute(self, other):
        LAUNCHES.append(op.__name__)
        self.memory = op(self.memory, unwrap(other))
        return self
    return compute


def _unary(op):
    return lambda self: wrap(op(self.memory), name=op.__name__)


for _kind in (bool, int, float, complex):
    setattr(ndarray, f"__{_kind.__name__}__", _number(_kind))
for _name in "lt le gt ge eq ne".split():
    setattr(ndarray, f"__{_name}__", _binary(getattr(operator, _name)))
for _name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split():
    _op = getattr(operator, _name + "_" * (_name in ("and", "or")))
    setattr(ndarray, f"__{_name}__", _binary(_op))
    setattr(ndarray, f"__r{_name}__", _binary(_op, swapped=True))
    if _name != "matmul":
        setattr(ndarray, f"__i{_name}__", _in_place(getattr(operator, "i" + _name)))
for _name in "neg pos abs invert".split():
    setattr(ndarray, f"__{_name}__", _unary(getattr(operator, _name)))
ndarray.__module__ = "cupy"


class Generator:
    """Random numbers: another stream than NumPy's, and few of its distributions."""

    def __init__(self, seed=None):
        self.numpys = np.random.default_rng([seed, 14] if seed is not None else None)

    def __getattr__(self, name):
        if name not in DRAWS:
            raise AttributeError(f"cupy.random.Generator has no {name}")
        return function(getattr(self.numpys, name), name)


def array(x, dtype=None, copy=True, order="K"):
    """A device array of anything; from the host, a memory order other than C and Fortran is lost."""
    if isinstance(x, ndarray):
        return x if not copy and dtype in (None, x.dtype) else x.astype(dtype or x.dtype)
    x = np.array(x, dtype=dtype)
    return wrap(np.array(x, order="F" if x.flags.f_contiguous and not x.flags.c_contiguous else "C"), keep=True, name="upload")


def mirror(name, source, missing=()):
    """A module with CuPy's face of NumPy's functions."""
    module = types.ModuleType(name)

    def lookup(attribute):
        if attribute.startswith("__") or attribute in missing or not hasattr(source, attribute):
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        value = getattr(source, attribute)
        if isinstance(value, np.ufunc) and attribute != "matmul":
            value = ufunc(value)
        elif callable(value) and not isinstance(value, type):
            value = function(value, attribute)
        setattr(module, attribute, value)
        return value
    module.__getattr__ = lookup
    return module


def make():
    """The module to stand in for cupy."""
    from fakecupy_kernels import ElementwiseKernel
    cp = mirror("cupy", np, MISSING)
    cp.ndarray, cp.ufunc, cp.ElementwiseKernel, cp.array = ndarray, ufunc, ElementwiseKernel, array
    cp.asarray = lambda a, dtype=None, order=None, *, copy=None, blocking=False: array(a, dtype, copy=False)
    cp.asnumpy = lambda a, **keywords: a.get() if isinstance(a, ndarray) else np.asarray(a)
    cp.shape, cp.ndim, cp.size = (lambda a: a.shape), (lambda a: a.ndim), (lambda a, axis=None: math.prod(a.shape))
    cp.linalg = mirror("cupy.linalg", np.linalg, MISSING_LINALG)
    cp.random = types.SimpleNamespace(default_rng=Generator, Generator=Generator)
    cp.lib = types.SimpleNamespace(stride_tricks=mirror("cupy.lib.stride_tricks", np.lib.stride_tricks))
    stream = types.SimpleNamespace(synchronize=lambda: read("synchronize"))
    runtime = types.SimpleNamespace(getDeviceCount=lambda: 1, getDevice=lambda: 0, getDeviceProperties=lambda device: {"name": b"stand-in"})
    cp.cuda = types.SimpleNamespace(is_available=lambda: True, get_current_stream=lambda: stream, runtime=runtime,
                                    memory=types.SimpleNamespace(OutOfMemoryError=OutOfMemoryError))
    cp.__version__, cp.compute_types = "14.2.0", {}
    cp._core = types.SimpleNamespace(set_compute_type=lambda dtype, kind: cp.compute_types.update({dtype: kind}))
    return cp
