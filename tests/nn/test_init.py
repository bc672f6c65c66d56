"""How weights start: PyTorch's schemes, their bounds and their spread."""
import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.nn import init

SHAPE, FAN_IN, FAN_OUT = (60, 40, 5, 3), 40 * 15, 60 * 15


def drawn(scheme, shape=SHAPE, **options):
    """The values that a scheme gives a weight, as a flat float64 array."""
    p = nn.Parameter(np.zeros(shape, np.float32))
    assert scheme(p, **options) is p and p.dtype == np.float32
    return p.data.astype(np.float64).ravel()


def is_uniform(values, bound):
    """Within [-bound, bound], reaching nearly to both ends, with the spread of a uniform distribution."""
    assert abs(values).max() <= bound * (1 + 1e-6) and abs(values).max() > 0.99 * bound
    assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.05) and abs(values.mean()) < 0.05 * bound


def is_normal(values, std):
    """Mean 0, the given standard deviation, and a normal's share beyond twice it."""
    assert values.std() == pytest.approx(std, rel=0.05) and abs(values.mean()) < 0.05 * std
    assert (abs(values) > 2 * std).mean() == pytest.approx(0.0455, rel=0.2)


def test_kaiming():
    is_uniform(drawn(init.kaiming_uniform_), math.sqrt(2) * math.sqrt(3 / FAN_IN))
    is_uniform(drawn(init.kaiming_uniform_, a=0.2), math.sqrt(2 / 1.04) * math.sqrt(3 / FAN_IN))
    is_uniform(drawn(init.kaiming_uniform_, nonlinearity="linear"), math.sqrt(3 / FAN_IN))
    is_normal(drawn(init.kaiming_normal_, nonlinearity="relu"), math.sqrt(2 / FAN_IN))


def test_xavier():
    is_uniform(drawn(init.xavier_uniform_), math.sqrt(6 / (FAN_IN + FAN_OUT)))
    is_uniform(drawn(init.xavier_uniform_, gain=2.0), 2 * math.sqrt(6 / (FAN_IN + FAN_OUT)))
    is_normal(drawn(init.xavier_normal_), math.sqrt(2 / (FAN_IN + FAN_OUT)))


@pytest.mark.parametrize("scheme, options, scale", [
    (init.kaiming_uniform_, {}, math.sqrt(6 / FAN_IN)), (init.kaiming_uniform_, {"a": math.sqrt(5)}, math.sqrt(1 / FAN_IN)),
    (init.kaiming_normal_, {}, math.sqrt(2 / FAN_IN)), (init.kaiming_normal_, {"nonlinearity": "tanh"}, 5 / 3 / math.sqrt(FAN_IN)),
    (init.xavier_uniform_, {}, math.sqrt(6 / (FAN_IN + FAN_OUT))), (init.xavier_normal_, {}, math.sqrt(2 / (FAN_IN + FAN_OUT)))])
def test_the_scale_is_exact(scheme, options, scale):
    """Every scheme is a plain draw times its bound or standard deviation."""
    plain = (init.uniform_, {"low": -1.0, "high": 1.0}) if "uniform" in scheme.__name__ else (init.normal_, {})
    tg.manual_seed(2)
    values = drawn(scheme, **options)
    tg.manual_seed(2)
    np.testing.assert_allclose(values, scale * drawn(plain[0], **plain[1]), rtol=1e-6)


def test_plain_draws():
    is_normal(drawn(init.normal_, std=0.02), 0.02)
    assert drawn(init.normal_, mean=5.0).mean() == pytest.approx(5, abs=0.05)
    values = drawn(init.uniform_, low=2.0, high=3.0)
    assert values.min() >= 2 and values.max() <= 3 and values.mean() == pytest.approx(2.5, abs=0.02)
    assert (drawn(init.constant_, value=1.5) == 1.5).all()


@pytest.mark.parametrize("layer, fan_in", [(lambda: nn.Linear(300, 200), 300), (lambda: nn.Conv2d(20, 50, 4), 320),
                                           (lambda: nn.ConvTranspose2d(50, 20, 4), 320)], ids=["Linear", "Conv2d", "ConvTranspose2d"])
def test_layers_start_as_pytorchs(layer, fan_in):
    """Weight and bias U[-b, b], b = 1 / sqrt(fan_in); a transposed layer's fan_in is PyTorch's: out channels times kernel."""
    layers = [layer() for _ in range(20)]
    is_uniform(np.concatenate([m.weight.data.ravel() for m in layers]).astype(np.float64), 1 / math.sqrt(fan_in))
    biases = np.concatenate([m.bias.data for m in layers]).astype(np.float64)
    assert abs(biases).max() <= 1 / math.sqrt(fan_in) and abs(biases).max() > 0.9 / math.sqrt(fan_in)


def test_other_layers_start_as_pytorchs():
    is_normal(nn.Embedding(500, 60).weight.data.astype(np.float64).ravel(), 1.0)
    norm = nn.BatchNorm2d(3)
    assert (norm.weight.data == 1).all() and not norm.bias.data.any() and not norm.running_mean.data.any() and (norm.running_var.data == 1).all()
    layer = nn.LayerNorm((2, 3))
    assert (layer.weight.data == 1).all() and not layer.bias.data.any() and layer.weight.shape == (2, 3)


def test_gains():
    assert init.gain("linear") == init.gain("sigmoid") == 1 and init.gain("tanh") == 5 / 3 and init.gain("relu") == math.sqrt(2)
    assert init.gain("leaky_relu", 0.2) == math.sqrt(2 / 1.04)
    with pytest.raises(ValueError, match="gain: unknown nonlinearity 'swish'; known are linear, .*leaky_relu"):
        init.gain("swish")
    with pytest.raises(ValueError, match=r"fans: a weight \(3,\) needs at least 2 axes"):
        init.fans((3,))


def test_a_seed_gives_the_same_weights_in_any_type_and_memory_order():
    def weights(dtype):
        tg.manual_seed(4)
        return nn.Conv2d(3, 4, 5).to(dtype).weight.data
    np.testing.assert_array_equal(weights(np.float32), weights(np.float64).astype(np.float32))
    tg.manual_seed(4)
    plain = nn.Parameter(np.zeros((4, 3, 5, 5), np.float32))
    init.default_(plain)
    np.testing.assert_array_equal(weights(np.float32), plain.data)
