"""How samples spread, beside how the data do: mode collapse, seen without labels."""

from __future__ import annotations

import dataclasses

import numpy as np

from keras_gan.evaluation.energy import energy_distance, median_nearest

#: Below these shares of the data's own figures samples are called collapsed.
LEAST_SPREAD = 0.5
LEAST_NEAREST = 0.25


@dataclasses.dataclass(frozen=True)
class Diversity:
    """Samples beside as many real ones.

    Attributes:
        energy_distance: of the two, in the data's unit; about 0 where they are equal
            in distribution.
        spread: mean distance of two samples, over that of two real ones.
        nearest: median distance of a sample to its nearest fellow, over that of a
            real one.
    """

    energy_distance: float
    spread: float
    nearest: float

    @property
    def collapsed(self) -> bool:
        return self.spread < LEAST_SPREAD or self.nearest < LEAST_NEAREST

    def __str__(self) -> str:
        return (
            f"two samples are {self.spread:.2f} times as far apart as two real ones, nearest "
            f"neighbours {self.nearest:.2f} times"
        )


def diversity(samples: np.ndarray, real: np.ndarray) -> Diversity:
    """Compares float (n, d) samples with float (m, d) real ones, m near n.

    `nearest` depends on the count, so that both should have about as many rows.

    Raises:
        EvaluationError: fewer than two of either, or values that are not finite.
    """
    energy = energy_distance(samples, real)
    return Diversity(
        energy.distance,
        _over(energy.spread_a, energy.spread_b),
        _over(median_nearest(samples), median_nearest(real)),
    )


def flat(samples: np.ndarray) -> np.ndarray:
    """float32 (n, d): uint8 images as floats in [-1, 1], floats as they are."""
    samples = samples.reshape(len(samples), -1)
    if samples.dtype == np.uint8:
        return samples.astype(np.float32) / 127.5 - 1.0
    return samples.astype(np.float32)


def _over(value: float, reference: float) -> float:
    """value / reference; 1 where the data themselves have no spread (copies of one image)."""
    return value / reference if reference > 0 else 1.0
