"""Bad input to operations, layers and tensors: the message names the function, the shapes, the rule and the remedy."""
import numpy as np
import pytest

import tinygen as tg
from tinygen import nn


def ones(*shape, dtype=np.float32):
    return tg.tensor(np.ones(shape, dtype))


IMAGES, WEIGHT = ones(2, 3, 8, 8), ones(4, 3, 3, 3)
LABELS = np.array([0, 10])

def in_place(x):
    """What PyTorch's users write under no_grad."""
    x -= 0.1


CASES = {
    # wrong rank
    "conv2d rank": (lambda: nn.Conv2d(3, 4, 3)(ones(3, 8, 8)), ValueError, "conv2d: x (3, 8, 8) has 3 axes; the layout is (N, C, H, W)"),
    "conv2d weight rank": (lambda: tg.conv2d(IMAGES, ones(4, 3, 3)), ValueError,
                           "conv2d: weight (4, 3, 3) has 3 axes; the layout is (out, in, kh, kw)"),
    "conv_transpose2d weight rank": (lambda: tg.conv_transpose2d(IMAGES, ones(4, 3, 3)), ValueError, "the layout is (in, out, kh, kw)"),
    "max_pool2d rank": (lambda: tg.max_pool2d(ones(3, 3), 2), ValueError, "max_pool2d: x (3, 3) has 2 axes; the layout is (N, C, H, W)"),
    "upsample rank": (lambda: tg.upsample(ones(2, 2)), ValueError, "upsample: x (2, 2) has 2 axes; the layout is (N, C, H, W)"),
    "BatchNorm2d rank": (lambda: nn.BatchNorm2d(3)(ones(2, 3)), ValueError, "BatchNorm2d: x (2, 3) has 2 axes; expected 4"),
    "BatchNorm1d rank": (lambda: nn.BatchNorm1d(3)(IMAGES), ValueError, "BatchNorm1d: x (2, 3, 8, 8) has 4 axes; expected 2"),
    "batch_norm rank": (lambda: tg.batch_norm(ones(3), ones(3), ones(3)), ValueError,
                        "batch_norm: x (3,) has 1 axes; the layouts are (N, C) and (N, C, H, W)"),
    "linear rank": (lambda: nn.Linear(3, 2)(ones()), ValueError, "linear: x () has 0 features in its last axis, weight (2, 3) expects 3"),
    "one_hot rank": (lambda: tg.one_hot(np.zeros((2, 2), int), 3, ones(1)), TypeError,
                     "one_hot: labels (2, 2) of int64; expected integers of shape (N,)"),
    # shapes that do not fit
    "conv2d channels": (lambda: tg.conv2d(ones(8, 3, 28, 28), ones(64, 1, 4, 4)), ValueError,
                        "conv2d: x (8, 3, 28, 28) has 3 channels, weight (64, 1, 4, 4) expects 1; layout is (N, C, H, W)"),
    "conv_transpose2d channels": (lambda: tg.conv_transpose2d(IMAGES, ones(4, 3, 3, 3)), ValueError,
                                  "conv_transpose2d: x (2, 3, 8, 8) has 3 channels, weight (4, 3, 3, 3) expects 4"),
    "conv2d bias": (lambda: tg.conv2d(IMAGES, WEIGHT, ones(3)), ValueError,
                    "conv2d: bias (3,) does not fit weight (4, 3, 3, 3); expected (4,)"),
    "conv2d_weight sizes": (lambda: tg.conv2d_weight(IMAGES, ones(2, 4, 5, 5), kernel=3), ValueError,
                            "conv2d_weight: y (2, 4, 5, 5) does not fit; from x (2, 3, 8, 8) with kernel (3, 3) conv2d makes"),
    "linear features": (lambda: nn.Linear(5, 2)(ones(2, 3)), ValueError,
                        "linear: x (2, 3) has 3 features in its last axis, weight (2, 5) expects 5; layout is (..., in), weight (out, in)"),
    "linear bias": (lambda: tg.linear(ones(2, 3), ones(4, 3), ones(3)), ValueError,
                    "linear: bias (3,) does not fit weight (4, 3); expected (4,)"),
    "batch_norm channels": (lambda: nn.BatchNorm2d(4)(IMAGES), ValueError,
                            "batch_norm: weight (4,) does not fit x (2, 3, 8, 8); expected (3,) for its channels"),
    "layer_norm": (lambda: nn.LayerNorm(5)(ones(2, 3)), ValueError,
                   "layer_norm: the last axes of x (2, 3) are not normalized_shape (5,)"),
    "matmul": (lambda: ones(2, 3) @ ones(2, 3), ValueError,
               "matmul: a (2, 3) and b (2, 3) do not fit; the last axis of a must equal the second to last axis of b"),
    "matmul stacks": (lambda: ones(2, 3, 4) @ ones(3, 4, 2), ValueError, "matmul: the leading axes of a (2, 3, 4) and b (3, 4, 2)"),
    "add": (lambda: ones(2, 3) + ones(4), ValueError,
            "add: shapes (2, 3) and (4,) do not fit together; compared from the last axis, lengths must be equal, or one of them 1"),
    "where": (lambda: tg.where(np.ones(3, bool), ones(2), 0.0), ValueError, "where: shapes (3,) and (2,) do not fit together"),
    "bce_with_logits": (lambda: tg.bce_with_logits(ones(2, 3), np.ones((2, 4))), ValueError,
                        "bce_with_logits: target (2, 4) does not stretch to the logits (2, 3); give one target a logit"),
    "broadcast_to": (lambda: tg.broadcast_to(ones(2, 3), (4, 4)), ValueError, "broadcast_to: x (2, 3) does not stretch to (4, 4)"),
    "reshape": (lambda: ones(2, 3).reshape(4), ValueError, "reshape: x (2, 3) has 6 elements, which do not fit shape (4,)"),
    "Unflatten": (lambda: nn.Unflatten(2, 2)(ones(2, 3)), ValueError,
                  "reshape: x (2, 3) has 6 elements, which do not fit shape (2, 2, 2)"),
    "concatenate": (lambda: tg.concatenate([ones(2, 3), ones(3, 2)]), ValueError,
                    "concatenate: shapes [(2, 3), (3, 2)] differ in more than axis 0"),
    "concatenate nothing": (lambda: tg.concatenate([]), ValueError, "concatenate: the list is empty"),
    "stack": (lambda: tg.stack([ones(2), ones(3)]), ValueError,
              "stack: shapes [(2,), (3,)]; they must all be of the same shape"),
    "pad": (lambda: tg.pad(ones(2, 3), ((1, 1),)), ValueError,
            "pad: widths ((1, 1),) are not 2 pairs (before, after) of sizes >= 0 for x (2, 3)"),
    # axes
    "sum axis": (lambda: ones(2, 3).sum(2), ValueError, "sum: axis 2 is out of range for shape (2, 3)"),
    "max axis": (lambda: tg.max(ones(2, 3), -3), ValueError, "max: axis -3 is out of range for shape (2, 3)"),
    "mean axis type": (lambda: tg.mean(ones(2, 3), [0, 1]), TypeError,
                       "mean: axis [0, 1] is not an integer, a tuple of integers, or None"),
    "concatenate axis": (lambda: tg.concatenate([ones(2)], 1), ValueError, "concatenate: axis 1 is out of range for shape (2,)"),
    "stack axis": (lambda: tg.stack([ones(2)], 2), ValueError, "stack: axis 2 is out of range; arrays of shape (2,) allow -2 to 1"),
    "take axis": (lambda: tg.take(ones(2), np.array([0]), 1), ValueError, "take: axis 1 is out of range for x (2,)"),
    "transpose axes": (lambda: tg.transpose(ones(2, 3), (0, 0)), ValueError,
                       "transpose: repeated axis in transpose; the inputs have shapes (2, 3)"),
    # strides, sizes that cannot be reached
    "negative stride": (lambda: tg.conv2d(IMAGES, WEIGHT, stride=(1, -1)), ValueError,
                        "conv2d: stride (1, -1) is not an integer or a pair (vertical, horizontal) of integers >= 1"),
    "fractional stride": (lambda: tg.conv2d(IMAGES, WEIGHT, stride=1.5), ValueError, "conv2d: stride 1.5 is not an integer or a pair"),
    "negative padding": (lambda: tg.conv2d(IMAGES, WEIGHT, padding=-1), ValueError, "conv2d: padding -1 is not an integer or a pair"),
    "dilation 0": (lambda: tg.conv2d(IMAGES, WEIGHT, dilation=0), ValueError, "conv2d: dilation 0 is not an integer or a pair"),
    "padding word": (lambda: tg.conv2d(IMAGES, WEIGHT, padding="valid"), ValueError,
                     "conv2d: padding 'valid'; the only word is \"same\""),
    "same with stride": (lambda: tg.conv2d(IMAGES, WEIGHT, stride=2, padding="same"), ValueError,
                         'conv2d: padding "same" needs stride 1, not (2, 2); give the numbers'),
    "kernel too large": (lambda: tg.conv2d(IMAGES, ones(4, 3, 9, 9)), ValueError,
                         "conv2d: x (2, 3, 8, 8) with padding ((0, 0), (0, 0)) is smaller than the kernel of weight (4, 3, 9, 9)"),
    "kernel too large, enlarged": (lambda: tg.upsample_conv2d(IMAGES, ones(4, 3, 19, 3), padding=1), ValueError,
                                   "upsample_conv2d: x (2, 3, 8, 8) enlarged by (2, 2) with padding ((1, 1), (1, 1)) is smaller than the kernel of weight "
                                   "(4, 3, 19, 3); the output would have size (0, 16)"),
    "output_padding": (lambda: tg.conv_transpose2d(IMAGES, ones(3, 4, 4, 4), stride=2, padding=1, output_padding=2), ValueError,
                       "from x (2, 3, 8, 8) the sizes that can be reached are 16..17 by 16..17 (output_padding 0 to stride - 1)"),
    "nothing left": (lambda: tg.conv_transpose2d(ones(1, 3, 1, 1), ones(3, 4, 2, 2), padding=2), ValueError,
                     "conv_transpose2d: padding ((2, 2), (2, 2)) leaves nothing of the output of x (1, 3, 1, 1)"),
    "pool too large": (lambda: tg.avg_pool2d(IMAGES, 9), ValueError,
                       "avg_pool2d: x (2, 3, 8, 8) with padding ((0, 0), (0, 0)) is smaller than kernel_size (9, 9)"),
    "pool padding": (lambda: tg.max_pool2d(IMAGES, 2, padding=2), ValueError,
                     "max_pool2d: padding ((2, 2), (2, 2)) is more than half of kernel_size (2, 2)"),
    "pool of nothing": (lambda: nn.MaxPool2d(0)(IMAGES), ValueError, "max_pool2d: kernel_size 0 is not an integer or a pair"),
    "scale 1.5": (lambda: nn.Upsample(scale_factor=1.5)(IMAGES), ValueError, "upsample: scale_factor 1.5 is not an integer or a pair"),
    "upsample mode": (lambda: tg.upsample(IMAGES, 2, "cubic"), ValueError,
                      "upsample: mode 'cubic'; the modes are \"nearest\" and \"bilinear\""),
    "layer sizes": (lambda: nn.Linear(0, 2), ValueError, "Linear: in_features = 0 is not a positive integer"),
    "layer size type": (lambda: nn.Conv2d(3, 2.0, 3), ValueError, "Conv2d: out_channels = 2.0 is not a positive integer"),
    "layer kernel": (lambda: nn.ConvTranspose2d(3, 2, (3, 0)), ValueError,
                     "ConvTranspose2d: kernel_size (3, 0) is not an integer or a pair"),
    # wrong types
    "integers with gradient": (lambda: tg.tensor(np.arange(3), requires_grad=True), TypeError,
                               "Tensor: int64 data cannot have a gradient; convert it: tensor(data, dtype=np.float32)"),
    "integer parameter": (lambda: nn.Parameter(np.arange(3)), TypeError, "Tensor: int64 data cannot have a gradient"),
    "Tensor of a list": (lambda: tg.Tensor([1.0]), TypeError,
                         "Tensor: data is a list, not an array; use tinygen.tensor(data) to convert"),
    "tensor of words": (lambda: tg.tensor(["a"]), TypeError, "tensor: cannot make numbers of <U1 data"),
    "tensor of objects": (lambda: tg.tensor(np.array([None])), TypeError, "tensor: cannot make numbers of object data"),
    "tensor of complex": (lambda: tg.tensor(np.zeros(2, complex)), TypeError, "tensor: cannot make numbers of complex128 data"),
    "ragged lists": (lambda: tg.tensor([[1, 2], [3]]), ValueError, "tensor: the nested lists have different lengths"),
    "uint8 into conv": (lambda: nn.Conv2d(3, 4, 3)(ones(2, 3, 8, 8, dtype=np.uint8)), TypeError,
                        "conv2d: x (2, 3, 8, 8) is uint8, weight (4, 3, 3, 3) is float32; convert one, as with x.to(np.float32)"),
    "float64 into conv": (lambda: nn.Conv2d(3, 4, 3)(ones(2, 3, 8, 8, dtype=np.float64)), TypeError, "conv2d: x (2, 3, 8, 8) is float64"),
    "float64 into linear": (lambda: nn.Linear(3, 4)(ones(2, 3, dtype=np.float64)), TypeError,
                            "linear: inputs of different types (float64 (2, 3), float32 (4, 3)"),
    "uint8 into pool": (lambda: tg.max_pool2d(ones(2, 3, 8, 8, dtype=np.uint8), 2), TypeError,
                        "max_pool2d: x (2, 3, 8, 8) is uint8; convert it"),
    "integers into batch norm": (lambda: nn.BatchNorm1d(3)(ones(4, 3, dtype=int)), TypeError,
                                 "batch_norm: x (4, 3) is int64; a mean and a variance need floats"),
    "integers into layer norm": (lambda: nn.LayerNorm(3)(ones(4, 3, dtype=int)), TypeError, "layer_norm: x (4, 3) is int64"),
    "list into linear": (lambda: nn.Linear(3, 2)([[1, 2, 3]]), TypeError, "linear: x is a list, not a Tensor or an array (..., in)"),
    "list into conv": (lambda: nn.Conv2d(3, 2, 3)([1]), TypeError, "conv2d: x is a list, not a Tensor or an array (N, C, H, W)"),
    "float index": (lambda: ones(3)[np.array([0.5])], TypeError,
                    "getitem: an index array has type float64; indices are integers or masks"),
    "Tensor exponent": (lambda: ones(2) ** ones(2), TypeError,
                        "power: the exponent is a Tensor, not a plain number; write exp(p * log(x))"),
    "parameters to integers": (lambda: nn.Linear(1, 1).to(np.int64), TypeError, "Linear.to: int64 is not a float type"),
    "Sequential of a list": (lambda: nn.Sequential([nn.Linear(1, 1)]), TypeError,
                             "Sequential: layer 0 is a list, not a module or a function"),
    "an array and no list": (lambda: tg.concatenate(np.ones(2), np.ones(2)), TypeError, "concatenate: xs is one ndarray; give a list of them: concatenate([x, y])"),
    "a Tensor and no list": (lambda: tg.stack(tg.tensor(ones(2))), TypeError, "stack: xs is one Tensor; give a list of them: stack([x, y])"),
    "an empty list": (lambda: tg.stack([]), ValueError, "stack: the list is empty"),
    "gradcheck of no list": (lambda: tg.gradcheck(tg.exp, np.ones(2)), TypeError, "gradcheck: inputs is one ndarray; give a list of them: gradcheck(exp, [x])"),
    "images of bytes into linear": (lambda: nn.Linear(2, 1)(np.ones((3, 2), np.uint8)), TypeError,
                                    "linear: x (3, 2) is uint8; convert it, images to [0, 1]: x.astype(np.float32) / 255"),
    "a shape in two arguments": (lambda: tg.uniform(4, 1), TypeError, "uniform: like is a int, not an array or a Tensor; a shape of several axes is one tuple: "
                                 "uniform((4, 1))"),
    "PyTorch's dim": (lambda: tg.tensor(ones(2)).sum(dim=0), TypeError, "sum() got an unexpected keyword argument 'dim'"),
    "== a number": (lambda: tg.tensor(ones(2)) == 1.0, TypeError, "a Tensor is not compared with == to a float: compare the values, x.data == ..."),
    "== an array": (lambda: np.ones(2) == tg.tensor(ones(2)), TypeError, "a Tensor is not compared with == to a ndarray"),
    "a parameter in place": (lambda: in_place(tg.tensor(ones(2), requires_grad=True)), TypeError, "x -= ... makes a new Tensor, and a parameter (a leaf that "
                             "requires a gradient) would stay as it was"),
    "a Tensor for a Parameter": (lambda: setattr(nn.Linear(2, 1), "weight", tg.tensor(ones(1, 2))), TypeError,
                                 "Linear.weight is a Parameter, and a plain Tensor in its place would not learn"),
    "primitive without VJPs": (lambda: tg.autograd.primitive(tg.exp)(ones(2)), TypeError, "primitive: write @primitive(vjp, ...) above the function"),
    # empty batches
    "mean of nothing": (lambda: ones(0, 3).mean(), ValueError,
                        "mean: there is no element over axis None of shape (0, 3); give it a non-empty batch"),
    "max of nothing": (lambda: tg.max(ones(0, 3), 0), ValueError, "max: there is no element over axis 0 of shape (0, 3)"),
    "softmax of nothing": (lambda: tg.softmax(ones(3, 0)), ValueError, "softmax: there is no element over axis -1 of shape (3, 0)"),
    "logsumexp of nothing": (lambda: tg.logsumexp(ones(0), 0), ValueError, "logsumexp: there is no element over axis 0 of shape (0,)"),
    "var of one": (lambda: tg.var(ones(1, 3), 0, ddof=1), ValueError, "var: axis 0 of shape (1, 3) has 1 elements; ddof=1 needs more"),
    "batch norm of nothing": (lambda: nn.BatchNorm1d(3)(ones(0, 3)), ValueError,
                              "batch_norm: x (0, 3) has 0 value a channel; training needs at least 2"),
    "batch norm of one": (lambda: nn.BatchNorm1d(3)(ones(1, 3)), ValueError,
                          "batch_norm: x (1, 3) has 1 value a channel; training needs at least 2 to have a variance: use a larger"),
    # labels
    "label too large": (lambda: nn.Embedding(10, 3)(LABELS), ValueError,
                        "embedding: indices run from 0 to 10; axis 0 of (10, 3) allows 0 to 9"),
    "label negative": (lambda: tg.embedding(np.array([-1]), ones(4, 2)), ValueError,
                       "embedding: indices run from -1 to -1; axis 0 of (4, 2) allows 0 to 3"),
    "label NaN": (lambda: nn.Embedding(10, 3)(np.array([np.nan])), TypeError,
                  "embedding: indices (1,) have type float64; they must be integers"),
    "one_hot too large": (lambda: tg.one_hot(LABELS, 10, ones(1)), ValueError,
                          "one_hot: labels run from 0 to 10; 10 classes allow 0 to 9"),
    "one_hot NaN": (lambda: tg.one_hot(np.array([np.nan]), 3, ones(1)), TypeError, "one_hot: labels (1,) of float64; expected integers"),
    "take": (lambda: tg.take(ones(2, 3), np.array([3]), 1), ValueError, "take: indices run from 3 to 3; axis 1 of (2, 3) allows 0 to 2"),
    # settings
    "dropout": (lambda: tg.dropout(ones(2), 1.0), ValueError, "dropout: p = 1.0 is not a probability in [0, 1)"),
    "Dropout": (lambda: nn.Dropout(-0.1), ValueError, "Dropout: p = -0.1 is not a probability in [0, 1)"),
    "clip": (lambda: tg.clip(ones(2), 1.0, 0.0), ValueError, "clip: low 1.0 is above high 0.0"),
    "leaky_relu": (lambda: tg.leaky_relu(ones(2), 1.5), ValueError, "leaky_relu: slope 1.5 is not in [0, 1)"),
    "batch norm without statistics": (lambda: tg.batch_norm(ones(2, 3), ones(3), ones(3), training=False), ValueError,
                                      "batch_norm: training=False needs running_mean and running_var"),
    "schedule": (lambda: tg.optim.cosine(1.0, 0, 0), ValueError, "cosine: total = 0 is not a positive number of steps"),
    "state not a dictionary": (lambda: nn.Linear(1, 1).load_state_dict([1]), TypeError,
                               "load_state_dict: the state is a list, not a dictionary"),
    "state of words": (lambda: nn.Linear(1, 1).load_state_dict({"weight": np.array([["a"]]), "bias": np.zeros(1)}), ValueError,
                       "load_state_dict: the state does not fit this Linear: weight holds <U1, not numbers"),
    # gradients
    "grad of a vector": (lambda: tg.grad(x() * 2.0, [x()]), ValueError,
                         "grad: output has shape (2,), not one element; reduce it with .sum() or pass grad_output"),
    "grad of an array": (lambda: tg.grad(np.ones(1), [x()]), TypeError, "grad: output is a ndarray, not a Tensor"),
    "grad in one Tensor": (lambda: tg.grad(x().sum(), x()), TypeError,
                           "grad: inputs is one Tensor; pass a list of them: grad(output, [x])"),
    "grad in a constant": (lambda: tg.grad(x().sum(), [x(), ones(2)]), ValueError,
                           "grad: inputs[1] is not a Tensor that requires a gradient; make it one"),
    "grad_output shape": (lambda: tg.grad(x() * 2.0, [x()], np.ones(3, np.float32)), ValueError,
                          "grad: grad_output is float32 (3,), output float32 (2,)"),
    "grad_output type": (lambda: tg.grad(x() * 2.0, [x()], np.ones(2)), ValueError,
                         "grad: grad_output is float64 (2,), output float32 (2,)"),
    "grad_output list": (lambda: tg.grad(x() * 2.0, [x()], [1, 1]), TypeError, "grad: grad_output is a list, not an array or a Tensor"),
    "backward of a vector": (lambda: (x() * 2.0).backward(), ValueError,
                             "backward: this tensor has shape (2,), not one element; reduce it first"),
    "backward of a constant": (lambda: ones(1).backward(), ValueError,
                               "backward: this tensor does not depend on anything that requires a gradient"),
}


def x():
    """A leaf."""
    return tg.tensor(np.ones(2, np.float32), requires_grad=True)


@pytest.mark.parametrize("call, error, message", CASES.values(), ids=CASES.keys())
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


def test_the_error_of_an_array_library_keeps_its_cause():
    with pytest.raises(ValueError, match="^add: ") as caught:
        ones(2) + ones(3)
    assert "could not be broadcast" in str(caught.value.__cause__)


def test_nan_in_data_is_found_where_it_first_shows():
    """NaN is no error by itself; detect_nonfinite names the first operation whose result holds one."""
    data = np.ones((4, 3), np.float32)
    data[2, 1] = np.nan
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    assert np.isnan(net(tg.tensor(data)).data).any()
    with tg.detect_nonfinite(), pytest.raises(FloatingPointError, match=r"linear: the output, shape \(4, 2\), has its first NaN at \(2, 0\)"):
        net(tg.tensor(data))


@pytest.mark.parametrize("pool", [tg.max_pool2d, tg.avg_pool2d])
def test_nan_is_not_swallowed(pool):
    image = np.arange(16.0).reshape(1, 1, 4, 4)
    image[0, 0, 0, 0] = np.nan
    assert np.isnan(pool(tg.tensor(image), 2).data[0, 0, 0, 0])
