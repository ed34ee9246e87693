"""The Frechet distance of Gaussians, where it has a closed form."""

import numpy as np
import pytest
import scipy.linalg

from keras_gan.evaluation.metrics.frechet import (
    Moments,
    frechet_distance,
    frechet_distance_error,
    moments,
    moments_distance,
)

RANDOM = np.random.default_rng(0)


def exactly(mean, covariance, count=200):
    """Points whose sample mean and unbiased covariance are these, to rounding."""
    points = RANDOM.normal(size=(count, len(mean)))
    points -= points.mean(axis=0)
    white = (
        points @ np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(points, rowvar=False)))).T
    )
    values, vectors = np.linalg.eigh(covariance)
    return white @ (vectors * np.sqrt(np.maximum(values, 0))).T + mean


def covariance_of(dim, rank):
    factor = RANDOM.normal(size=(dim, rank))
    return factor @ factor.T


def test_equal_covariances_leave_the_distance_of_the_means():
    covariance = covariance_of(4, 4)
    a, b = exactly(np.zeros(4), covariance), exactly(np.array([1.0, 2.0, 0.0, -2.0]), covariance)
    assert frechet_distance(a, b) == pytest.approx(9.0, rel=1e-9)


def test_diagonal_covariances():
    """sum (sqrt(v_a) - sqrt(v_b))^2 + |m_a - m_b|^2."""
    a = exactly(np.zeros(3), np.diag([1.0, 4.0, 9.0]))
    b = exactly(np.array([0.5, 0.0, 0.0]), np.diag([4.0, 4.0, 1.0]))
    assert frechet_distance(a, b) == pytest.approx(1 + 0 + 4 + 0.25, rel=1e-9)


def test_one_feature():
    a, b = exactly(np.zeros(1), np.eye(1)), exactly(np.ones(1), 9 * np.eye(1))
    assert frechet_distance(a, b) == pytest.approx(1 + 4, rel=1e-9)


def test_covariances_that_do_not_commute_agree_with_the_matrix_square_root():
    a, b = Moments(np.zeros(5), covariance_of(5, 5)), Moments(np.ones(5), covariance_of(5, 5))
    root = scipy.linalg.sqrtm(a.covariance @ b.covariance).real
    expected = 5 + np.trace(a.covariance + b.covariance - 2 * root)
    assert moments_distance(a, b) == pytest.approx(expected, rel=1e-9)
    assert moments_distance(b, a) == pytest.approx(expected, rel=1e-9)


def test_singular_covariances():
    """Orthogonal degenerate Gaussians share nothing: tr C_a + tr C_b."""
    a, b = np.diag([4.0, 0.0, 0.0, 0.0]), np.diag([0.0, 1.0, 1.0, 0.0])
    zero = np.zeros(4)
    assert frechet_distance(exactly(zero, a), exactly(zero, b)) == pytest.approx(6.0, rel=1e-9)
    # Equal ones of rank 3 in 50 dimensions: rounding only, beside a trace of about 150.
    low = covariance_of(50, 3)
    assert moments_distance(Moments(np.zeros(50), low), Moments(np.zeros(50), low)) < 1e-10


def test_a_constant_generator():
    data = exactly(np.array([3.0, 0.0]), np.diag([1.0, 2.0]))
    assert frechet_distance(np.zeros((200, 2)), data) == pytest.approx(9 + 3, rel=1e-9)


def test_identical_sets_have_distance_0():
    data = RANDOM.normal(size=(100, 20))
    assert frechet_distance(data, data) < 1e-12


def test_kept_moments_give_the_same_distance():
    a, b = RANDOM.normal(size=(50, 3)), RANDOM.normal(size=(60, 3))
    assert moments_distance(moments(a), moments(b)) == frechet_distance(a, b)


def test_the_jackknife_tells_how_far_another_draw_would_lie():
    """Beside the spread of 200 draws. 200 draws tell it to 5 %, 40 times 10 groups to 4 %."""
    rng = np.random.default_rng(1)
    reference = rng.normal(size=(20_000, 3))
    draws = [rng.normal(0.3, 1.2, size=(500, 3)) for _ in range(200)]
    spread = np.std([frechet_distance(draw, reference) for draw in draws])
    errors = [frechet_distance_error(draw, reference) for draw in draws[:40]]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(spread, rel=0.15)
