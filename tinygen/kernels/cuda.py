"""CUDA bodies: what a kernel does to one element, in C++, beside its NumPy form.

CuPy compiles a body at its first use and runs it for every element at once, `i` being the element's number. One launch takes some ten
microseconds of the host whatever it does, so a body pays where it replaces several of CuPy's own functions: an activation, im2col,
the sums of a batch norm, Adam for all parameters together.

CuPy's functions go through an array along its axes and return a C-contiguous one. The images of tinygen are channels-last in memory, so
on a GPU all elementwise work is done through `along_memory`, which turns such arrays before and after.
"""
import functools

import numpy as np

from ..backend import xp
from .layout import along_memory, flat, same_places

KERNELS = []                    # every Kernel there is, for the tests
TABLES = 8                      # tables of addresses kept for one set of arrays


class Kernel:
    """A CUDA body for every element: kernel(*inputs, *outputs), or kernel(*inputs) for new outputs of their (broadcast) shape.

    inputs, outputs: as "T x, raw T y, int32 n": one type a letter, that of the arrays given; the body indexes `raw` arrays itself, and all
    are raw where `size` is given. Arrays that the body writes into without their being outputs are passed by address (Everywhere).
    """

    def __init__(self, name, inputs, outputs, body, preamble=""):
        self.name, self.inputs, self.outputs, self.body, self.preamble = name, inputs, outputs, body, preamble
        self.built = {}                                     # by module, so that a test's stand-in and CuPy may take turns
        KERNELS.append(self)

    def __call__(self, *args, **size):
        return self.build(xp(args[0]))(*args, **size)

    def build(self, module):
        """CuPy's kernel; compiled when it is first called with arrays of some type."""
        if module not in self.built:
            self.built[module] = module.ElementwiseKernel(self.inputs, self.outputs, self.body, self.name, preamble=self.preamble)
        return self.built[module]


def with_cuda(inputs, outputs, body):
    """Give the decorated NumPy kernel, an elementwise one, a CUDA body, which runs where an argument is a device array."""
    def declare(host):
        kernel = Kernel(host.__name__, inputs, outputs, body)

        @functools.wraps(host)
        def call(first, *rest):
            if type(first) is np.ndarray or xp(first, *rest) is np:
                return host(first, *rest)
            return along_memory(kernel, first, *rest)
        return call
    return declare


class Everywhere:
    """A CUDA body for every element of many groups of arrays, in one launch: Adam over all parameters.

    everywhere(work, groups, *numbers): each group holds arrays of one shape and float type, `arrays` by name, which the body reads and
    writes as plain variables; the numbers are float64. The addresses travel to the GPU as one small table. A group whose arrays lie in
    different orders, or have gaps, is left to work(*arrays).
    """

    def __init__(self, name, arrays, numbers, body):
        names = arrays.split()
        find = "\n".join(f"T& {a} = reinterpret_cast<T*>(table[{row} * (groups + 1) + group])[at];" for row, a in enumerate(names, 1))
        search = """int group = 0;                        // the last one that starts at i or before: table[group] <= i < table[group + 1]
            for (int after = groups; after - group > 1;) {
                int middle = (group + after) / 2;
                if (table[middle] <= i) group = middle; else after = middle;
            }
            long long at = i - table[group];"""
        inputs = ", ".join(["raw int64 table", "int32 groups", *(f"float64 {n}" for n in numbers.split())])
        self.kernels = {np.dtype(t): Kernel(f"{name}_{t}", inputs, "", f"{search}\n{find}\n{body}", f"typedef {c} T;")
                        for t, c in (("float32", "float"), ("float64", "double"))}
        self.tables = {}

    def __call__(self, work, groups, *numbers):
        by_type = {}
        for group in groups:
            if group[0].size:
                by_type.setdefault(group[0].dtype, []).append(group)
        for dtype, chosen in by_type.items():
            table, size = self._table(chosen)
            if table is not None:
                self.kernels[dtype](table, len(chosen), *numbers, size=size)
                continue
            for group in chosen:
                if not _regular(group):
                    work(*group)
            self(work, [group for group in chosen if _regular(group)], *numbers)

    def _table(self, groups):
        """(starts of the groups and the end, then the addresses of the arrays, a row a name; elements in all), or (None, 0) where a
        group cannot be gone through by address. Looked at once for the same addresses, since it takes longer than the launch.

        In a bare loop over a small net the gradients come back to the same few places of CuPy's memory pool: so the last tables are kept, and
        a new one takes the memory of the oldest. What is kept from step to step (Run keeps losses until they are read) moves small gradients,
        and then most steps make a table anew.
        """
        module = xp(groups[0][0])
        key = (tuple(a.data.ptr for g in groups for a in g), tuple(g[0].size for g in groups))
        tables = self.tables.setdefault((module, len(groups)), {})
        if key not in tables:
            if not all(map(_regular, groups)):
                return None, 0
            starts = np.cumsum([0] + [g[0].size for g in groups])
            addresses = [[g[k].data.ptr for g in groups] + [0] for k in range(len(groups[0]))]
            rows = np.array([starts.tolist(), *addresses])
            if len(tables) < TABLES:
                tables[key] = module.asarray(rows), int(starts[-1])
            else:
                table, _ = tables.pop(next(iter(tables)))
                table.set(rows)
                tables[key] = table, int(starts[-1])
        return tables[key]


def _regular(group):
    """Whether the arrays of a group have no gaps and lie in one order."""
    return flat(group[0])[0] is not None and all(same_places(a, group[0]) for a in group)
