"""How samples spread, beside how the data do: mode collapse, seen without labels."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator

import numpy as np

from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.metrics.energy import energy_distance, median_nearest
from keras_gan.evaluation.metrics.modes import MOST_TV, class_shares
from keras_gan.evaluation.metrics.neighbours import nearest
from keras_gan.evaluation.metrics.registry import MetricResult, metric

#: Below these shares of the data's own figures samples are called collapsed.
LEAST_SPREAD = 0.5
LEAST_NEAREST = 0.25

COUNT = 1_000  # samples and real ones that `fit` and `evaluate` compare, at most
_BINS = 20
_SAMPLES_A_BIN = 25  # at least, on average: exact sampling then has a total variation of 0.11


@dataclasses.dataclass(frozen=True)
class Diversity:
    """Samples beside as many real ones.

    Attributes:
        energy_distance: of the two, in the data's unit; about 0 where they are equal
            in distribution.
        spread: mean distance of two samples, over that of two real ones.
        nearest: median distance of a sample to its nearest fellow, over that of a
            real one.
        bin_tv: total variation, in [0, 1], between the shares of samples and of real
            ones in bins of the data; 1,000 exact samples have about 0.08.
    """

    energy_distance: float
    spread: float
    nearest: float
    bin_tv: float

    @property
    def collapsed(self) -> bool:
        return self.spread < LEAST_SPREAD or self.nearest < LEAST_NEAREST or self.bin_tv > MOST_TV

    def __str__(self) -> str:
        return (
            f"two samples are {self.spread:.2f} times as far apart as two real ones, nearest "
            f"neighbours {self.nearest:.2f} times; {self.bin_tv:.0%} of the samples are too "
            "many where they are, and missing elsewhere"
        )


class Reference:
    """Real samples that others are held against, cut into bins by k-means.

    Every point belongs to the nearest centre, so that poor samples have a bin as good
    ones have, and bins stand in for modes where there are no labels.

    Args:
        real: float (n, d).

    Raises:
        EvaluationError: fewer than two rows, or values that are not finite.

    Source: Richardson and Weiss 2018 (NDB), section 3. Departure: the total variation of
    the shares in place of the number of bins that differ, which grows with the samples.
    """

    def __init__(self, real: np.ndarray):
        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning

        self.real = real
        self.nearest = median_nearest(real)
        bins = min(_BINS, max(1, len(real) // _SAMPLES_A_BIN))
        with warnings.catch_warnings():
            # Fewer different images than bins: some bins are empty, and that is all.
            warnings.simplefilter("ignore", ConvergenceWarning)
            # In float64, where the order in which threads add does not show.
            means = KMeans(bins, n_init=1, random_state=0, copy_x=False)
            self.centres = means.fit(real.astype(np.float64)).cluster_centers_
        self.shares = self.shares_of(real)

    def shares_of(self, samples: np.ndarray) -> np.ndarray:
        """The share of samples in each bin: float64 (bins,)."""
        return class_shares(nearest(samples, self.centres)[1], len(self.centres))


def diversity(samples: np.ndarray, real: np.ndarray | Reference) -> Diversity:
    """Compares float (n, d) samples with float (m, d) real ones, m near n.

    `nearest` depends on the count, so that both should have about as many rows.

    Raises:
        EvaluationError: fewer than two of either, or values that are not finite.
    """
    data = real if isinstance(real, Reference) else Reference(real)
    energy = energy_distance(samples, data.real)
    return Diversity(
        energy.distance,
        _over(energy.spread_a, energy.spread_b),
        _over(median_nearest(samples), data.nearest),
        float(np.abs(data.shares_of(samples) - data.shares).sum() / 2),
    )


def _over(value: float, reference: float) -> float:
    """value / reference; 1 where the data themselves have no spread (copies of one image)."""
    return value / reference if reference > 0 else 1.0


@metric("diversity", inputs="samples")
def samples_diversity(e: Evidence) -> Iterator[MetricResult]:
    """The spread of the samples' pixels beside the data's: what `fit` watches, without labels."""
    count = min(e.count, e.train.num_samples, COUNT)
    real = e.rows("train")
    rows = np.random.default_rng(0).permutation(len(real))[:count]
    found = diversity(e.rows("samples")[:count], real[rows])
    warning = f"COLLAPSED: {found}" if found.collapsed else ""
    yield MetricResult("spread", found.spread, reference=1.0, count=count)
    yield MetricResult("nearest", found.nearest, reference=1.0, warning=warning, count=count)
    yield MetricResult(
        "bin_tv",
        found.bin_tv,
        better="lower",
        note="share of samples in excess in some bins of the data; about 0.1 by chance",
        count=count,
    )
