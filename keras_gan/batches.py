"""Minibatches: their range, their parts, and several samples seen as one."""

from __future__ import annotations

import tensorflow as tf


def as_float(images: tf.Tensor) -> tf.Tensor:
    """Returns float32 images: uint8 0..255 becomes [-1, 1], floats stay as they are."""
    images = tf.convert_to_tensor(images)
    if images.dtype == tf.uint8:
        return tf.cast(images, tf.float32) / 127.5 - 1.0
    return tf.cast(images, tf.float32)


def split(batch: tf.Tensor, parts: int) -> list[tf.Tensor]:
    """Cuts (parts * m, ...) into `parts` minibatches (m, ...), in order."""
    if parts == 1:
        return [batch]
    return tf.unstack(tf.reshape(batch, [parts, -1, *batch.shape[1:]]), num=parts)


def packed(images: tf.Tensor, packing: int) -> tf.Tensor:
    """Stacks every `packing` samples of the batch along the last axis (Lin 2018)."""
    if packing == 1:
        return images
    groups = tf.reshape(images, [-1, packing, *images.shape[1:]])
    return tf.concat(tf.unstack(groups, num=packing, axis=1), axis=-1)
