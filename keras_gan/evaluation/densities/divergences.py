"""How far p_g lies from p_data, and what the best discriminator makes of it.

On the line, integrals are sums over the cells of a grid, of log densities so that
nothing underflows far from the data. Everything is float64, in nats.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.special import expit

from keras_gan.evaluation.densities.mixtures import Mixture

_CELLS_PER_STDDEV = 20


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """Equal cells on a part of the line.

    Args:
        edges: float64 (n + 1,), ascending, equally spaced.
    """

    edges: np.ndarray

    @property
    def centres(self) -> np.ndarray:
        return (self.edges[:-1] + self.edges[1:]) / 2

    @property
    def width(self) -> float:
        return float(self.edges[1] - self.edges[0])

    @classmethod
    def around(cls, mixture: Mixture, stddevs: float = 10.0) -> Grid:
        """Cells of 1/20 standard deviation, to `stddevs` of them beyond the outermost means."""
        reach = stddevs * mixture.stddev
        low, high = float(mixture.means.min()) - reach, float(mixture.means.max()) + reach
        cells = round((high - low) / mixture.stddev * _CELLS_PER_STDDEV)
        return cls(np.linspace(low, high, cells + 1))

    def histogram(self, samples: np.ndarray) -> np.ndarray:
        """The log density of samples by their share in each cell.

        What lies outside counts in the outermost cell, where p_data is nothing.
        As an estimate of p_g it has two biases. Chance: of N samples in B cells the
        JSD comes out too large by about (B - 1) / (8 N) where p_g = p_data, the KL
        divergence by (B - 1) / (2 N). Width: cells hide what differs within them, so
        both come out too small, by terms of the second order in the width.

        Args:
            samples: float (n,) or (n, 1).

        Returns:
            float64 (cells,), -inf in empty cells.
        """
        within = np.clip(np.ravel(samples), self.edges[0], self.edges[-1])
        counts, _ = np.histogram(within, self.edges)
        with np.errstate(divide="ignore"):
            return np.log(counts / (len(within) * self.width))


def optimal_discriminator(log_data: np.ndarray, log_generated: np.ndarray) -> np.ndarray:
    """D*(x) = p_data(x) / (p_data(x) + p_g(x)) = sigmoid(log p_data(x) - log p_g(x)).

    Args:
        log_data: log p_data at some points, float, any shape.
        log_generated: log p_g at the same points.

    Returns:
        As the arguments, in [0, 1]; NaN where neither density has any mass.

    Source: Goodfellow 2014, Proposition 1.
    """
    with np.errstate(invalid="ignore"):
        return expit(np.subtract(log_data, log_generated))


def kullback_leibler(log_p: np.ndarray, log_q: np.ndarray, width: float) -> float:
    """KL(p || q) = integral of p log(p / q).

    Args:
        log_p, log_q: log densities at the centres of cells, float (n,).
        width: of a cell.

    Returns:
        Nats, from 0 to infinity (where p has mass and q has none).
    """
    mass = log_p > -np.inf
    return float(width * np.sum(np.exp(log_p[mass]) * (log_p[mass] - log_q[mass])))


def jensen_shannon(log_p: np.ndarray, log_q: np.ndarray, width: float) -> float:
    """JSD(p || q) = (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2.

    Args as `kullback_leibler`.

    Returns:
        Nats, from 0 (equal) to log 2 (no common mass).

    Source: Goodfellow 2014, equation 6.
    """
    log_m = np.logaddexp(log_p, log_q) - np.log(2)
    return (kullback_leibler(log_p, log_m, width) + kullback_leibler(log_q, log_m, width)) / 2


def optimal_value(jensen_shannon: float) -> float:
    """C(G) = max_D V(D, G) = V(D*, G) = -log 4 + 2 JSD(p_data || p_g).

    Source: Goodfellow 2014, Theorem 1 and equation 6.
    """
    return 2 * jensen_shannon - np.log(4)


def non_saturating_divergence(
    log_data: np.ndarray, log_generated: np.ndarray, width: float
) -> float:
    """KL(p_g || p_data) - 2 JSD(p_data || p_g): what -log D* descends.

    With D fixed at the best one, the gradient of E[-log D(G(z))] is that of this
    difference. Its first term punishes samples where there are no data and forgives
    data that are never generated: mode collapse costs it little.

    Args as `kullback_leibler`.

    Returns:
        Nats, 0 where the densities are equal; it can be below 0.

    Source: Arjovsky and Bottou 2017, Theorem 2.5.
    """
    reverse = kullback_leibler(log_generated, log_data, width)
    return reverse - 2 * jensen_shannon(log_data, log_generated, width)


@dataclasses.dataclass(frozen=True)
class Distances:
    """From a density on the line to the samples of a generator, nats.

    Attributes:
        jensen_shannon: JSD(p_data || p_g).
        reverse_kl: KL(p_g || p_data).
        optimal_value: V(D*, G).
    """

    jensen_shannon: float
    reverse_kl: float
    optimal_value: float


def to_samples(mixture: Mixture, samples: np.ndarray) -> Distances:
    """Measures samples, float (n, 1), against a density of one dimension.

    p_g is a histogram: see `Grid.histogram` for its biases (10^6 samples near a
    standard normal: 2e-5 nats).
    """
    grid = Grid.around(mixture)
    log_data, log_generated = mixture.log_density(grid.centres[:, None]), grid.histogram(samples)
    divergence = jensen_shannon(log_data, log_generated, grid.width)
    reverse = kullback_leibler(log_generated, log_data, grid.width)
    return Distances(divergence, reverse, float(optimal_value(divergence)))
