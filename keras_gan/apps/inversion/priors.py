"""What is known of z before anything was seen: minus log p(z), and where z may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from keras_gan.games import latents


class Prior(NamedTuple):
    """p_z, as a search for latents takes it.

    Attributes:
        energy: (latents, centre), both (..., dim) -> float32 (...): minus the log density
            but for a constant; of a normal one around `centre`, 0 in the prior itself.
        confined: latents -> the nearest ones of where a search may walk.
        settled: latents -> the nearest ones of the support.
    """

    energy: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    confined: Callable[[tf.Tensor], tf.Tensor] = tf.identity
    settled: Callable[[tf.Tensor], tf.Tensor] = tf.identity


def _sphere(latent: tf.Tensor, centre: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(latent - centre), axis=-1) / 2.0


def _flat(latent: tf.Tensor, centre: tf.Tensor) -> tf.Tensor:
    return tf.zeros_like(latent[..., 0])


def _corners(latent: tf.Tensor, centre: tf.Tensor) -> tf.Tensor:
    """0 in the corners of the box of -1 and 1, which alone have any mass, more between them."""
    return tf.reduce_sum(1.0 - tf.square(latent), axis=-1)


def _within(bound: float) -> Callable[[tf.Tensor], tf.Tensor]:
    return lambda latent: tf.clip_by_value(latent, -bound, bound)


def _sign(latent: tf.Tensor) -> tf.Tensor:
    return tf.where(latent < 0.0, -1.0, 1.0)


#: One a row of `latents.DISTRIBUTIONS`.
PRIORS: dict[str, Prior] = {
    "normal": Prior(_sphere),
    "uniform": Prior(_flat, confined=_within(latents.UNIFORM_BOUND)),
    "rademacher": Prior(_corners, confined=_within(1.0), settled=_sign),
}
