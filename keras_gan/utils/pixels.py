"""Pixels as they are stored, and as networks take them."""

from __future__ import annotations

import tensorflow as tf


def as_float(images: tf.Tensor) -> tf.Tensor:
    """Returns float32 images: uint8 0..255 becomes [-1, 1], floats stay as they are."""
    images = tf.convert_to_tensor(images)
    if images.dtype == tf.uint8:
        return tf.cast(images, tf.float32) / 127.5 - 1.0
    return tf.cast(images, tf.float32)
