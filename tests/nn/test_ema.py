"""The exponential moving average of a module: parameters averaged, buffers copied, saved and loaded."""
import numpy as np
import pytest

import tinygen as tg
from tinygen import nn


def net():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def train_a_step(module):
    x = tg.tensor(tg.standard_normal((8, 2)))
    tg.optim.SGD(module.parameters(), lr=0.1).minimize((module(x) ** 2).sum() + module[0](x).sum())


def test_the_average_by_hand():
    module = net()
    ema = nn.ExponentialMovingAverage(module, decay=0.9)
    expected = {k: v.astype(np.float64) for k, v in module.state_dict().items()}
    for step in range(15):
        train_a_step(module)
        ema.update()
        decay = min(0.9, (1 + step) / (10 + step))                      # the first steps do not linger
        for name, value in module.state_dict().items():
            expected[name] = value if "running" in name else decay * expected[name] + (1 - decay) * value
    for name, value in ema.average.state_dict().items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-6)
        assert value.dtype == np.float32


def test_the_average_is_in_eval_mode_and_of_its_own():
    module = net()
    ema = nn.ExponentialMovingAverage(module)
    assert module.training and not any(m.training for m in ema.average.modules())
    train_a_step(module)
    before = ema.average.state_dict()
    train_a_step(module)
    assert all(np.array_equal(v, before[k]) for k, v in ema.average.state_dict().items())
    ema.update()
    kept = ema.average[1].running_mean.data
    assert np.array_equal(kept, module[1].running_mean.data)
    train_a_step(module)                                                # and the buffer is a copy
    assert np.array_equal(kept, ema.average[1].running_mean.data)
    x = tg.tensor(np.ones((2, 2), np.float32))
    np.testing.assert_array_equal(ema(x).data, ema.average(x).data)


def test_saving_and_loading():
    module = net()
    ema = nn.ExponentialMovingAverage(module, 0.99)
    for _ in range(3):
        train_a_step(module)
        ema.update()
    other = nn.ExponentialMovingAverage(module, 0.99)
    other.load_state_dict(ema.state_dict())
    train_a_step(module)
    ema.update()
    other.update()
    assert other.steps == 4
    assert all(np.array_equal(v, other.average.state_dict()[k]) for k, v in ema.average.state_dict().items())


def test_bad_input():
    with pytest.raises(ValueError, match=r"ExponentialMovingAverage: decay 1.0 is not in \[0, 1\)"):
        nn.ExponentialMovingAverage(net(), 1.0)
    with pytest.raises(ValueError, match="missing ema_steps"):
        nn.ExponentialMovingAverage(net()).load_state_dict(net().state_dict())


def test_the_average_follows_a_conversion_and_a_refused_state_changes_nothing():
    module = net()
    ema = nn.ExponentialMovingAverage(module)
    module.to(np.float64)
    ema.update()
    assert all(p.dtype == np.float64 for p in ema.average.parameters())
    with pytest.raises((KeyError, ValueError)):
        ema.load_state_dict({"ema_steps": 7})
    assert ema.steps == 1
