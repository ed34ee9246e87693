"""Minibatches: their range, their parts, and several samples seen as one."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_gan.errors import ConfigError


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


def unpacked(images: tf.Tensor, packing: int) -> tf.Tensor:
    """The samples of packed ones, (batch * packing, ...): undoes `packed`."""
    if packing == 1:
        return images
    samples = tf.stack(tf.split(images, packing, axis=-1), axis=1)
    return tf.reshape(samples, [-1, *samples.shape[2:]])


def minibatches(
    data: Any,
    count: int,
    multiple: int,
    sample_shape: tuple[int, ...],
    conditional: bool,
) -> list[tuple[tf.Tensor, tf.Tensor | None]]:
    """Splits what Keras hands over into minibatches.

    Args:
        data: images (count * m, *sample_shape), float in [-1, 1] or uint8, or (images, labels).
        count: minibatches, the paper's k.
        multiple: what m has to be a multiple of: images seen at once, times parts.
        sample_shape: of one image, as the generator makes it.
        conditional: whether labels are needed.

    Returns:
        [(float32 images (m, ...), int32 labels (m,) or None), ...].

    Raises:
        ConfigError: anything else.
    """
    images, labels = data if isinstance(data, tuple | list) else (data, None)
    if isinstance(images, tuple | list) or images is None:
        raise ConfigError("A batch should be `images` or `(images, labels)`.")
    if conditional and labels is None:
        raise ConfigError("This GAN is conditional: give it (images, labels).")
    images = as_float(images)
    if not images.shape[1:].is_compatible_with(sample_shape):
        raise ConfigError(
            f"Images should be of shape (batch, {', '.join(map(str, sample_shape))}), as the "
            f"generator makes them. Received: {tuple(images.shape)}."
        )
    rows, size = count * multiple, images.shape[0]
    advice = (
        f"A batch should hold discriminator_steps * m images, a multiple of {rows} "
        f"(discriminator_steps={count}, packing x accumulate={multiple})"
    )
    if size is not None and size % rows:
        raise ConfigError(f"{advice}. Received: {size}.")
    if rows > 1 and size is None:
        tf.debugging.assert_equal(tf.shape(images)[0] % rows, 0, advice)
    if not conditional:
        return [(minibatch, None) for minibatch in split(images, count)]
    labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)
    return list(zip(split(images, count), split(labels, count), strict=True))
