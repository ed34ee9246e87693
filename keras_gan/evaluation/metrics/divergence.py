"""How far samples on the line are from a known density."""

from __future__ import annotations

from collections.abc import Iterator

from keras_gan.evaluation.densities import divergences, mixtures
from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.metrics.registry import MetricResult, metric
from keras_gan.utils.errors import EvaluationError


@metric("divergence", inputs="points")
def divergence(e: Evidence) -> Iterator[MetricResult]:
    """Jensen-Shannon divergence from a known density on the line, and V at the best D."""
    if e.samples.shape[1] != 1:
        raise EvaluationError("The divergence is computed on the line only.")
    known = mixtures.of_data(e.train.name)
    found = divergences.to_samples(known, e.samples)
    exact = divergences.to_samples(known, known.sample(e.count, seed=0))
    jsd, best = found.jensen_shannon, found.optimal_value
    yield MetricResult("jsd", jsd, None, exact.jensen_shannon, "lower", "nats")
    note = "V(D*, G) = 2 JSD - log 4, nats"
    yield MetricResult("optimal_value", best, None, exact.optimal_value, note=note)
