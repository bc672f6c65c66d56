"""One training step of every model family on a GPU: the numbers of the CPU within rounding, and no step that waits for the GPU."""
import contextlib

import numpy as np
import pytest

import fakecupy
import tinygen as tg
from devices import draw_alike
from tinygen import backend, optim
from training_steps import FAMILIES


def run(name, device, optimizer, steps=1, dtype=np.float32, change=0.0):
    """(losses of all steps, {name: array} of all modules after them) on `device`; every weight is changed by up to `change` of itself first."""
    tg.manual_seed(5)
    modules, step = FAMILIES[name](device, optimizer, dtype)
    rng = np.random.default_rng(6)
    for p in [p for module in modules.values() for p in module.parameters()] if change else ():
        p.data *= 1 + change * rng.uniform(-1, 1, p.shape)
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


# ---- twenty steps: in float64, since in float32 rounding alone moves the curves of some families by a hundredth ----------------------

BOUND = 1e-6


def curve(name, device, lr=1e-4, change=0.0):
    """The losses of twenty steps."""
    losses, _ = run(name, device, lambda parameters: optim.Adam(parameters, lr), 20, np.float64, change)
    return np.array(losses)


@pytest.mark.parametrize("gpu", [pytest.param("fake", marks=pytest.mark.slow), pytest.param("cuda", marks=pytest.mark.cuda)], indirect=True)
@pytest.mark.parametrize("name", FAMILIES)
def test_twenty_steps_follow_the_curve_of_the_cpu(gpu, name):
    np.testing.assert_allclose(curve(name, gpu), curve(name, "cpu"), rtol=BOUND)


CHEAP = ["MLP VAE", "mixture prior", "Echo VAE", "self-supervised", "contractive autoencoder", "GAN in the plane", "WGAN, clipped"]


@pytest.mark.parametrize("name", [*CHEAP, *(pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES if name not in CHEAP)])
def test_that_bound_is_wider_than_rounding_and_narrower_than_a_mistake(name):
    """Weights changed by 500 times the rounding of float64 stay within a tenth of it; a learning rate that is wrong by a hundredth does not."""
    expected = curve(name, "cpu")
    np.testing.assert_allclose(curve(name, "cpu", change=1e-13), expected, rtol=BOUND / 10)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(curve(name, "cpu", lr=1.01e-4), expected, rtol=BOUND)
