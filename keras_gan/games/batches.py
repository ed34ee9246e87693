"""Minibatches: their range, their parts, and several samples seen as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import LabelSpec, VectorLabels
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


def fields_of(data: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return what Keras hands over as a dict of a game's fields.

    Args:
        data: a dict, a tuple in the order of `names`, or the first field alone.
        names: of the fields that the game needs; others are left out.

    Raises:
        ConfigError: a field is missing.
    """
    if not isinstance(data, Mapping):
        values = data if isinstance(data, tuple | list) else (data,)
        if len(values) > 2:
            raise ConfigError(
                "A game takes no sample weights: give it images, or (images, labels)."
            )
        data = dict(zip(names, values, strict=False))
    missing = [name for name in names if data.get(name) is None]
    nested = [name for name in names if isinstance(data.get(name), tuple | list)]
    if missing or nested:
        raise ConfigError(
            f"A batch should be a dict of {', '.join(names)}, or a tuple in this order. "
            f"Received: {', '.join(data)}{' (nested)' if nested else ''}."
        )
    return {name: data[name] for name in names}


def minibatches(
    fields: Mapping[str, Any],
    count: int,
    multiple: int,
    sample_shape: tuple[int, ...],
    labels: LabelSpec,
) -> list[dict[str, tf.Tensor | None]]:
    """Split a batch into minibatches.

    Args:
        fields: `images` (count * m, *sample_shape), float in [-1, 1] or uint8, and perhaps
            `labels`.
        count: minibatches, the paper's k.
        multiple: what m has to be a multiple of: images that D has at once, times parts.
        sample_shape: of one image, as the generator makes it.
        labels: what they are; ids where there are none.

    Returns:
        [{`images` float32 (m, ...), `labels` int32 (m,), float32 (m, size) or None}, ...].

    Raises:
        ConfigError: anything else.
    """
    images = tf.convert_to_tensor(fields["images"])
    if not (images.dtype.is_floating or images.dtype == tf.uint8):
        raise ConfigError(
            f"Images should be uint8 or float in [-1, 1]. Received: {images.dtype.name}."
        )
    images = as_float(images)
    if not images.shape[1:].is_compatible_with(sample_shape):
        raise ConfigError(
            f"Images should be of shape (batch, {', '.join(map(str, sample_shape))}), as the "
            f"generator makes them. Received: {tuple(images.shape)}."
        )
    images = tf.ensure_shape(images, (None, *sample_shape))
    rows, size = count * multiple, images.shape[0]
    advice = (
        f"A batch should hold {count} minibatches of images (discriminator_steps), a multiple of "
        f"{rows} (packing x gradient_accumulation_steps = {multiple})"
    )
    if size is not None and size % rows:
        raise ConfigError(f"{advice}. Received: {size}.")
    if rows > 1 and size is None:
        check = tf.debugging.assert_equal(tf.shape(images)[0] % rows, 0, advice)
        with tf.control_dependencies([] if check is None else [check]):
            images = tf.identity(images)
    cut = {"images": split(images, count), "labels": [None] * count}
    if "labels" in fields:
        cut["labels"] = split(_as_labels(fields["labels"], labels), count)
    return [dict(zip(cut, values, strict=True)) for values in zip(*cut.values(), strict=True)]


def _as_labels(labels: Any, spec: LabelSpec) -> tf.Tensor:
    """Return int32 (n,) ids, or float32 (n, size) vectors."""
    if not isinstance(spec, VectorLabels):
        labels = tf.convert_to_tensor(labels)
        if labels.shape.rank not in (None, 1) and labels.shape[1:] != (1,):
            raise ConfigError(
                f"Labels should be ids of shape (batch,). Received: {tuple(labels.shape)}."
            )
        return tf.cast(tf.reshape(labels, [-1]), tf.int32)
    labels = tf.cast(labels, tf.float32)
    if labels.shape.rank != 2 or labels.shape[-1] not in (spec.size, None):
        raise ConfigError(
            f"Labels should be vectors of shape (batch, {spec.size}). "
            f"Received: {tuple(labels.shape)}."
        )
    return labels
