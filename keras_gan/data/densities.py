"""Toy densities, of which everything is known: points instead of images.

The mixtures are those of PacGAN (Lin 2018, section 4.1).
"""

from __future__ import annotations

import numpy as np

from keras_gan.config import DataConfig
from keras_gan.data.source import Source, part_of
from keras_gan.utils.errors import DataError

SAMPLES = {"train": 100_000, "test": 10_000}


def ring_modes() -> np.ndarray:
    """8 means on the unit circle, float32 (8, 2)."""
    angles = 2 * np.pi * np.arange(8) / 8
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def grid_modes() -> np.ndarray:
    """25 means {-4, -2, 0, 2, 4}^2, float32 (25, 2)."""
    axis = np.arange(-4, 5, 2)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype(np.float32)


#: name -> (means (k, dim), standard deviation of each component).
DENSITIES = {
    "gaussian_1d": (np.zeros((1, 1), np.float32), 1.0),
    "ring_8": (ring_modes(), 0.01),
    "grid_25": (grid_modes(), 0.05),
}


def load(config: DataConfig) -> Source:
    """Draws the split's points, the same ones at every call: float32 (n, dim)."""
    if config.image_size or config.channels:
        raise DataError(
            f"{config.name} holds points, not images: data.image_size and "
            "data.channels should be left out."
        )
    split, part = part_of(config.split, SAMPLES)
    means, stddev = DENSITIES[config.name]
    random = np.random.default_rng([sorted(SAMPLES).index(split), len(means)])
    labels = random.integers(len(means), size=SAMPLES[split]).astype(np.int32)
    noise = random.normal(size=(len(labels), means.shape[1]))
    points = (means[labels] + stddev * noise).astype(np.float32)
    names = tuple(str(mode) for mode in range(len(means)))
    return Source(config.name, points[part], labels[part], names)
