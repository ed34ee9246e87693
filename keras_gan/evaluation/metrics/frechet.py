"""The Frechet distance of two sets of features, each taken for a Gaussian."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import scipy.linalg

from keras_gan.evaluation.arrays import check_widths, matrix, parts
from keras_gan.evaluation.evidence import Evidence, Extracted
from keras_gan.evaluation.metrics.registry import MetricResult, metric, or_none
from keras_gan.utils.errors import EvaluationError


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


@metric("frechet", inputs="features")
def frechet(e: Evidence) -> Iterator[MetricResult]:
    """Frechet distance to the real images."""
    samples, real = e.of_samples.features, e.of_real.features
    yield MetricResult(
        "fd",
        frechet_distance(samples, real),
        or_none(lambda: frechet_distance_error(samples, real)),
        or_none(lambda: frechet_distance(e.of_training.features, real)),
        "lower",
    )


@metric("classes", inputs="classes")
def classes(e: Evidence) -> Iterator[MetricResult]:
    """Intra-class Frechet distance: of each class, its samples to its real images."""
    if e.labels is None:
        raise EvaluationError("The samples have no target classes of these data.")
    names = e.train.class_names

    def distances(images: Extracted) -> list[float]:
        return [_of_class(name, n, images, e.of_real) for n, name in enumerate(names)]

    found = distances(e.of_samples)
    references = or_none(lambda: distances(e.of_training))
    yield MetricResult(
        "intra_fd",
        float(np.mean(found)),
        reference=references and float(np.mean(references)),
        better="lower",
        note="the mean over classes",
        by_class={name: (found[n], references and references[n]) for n, name in enumerate(names)},
    )


def _of_class(name: str, number: int, images: Extracted, real: Extracted) -> float:
    try:
        rows = (one.features[one.labels == number] for one in (images, real))
        return frechet_distance(*rows)
    except EvaluationError as error:
        raise EvaluationError(f"The class {name}: {error}") from error
