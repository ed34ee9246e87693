"""How often the discriminator of a game with classes errs on test images."""

from __future__ import annotations

from collections.abc import Iterator

from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.metrics.registry import MetricResult, metric, share_error
from keras_gan.utils.errors import EvaluationError


@metric("test_error", inputs="images")
def test_error(e: Evidence) -> Iterator[MetricResult]:
    """The share of all test images whose class the run's own discriminator does not predict."""
    if e.classify is None:
        raise EvaluationError(
            "The discriminator predicts no classes of these data: the games acgan and "
            "semi_supervised teach it."
        )
    if e.tested.class_names != e.train.class_names:
        raise EvaluationError("The test images have other classes than the training images.")
    wrong = e.classify(e.tested.images) != e.tested.labels
    rows = {n: e.tested.labels == i for i, n in enumerate(e.tested.class_names)}
    error = float(wrong.mean())
    yield MetricResult(
        "test_error",
        error,
        share_error(error, len(wrong)),
        better="lower",
        note="of the discriminator as a classifier",
        by_class={n: (float(wrong[here].mean()), None) for n, here in rows.items()},
        count=len(wrong),
    )
