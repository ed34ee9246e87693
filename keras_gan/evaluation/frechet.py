"""The Frechet distance of two sets of features, each taken for a Gaussian."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.linalg

from keras_gan.evaluation.arrays import check_widths, matrix, parts


@dataclasses.dataclass(frozen=True)
class Moments:
    """What the Frechet distance needs of a set of features.

    Attributes:
        mean: float64 (d,).
        covariance: float64 (d, d), unbiased.
    """

    mean: np.ndarray
    covariance: np.ndarray


def moments(features: np.ndarray, name: str = "features") -> Moments:
    """Mean and covariance, to be kept where a reference is compared with many times.

    Args:
        features: numbers (n, d), n > d.
        name: what an error calls them.

    Raises:
        EvaluationError: NaNs, or too few rows for a covariance of full rank.
    """
    width = int(np.prod(np.shape(features)[1:]))
    reason = f"more than the {width:,} features, for a covariance of full rank"
    features = matrix(features, name, least=max(width + 1, 2), reason=reason)
    return Moments(features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False)))


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)).

    Args:
        a: numbers (n, d), n > d.
        b: numbers (m, d), m > d.

    Returns:
        The squared distance, >= 0, in squared units of the features. It is biased
        upwards by about 1/n, so only figures of equal counts compare.

    Raises:
        EvaluationError: too few rows, NaNs, unequal widths.

    Source: Heusel 2017, equation 6; Dowson and Landau 1982.
    """
    return moments_distance(moments(a, "a"), moments(b, "b"))


def frechet_distance_error(a: np.ndarray, b: np.ndarray, groups: int = 10) -> float:
    """The standard error of `frechet_distance` by the draw of `a`; `b` is taken as given.

    By the jackknife: the distance without each of `groups` parts of `a` in turn, whose
    bias, of 1/n, is the same in all of them.

    Args:
        a, b: as for `frechet_distance`; nine tenths of `a` are still more than d rows.
        groups: how many parts.

    Raises:
        EvaluationError: as `frechet_distance`.

    Source: Efron and Tibshirani 1993, section 11.5, by groups.
    """
    known, rows = moments(b, "b"), np.arange(len(a))
    left_out = parts(len(a), max(1, len(a) // groups))[:groups]
    found = [moments_distance(moments(a[np.delete(rows, part)], "a"), known) for part in left_out]
    return float(np.sqrt(len(found) - 1) * np.std(found))


def moments_distance(a: Moments, b: Moments) -> float:
    """`frechet_distance` of sets whose moments are known.

    tr (C_a C_b)^(1/2) is the sum of the singular values of C_a^(1/2) C_b^(1/2): real
    whatever the ranks, which the square root of the unsymmetric C_a C_b is not.
    """
    check_widths(a=a.mean[None], b=b.mean[None])
    product = _root(a.covariance) @ _root(b.covariance)
    overlap = scipy.linalg.svdvals(product).sum()
    spread = np.trace(a.covariance) + np.trace(b.covariance) - 2 * overlap
    return max(0.0, float(np.square(a.mean - b.mean).sum() + spread))


def _root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root; eigenvalues within rounding of 0 are 0."""
    values, vectors = scipy.linalg.eigh(covariance)
    noise = len(values) * np.finfo(np.float64).eps * values[-1]
    return (vectors * np.sqrt(np.where(values > noise, values, 0.0))) @ vectors.T
