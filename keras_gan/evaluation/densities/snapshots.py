"""A game on a known density, looked at between two rounds."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.special import expit

from keras_gan.evaluation.densities import divergences
from keras_gan.evaluation.densities.mixtures import Mixture
from keras_gan.games import players
from keras_gan.games.gan import GAN
from keras_gan.runs import sampling
from keras_gan.utils.errors import ConfigError

_SAMPLES = {1: 100_000, 2: 2_500}
_PATHS = 24  # lines from z to x
_MESH = 121  # points along each side of the plane


@dataclasses.dataclass(frozen=True, eq=False)
class Snapshot:
    """Both players at one moment; G as it is, not its average.

    Attributes:
        iteration: rounds played.
        samples: float32 (n, dim), of G.
        places: float64 (m, dim), where D was asked: the centres of the grid's cells on
            the line, a square mesh on the plane, row by row.
        discriminator: float64 (m,), D(places).
        log_data: float64 (m,), log p_data(places).
        log_generated: float64 (m,), log p_g(places) on the line; None on the plane.
        paths: float (2, p), z in ascending order above G(z), for one-dimensional z;
            else None.
    """

    iteration: int
    samples: np.ndarray
    places: np.ndarray
    discriminator: np.ndarray
    log_data: np.ndarray
    log_generated: np.ndarray | None
    paths: np.ndarray | None

    @property
    def best_discriminator(self) -> np.ndarray:
        """D* at `places` (on the line)."""
        return divergences.optimal_discriminator(self.log_data, self.log_generated)


class Observer:
    """Takes snapshots of one game, always with the same latents and real points.

    Args:
        gan: an unconditional game on points, compiled.
        mixture: the density of its data, of one or two dimensions.

    Raises:
        ConfigError: a discriminator that sees several points at once, or labels.
    """

    def __init__(self, gan: GAN, mixture: Mixture):
        if not gan.discriminates_single_samples:
            raise ConfigError(
                "D can be drawn over single points only: set game.name=gan, game.packing=1 and "
                "network.conditioning=none."
            )
        self.gan = gan
        self.mixture = mixture
        self.grid = divergences.Grid.around(mixture) if mixture.dim == 1 else None
        self.places = self.grid.centres[:, None] if self.grid else _mesh(mixture)
        self.log_data = mixture.log_density(self.places)
        self.latents = sampling.draw_latents(gan, _SAMPLES[mixture.dim], seed=gan.seed)
        self.real = mixture.sample(10_000, seed=gan.seed)

    def look(self) -> Snapshot:
        samples = self._generated(self.latents)
        return Snapshot(
            iteration=int(self.gan.iteration.numpy()),
            samples=samples,
            places=self.places,
            discriminator=expit(self.log_odds(self.places, samples)),
            log_data=self.log_data,
            log_generated=self.grid.histogram(samples) if self.grid else None,
            paths=self._paths() if self.latents.shape[1] == self.mixture.dim == 1 else None,
        )

    def log_odds(self, places: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """D's log-odds at `places`: float64 (m,).

        Relativistic logits are known up to a constant, which the game's own reading
        of them on real and generated points fixes.
        """
        real, fake = self._logits(self.real), self._logits(samples)
        constant = np.mean(self.gan.adversarial_loss.log_odds(real, fake)[0] - real)
        return (self._logits(places) + constant).astype(np.float64)

    def _logits(self, points: np.ndarray) -> np.ndarray:
        points = np.asarray(points, np.float32)
        outputs = self.gan.discriminator({"images": points}, training=False)
        return np.ravel(players.named_outputs(outputs)["logits"])

    def _generated(self, latents: np.ndarray) -> np.ndarray:
        return np.asarray(self.gan.generator({"latent": latents}, training=False))

    def _paths(self) -> np.ndarray:
        shares = (np.arange(_PATHS) + 0.5) / _PATHS
        latents = np.quantile(self.latents, shares)[:, None].astype(np.float32)
        return np.stack([latents[:, 0], self._generated(latents)[:, 0]])


def _mesh(mixture: Mixture) -> np.ndarray:
    """A square with a margin around the means: float64 (m, 2)."""
    margin = 0.15 * np.ptp(mixture.means) + 4 * mixture.stddev
    axis = np.linspace(mixture.means.min() - margin, mixture.means.max() + margin, _MESH)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
