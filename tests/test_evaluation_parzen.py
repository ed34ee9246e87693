"""The Parzen-window estimate against scikit-learn's, closed forms, and the authors' protocol."""

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from keras_gan.evaluation import distances
from keras_gan.evaluation.metrics.parzen import SIGMAS, choose_sigma, log_likelihood, parzen

RANDOM = np.random.default_rng(0)
SAMPLES = RANDOM.random((300, 6, 8)).astype(np.float32)
VALIDATION = RANDOM.random((50, 6, 8)).astype(np.float32)
TEST = RANDOM.random((40, 6, 8)).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.05, 0.2, 1.0])
def test_agrees_with_kernel_density(sigma):
    # One leaf, since the bounds of a tree's nodes cancel: with several, scikit-learn's
    # own answers are off by hundreds of nats in 48 dimensions.
    reference = KernelDensity(bandwidth=sigma, leaf_size=300).fit(SAMPLES.reshape(300, -1))
    expected = reference.score_samples(TEST.reshape(40, -1))
    np.testing.assert_allclose(log_likelihood(SAMPLES, TEST, sigma), expected, rtol=1e-6)


def test_one_kernel_is_a_gaussian():
    sample, point, sigma = np.array([[0.1, 0.2, 0.9]]), np.array([[0.3, 0.2, 0.4]]), 0.3
    expected = -(0.2**2 + 0.5**2) / (2 * sigma**2) - 1.5 * np.log(2 * np.pi * sigma**2)
    np.testing.assert_allclose(log_likelihood(sample, point, sigma), [expected], rtol=1e-12)


def test_far_points_do_not_underflow():
    """exp(-5e7) is 0 in float64; its logarithm is not."""
    expected = -(1e4**2) / 2 - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(log_likelihood([[0.0]], [[1e4]], 1.0), [expected], rtol=1e-12)


def test_repeated_samples_change_nothing():
    twice = np.concatenate([SAMPLES, SAMPLES])
    np.testing.assert_allclose(
        log_likelihood(twice, TEST, 0.2), log_likelihood(SAMPLES, TEST, 0.2), rtol=1e-12
    )


def test_blocks_do_not_change_the_result(monkeypatch):
    whole = log_likelihood(SAMPLES, TEST, 0.2)
    monkeypatch.setattr(distances, "BLOCK_BYTES", 7 * 300 * 4 * 8)  # 7 points each
    sizes = [rows.stop - rows.start for rows in distances.blocks(len(TEST), 300, 4 * 8)]
    assert sizes == [7, 7, 7, 7, 7, 5]
    np.testing.assert_allclose(log_likelihood(SAMPLES, TEST, 0.2), whole, rtol=1e-12)


def test_sigma_has_the_best_mean_of_the_grid():
    means = [log_likelihood(SAMPLES, VALIDATION, sigma).mean() for sigma in SIGMAS]
    assert choose_sigma(SAMPLES, VALIDATION) == SIGMAS[int(np.argmax(means))]


def test_sigma_comes_from_the_first_thousand_validation_images():
    """Copies of the samples would choose the narrowest kernels, ones far away the widest."""
    copies, far = np.repeat(SAMPLES[:1], 1000, axis=0), np.ones((1000, 6, 8))
    assert choose_sigma(SAMPLES, np.concatenate([copies, far])) == SIGMAS[0]
    assert choose_sigma(SAMPLES, np.concatenate([far, copies])) > SIGMAS[0]


def test_the_estimate_is_the_mean_with_its_standard_error():
    estimate = parzen(SAMPLES, VALIDATION, TEST)
    found = log_likelihood(SAMPLES, TEST, estimate.sigma)
    assert estimate.mean == pytest.approx(found.mean(), rel=1e-12)
    assert estimate.standard_error == pytest.approx(found.std() / np.sqrt(40), rel=1e-12)
    assert estimate.sigma == choose_sigma(SAMPLES, VALIDATION)


@pytest.mark.parametrize(
    ("sigmas", "at_edge"), [(SIGMAS, False), ((0.5, 0.8), True), ((0.01, 0.02), True)]
)
def test_a_sigma_at_the_edge_of_the_grid_is_told(sigmas, at_edge):
    """Uniform pixels in 48 dimensions are best covered by kernels between 0.2 and 0.4 wide."""
    assert parzen(SAMPLES, VALIDATION, TEST, sigmas).at_edge == at_edge
