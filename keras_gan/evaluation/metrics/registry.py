"""What a metric is: a function of Evidence, with a name and what it looks at."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Literal, TypeVar

import numpy as np

from keras_gan.evaluation.evidence import Evidence
from keras_gan.utils.errors import EvaluationError

T = TypeVar("T")
Inputs = Literal["features", "classes", "images", "points", "samples"]


@dataclasses.dataclass(frozen=True)
class MetricResult:
    """One number and what to hold it against.

    Attributes:
        metric: its name without extractor and count: `fd`.
        value: the number.
        error: its standard error (of `score`: the standard deviation over splits).
        reference: the same of real training images in place of samples, or of exact samples.
        better: `higher`, `lower` or nothing, of two generators.
        note: what a reader has to know.
        warning: what nobody may overlook, or nothing.
        by_class: {class: (value, reference or None)}, where there is one for each.
        extractor: whose features or classes it is of, or `pixels`; None for neither.
        count: of samples; None stands for all that were drawn.
        against: `train` where it is of training images.
    """

    metric: str
    value: float
    error: float | None = None
    reference: float | None = None
    better: Literal["", "higher", "lower"] = ""
    note: str = ""
    warning: str = ""
    by_class: dict[str, tuple[float, float | None]] = dataclasses.field(default_factory=dict)
    extractor: str | None = None
    count: int | None = None
    against: str = "test"

    @property
    def name(self) -> str:
        """The metric with its extractor and count: `fd_mnist_cnn_10k`."""
        count = self.count or 0
        short = f"{count // 1000}k" if count and count % 1000 == 0 else str(count)
        against = "to_train" if self.against == "train" else ""
        return "_".join(part for part in (self.metric, self.extractor, short, against) if part)


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric of the table; called with Evidence it gives its results.

    Attributes:
        name: by which commands have it.
        inputs: what it looks at: an extractor's `features`, its `classes`, `images`, `points`,
            or `samples` of either kind.
        compute: Evidence -> results, whose extractor and count are filled in.

    Raises:
        EvaluationError: on a call, why it can't be computed.
    """

    name: str
    inputs: Inputs
    compute: Callable[[Evidence], Iterator[MetricResult]]

    def __call__(self, evidence: Evidence) -> list[MetricResult]:
        return [self._named(result, evidence) for result in self.compute(evidence)]

    def _named(self, result: MetricResult, e: Evidence) -> MetricResult:
        named = dataclasses.replace(result, count=result.count or e.count)
        if self.inputs not in ("features", "classes"):
            return named
        return dataclasses.replace(named, extractor=e.extractor.name, against=e.against)


def metric(name: str, *, inputs: Inputs) -> Callable[[Callable], Metric]:
    """Make a Metric of a function that yields results."""
    return lambda compute: Metric(name, inputs, compute)


def or_none(compute: Callable[[], T]) -> T | None:
    """Return a number beside another one; None where there are too few images for it."""
    try:
        return compute()
    except EvaluationError:
        return None


def share_error(share: float, count: int) -> float:
    """Return the binomial standard error of a share of `count` samples."""
    return float(np.sqrt(share * (1.0 - share) / count))
