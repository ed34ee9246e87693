"""The metrics by name. To add one: a file with a `@metric` function, and a row here."""

from __future__ import annotations

from keras_gan.evaluation.metrics import (
    classifier_score,
    divergence,
    diversity,
    energy,
    frechet,
    kernel,
    modes,
    neighbours,
    parzen,
    prdc,
    test_error,
)
from keras_gan.evaluation.metrics.registry import Metric
from keras_gan.utils.registry import Registry

#: In the order in which results are shown.
METRICS: Registry[Metric] = Registry(
    "metric",
    {
        entry.name: entry
        for entry in (
            frechet.frechet,
            kernel.kernel,
            prdc.fidelity,
            classifier_score.score,
            modes.modes,
            frechet.classes,
            diversity.samples_diversity,
            neighbours.neighbours,
            parzen.likelihood,
            test_error.test_error,
            modes.mixture,
            divergence.divergence,
            energy.energy,
        )
    },
)


def metrics_of(*inputs: str) -> set[str]:
    """Return the names of the metrics that look at such inputs."""
    return {name for name, entry in METRICS.items() if entry.inputs in inputs}
