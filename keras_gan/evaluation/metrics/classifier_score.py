"""What a classifier's class probabilities say of samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import rel_entr

from keras_gan.evaluation.arrays import matrix, parts
from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.metrics.registry import MetricResult, metric, or_none, share_error
from keras_gan.utils.errors import EvaluationError


def classifier_score(probabilities: np.ndarray, splits: int = 10) -> tuple[float, float]:
    """exp(E_x KL(p(y|x) || p(y))): from 1 to the number of classes.

    Args:
        probabilities: float (n, classes), rows sum to 1; n >= 2 * splits.
        splits: into how many random parts of equal size the samples are cut.

    Returns:
        (mean, standard deviation) of the parts' scores.

    Raises:
        EvaluationError: too few rows, NaNs, rows that are no probabilities.

    Source: Salimans 2016, section 4 (there with Inception's classes).
    """
    probabilities = _probabilities(probabilities, 2 * splits, f"two in each of {splits} parts")
    scores = []
    for rows in parts(len(probabilities), len(probabilities) // splits)[:splits]:
        part = probabilities[rows]
        divergences = rel_entr(part, part.mean(axis=0)).sum(axis=1)
        scores.append(np.exp(divergences.mean()))
    return float(np.mean(scores)), float(np.std(scores))


def confident_share(probabilities: np.ndarray, threshold: float = 0.9) -> float:
    """The share of samples whose most probable class has p > `threshold`.

    Args:
        probabilities: float (n, classes), rows sum to 1.
        threshold: in [0, 1).

    Raises:
        EvaluationError: as `classifier_score`.
    """
    return float((_probabilities(probabilities).max(axis=1) > threshold).mean())


def label_accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The share of samples whose most probable class is the label asked for.

    Args:
        probabilities: float (n, classes), rows sum to 1.
        labels: int (n,).

    Raises:
        EvaluationError: as `classifier_score`, or not a label a sample.
    """
    probabilities = _probabilities(probabilities)
    if np.shape(labels) != (len(probabilities),):
        raise EvaluationError(
            f"`labels` should be one a sample, ({len(probabilities)},). Received: shape "
            f"{np.shape(labels)}."
        )
    return float((probabilities.argmax(axis=1) == np.asarray(labels)).mean())


def _probabilities(values: np.ndarray, least: int = 1, reason: str = "") -> np.ndarray:
    probabilities = matrix(values, "probabilities", least, reason)
    # Half precision rounds a sum of some hundred classes by less than this.
    sums_to_one = np.allclose(probabilities.sum(axis=1), 1.0, rtol=0, atol=1e-2)
    if not sums_to_one or probabilities.min() < 0:
        raise EvaluationError(
            "`probabilities` should be from 0 to 1, each row with the sum 1. Received: values "
            f"from {probabilities.min():g} to {probabilities.max():g}; logits need a softmax."
        )
    return probabilities / probabilities.sum(axis=1, keepdims=True)


@metric("score", inputs="classes")
def score(e: Evidence) -> Iterator[MetricResult]:
    """Classifier score, share of confident samples, and of those with their target label."""
    samples = e.of_samples.probabilities
    value, spread = classifier_score(samples)
    reference = or_none(lambda: classifier_score(e.of_training.probabilities)[0])
    yield MetricResult("score", value, spread, reference, "higher", "error: std over 10 splits")
    share = confident_share(samples)
    error = share_error(share, e.count)
    reference = or_none(lambda: confident_share(e.of_training.probabilities))
    yield MetricResult("confident", share, error, reference, "higher", "share with p > 0.9")
    if e.labels is None:
        return
    accuracy, names = label_accuracy(samples, e.labels), e.train.class_names
    found = _by_class(samples, e.labels, len(names))
    real = or_none(lambda: _by_class(e.of_real.probabilities, e.of_real.labels, len(names))) or {}
    yield MetricResult(
        "label_accuracy",
        accuracy,
        share_error(accuracy, e.count),
        e.extractor.accuracy,
        "higher",
        by_class={name: (found[n], real.get(n)) for n, name in enumerate(names) if n in found},
    )


def _by_class(probabilities: np.ndarray, labels: np.ndarray, count: int) -> dict[int, float]:
    """Return the label accuracy of each class that there is, by its id."""
    rows = {number: labels == number for number in range(count) if (labels == number).any()}
    return {n: label_accuracy(probabilities[here], labels[here]) for n, here in rows.items()}
