"""One training step of every model family on a GPU: the numbers of the CPU within rounding, and no step that waits for the GPU."""
import contextlib

import numpy as np
import pytest

import fakecupy
import tinygen as tg
from devices import draw_alike
from tinygen import backend, optim
from training_steps import FAMILIES


def run(name, device, optimizer, steps=1):
    """(losses of all steps, {name: array} of all modules after them) on `device`."""
    tg.manual_seed(5)
    modules, step = FAMILIES[name](device, optimizer)
    draw_alike(device)
    with no_reads(device):
        curve = [step() for _ in range(steps)]
    state = {f"{part}.{key}": value for part, module in modules.items() for key, value in module.state_dict().items()}
    return [[loss.item() for loss in found] for found in curve], state


@contextlib.contextmanager
def no_reads(device):
    """Fail where the host reads from the device."""
    if device == "cpu":
        yield
    elif hasattr(backend.module_of(device), "compute_types"):               # the stand-in
        fakecupy.READS.clear()
        yield
        assert fakecupy.READS == []
    else:
        import cupyx
        with cupyx.allow_synchronize(False):
            yield


@pytest.mark.parametrize("name", FAMILIES)
def test_a_training_step_is_that_of_the_cpu_and_waits_for_nothing(gpu, name):
    plain = lambda parameters: optim.SGD(parameters, 1e-3)                   # Adam would make noise of gradients near 0 visible
    (losses, state), (expected_losses, expected) = (run(name, device, plain) for device in (gpu, "cpu"))
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    for key, value in expected.items():
        np.testing.assert_allclose(state[key], value, rtol=1e-3, atol=5e-5 * abs(value).max(), err_msg=key)


def test_adam_and_an_average_wait_for_nothing_either(gpu):
    losses, _ = run("fully connected GAN", gpu, lambda parameters: optim.Adam(parameters, 1e-4), steps=2)
    assert np.isfinite(losses).all()


@pytest.mark.cuda
@pytest.mark.parametrize("gpu", ["cuda"], indirect=True)
@pytest.mark.parametrize("name", FAMILIES)
def test_twenty_steps_follow_the_curve_of_the_cpu(gpu, name):
    adam = lambda parameters: optim.Adam(parameters, 1e-4)
    curves = [run(name, device, adam, 20)[0] for device in (gpu, "cpu")]
    np.testing.assert_allclose(*curves, rtol=1e-3)
