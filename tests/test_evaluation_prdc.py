"""Precision, recall, density and coverage: known sets, and a brute force in plain loops."""

import numpy as np
import pytest

from keras_gan.evaluation import distances
from keras_gan.evaluation.metrics.prdc import prdc

RANDOM = np.random.default_rng(0)


def brute_force(real, fake):
    def reach(points, k):
        return [sorted(np.linalg.norm(points - p, axis=1))[k] for p in points]

    def share(points, centres, radii):
        return np.mean(
            [
                any(np.linalg.norm(p - c) <= r for c, r in zip(centres, radii, strict=True))
                for p in points
            ]
        )

    wide = reach(real, 5)
    held = [sum(np.linalg.norm(f - c) <= r for f in fake) for c, r in zip(real, wide, strict=True)]
    return (
        share(fake, real, reach(real, 3)),
        share(real, fake, reach(fake, 3)),
        sum(held) / (5 * len(fake)),
        np.mean([count > 0 for count in held]),
    )


def values(fidelity):
    return (fidelity.precision, fidelity.recall, fidelity.density, fidelity.coverage)


@pytest.mark.parametrize("shift", [0.0, 1.0, 100.0])
def test_agrees_with_plain_loops(shift, monkeypatch):
    real = RANDOM.normal(size=(40, 3)) + shift
    fake = 0.5 * RANDOM.normal(size=(30, 3)) + shift + 1.5
    expected = brute_force(real, fake)
    np.testing.assert_allclose(values(prdc(real, fake)), expected, rtol=1e-12)
    monkeypatch.setattr(distances, "BLOCK_BYTES", 1)  # a row at a time
    np.testing.assert_allclose(values(prdc(real, fake)), expected, rtol=1e-12)


@pytest.mark.parametrize("dim", [2, 64])
def test_identical_sets(dim):
    """Each real ball holds its centre and 5 neighbours, the fifth on its surface: 6/5."""
    data = RANDOM.normal(size=(500, dim)) + 10
    np.testing.assert_allclose(values(prdc(data, data)), (1, 1, 6 / 5, 1), rtol=1e-12)


def test_disjoint_sets():
    data = RANDOM.normal(size=(100, 4))
    assert values(prdc(data, data + 50)) == (0, 0, 0, 0)


def test_one_mode_of_two_is_precise_without_recall():
    """Half the data, well covered, is half the recall and coverage."""
    modes = RANDOM.normal(size=(2, 500, 2)) + np.array([[[0, 0]], [[100, 0]]])
    fidelity = prdc(modes.reshape(-1, 2), RANDOM.permutation(modes[0]))
    assert fidelity.precision == 1
    assert (fidelity.recall, fidelity.coverage) == (0.5, 0.5)


def test_a_constant_generator_has_no_recall():
    data = RANDOM.normal(size=(200, 3))
    fidelity = prdc(data, np.repeat(data[:1], 200, axis=0))
    assert fidelity.precision == 1  # every sample is a real one
    assert fidelity.recall == 1 / 200  # which is the only one reached
    assert fidelity.coverage < 0.1
