"""Maxout units."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_gan")
class Maxout(keras.layers.Layer):
    """The largest of `pieces` affine functions of the input, for each of `units` units.

    Args:
        units: outputs.
        pieces: affine functions a unit, at least 1.
        kernel_initializer: as in `keras.layers.Dense`.

    Input: float (batch, features). Output: float (batch, units).

    Source: Goodfellow 2013 (Maxout Networks), section 2.
    """

    def __init__(self, units: int, pieces: int, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.pieces = pieces
        self.affine = keras.layers.Dense(
            units * pieces, kernel_initializer=kernel_initializer, dtype=self.dtype_policy
        )

    def build(self, input_shape):
        self.affine.build(input_shape)
        super().build(input_shape)

    def call(self, inputs):
        return ops.max(ops.reshape(self.affine(inputs), (-1, self.units, self.pieces)), axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        initializer = keras.initializers.serialize(self.affine.kernel_initializer)
        return {
            **super().get_config(),
            "units": self.units,
            "pieces": self.pieces,
            "kernel_initializer": initializer,
        }
