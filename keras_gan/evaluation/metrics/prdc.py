"""Precision, recall, density and coverage: fidelity and diversity apart.

All four compare balls around samples: a ball reaches to its centre's k-th nearest
neighbour within the same set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from keras_gan.evaluation.arrays import check_widths, matrix
from keras_gan.evaluation.distances import blocks, squared_distances
from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.metrics.registry import MetricResult, metric, or_none, share_error

#: k of precision and recall (Kynkaanniemi 2019) and of density and coverage (Naeem 2020).
RECALL_NEIGHBOURS = 3
COVERAGE_NEIGHBOURS = 5

_BYTES_A_PAIR = 3 * 8  # float64 blocks: distances, what they are summed from, booleans

_MATRIX = tf.TensorSpec([None, None], tf.float64)
_VECTOR = tf.TensorSpec([None], tf.float64)


@dataclasses.dataclass(frozen=True)
class Fidelity:
    """Shares of samples, in [0, 1]; density may exceed 1.

    Attributes:
        precision: of generated samples that lie in some real sample's ball.
        recall: of real samples that lie in some generated sample's ball.
        density: how many real balls hold a generated sample, on average, over k.
        coverage: of real samples whose ball holds a generated one.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(real: np.ndarray, fake: np.ndarray) -> Fidelity:
    """Precision and recall with k = 3, density and coverage with k = 5.

    Args:
        real: numbers (n, d), n > 5.
        fake: numbers (m, d), m > 5. Recall and coverage depend on the counts, so only
            figures of equal counts compare.

    Returns:
        A Fidelity.

    Raises:
        EvaluationError: too few rows, NaNs, unequal widths.

    Source: Kynkaanniemi 2019, equations 1 and 2; Naeem 2020, section 3. A
    sample on a ball's surface is inside for all four, as in the former.
    """
    least, reason = COVERAGE_NEIGHBOURS + 1, f"each needs {COVERAGE_NEIGHBOURS} neighbours"
    real = matrix(real, "real", least, reason)
    fake = matrix(fake, "fake", least, reason)
    check_widths(real=real, fake=fake)
    centre = real.mean(axis=0)  # distances stay; their rounding errors shrink
    real, fake = real - centre, fake - centre
    real_balls, real_wide_balls = _balls(real)
    fake_balls, _ = _balls(fake)
    precise, density = np.empty(len(fake), bool), np.empty(len(fake))
    recalled, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    centres = tf.constant(real)
    for rows in blocks(len(fake), len(real), _BYTES_A_PAIR):
        found = _inside(fake[rows], centres, fake_balls[rows], real_balls, real_wide_balls)
        precise[rows], density[rows] = found[0], found[1]
        recalled |= found[2].numpy()
        covered |= found[3].numpy()
    return Fidelity(
        precision=float(precise.mean()),
        recall=float(recalled.mean()),
        density=float(density.mean()) / COVERAGE_NEIGHBOURS,
        coverage=float(covered.mean()),
    )


def _balls(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared radii for k = 3 and k = 5, a hair wider so that ties survive rounding."""
    everything = tf.constant(points)
    radii = np.concatenate(
        [
            _nearest_squared(points[rows], everything)
            for rows in blocks(len(points), len(points), _BYTES_A_PAIR)
        ]
    )
    # The nearest of all is the point itself. A pair within a radius r of x has a
    # rounding error of a few eps * (|x|^2 + r^2).
    radii = radii[:, [RECALL_NEIGHBOURS, COVERAGE_NEIGHBOURS]]
    radii += 1e-13 * (radii + np.square(points).sum(axis=1, keepdims=True))
    return radii[:, 0], radii[:, 1]


@tf.function(input_signature=(_MATRIX, _MATRIX))
def _nearest_squared(points: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
    """The COVERAGE_NEIGHBOURS + 1 least squared distances of each point, ascending."""
    squared = squared_distances(points, references)
    return -tf.math.top_k(-squared, k=COVERAGE_NEIGHBOURS + 1).values


@tf.function(input_signature=(_MATRIX, _MATRIX, _VECTOR, _VECTOR, _VECTOR))
def _inside(fake, real, fake_balls, real_balls, real_wide_balls) -> tuple[tf.Tensor, ...]:
    """For a block of generated samples: precise (fake,), density (fake,), recalled
    (real,), covered (real,)."""
    squared = squared_distances(fake, real)
    in_wide = squared <= real_wide_balls
    return (
        tf.reduce_any(squared <= real_balls, axis=1),
        tf.math.count_nonzero(in_wide, axis=1, dtype=tf.int32),
        tf.reduce_any(squared <= fake_balls[:, None], axis=0),
        tf.reduce_any(in_wide, axis=0),
    )


@metric("fidelity", inputs="features")
def fidelity(e: Evidence) -> Iterator[MetricResult]:
    """Precision, recall, density and coverage."""
    real = e.of_real.features
    found = dataclasses.asdict(prdc(real, e.of_samples.features))
    kept = f"prdc-{e.against}-{e.extractor.name}-{e.count}"
    reference = or_none(
        lambda: e.cache.arrays(kept, lambda: dataclasses.asdict(prdc(real, e.of_training.features)))
    )
    rows = dict.fromkeys(("recall", "coverage"), len(real))  # shares of real images
    for name, value in found.items():
        yield MetricResult(
            name,
            value,
            # Density is no share.
            None if name == "density" else share_error(value, rows.get(name, e.count)),
            float(reference[name]) if reference else None,
            "higher",
        )
