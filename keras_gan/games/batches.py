"""Minibatches: their range, their parts, and several samples seen as one."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_gan.utils.errors import ConfigError
from keras_gan.utils.pixels import as_float


def split(batch: tf.Tensor, parts: int) -> list[tf.Tensor]:
    """Cuts (parts * m, ...) into `parts` minibatches (m, ...), in order."""
    if parts == 1:
        return [batch]
    return tf.unstack(tf.reshape(batch, [parts, -1, *batch.shape[1:]]), num=parts)


def rows_of(images: tf.Tensor) -> int | tf.Tensor:
    """The number of rows: an int where it is known before the program runs."""
    return tf.shape(images)[0] if images.shape[0] is None else images.shape[0]


def cut(outputs: dict[str, tf.Tensor], rows: int | tf.Tensor) -> tuple[dict, dict]:
    """Cuts every tensor into its first `rows` rows and the rest."""
    return {k: t[:rows] for k, t in outputs.items()}, {k: t[rows:] for k, t in outputs.items()}


def joined(first: Any, second: Any) -> Any:
    """Concatenates two nests of tensors along the rows, leaf by leaf."""
    return tf.nest.map_structure(lambda a, b: tf.concat([a, b], axis=0), first, second)


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
    uses_labels: bool,
    condition_dim: int | None = None,
) -> list[tuple[tf.Tensor, tf.Tensor | None]]:
    """Splits what Keras hands over into minibatches.

    Args:
        data: images (count * m, *sample_shape), float in [-1, 1] or uint8, or (images, labels).
        count: minibatches, the paper's k.
        multiple: what m has to be a multiple of: images seen at once, times parts.
        sample_shape: of one image, as the generator makes it.
        uses_labels: whether labels are needed.
        condition_dim: their size, where they are vectors.

    Returns:
        [(float32 images (m, ...), labels or None), ...]: int32 (m,), or float32
        (m, condition_dim).

    Raises:
        ConfigError: anything else.
    """
    images, labels = data if isinstance(data, tuple | list) else (data, None)
    if isinstance(images, tuple | list) or images is None:
        raise ConfigError("A batch should be `images` or `(images, labels)`.")
    if uses_labels and labels is None:
        raise ConfigError("This GAN is conditional, or has a classifier: give it (images, labels).")
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
    if not uses_labels:
        return [(minibatch, None) for minibatch in split(images, count)]
    labels = _as_labels(labels, condition_dim)
    return list(zip(split(images, count), split(labels, count), strict=True))


def _as_labels(labels: Any, condition_dim: int | None) -> tf.Tensor:
    """int32 (n,) ids, or float32 (n, condition_dim) vectors."""
    if condition_dim is None:
        return tf.cast(tf.reshape(labels, [-1]), tf.int32)
    labels = tf.cast(labels, tf.float32)
    if labels.shape.rank != 2 or labels.shape[-1] not in (condition_dim, None):
        raise ConfigError(
            f"Labels should be vectors of shape (batch, {condition_dim}). "
            f"Received: {tuple(labels.shape)}."
        )
    return labels
