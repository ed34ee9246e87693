"""Where z comes from: p_z(z) and paths between its samples."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from keras_gan.utils import random
from keras_gan.utils.registry import Registry

#: Half width of the uniform distribution with unit variance (Goodfellow 2014's
#: published configuration: pylearn2's "uniform" noise).
UNIFORM_BOUND = math.sqrt(3.0)


def _normal(shape, seed):
    return random.normal(shape, seed)


def _uniform(shape, seed):
    return random.uniform(shape, seed, -UNIFORM_BOUND, UNIFORM_BOUND)


def _rademacher(shape, seed):
    """Fair coins of -1 and 1: 2^dim points with nothing between them.

    A continuous G of continuous noise joins the modes of its samples by a bridge (Tanielian
    2020, "Learning disconnected manifolds: a no GANs land"); of this noise it need not.
    """
    coins = random.uniform(shape, seed, 0, 2, tf.int32)
    return 2.0 * tf.cast(coins, tf.float32) - 1.0


DISTRIBUTIONS = Registry(
    "latent distribution", {"normal": _normal, "uniform": _uniform, "rademacher": _rademacher}
)


def sample(distribution: str, shape, seed) -> tf.Tensor:
    """Draw latents: float32 `shape`, zero mean, unit variance, a function of `seed` (2,)."""
    return DISTRIBUTIONS[distribution](shape, seed)


def interpolate(distribution: str, start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """A path from `start` to `end`, both (n, dim): float32 (n, steps, dim), ends included.

    Along the great circle for normal latents, whose mass lies near a sphere
    (White 2016); along the straight line for uniform ones, whose support is a box, and
    for rademacher ones, whose support is that box's corners.
    """
    t = np.linspace(0.0, 1.0, steps, dtype=np.float32)[None, :, None]
    a, b = start[:, None, :], end[:, None, :]
    if distribution != "normal":
        return (1 - t) * a + t * b
    norms = np.linalg.norm(a, axis=-1, keepdims=True) * np.linalg.norm(b, axis=-1, keepdims=True)
    cosine = np.clip((a * b).sum(-1, keepdims=True) / np.maximum(norms, 1e-12), -1.0, 1.0)
    angle = np.maximum(np.arccos(cosine), 1e-6)
    path = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    return path.astype(np.float32)
