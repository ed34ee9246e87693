"""The energy distance: a metric without features or labels, quick enough to run in training."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from keras_gan.evaluation.arrays import check_widths, matrix
from keras_gan.evaluation.distances import blocks, squared_distances
from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.metrics.neighbours import nearest
from keras_gan.evaluation.metrics.registry import MetricResult, metric, or_none

_BYTES_A_PAIR = 3 * 8  # float64 blocks: distances, their squares, what these are summed from


@dataclasses.dataclass(frozen=True)
class Energy:
    """The energy distance of two sets, and the spread of each.

    Attributes:
        distance: 2 E|x - y| - E|x - x'| - E|y - y'|; about 0 for equal distributions
            (unbiased, so it may fall below), positive otherwise.
        spread_a: E|x - x'|.
        spread_b: E|y - y'|. Their ratio is far from 1 where one set has collapsed.
    """

    distance: float
    spread_a: float
    spread_b: float


def energy_distance(a: np.ndarray, b: np.ndarray) -> Energy:
    """2 E|x - y| - E|x - x'| - E|y - y'|, no row being paired with itself.

    Args:
        a: numbers (n, ...), n >= 2.
        b: numbers (m, ...), m >= 2, equally wide.

    Returns:
        An Energy, in units of the features.

    Raises:
        EvaluationError: too few rows, NaNs, unequal widths.

    Source: Szekely and Rizzo 2013; a U-statistic, so that there is no bias.
    """
    a = matrix(a, "a", least=2, reason="pairs")
    b = matrix(b, "b", least=2, reason="pairs")
    check_widths(a=a, b=b)
    centre = b.mean(axis=0)  # distances stay; their rounding errors shrink
    a, b = a - centre, b - centre
    # A row's distance to itself, 0 but for rounding, is in the sums and not in the counts.
    spread_a = _sum_of_distances(a, a) / (len(a) * (len(a) - 1))
    spread_b = _sum_of_distances(b, b) / (len(b) * (len(b) - 1))
    between = _sum_of_distances(a, b) / (len(a) * len(b))
    return Energy(2 * between - spread_a - spread_b, spread_a, spread_b)


def median_nearest(a: np.ndarray) -> float:
    """The median distance of a sample to its nearest other one: 0 for a constant generator.

    Args:
        a: numbers (n, ...), n >= 2.

    Raises:
        EvaluationError: fewer than two rows, NaNs.
    """
    a = matrix(a, "a", least=2, reason="pairs", dtype=np.float32)
    return float(np.median(nearest(a, a, count=2)[0][:, 1]))  # the first is the sample itself


@tf.function(input_signature=(tf.TensorSpec([None, None], tf.float64),) * 2)
def _block_sum(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.sqrt(squared_distances(a, b)))


def _sum_of_distances(a: np.ndarray, b: np.ndarray) -> float:
    everything = tf.constant(b)
    return sum(
        float(_block_sum(a[rows], everything)) for rows in blocks(len(a), len(b), _BYTES_A_PAIR)
    )


@metric("energy", inputs="points")
def energy(e: Evidence) -> Iterator[MetricResult]:
    """Energy distance to the real points."""
    real = e.rows(e.against)
    value = energy_distance(e.rows("samples"), real).distance
    reference = or_none(lambda: energy_distance(e.rows("train")[e.training_rows], real).distance)
    yield MetricResult("energy", value, None, reference, "lower", against=e.against)
