"""Mode coverage and class abundance where the answer is known."""
import math

import numpy as np
import pytest

from tinygen.metrics import class_abundance, histogram_entropy, mode_coverage

RING = np.stack([np.cos(np.arange(8) * math.pi / 4), np.sin(np.arange(8) * math.pi / 4)], axis=1)


def test_samples_of_the_mixture_hit_every_mode_at_the_gaussian_rate():
    rng = np.random.default_rng(0)
    samples = RING[rng.integers(8, size=20_000)] + 0.02 * rng.standard_normal((20_000, 2))
    coverage = mode_coverage(samples, RING, 0.02)
    assert coverage.hit == coverage.modes == 8
    assert coverage.quality == pytest.approx(1 - math.exp(-9 / 2), abs=0.003)            # Rayleigh: P(r < 3 sigma) in two dimensions
    assert coverage.shares.sum() == pytest.approx(coverage.quality)
    assert "8/8 modes" in str(coverage)


def test_a_collapsed_generator_and_samples_between_modes():
    coverage = mode_coverage(np.repeat(RING[:1], 50, axis=0), RING, 0.02)
    assert coverage.hit == 1 and coverage.quality == 1 and coverage.shares[0] == 1
    nothing = mode_coverage(np.zeros((50, 2)), RING, 0.02)
    assert nothing.hit == 0 and nothing.quality == 0


def test_minimum_and_one_sigma_for_each_mode():
    samples = np.array([[0.0, 0], [0, 0], [10, 2.5]])
    centres = np.array([[0.0, 0], [10, 0]])
    assert mode_coverage(samples, centres, [0.1, 1.0]).hit == 2
    assert mode_coverage(samples, centres, 0.1).hit == 1
    assert mode_coverage(samples, centres, [0.1, 1.0], minimum=2).hit == 1


def test_class_abundance_of_uniform_single_and_mixed_labels():
    uniform = class_abundance(np.arange(100) % 10)
    assert uniform.entropy == pytest.approx(math.log(10)) and uniform.total_variation == pytest.approx(0) and uniform.missing == ()
    single = class_abundance(np.full(7, 3))
    assert single.entropy == 0 and single.total_variation == pytest.approx(0.9) and len(single.missing) == 9 and single.count == 7
    mixed = class_abundance([0, 0, 0, 1], classes=2)
    assert mixed.entropy == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25))) and mixed.total_variation == pytest.approx(0.25)
    assert "1/10 classes" in str(single)


def test_entropy_takes_counts_or_shares():
    assert histogram_entropy([5, 5, 0]) == histogram_entropy([0.5, 0.5, 0]) == pytest.approx(math.log(2))


@pytest.mark.parametrize("call, error, message", [
    (lambda: mode_coverage(np.zeros((3, 3)), RING, 1), ValueError, r"samples \(3, 3\) and centres \(8, 2\)"),
    (lambda: mode_coverage(np.zeros((3, 2)), RING, [1, 2]), ValueError, "one for each of the 8"),
    (lambda: mode_coverage(np.zeros((3, 2)), RING, 0), ValueError, "positive"),
    (lambda: mode_coverage(np.full((3, 2), np.nan), RING, 1), ValueError, "NaN"),
    (lambda: class_abundance([0.5, 1.0]), TypeError, "labels are integers"),
    (lambda: class_abundance([0, 10]), ValueError, "0 to 10; labels are class indices 0 .. 9"),
    (lambda: class_abundance([-1, 1]), ValueError, "from -1"),
    (lambda: class_abundance(np.zeros((2, 2), int)), ValueError, r"must be \(N,\)"),
    (lambda: histogram_entropy([0, 0]), ValueError, "positive sum"),
    (lambda: histogram_entropy([1, -1]), ValueError, "non-negative"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
