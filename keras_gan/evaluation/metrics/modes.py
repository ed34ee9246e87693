"""Which modes of the data samples reach: classes, or components of a known mixture."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from scipy import stats
from scipy.special import rel_entr

from keras_gan.data.densities import DENSITIES
from keras_gan.evaluation.arrays import check_widths, matrix
from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.metrics.registry import MetricResult, metric, share_error
from keras_gan.utils.errors import EvaluationError

#: A sample within so many standard deviations of a mean is of high quality.
QUALITY_STDDEVS = 3.0
#: Samples are called collapsed where more than this share of them, beside what chance
#: does, would have to move for every mode to have its share.
MOST_TV = 0.4


@dataclasses.dataclass(frozen=True)
class ClassCoverage:
    """How samples fall into classes.

    Attributes:
        modes: number of classes with at least one sample.
        kl: KL(samples || data), nats; infinite if a class of samples has no data.
        total_variation: sum |p - q| / 2, in [0, 1].
        shares: float64 (classes,), the samples'.
        collapsed: whether `total_variation` is more than 0.4 above what exact sampling
            has. The number of modes can't tell: a classifier that errs finds them all.
    """

    modes: int
    kl: float
    total_variation: float
    shares: np.ndarray
    collapsed: bool


def class_shares(classes: np.ndarray, num_classes: int) -> np.ndarray:
    """The share of each class.

    Args:
        classes: int (n,) in 0..num_classes-1, n >= 1.
        num_classes: how many there are.

    Returns:
        float64 (num_classes,) with the sum 1.

    Raises:
        EvaluationError: no samples, or a class that there is not.
    """
    classes = np.asarray(classes).ravel()
    if not classes.size:
        raise EvaluationError("`classes` should have at least 1 row. Received: 0.")
    if classes.min() < 0 or classes.max() >= num_classes:
        raise EvaluationError(
            f"`classes` should be from 0 to {num_classes - 1}. Received: {classes.min()} to "
            f"{classes.max()}."
        )
    return np.bincount(classes, minlength=num_classes) / classes.size


def class_coverage(classes: np.ndarray, data_shares: np.ndarray) -> ClassCoverage:
    """Compares the samples' classes with the data's.

    Args:
        classes: int (n,), what a classifier takes the samples for. For stacked MNIST
            the three digits of a sample make its class, 0 to 999.
        data_shares: float (classes,) with the sum 1: `class_shares` of the data.

    Raises:
        EvaluationError: no samples, or a class that the data do not have.

    Source: Srivastava 2017 (VEEGAN), section 4: number of modes and KL.
    """
    data_shares = matrix(data_shares, "data_shares")[:, 0]
    shares = class_shares(classes, len(data_shares))
    total_variation = float(np.abs(shares - data_shares).sum() / 2)
    by_chance = exact_total_variation(np.size(classes), data_shares)
    return ClassCoverage(
        modes=int(np.count_nonzero(shares)),
        kl=float(rel_entr(shares, data_shares).sum()),
        total_variation=total_variation,
        shares=shares,
        collapsed=total_variation > MOST_TV + by_chance,
    )


def exact_kl(count: int, num_classes: int) -> float:
    """The reference for `ClassCoverage.kl`: what `count` exact samples have on average.

    (classes - 1) / (2 count) nats: 2 count KL is chi-squared with classes - 1 degrees
    of freedom for many samples a class (Wilks 1938).
    """
    return (num_classes - 1) / (2 * count)


def exact_total_variation(count: int, data_shares: np.ndarray) -> float:
    """The reference for `ClassCoverage.total_variation`: what `count` exact samples have.

    Half the sum of E|p - q| = sqrt(2 q (1 - q) / (pi count)), where classes have many
    samples; with one a class it is 8% too large.
    """
    return float(np.sqrt(data_shares * (1 - data_shares) / (2 * np.pi * count)).sum())


@dataclasses.dataclass(frozen=True)
class MixtureCoverage:
    """How points fall onto a mixture of Gaussians.

    Attributes:
        modes: number of components with at least one high-quality point.
        quality: share of high-quality points: within 3 stddev of the nearest mean.
        shares: float64 (k,), each component's share of the high-quality points.
        stddevs: float64 (k,), the standard deviation of each component's high-quality
            points over that of exact ones; NaN with fewer than two points.
    """

    modes: int
    quality: float
    shares: np.ndarray
    stddevs: np.ndarray

    @property
    def collapsed(self) -> bool:
        """Whether the shares are more than 0.4 in total variation from equal ones."""
        return bool(np.abs(self.shares - 1 / len(self.shares)).sum() / 2 > MOST_TV)


def mixture_coverage(points: np.ndarray, means: np.ndarray, stddev: float) -> MixtureCoverage:
    """Modes covered, quality and width of each mode.

    A component's standard deviation is that of its high-quality points about their own
    mean, over all coordinates, divided by that of exact points cut off at 3 stddev too.
    Exact sampling has 1, and points between the modes do not count as width; but nor do
    a wide mode's points beyond 3 stddev (an endlessly wide one has 1.54 on the plane),
    which are missing in `quality` instead, nor a mode's being off its true mean.

    Args:
        points: numbers (n, dim), n >= 1.
        means: numbers (k, dim), more than 6 stddev apart.
        stddev: of each component in every direction, > 0.

    Raises:
        EvaluationError: no points, NaNs, unequal widths, stddev not positive.

    Source: Srivastava 2017 (VEEGAN), section 4, and Lin 2018 (PacGAN), section 4.1.
    """
    points, means = matrix(points, "points"), matrix(means, "means")
    check_widths(points=points, means=means)
    if not stddev > 0:
        raise EvaluationError(f"`stddev` should be positive. Received: {stddev}.")
    # One component at a time: exact differences, and never (n, k, dim) at once.
    distances = np.stack([np.linalg.norm(points - mean, axis=1) for mean in means])
    nearest = distances.argmin(axis=0)
    good = distances.min(axis=0) <= QUALITY_STDDEVS * stddev
    counts = np.bincount(nearest[good], minlength=len(means))
    expected = stddev * _cut_off_stddev(points.shape[1])
    return MixtureCoverage(
        modes=int(np.count_nonzero(counts)),
        quality=float(good.mean()),
        shares=counts / max(1, counts.sum()),
        stddevs=np.array(
            [_pooled_stddev(points[good & (nearest == mode)]) for mode in range(len(means))]
        )
        / expected,
    )


def exact_quality(dim: int) -> float:
    """The reference for `MixtureCoverage.quality`: P(|x| <= 3) for x ~ N(0, I)."""
    return float(stats.chi.cdf(QUALITY_STDDEVS, dim))


def _cut_off_stddev(dim: int) -> float:
    """A coordinate's standard deviation, x ~ N(0, I), given that |x| <= 3.

    E[r^2; r <= c] = dim P(chi^2_{dim+2} <= c^2).
    """
    limit = QUALITY_STDDEVS**2
    return float(np.sqrt(stats.chi2.cdf(limit, dim + 2) / stats.chi2.cdf(limit, dim)))


def _pooled_stddev(points: np.ndarray) -> float:
    if len(points) < 2:
        return float("nan")
    return float(np.sqrt(points.var(axis=0, ddof=1).mean()))


@metric("modes", inputs="classes")
def modes(e: Evidence) -> Iterator[MetricResult]:
    """How samples spread over the classes."""
    probabilities = e.of_samples.probabilities
    num_classes = probabilities.shape[1]
    data = class_shares(e.of_real.probabilities.argmax(axis=1), num_classes)
    known = num_classes >= 100  # too many for a share each to be counted: the data's own design
    if known:
        data = np.full(num_classes, 1.0 / num_classes)
    found = class_coverage(probabilities.argmax(axis=1), data)
    # Shares that are counted, not known, have an error of their own.
    counted = 0.0 if known else exact_kl(e.of_real.count, num_classes)
    exact = {"better": "lower", "note": "beside it: what exact sampling has"}
    warning = "COLLAPSED: some classes have the samples of others" if found.collapsed else ""
    kl, tv = exact_kl(e.count, num_classes) + counted, exact_total_variation(e.count, data)
    yield MetricResult("modes", found.modes, None, num_classes, "higher", warning=warning)
    yield MetricResult("class_kl", found.kl, reference=kl, **exact)
    yield MetricResult("class_tv", found.total_variation, reference=tv, **exact)
    for name, end in (("rarest_class", np.min), ("largest_class", np.max)):
        yield MetricResult(name, float(end(found.shares)), reference=float(end(data)))


@metric("mixture", inputs="points")
def mixture(e: Evidence) -> Iterator[MetricResult]:
    """Modes of a known mixture, and the share of samples within 3 sigma of one."""
    if e.train.name not in DENSITIES:
        raise EvaluationError(f"{e.train.name} is no known mixture.")
    means, stddev = DENSITIES[e.train.name]
    found = mixture_coverage(e.samples, means, stddev)
    known = found.stddevs[np.isfinite(found.stddevs)]
    stddevs = known if len(known) else np.array([np.nan])
    warning = "COLLAPSED: some modes have the samples of others" if found.collapsed else ""
    yield MetricResult("modes", found.modes, None, len(means), "higher", warning=warning)
    error = share_error(found.quality, e.count)
    yield MetricResult("quality", found.quality, error, exact_quality(means.shape[1]), "higher")
    for name, end in (("rarest", np.min), ("largest", np.max)):
        yield MetricResult(f"{name}_share", float(end(found.shares) * len(means)), reference=1.0)
    for name, end in (("least", np.min), ("largest", np.max)):
        yield MetricResult(f"{name}_stddev", float(end(stddevs)), reference=1.0)
