"""Densities of which everything is known: equal mixtures of round Gaussians."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.special import logsumexp

from keras_gan.data.densities import DENSITIES
from keras_gan.utils.errors import ConfigError, suggestion


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """Gaussians of equal weight, with the same standard deviation in every direction.

    Args:
        means: float (k, dim).
        stddev: of each component, above 0.
    """

    means: np.ndarray
    stddev: float

    @property
    def dim(self) -> int:
        return self.means.shape[1]

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """log p(x) = logsumexp_i(-|x - m_i|^2 / (2 s^2)) - log k - dim log(s sqrt(2 pi)).

        Args:
            points: float (n, dim).

        Returns:
            float64 (n,), nats.
        """
        points, means = np.asarray(points, np.float64), np.asarray(self.means, np.float64)
        squared = ((points[:, None] - means[None]) ** 2).sum(axis=-1)
        constant = np.log(len(means)) + self.dim * np.log(self.stddev * np.sqrt(2 * np.pi))
        return logsumexp(-squared / (2 * self.stddev**2), axis=1) - constant

    def sample(self, count: int, seed: int) -> np.ndarray:
        """Draws points, a function of `seed`: float32 (count, dim)."""
        random = np.random.default_rng(seed)
        drawn = self.means[random.integers(len(self.means), size=count)]
        return (drawn + self.stddev * random.normal(size=drawn.shape)).astype(np.float32)


def of_data(name: str) -> Mixture:
    """The density behind a toy data set, a name of `keras_gan.data.densities.DENSITIES`.

    Raises:
        ConfigError: no density of that name.
    """
    if name not in DENSITIES:
        raise ConfigError(
            f"The density of the data set `{name}` is not known.{suggestion(name, DENSITIES)}"
        )
    return Mixture(*DENSITIES[name])
