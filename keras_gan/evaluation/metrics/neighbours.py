"""Nearest neighbours, and what they say of memorised training images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from scipy.stats import rankdata

from keras_gan.evaluation.arrays import check_widths, matrix, parts
from keras_gan.evaluation.distances import blocks
from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.metrics.registry import MetricResult, metric
from keras_gan.utils.errors import EvaluationError

#: Candidates beyond those asked for, since float32 may order near ties wrongly.
_SPARE = 4

_MEMORISED = 0.95  # from this share on

_BYTES_A_PAIR = 4  # one block of float32 products


@tf.function(
    input_signature=(
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([], tf.int32),
    )
)
def _candidates(queries: tf.Tensor, references: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Rows of the greatest x.y - |y|^2 / 2, which are the nearest: int32 (queries, count).

    The last coordinates, 1 of x and -|y|^2 / 2 of y, make that one product.
    """
    products = tf.matmul(queries, references, transpose_b=True)
    return tf.math.top_k(products, count, sorted=False).indices


def _centred(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """float32 (n, d + 1): distances stay, their rounding errors shrink; the last is 1."""
    extended = np.ones((len(points), len(centre) + 1), np.float32)
    np.subtract(points, centre, out=extended[:, :-1])
    return extended


def nearest(
    queries: np.ndarray, references: np.ndarray, count: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest references of each query.

    Numbers are taken as float32. Candidates come from matrix products in that type on all
    cores; their distances are computed anew in float64, from differences, and ordered.

    Args:
        queries: numbers (n, ...).
        references: numbers (m, ...), equally wide, m >= count.
        count: how many neighbours, >= 1.

    Returns:
        Euclidean distances float64 (n, count), ascending, and the rows of `references`,
        int64 (n, count).

    Raises:
        EvaluationError: too few rows, NaNs, unequal widths.
    """
    queries = matrix(queries, "queries", dtype=np.float32)
    references = matrix(
        references, "references", count, f"for {count} neighbours each", dtype=np.float32
    )
    check_widths(queries=queries, references=references)
    centre = references.mean(axis=0)
    others = _centred(references, centre)
    others[:, -1] = -0.5 * np.einsum("ij,ij->i", others[:, :-1], others[:, :-1])
    others = tf.constant(others)
    asked = min(count + _SPARE, len(references))
    distances, rows = [], []
    for block in blocks(len(queries), len(references), _BYTES_A_PAIR):
        found = _candidates(_centred(queries[block], centre), others, asked).numpy()
        exact, ordered = _ordered(queries[block], references, np.sort(found, axis=1))
        distances.append(exact[:, :count])
        rows.append(ordered[:, :count])
    return np.concatenate(distances), np.concatenate(rows)


def _ordered(
    queries: np.ndarray, references: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Exact distances to the candidates `rows` (n, c), and these, nearest first."""
    exact = np.stack(
        [
            np.linalg.norm(queries.astype(np.float64) - references[candidate], axis=1)
            for candidate in rows.T
        ],
        axis=1,
    )
    order = exact.argsort(axis=1, kind="stable")
    return np.take_along_axis(exact, order, 1), np.take_along_axis(rows, order, 1).astype(np.int64)


def memorisation(samples_to_train: np.ndarray, test_to_train: np.ndarray) -> float:
    """P(a sample lies nearer to its nearest training image than a test image does).

    0.5: samples lie as near as unseen images do; 1: copies; below 0.5: farther away
    than unseen images, as blurred or poor samples are. Ties count half.

    Args:
        samples_to_train: float (n,), distances from `nearest`.
        test_to_train: float (m,), the same for test images.

    Returns:
        In [0, 1]: Mann and Whitney's U over n m.

    Raises:
        EvaluationError: no distances, NaNs.

    Source: Meehan 2020 (a test of data-copying). Departure: over the whole space in place
    of cells of it, and U itself in place of its z-score, which grows with the samples.
    """
    samples = matrix(samples_to_train, "samples_to_train").ravel()
    test = matrix(test_to_train, "test_to_train").ravel()
    ranks = rankdata(np.concatenate([test, samples]))
    count = len(test)
    farther = ranks[:count].sum() - count * (count + 1) / 2
    return float(farther / (count * len(samples)))


def distance_ratio(samples: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Mean distance to the nearest training image over that to the nearest test image.

    About 1: samples are no nearer to what was seen than to what was not; 0: copies. The
    nearest of 60,000 is nearer than that of 10,000, seen or not, so training images are
    cut into random blocks as large as the test set. A copy's original is in one block
    only: a sample's distances are averaged over blocks geometrically, which leaves a
    copy its 0 and differs little from the plain mean (below 1%) otherwise.

    Args:
        samples: numbers (n, ...).
        train: numbers (m, ...), equally wide.
        test: numbers (t, ...), equally wide; if t > m, m of them are used.

    Raises:
        EvaluationError: no rows, NaNs, unequal widths, samples that are all test images.
    """
    train, test = matrix(train, "train", dtype=np.float32), matrix(test, "test", dtype=np.float32)
    size = min(len(train), len(test))
    to_test, _ = nearest(samples, test[parts(len(test), size)[0]])
    if not to_test.any():
        raise EvaluationError("`samples` should not all be test images: the ratio is infinite.")
    to_train = [nearest(samples, train[rows])[0] for rows in parts(len(train), size)]
    with np.errstate(divide="ignore"):  # log 0 is a copy, and exp(-inf) = 0 is what it should be
        geometric = np.exp(np.log(to_train).mean(axis=0))
    return float(geometric.mean() / to_test.mean())


@metric("neighbours", inputs="images")
def neighbours(e: Evidence) -> Iterator[MetricResult]:
    """Memorisation, in pixels and in the extractor's features."""
    spaces = {"pixels": (e.rows("samples"), e.rows("train")[e.seen], e.rows("test"))}
    if e.extractor is not None and e.extractor.name != "pixels":
        train = e.train_features[e.seen]
        spaces[e.extractor.name] = (e.of_samples.features, train, e.test_features)
    for space, (samples, train, test) in spaces.items():
        kept = e.cache.arrays(
            f"nearest-{space}-{e.seen.start}-{e.seen.stop}",
            lambda test=test, train=train: {"distances": nearest(test, train)[0][:, 0]},
        )
        share = memorisation(nearest(samples, train)[0][:, 0], kept["distances"])
        yield MetricResult(
            "memorisation",
            share,
            reference=0.5,
            note="0.5: as near to training images as unseen ones; 1: copies",
            warning="MEMORISED: samples are nearer to training images than unseen images are"
            if share > _MEMORISED
            else "",
            extractor=space,
        )
        yield MetricResult(
            "train_test_ratio",
            distance_ratio(samples, train, test),
            reference=1.0,
            note="distance to training over distance to test images",
            extractor=space,
        )
