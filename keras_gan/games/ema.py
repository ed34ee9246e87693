"""Moving averages: networks of their own that follow trained ones."""

from __future__ import annotations

import keras
import tensorflow as tf


def copy_of(network: keras.Model) -> keras.Model:
    """Return a network of the same layers and the same weights."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    return copy


def follow(average: keras.Model, network: keras.Model, decay: float, iteration: tf.Tensor) -> None:
    """average += (1 - decay) (network - average), moving statistics included.

    The decay starts low, at (1 + t) / (10 + t), so that short runs are not an average
    of the initial weights.

    Args:
        average: changed in place.
        network: of the same layers.
        decay: in [0, 1).
        iteration: t, an integer scalar.
    """
    t = tf.cast(iteration, tf.float32)
    rate = 1.0 - tf.minimum(decay, (1.0 + t) / (10.0 + t))
    for mean, weight in zip(average.weights, network.weights, strict=True):
        mean.assign_add(rate * (weight.value - mean.value))
