"""Batch normalisation whose scale and shift belong to the class."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_gan")
class ConditionalBatchNormalization(keras.layers.Layer):
    """gamma_y * normalised(x) + beta_y, with a gamma and a beta for each class y.

    Called with [features, one-hot labels]: a row of a table is a matrix product with
    one-hot labels, whose gradient has no scatter (slow under XLA on CPUs). Of a vector y the
    scale is 1 + sum_k y_k (gamma_k - 1), so that a vector of zeros only normalises.

    Input: float (batch, ..., channels) and float (batch, classes). Output: as the features.

    Source: Dumoulin 2017, equation 5; in generators Miyato and Koyama 2018, appendix A.
    Departure: gammas start near 1 and not at it, so that classes differ from the start.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.normalization = keras.layers.BatchNormalization(
            center=False, scale=False, dtype=self.dtype_policy
        )

    def build(self, input_shape):
        features, labels = input_shape
        self.normalization.build(features)
        shape = (labels[-1], features[-1])
        near_one = keras.initializers.RandomNormal(mean=1.0, stddev=0.02)
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer=near_one)
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")
        super().build(input_shape)

    def call(self, inputs, training=False):
        features, labels = inputs
        normalised = self.normalization(features, training=training)
        each = (-1, *[1] * (len(features.shape) - 2), features.shape[-1])
        scale = 1.0 + ops.matmul(labels, self.gamma - 1.0)  # gamma_y of a one-hot row
        shift = ops.matmul(labels, self.beta)
        return ops.reshape(scale, each) * normalised + ops.reshape(shift, each)

    def compute_output_shape(self, input_shape):
        return input_shape[0]
