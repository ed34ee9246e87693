"""The kernel distance (KID): the squared maximum mean discrepancy of two sets of features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_gan.evaluation.arrays import check_widths, matrix, parts
from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.metrics.registry import MetricResult, metric, or_none

LARGEST_BLOCK = 1_000


def kernel_distance(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Unbiased MMD^2 with the kernel (x.y / d + 1)^3, over disjoint blocks.

    Blocks have 1,000 rows of each set or fewer, and there are at least two, so that
    there is a standard error. Of the larger set as many rows as of the smaller are used.

    Args:
        a: numbers (n, d), n >= 4.
        b: numbers (m, d), m >= 4.

    Returns:
        (mean over blocks, its standard error). The mean may fall below 0.

    Raises:
        EvaluationError: too few rows, NaNs, unequal widths.

    Source: Binkowski 2018, section 4. Departure: disjoint blocks, whose results are nearly
    independent, in place of random ones that overlap.
    """
    reason = "two blocks of two"
    a, b = matrix(a, "a", least=4, reason=reason), matrix(b, "b", least=4, reason=reason)
    check_widths(a=a, b=b)
    count = min(len(a), len(b))
    size = count // max(2, -(-count // LARGEST_BLOCK))
    pairs = zip(parts(len(a), size), parts(len(b), size), strict=False)
    found = np.array([unbiased_mmd(a[rows_a], b[rows_b]) for rows_a, rows_b in pairs])
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(len(found)))


def unbiased_mmd(a: np.ndarray, b: np.ndarray) -> float:
    """E k(x, x') + E k(y, y') - 2 E k(x, y), no row being paired with itself.

    Args:
        a: float64 (n, d), n >= 2.
        b: float64 (m, d), m >= 2.

    Source: Gretton 2012, lemma 6.
    """

    def within(x: np.ndarray) -> float:
        values = _kernel(x, x)
        return (values.sum() - np.trace(values)) / (len(x) * (len(x) - 1))

    return float(within(a) + within(b) - 2 * _kernel(a, b).mean())


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    base = x @ y.T / x.shape[1] + 1.0
    return base * base * base  # a general power takes ten times as long


@metric("kernel", inputs="features")
def kernel(e: Evidence) -> Iterator[MetricResult]:
    """Kernel distance (KID), unbiased, with its standard error."""
    real = e.of_real.features
    value, error = kernel_distance(e.of_samples.features, real)
    reference = or_none(lambda: kernel_distance(e.of_training.features, real)[0])
    yield MetricResult("kd", value, error, reference, "lower")
