"""Principal directions against generators whose Jacobian is known."""

import numpy as np
import pytest

from keras_gan.games import directions


def test_of_a_linear_generator_they_are_the_svd_of_its_weights():
    random = np.random.default_rng(0)
    weights = random.normal(size=(6, 20))
    found, changes = directions.principal(
        lambda latents, labels: latents.astype(np.float64) @ weights,
        random.normal(size=(3, 6)).astype(np.float32),
        count=4,
    )
    left, values, _ = np.linalg.svd(weights)
    expected = left.T[:4]
    largest = expected[np.arange(4), np.abs(expected).argmax(axis=1)]
    # Latents are float32: steps of 0.1 are rounded to 1e-8, which is 1e-7 of a step.
    np.testing.assert_allclose(found, expected * np.sign(largest)[:, None], atol=1e-5)
    np.testing.assert_allclose(changes, values[:4], rtol=1e-5)


def test_they_are_those_of_the_mean_over_latents_and_know_labels():
    def images(latents, labels):
        """|z_0| moves much at label 1 only, z_1 a little at any: J^T J = diag(9 or 0, 1)."""
        first = 3.0 * latents[:, 0] * (labels == 1)
        return np.stack([first, latents[:, 1]], axis=1)

    latents = np.zeros((4, 2), np.float32)
    found, changes = directions.principal(images, latents, np.array([0, 1, 0, 0], np.int32))
    np.testing.assert_allclose(found, np.eye(2), atol=1e-6)
    np.testing.assert_allclose(changes, [np.sqrt(9 / 4), 1.0], rtol=1e-5)


@pytest.mark.parametrize("dim, count", [(2, 2), (300, 8)])
def test_no_more_of_them_than_dimensions_and_batches_are_bounded(dim, count):
    sizes = []

    def images(latents, labels):
        sizes.append(len(latents))
        return latents[:, :2]

    found, _ = directions.principal(images, np.zeros((1, dim), np.float32))
    assert found.shape == (count, dim)
    assert max(sizes) <= 512 and sum(sizes) == 2 * dim
