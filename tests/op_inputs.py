"""How the inputs of op_cases.py are drawn: pairs (arrays that gradients flow to, settings), as hypothesis strategies."""
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import loops
from tinygen.testing import arrays, broadcastable, convolutions, poolings, shapes


def some(*inputs, **settings):
    """Arrays and settings, drawn independently."""
    return st.tuples(st.tuples(*inputs), st.fixed_dictionaries(settings))


def one(**options):
    """One array of any shape."""
    return some(arrays(**options))


def stretched(n=2, offset=0.0, **options):
    """n arrays whose shapes broadcast; the second is shifted by `offset`, so that it never equals the first."""
    inputs = broadcastable(n).flatmap(lambda found: st.tuples(*(arrays(s, **options) for s in found)))
    return st.tuples(inputs.map(lambda xs: (xs[0], xs[1] + offset, *xs[2:])), st.just({}))


def axes(ndim, one_only=False):
    """An axis, as reductions take it: an integer of either sign, and, unless `one_only`, None or a tuple."""
    if not ndim:
        return st.none()
    single = st.integers(-ndim, ndim - 1)
    return single if one_only else st.one_of(st.none(), single, hnp.valid_tuple_axes(ndim))


def along(axis_only=False, **options):
    """One array, an axis of it, and keepdims (or, with `axis_only`, a single axis and nothing else)."""
    def settings(x):
        if axis_only:
            return st.fixed_dictionaries({"axis": axes(x.ndim, one_only=True)})
        return st.fixed_dictionaries({"axis": axes(x.ndim), "keepdims": st.booleans()})
    drawn = arrays(shapes(min_dims=1) if axis_only else None, **options)
    return drawn.flatmap(lambda x: st.tuples(st.just((x,)), settings(x)))


@st.composite
def indexed(draw, placing=False):
    """An array and an index into it; with `placing`, values for the index and the shape they are placed in."""
    shape = draw(shapes(min_dims=1))
    mask = arrays(shape).map(lambda x: x > 0)
    index = draw(st.one_of(hnp.basic_indices(shape, allow_newaxis=not placing), hnp.integer_array_indices(shape), mask))
    if not placing:
        return (draw(arrays(shape)),), {"index": index}
    return (draw(arrays(np.empty(shape)[index].shape)),), {"index": index, "shape": shape}


@st.composite
def reshaped(draw):
    """An array and another shape for its elements, sometimes with a -1."""
    old = draw(shapes(max_dims=4, max_side=3))
    new = draw(st.permutations(old)) + [1] * draw(st.integers(0, 1))
    if len(new) > 1 and draw(st.booleans()):
        new = [new[0] * new[1], *new[2:]]
    if new and draw(st.booleans()):
        new[draw(st.integers(0, len(new) - 1))] = -1
    return (draw(arrays(old)),), {"shape": tuple(new)}


@st.composite
def permuted(draw):
    """An array and a permutation of its axes, some counted from the end; or None."""
    x = draw(arrays(shapes(max_dims=4, max_side=3)))
    order = draw(st.none() | st.permutations(range(x.ndim)))
    return (x,), {"axes": order and tuple(a - x.ndim if draw(st.booleans()) else a for a in order)}


@st.composite
def padded(draw):
    """An array and the widths around it."""
    x = draw(arrays())
    widths = tuple(draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in range(x.ndim))
    return (x,), {"widths": widths, "value": draw(st.sampled_from([0.0, 1.5]))}


@st.composite
def joined(draw, new_axis=False):
    """Several arrays that fit along an axis; of equal shape with `new_axis`."""
    shape = draw(shapes(min_dims=0 if new_axis else 1))
    axis = draw(st.integers(-len(shape), len(shape) - 1) if not new_axis else st.integers(-len(shape) - 1, len(shape)))
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        size = list(shape)
        if not new_axis:
            size[axis] = draw(st.integers(1, 3))
        parts.append(draw(arrays(tuple(size))))
    return tuple(parts), {"axis": axis}


@st.composite
def taken(draw, rows_only=False):
    """An array and integer positions along one of its axes, repeats included."""
    x = draw(arrays(shapes(min_dims=2, max_dims=2) if rows_only else shapes(min_dims=1)))
    axis = 0 if rows_only else draw(st.integers(-x.ndim, x.ndim - 1))
    found = draw(hnp.arrays(np.int64, shapes(max_dims=2), elements=st.integers(0, x.shape[axis] - 1)))
    return (x,), {"indices": found} if rows_only else {"indices": found, "axis": axis}


@st.composite
def products(draw, vectors=True):
    """Two arrays for a matrix product: stacks of matrices that broadcast, and vectors."""
    n, k, m = (draw(st.integers(1, 4)) for _ in range(3))
    left, right = draw(broadcastable(max_dims=2, max_side=2))
    a, b = (*left, n, k), (*right, k, m)
    if vectors and draw(st.booleans()):
        a = (k,)
    if vectors and draw(st.booleans()):
        b = (k,)
    return (draw(arrays(a)), draw(arrays(b))), {}


@st.composite
def affine(draw, max_dims=3):
    """x (..., in), weight (out, in) and bias (out,)."""
    x = draw(arrays(shapes(min_dims=min(2, max_dims), max_dims=max_dims)))
    out = draw(st.integers(1, 4))
    return (x, draw(arrays((out, x.shape[-1]))), draw(arrays((out,)))), {}


@st.composite
def images(draw, transposed=False, bias=False):
    """x, weight and geometry for a convolution, and a bias."""
    x, w, settings = draw(convolutions(transposed))
    inputs = [draw(arrays(x)), draw(arrays(w))]
    return (*inputs, draw(arrays((w[1] if transposed else w[0],)))) if bias else tuple(inputs), settings


@st.composite
def enlarged_images(draw):
    """x, weight, bias, a factor and a padding for a convolution of an enlarged image."""
    kernel, factor = (draw(st.tuples(st.integers(1, 4), st.integers(1, 3))) for _ in range(2))
    padding = draw(st.sampled_from(["same", 0, 1, (2, 1), ((0, 3), (4, 1))]))
    least = [max(1, -((sum(pads) - k) // f)) for k, f, pads in zip(kernel, factor, loops.canonical(padding, kernel))]     # one window fits
    n, inside, out, *more = (draw(st.integers(1, 3)) for _ in range(5))
    x = (n, inside, *(fewest + extra - 1 for fewest, extra in zip(least, more)))
    return (draw(arrays(x)), draw(arrays((out, inside, *kernel))), draw(arrays((out,)))), {"scale_factor": factor, "padding": padding}


@st.composite
def weight_images(draw):
    """x, y, the kernel's size and the geometry for the third face of convolution."""
    x, w, settings = draw(convolutions())
    size = loops.output_size(x[2:], w[2:], settings["stride"], settings["padding"], settings["dilation"])
    return (draw(arrays(x)), draw(arrays((x[0], w[0], *size)))), {**settings, "kernel": w[2:]}


@st.composite
def windows(draw, distinct=False, more=st.just({})):
    """x, kernel_size, stride and padding for a pooling."""
    x, kernel, settings = draw(poolings())
    return (draw(arrays(x, distinct=distinct)),), {"kernel_size": kernel, **settings, **draw(more)}


@st.composite
def plain_windows(draw, back=False, which=False):
    """The same in canonical form, for the primitives: with `back`, the pooled side; with `which`, an element of each window."""
    x, kernel, settings = draw(poolings(max_side=4))                    # small: the adjoint is found one element at a time
    kernel, stride = loops.two(kernel), loops.two(settings["stride"] or kernel)
    padding = loops.canonical(settings["padding"], kernel)
    geometry = {"kernel": kernel, "stride": stride, "padding": padding}
    size = loops.output_size(x[2:], kernel, stride, padding)
    if which:
        geometry["which"] = draw(hnp.arrays(np.uint8, (*x[:2], *size), elements=st.integers(0, kernel[0] * kernel[1] - 1)))
    if back:
        return (draw(arrays((*x[:2], *size))),), {**geometry, "size": x[2:]}
    return (draw(arrays(x)),), geometry


@st.composite
def normalised(draw, statistics=False):
    """x (N, C) or (N, C, H, W), weight and bias; with `statistics`, running ones too. Values differ, so variances are not 0."""
    n, c = draw(st.integers(2, 4)), draw(st.integers(1, 3))
    rest = draw(st.sampled_from([(), (1, 2), (3, 2)]))
    x = draw(arrays((n, c, *rest), low=-4, high=4, distinct=True))
    inputs = (x, draw(arrays((c,))), draw(arrays((c,))))
    if not statistics:
        return inputs, {"eps": draw(st.sampled_from([1e-2, 0.5]))}
    return inputs, {"running_mean": draw(arrays((c,))), "running_var": draw(arrays((c,), low=0.5, high=2))}


@st.composite
def layered(draw):
    """x, weight, bias and normalized_shape for layer norm, the last one or two axes."""
    shape = draw(shapes(min_dims=2, min_side=2))
    last = shape[-draw(st.integers(1, 2)):]
    x = draw(arrays(shape, low=-4, high=4, distinct=True))
    return (x, draw(arrays(last)), draw(arrays(last))), {"normalized_shape": last, "eps": 1e-2}


def masked():
    """Two arrays and a mask of shapes that broadcast."""
    return broadcastable(3).flatmap(lambda found: some(arrays(found[0]), arrays(found[1]), mask=arrays(found[2]).map(lambda x: x > 0)))


def powers():
    """An array and an exponent: any whole number from 0 where x is anything, any number where x is positive."""
    anything = some(arrays(), p=st.integers(0, 4))
    positive = some(arrays(low=0.5, high=2), p=st.sampled_from([-2, -1, -0.5, 0.5, 1.5, 2.5]))
    return anything | positive


def bounds(away=True):
    """An array and the two bounds of `clip`, each of which may be None."""
    return some(arrays(away_from=(-0.53, 0.72), gap=0.05) if away else arrays(),
                low=st.sampled_from([None, -0.53]), high=st.sampled_from([None, 0.72]))
