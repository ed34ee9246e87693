"""The energy distance in closed form and by a double loop; the signs of collapse."""

import itertools

import numpy as np
import pytest

from keras_gan.evaluation import distances
from keras_gan.evaluation.metrics.energy import energy_distance, median_nearest

RANDOM = np.random.default_rng(0)


def mean_distance(pairs):
    return np.mean([np.linalg.norm(x - y) for x, y in pairs])


@pytest.mark.parametrize("shift", [0.0, 1e4])
def test_agrees_with_a_double_loop(shift, monkeypatch):
    a, b = RANDOM.normal(size=(9, 2, 2)) + shift, RANDOM.normal(size=(7, 2, 2)) + shift + 1
    between = mean_distance(itertools.product(a, b))
    spreads = [mean_distance(itertools.permutations(rows, 2)) for rows in (a, b)]
    monkeypatch.setattr(distances, "BLOCK_BYTES", 2 * 7 * 24)
    found = energy_distance(a, b)
    # Rounding of 1e-12 in squares is 1e-6 for the distance of a row to itself.
    np.testing.assert_allclose((found.spread_a, found.spread_b), spreads, rtol=1e-6)
    assert found.distance == pytest.approx(2 * between - sum(spreads), rel=1e-6)


def test_points_in_two_places():
    """All of a at 0 and all of b at 3, at right angles 4 apart: 2 * 5."""
    found = energy_distance(np.zeros((5, 2)), np.tile([3.0, 4.0], (6, 1)))
    assert (found.distance, found.spread_a, found.spread_b) == pytest.approx((10, 0, 0), abs=1e-9)


def test_gaussians_have_the_closed_form():
    """In 1-D, E|x - y| = 2 phi(0) sqrt(2) = 2 / sqrt(pi) for two of N(0, 1)."""
    a, b = RANDOM.normal(size=(4000, 1)), RANDOM.normal(size=(4000, 1))
    found = energy_distance(a, b)
    # Standard error of the spread: 2 sqrt(var E[|x - x'| | x] / n), below 2 * 0.5 / 63.
    assert found.spread_a == pytest.approx(2 / np.sqrt(np.pi), abs=0.05)
    assert abs(found.distance) < 0.005  # of order 1 / n for equal distributions
    # N(0, 1) and N(3, 1): x - y is N(3, 2), whose E|.| is the folded normal's.
    expected = 2 * (2 / np.sqrt(np.pi) * np.exp(-9 / 4) + 3 * (1 - 2 * 0.0169474268)) - 4 / np.sqrt(
        np.pi
    )
    assert energy_distance(a, b + 3).distance == pytest.approx(expected, abs=0.2)  # 4 errors


def test_a_constant_generator_has_no_spread():
    data, constant = RANDOM.random((300, 64)), np.full((200, 64), 0.3)
    found = energy_distance(constant, data)
    assert found.spread_a < 1e-6 < found.spread_b
    assert found.distance > 0.1
    assert median_nearest(constant) == 0.0


def test_median_nearest_leaves_the_sample_itself_out():
    assert median_nearest(np.array([[0.0], [1.0], [3.0], [7.0]])) == 1.5  # of 1, 1, 2, 4
