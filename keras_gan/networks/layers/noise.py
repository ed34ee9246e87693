"""Keras' dropout and noise, drawn by an algorithm that XLA is quick at on CPUs too."""

from __future__ import annotations

import keras
import tensorflow as tf

from keras_gan.utils import random


@keras.saving.register_keras_serializable("keras_gan")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout`, with masks from `stateless`."""

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return inputs
        shape = tf.shape(inputs) if self.noise_shape is None else self.noise_shape
        kept = random.uniform(shape, self.seed_generator.next()) >= self.rate
        return inputs * tf.cast(kept, inputs.dtype) / (1.0 - self.rate)


@keras.saving.register_keras_serializable("keras_gan")
class GaussianNoise(keras.layers.GaussianNoise):
    """`keras.layers.GaussianNoise`, with noise from `stateless`."""

    def call(self, inputs, training=False):
        if not training or not self.stddev:
            return inputs
        noise = random.normal(tf.shape(inputs), self.seed_generator.next())
        return inputs + tf.cast(self.stddev * noise, inputs.dtype)
