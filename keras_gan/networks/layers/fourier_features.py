"""Fourier features of a low-dimensional input."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_gan")
class FourierFeatures(keras.layers.Layer):
    """x beside sin(2^n x) and cos(2^n x) for n = 0 .. octaves - 1.

    Dense layers learn low frequencies first; of few coordinates, such as a point of
    the plane, they take very long to see what lies close together. High frequencies
    need exact phases: under mixed precision give it `dtype="float32"`.

    Args:
        octaves: frequencies, at least 1.

    Input: float (..., features). Output: float (..., features * (1 + 2 octaves)).

    Raises:
        ValueError: octaves below 1.

    Source: Tancik 2020, section 6 ("positional encoding"). Departures: octaves without a
    gap, and x itself beside them, as it need not stay within one period.
    """

    def __init__(self, octaves: int, **kwargs):
        super().__init__(**kwargs)
        if octaves < 1:
            raise ValueError(f"`octaves` should be at least 1. Received: {octaves}")
        self.octaves = octaves

    def call(self, inputs):
        angles = [2.0**n * inputs for n in range(self.octaves)]
        waves = [wave(angle) for angle in angles for wave in (ops.sin, ops.cos)]
        return ops.concatenate([inputs, *waves], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] * (1 + 2 * self.octaves))

    def get_config(self):
        return {**super().get_config(), "octaves": self.octaves}
