"""Modes of samples whose modes are known."""

import numpy as np
import pytest

from keras_gan.data.densities import DENSITIES
from keras_gan.evaluation.metrics.modes import (
    class_coverage,
    class_shares,
    exact_kl,
    exact_quality,
    exact_total_variation,
    mixture_coverage,
)

RANDOM = np.random.default_rng(0)
COUNT = 100_000


def mixture(name, count=COUNT):
    means, stddev = DENSITIES[name]
    modes = RANDOM.integers(len(means), size=count)
    return means[modes] + stddev * RANDOM.normal(size=(count, means.shape[1])), means, stddev


def test_class_coverage_of_known_shares():
    data = np.array([0.5, 0.25, 0.25])
    found = class_coverage(np.array([0, 0, 0, 1]), data)
    np.testing.assert_array_equal(found.shares, [0.75, 0.25, 0.0])
    assert found.modes == 2
    assert found.kl == pytest.approx(0.75 * np.log(1.5), rel=1e-12)
    assert found.total_variation == 0.25


def test_a_constant_generator_has_one_mode():
    found = class_coverage(np.full(1000, 7), np.full(10, 0.1))
    assert found.modes == 1
    assert found.kl == pytest.approx(np.log(10), rel=1e-12)
    assert found.total_variation == pytest.approx(0.9, rel=1e-12)


def test_a_class_that_the_data_lack_makes_the_divergence_infinite():
    assert class_coverage(np.array([0, 1]), np.array([1.0, 0.0])).kl == np.inf


def test_exact_samples_of_a_thousand_modes_have_the_reference_kl():
    """2 n KL is near chi-squared with 999 degrees of freedom: its standard deviation is
    sqrt(2 / 999), 4.5% of its mean. 26 samples a class add 1% of bias."""
    shares = np.full(1000, 1e-3)
    found = class_coverage(RANDOM.integers(1000, size=26_000), shares)
    assert found.modes == 1000
    assert exact_kl(26_000, 1000) == pytest.approx(0.0192, abs=1e-4)
    assert found.kl == pytest.approx(exact_kl(26_000, 1000), rel=0.2)


@pytest.mark.parametrize(("count", "rel"), [(100, 0.05), (10_000, 0.05)])
def test_the_reference_of_total_variation(count, rel):
    """Over 200 draws of ten classes, whose mean has a standard error of 2%."""
    shares = np.linspace(0.05, 0.15, 10)
    drawn = RANDOM.multinomial(count, shares, size=200) / count
    mean = np.abs(drawn - shares).sum(axis=1).mean() / 2
    assert exact_total_variation(count, shares) == pytest.approx(mean, rel=rel)


def test_one_class_is_called_collapsed_though_a_classifier_sees_them_all():
    equal = np.full(10, 0.1)
    one = np.concatenate([np.full(990, 8), np.arange(10)])
    found = class_coverage(one, equal)
    assert found.modes == 10 and found.collapsed
    assert class_coverage(np.arange(1000) % 5, equal).collapsed
    assert not class_coverage(np.arange(1000) % 9, equal).collapsed
    # 1,000 exact samples of 1,000 classes: 37% of the classes have none, and all is well.
    exact = class_coverage(RANDOM.integers(1000, size=1000), np.full(1000, 1e-3))
    assert exact.total_variation > 0.35 and not exact.collapsed


def test_half_of_the_modes_of_a_mixture_are_called_a_collapse():
    points, means, stddev = mixture("ring_8")
    assert not mixture_coverage(points, means, stddev).collapsed
    assert mixture_coverage(points[points[:, 0] > 0.1], means, stddev).collapsed  # 3 of 8
    assert not mixture_coverage(points[points[:, 0] > -0.9], means, stddev).collapsed  # 7 of 8


def test_class_shares_have_a_place_for_classes_without_samples():
    np.testing.assert_array_equal(class_shares(np.array([2, 2]), 4), [0, 0, 1, 0])


@pytest.mark.parametrize(("dim", "expected"), [(1, 0.9973002), (2, 1 - np.exp(-4.5))])
def test_the_reference_of_quality(dim, expected):
    assert exact_quality(dim) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("name", DENSITIES)
def test_exact_samples_have_the_reference_values(name):
    points, means, stddev = mixture(name)
    found = mixture_coverage(points, means, stddev)
    quality, modes = exact_quality(means.shape[1]), len(means)
    assert found.modes == modes
    # 5 standard errors of shares and deviations, of at most 25 modes and 3 densities.
    assert abs(found.quality - quality) < 5 * np.sqrt(quality * (1 - quality) / COUNT)
    np.testing.assert_allclose(found.shares, 1 / modes, atol=5 * np.sqrt(1 / modes / COUNT))
    np.testing.assert_allclose(found.stddevs, 1, atol=5 * np.sqrt(modes / COUNT / 2))
    assert found.shares.sum() == pytest.approx(1, rel=1e-12)


def test_missing_modes_and_bad_samples_are_seen():
    _, means, stddev = mixture("ring_8", 1)
    points = np.concatenate([means[[0, 0, 0, 3]], [[0.5, 0.0]]])
    points[:3, 1] += [-stddev, 0.0, stddev]
    found = mixture_coverage(points, means, stddev)
    assert found.modes == 2
    assert found.quality == 0.8
    np.testing.assert_allclose(found.shares, [0.75, 0, 0, 0.25, 0, 0, 0, 0])
    # Deviations -1, 0, 1 on one of two axes have a variance of 1/2; exact points, cut off
    # at r = 3, one of 1 - 4.5 e^-4.5 / (1 - e^-4.5) on each.
    exact = 1 - 4.5 * np.exp(-4.5) / (1 - np.exp(-4.5))
    assert found.stddevs[0] == pytest.approx(np.sqrt(0.5 / exact), rel=1e-4)  # float32 means
    assert np.isnan(found.stddevs[1:]).all()


def test_points_outside_all_modes():
    found = mixture_coverage(np.full((10, 2), 100.0), *DENSITIES["ring_8"])
    assert (found.modes, found.quality, found.shares.sum()) == (0, 0.0, 0.0)


def test_widths_of_narrow_and_wide_modes():
    means, stddev = DENSITIES["grid_25"]
    points, *_ = mixture("grid_25")
    modes = np.square(points[:, None] - means[None]).sum(2).argmin(1)
    half = means[modes] + 0.5 * (points - means[modes])
    # Nothing of half the width is cut off, so the cut-off ideal counts: 0.5 / 0.9744.
    exact = 1 - 4.5 * np.exp(-4.5) / (1 - np.exp(-4.5))
    found = mixture_coverage(half, means, stddev)
    np.testing.assert_allclose(found.stddevs, 0.5 / np.sqrt(exact), rtol=0.06)  # 5 errors
    assert found.quality > 0.9999
