"""The one table of operations: a row per primitive and per public operation composed of them.

A row says how to draw inputs (op_inputs.py), what the values should be in plain NumPy (op_references.py, loops.py), in
which inputs the operation is linear, and to which order its gradient is checked: the second, unless `why` says why not.
"""
import dataclasses
import typing

import numpy as np
from hypothesis import strategies as st

import loops
import tinygen as tg
from op_inputs import (affine, along, axes, bounds, enlarged_images, images, indexed, joined, layered, masked, normalised, one, padded,
                       permuted, plain_windows, powers, products, reshaped, some, stretched, taken, weight_images,
                       windows)
from op_references import (as_adjoint, averaged, batch_normed, clipped, enlarged, layer_normed, log_sum_exp,
                           logistic, picked, placed, soft_max, summed_to, winners)
from tinygen.ops import convolution, elementwise, pooling, reduction, shaping
from tinygen.ops.linear import column_sum, product
from tinygen.testing import arrays, broadcastable, shapes


@dataclasses.dataclass
class Case:
    """One operation: op(*arrays, **settings), with (arrays, settings) drawn from `inputs`."""
    name: str                            # of the primitive (tinygen.autograd.primitives), or of the public operation
    op: typing.Callable
    inputs: st.SearchStrategy
    reference: typing.Callable           # the same in NumPy or loops
    linear_in: tuple = ()
    order: int = 2
    why: str = ""                        # the reason for an order below 2


def eval_batch_norm(x, w, b, running_mean, running_var):
    """Batch norm with given statistics, as arrays of the type of x."""
    return tg.batch_norm(x, w, b, running_mean.astype(x.dtype), running_var.astype(x.dtype), training=False)


STEP = "constant between its steps: the gradient is zero, and that is declared (None), so there is nothing to compare"
POSITIVE = one(low=0.25, high=2)
NO_ZERO = one(away_from=(0,))

CASES = [
    # elementwise
    Case("add", tg.add, stretched(), np.add),
    Case("subtract", tg.subtract, stretched(), np.subtract),
    Case("multiply", tg.multiply, stretched(), np.multiply, linear_in=(0, 1)),
    Case("divide", tg.divide, stretched(away_from=(0,), gap=0.25), np.divide, linear_in=(0,)),
    Case("negative", tg.negative, one(), np.negative, linear_in=(0,)),
    Case("power", tg.power, powers(), lambda x, p: x ** p),
    Case("exp", tg.exp, one(), np.exp),
    Case("expm1", tg.expm1, one(), np.expm1),
    Case("log", tg.log, POSITIVE, np.log),
    Case("log1p", tg.log1p, POSITIVE, np.log1p),
    Case("sqrt", tg.sqrt, POSITIVE, np.sqrt),
    Case("sin", tg.sin, one(), np.sin),
    Case("cos", tg.cos, one(), np.cos),
    Case("sign", tg.sign, one(), np.sign, order=0, why=STEP),
    Case("greater", elementwise.greater, stretched(), lambda x, z: np.where(x > z, 1.0, np.where(x == z, 0.5, 0.0)), order=0, why=STEP),
    Case("inside", elementwise.inside, bounds(away=False), lambda x, low, high: (clipped(x, low, high) == x).astype(float), order=0, why=STEP),
    Case("abs", tg.abs, NO_ZERO, np.abs),
    Case("maximum", tg.maximum, stretched(offset=1 / 32), np.maximum),
    Case("minimum", tg.minimum, stretched(offset=1 / 32), np.minimum),
    Case("clip", tg.clip, bounds(), clipped),
    Case("where", lambda x, z, mask: tg.where(mask, x, z), masked(), lambda x, z, mask: np.where(mask, x, z), linear_in=(0, 1)),
    Case("tanh", tg.tanh, one(), np.tanh),
    Case("sigmoid", tg.sigmoid, one(), logistic),
    Case("log_sigmoid", tg.log_sigmoid, one(), lambda x: np.log(logistic(x))),
    Case("softplus", tg.softplus, one(), lambda x: np.log1p(np.exp(x))),
    Case("gate", lambda g, x, slope: elementwise.gate(g, x, slope=slope), shapes().flatmap(
        lambda s: some(arrays(s), arrays(s, away_from=(0,)), slope=st.sampled_from([0.0, 0.2]))),
        lambda g, x, slope: np.where(x > 0, g, slope * g), linear_in=(0,)),
    Case("relu", tg.relu, NO_ZERO, lambda x: np.maximum(x, 0)),
    Case("leaky_relu", tg.leaky_relu, some(arrays(away_from=(0,)), slope=st.sampled_from([0.0, 0.01, 0.2])),
         lambda x, slope: np.where(x > 0, x, slope * x)),
    Case("elu", tg.elu, some(arrays(away_from=(0,)), alpha=st.sampled_from([1.0, 0.5])),
         lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x))),
    Case("tail", elementwise.tail, shapes().flatmap(lambda s: some(arrays(s), arrays(s, away_from=(0,)))),
         lambda g, y: g * (1 + np.minimum(y, 0)), linear_in=(0,)),
    Case("bce_with_logits", tg.bce_with_logits, broadcastable(1).flatmap(lambda s: some(arrays(s[0]), arrays(s[0], low=0, high=1))),
         lambda x, t: -t * np.log(logistic(x)) - (1 - t) * np.log(1 - logistic(x)), linear_in=(1,)),
    Case("reparameterize", elementwise.reparameterize, stretched(3), lambda mu, logvar, eps: mu + np.exp(logvar / 2) * eps),
    Case("twice_kl", elementwise.twice_kl, stretched(), lambda mu, logvar: mu ** 2 + np.exp(logvar) - logvar - 1),
    # shaping
    Case("broadcast_to", lambda x, shape: tg.broadcast_to(x, shape), broadcastable(2).flatmap(
        lambda s: some(arrays(s[0]), shape=st.just(np.broadcast_shapes(*s)))), np.broadcast_to, linear_in=(0,)),
    Case("sum_to", shaping.sum_to, broadcastable(2).flatmap(
        lambda s: some(arrays(np.broadcast_shapes(*s)), shape=st.just(s[0]))), summed_to, linear_in=(0,)),
    Case("reshape", tg.reshape, reshaped(), lambda x, shape: x.reshape(shape), linear_in=(0,)),
    Case("flatten", tg.flatten, one(shape=shapes(min_dims=1, max_dims=4)), lambda x: x.reshape(len(x), -1), linear_in=(0,)),
    Case("transpose", tg.transpose, permuted(), lambda x, axes: x.transpose(axes), linear_in=(0,)),
    Case("flip", tg.flip, arrays(shapes(min_dims=1)).flatmap(lambda x: some(st.just(x), axis=axes(x.ndim).filter(lambda a: a is not None))),
         np.flip, linear_in=(0,)),
    Case("getitem", shaping.getitem, indexed(), lambda x, index: x[index], linear_in=(0,)),
    Case("scatter", shaping.scatter, indexed(placing=True), placed, linear_in=(0,)),
    Case("take", tg.take, taken(), lambda x, indices, axis: np.take(x, indices, axis), linear_in=(0,)),
    Case("embedding", lambda w, indices: tg.embedding(indices, w), taken(rows_only=True), lambda w, indices: w[indices], linear_in=(0,)),
    Case("pad", tg.pad, padded(), lambda x, widths, value: np.pad(x, widths, constant_values=value) if x.ndim else x, linear_in=(0,)),
    Case("concatenate", lambda *xs, axis: tg.concatenate(xs, axis), joined(), lambda *xs, axis: np.concatenate(xs, axis)),
    Case("stack", lambda *xs, axis: tg.stack(xs, axis), joined(new_axis=True), lambda *xs, axis: np.stack(xs, axis)),
    # reduction
    Case("sum", tg.sum, along(), np.sum, linear_in=(0,)),
    Case("mean", tg.mean, along(), np.mean, linear_in=(0,)),
    Case("var", tg.var, along(), np.var),
    Case("max", tg.max, along(distinct=True), np.max),
    Case("min", tg.min, along(distinct=True), np.min),
    Case("winners", lambda x, axis: reduction._winners(x, tg.max(x, axis), axis=axis), along(axis_only=True),
         lambda x, axis: winners(x, x.max(axis), axis), order=0, why=STEP),
    Case("logsumexp", tg.logsumexp, along(), log_sum_exp),
    Case("softmax", tg.softmax, along(axis_only=True), soft_max),
    Case("log_softmax", tg.log_softmax, along(axis_only=True), lambda x, axis: np.log(soft_max(x, axis))),
    # matrix products
    Case("product", product, products(vectors=False), np.matmul, linear_in=(0, 1)),
    Case("matmul", tg.matmul, products(), np.matmul, linear_in=(0, 1)),
    Case("linear", tg.linear, affine(), lambda x, w, b: x @ w.T + b),
    Case("column_sum", column_sum, one(shape=shapes(min_dims=2, max_dims=2)), lambda x: x.sum(axis=0), linear_in=(0,)),
    Case("convert", lambda x: shaping.convert(shaping.convert(x, target=np.float64), target=x.dtype), one(), np.asarray, linear_in=(0,)),
    # convolution
    Case("conv2d", tg.conv2d, images(bias=True), loops.conv2d),
    Case("conv2d without bias", tg.conv2d, images(), loops.conv2d, linear_in=(0, 1)),
    Case("conv_transpose2d", tg.conv_transpose2d, images(transposed=True, bias=True), loops.conv_transpose2d),
    Case("conv_transpose2d without bias", tg.conv_transpose2d, images(transposed=True), loops.conv_transpose2d, linear_in=(0, 1)),
    Case("conv2d_weight", tg.conv2d_weight, weight_images(), loops.conv2d_weight, linear_in=(0, 1)),
    Case("channel_sum", convolution.channel_sum, one(shape=shapes(min_dims=4, max_dims=4, max_side=3)),
         lambda x: x.sum(axis=(0, 2, 3)), linear_in=(0,)),
    # pooling and upsampling
    Case("pick", pooling.pick, plain_windows(which=True), picked, linear_in=(0,)),
    Case("place", pooling.place, plain_windows(back=True, which=True), as_adjoint(picked), linear_in=(0,)),
    Case("max_pool2d", tg.max_pool2d, windows(distinct=True),
         lambda x, kernel_size, **k: loops.pool(x, kernel_size, np.max, value=-np.inf, **k)),
    Case("sum_pool", pooling.sum_pool, plain_windows(), lambda x, kernel, **k: loops.pool(x, kernel, np.sum, **k), linear_in=(0,)),
    Case("spread", pooling.spread, plain_windows(back=True),
         as_adjoint(lambda x, kernel, **k: loops.pool(x, kernel, np.sum, **k)), linear_in=(0,)),
    Case("avg_pool2d", tg.avg_pool2d, windows(more=st.fixed_dictionaries({"count_include_pad": st.booleans()})), averaged, linear_in=(0,)),
    Case("upsample", tg.upsample, some(arrays(shapes(min_dims=4, max_dims=4, max_side=3)), scale_factor=st.sampled_from([1, 2, 3, (1, 2)]),
                                       mode=st.sampled_from(["nearest", "bilinear"])), enlarged, linear_in=(0,)),
    Case("upsample_conv2d", tg.upsample_conv2d, enlarged_images(),
         lambda x, w, b, scale_factor, padding: loops.conv2d(enlarged(x, scale_factor, "nearest"), w, b, padding=padding)),
    # normalization
    Case("batch_norm", tg.batch_norm, normalised(), batch_normed),
    Case("channel_affine", eval_batch_norm, normalised(statistics=True), batch_normed, linear_in=(1, 2)),
    Case("layer_norm", lambda x, w, b, **k: tg.layer_norm(x, weight=w, bias=b, **k), layered(), layer_normed),
]
