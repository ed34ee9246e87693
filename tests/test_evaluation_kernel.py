"""The kernel distance against a double loop and a closed form."""

import itertools

import numpy as np
import pytest

from keras_gan.evaluation.metrics import kernel
from keras_gan.evaluation.metrics.kernel import kernel_distance, unbiased_mmd

RANDOM = np.random.default_rng(0)


def polynomial(x, y):
    return (sum(p * q for p, q in zip(x, y, strict=True)) / len(x) + 1) ** 3


def test_unbiased_mmd_is_the_double_loop():
    a, b = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(7, 3)) + 1
    within = sum(
        np.mean([polynomial(x, y) for x, y in itertools.permutations(rows, 2)]) for rows in (a, b)
    )
    between = np.mean([polynomial(x, y) for x in a for y in b])
    assert unbiased_mmd(a, b) == pytest.approx(within - 2 * between, rel=1e-12)


def test_gaussians_have_the_closed_form():
    """In 1-D the kernel is 1 + 3xy + 3(xy)^2 + (xy)^3, so that the squared discrepancy is
    3 (m1 - m1')^2 + 3 (m2 - m2')^2 + (m3 - m3')^2 with the raw moments of N(0, 1), which
    are 0, 1, 0, and of N(1/2, 1), which are 1/2, 5/4, 13/8."""
    expected = 3 * 0.5**2 + 3 * 0.25**2 + (13 / 8) ** 2
    a, b = RANDOM.normal(size=(50_000, 1)), RANDOM.normal(size=(50_000, 1)) + 0.5
    mean, error = kernel_distance(a, b)
    assert error < 0.05 * expected
    assert abs(mean - expected) < 4.5 * error  # about 1 in 20,000, t with 49 degrees of freedom


def test_equal_distributions_have_0_within_the_standard_error():
    a, b = RANDOM.normal(size=(20_000, 8)), RANDOM.normal(size=(20_000, 8))
    mean, error = kernel_distance(a, b)
    assert abs(mean) < 5 * error  # about 1 in 10,000, t with 19 degrees of freedom


def test_the_standard_error_is_the_spread_of_repetitions(monkeypatch):
    monkeypatch.setattr(kernel, "LARGEST_BLOCK", 50)
    found = [
        kernel_distance(RANDOM.normal(size=(1000, 2)), RANDOM.normal(size=(1000, 2)) + 0.3)
        for _ in range(200)
    ]
    means, errors = np.array(found).T
    # Over 200 repetitions of 20 blocks the ratio of both has a standard deviation near 0.06.
    assert means.std(ddof=1) / np.sqrt(np.square(errors).mean()) == pytest.approx(1, abs=0.3)


def test_rows_sorted_by_class_do_not_matter(monkeypatch):
    """Blocks of neighbouring rows would hold one class each and compare unlike with unlike."""
    monkeypatch.setattr(kernel, "LARGEST_BLOCK", 100)
    classes = 3.0 * RANDOM.integers(4, size=(2, 4000, 1))
    a = np.sort(classes[0], axis=0) + RANDOM.normal(size=(4000, 2))
    b = classes[1] + RANDOM.normal(size=(4000, 2))
    mean, error = kernel_distance(a, b)
    far, _ = kernel_distance(a, a[:2000])  # half the classes
    assert abs(mean) < 5 * error  # about 1 in 100,000, t with 39 degrees of freedom
    assert far > 10 * error


def test_few_samples_make_two_blocks():
    mean, error = kernel_distance([[0.0], [0.0], [1.0], [1.0]], [[2.0], [2.0], [2.0], [2.0]])
    assert np.isfinite([mean, error]).all()
