"""Settings for all tests: how hard hypothesis looks. HYPOTHESIS_PROFILE=thorough looks longer."""
import os

from hypothesis import HealthCheck, settings

from devices import device, gpu  # noqa: F401  (fixtures)

# No deadline: the machine may be busy. Arrays are drawn from seeds, so there is no slow generation to warn of.
common = dict(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", max_examples=20, **common)
settings.register_profile("thorough", max_examples=300, **common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_runtest_setup(item):
    """Every test starts from the same seed, so that none depends on the one before it."""
    import tinygen
    tinygen.manual_seed(0)
