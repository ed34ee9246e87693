"""tensorflow-datasets' record files, parsed by the batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from keras_gan.config import DataConfig
from keras_gan.data import packs
from keras_gan.data.source import Source
from keras_gan.data.stored import batch_of
from keras_gan.utils.errors import DataError, SplitError


class Records:
    """The records of a split, which can be read one after the other only.

    Args:
        config: of the data.
        builder: of tensorflow-datasets, prepared.
        key: of the feature that is the image.
        label: of the one that is the class, or None.

    Attributes:
        count: how many there are.
        shape: of an image as it is asked for.

    Raises:
        DataError: no such split, nothing in it, or files of another kind.
    """

    def __init__(self, config: DataConfig, builder: Any, key: str, label: str | None):
        self.config, self.builder, self.key, self.label = config, builder, key, label
        self.stored = builder.info.features[key].shape
        self.shape = _target_shape(config, self.stored)
        self.files = _files(builder, config)
        self.count = sum(file.take for file in self.files)
        self.ids: list[np.ndarray] = []

    def batches(self) -> Iterator[np.ndarray]:
        """Yields all images, and notes their classes."""
        for images, ids in _batches(self.files, self.key, self.label, self.stored, self.shape):
            self.ids.append(ids)
            yield images
        found = sum(map(len, self.ids))
        if found != self.count:
            raise DataError(
                f"{self.config.name}: {self.count} examples were promised, {found} were read."
            )

    def source(self, images: np.ndarray) -> Source:
        """A Source of these images, once all batches were read."""
        labels = np.concatenate(self.ids).astype(np.int32)
        if self.label is None or labels.min() < 0:  # -1 stands for an unknown class
            return Source(self.config.name, images)
        names = tuple(self.builder.info.features[self.label].names)
        return Source(self.config.name, images, labels, names)

    def contents(self) -> packs.Contents:
        nothing = np.empty(0, np.uint8)
        return packs.Contents(self.count, self.shape, self.batches(), lambda: self.source(nothing))

    def pack(self) -> tuple[Path, str]:
        """Where their pack is, and the key of what it is made from."""
        name, directory = str(self.builder.info.full_name), self.builder.data_dir
        files = [(file.filename, file.skip, file.take) for file in self.files]
        stamps = [(found.st_size, found.st_mtime_ns) for found in (os.stat(f[0]) for f in files)]
        path = packs.path_of(name, directory, self.config.split, self.shape)
        return path, packs.key_of(name, self.shape, files, stamps)


def _files(builder: Any, config: DataConfig) -> list:
    """The record files of a split: `filename`, and how many records to `skip` and `take`."""
    splits = builder.info.splits
    try:
        files = splits[config.split].file_instructions
    except (KeyError, ValueError) as error:
        names = ", ".join(sorted(splits))
        raise SplitError(f"{config.name} has no split {config.split}; it has {names}.") from error
    # A part that ends before it begins takes less than nothing, which `take` reads as all.
    files = [file for file in files if file.take > 0]
    if not files:
        raise DataError(f"The data set {config.name} ({config.split}) is empty.")
    if builder.info.file_format.value != "tfrecord":
        raise DataError(
            f"{config.name} is prepared as {builder.info.file_format.value} files, of which only "
            "tfrecord can be read."
        )
    return files


def _batches(files: list, key: str, label: str | None, stored: tuple, shape: tuple) -> Iterator:
    """Yields uint8 (n, *shape) images and int64 (n,) class ids.

    Records are parsed by the batch: tensorflow-datasets' own pipeline parses one
    at a time, in three times as long.
    """
    import tensorflow as tf

    wanted = {key: tf.io.FixedLenFeature((), tf.string)}
    if label is not None:
        wanted[label] = tf.io.FixedLenFeature((), tf.int64)

    def image(encoded):
        channels = 1 if stored[-1] == 1 else 3
        decoded = tf.io.decode_image(encoded, channels, expand_animations=False)
        decoded = tf.ensure_shape(decoded, (*stored[:2], channels))
        return _fitted(tf, decoded, shape)

    def parsed(records):
        examples = tf.io.parse_example(records, wanted)
        signature = tf.TensorSpec(shape, tf.uint8)
        images = tf.map_fn(image, examples[key], fn_output_signature=signature)
        return images, examples[label] if label else tf.zeros(tf.shape(records), tf.int64)

    parts = {
        "name": [file.filename for file in files],
        "skip": np.array([file.skip for file in files], np.int64),
        "take": np.array([file.take for file in files], np.int64),
    }
    records = tf.data.Dataset.from_tensor_slices(parts).flat_map(
        lambda part: tf.data.TFRecordDataset(part["name"]).skip(part["skip"]).take(part["take"])
    )
    batches = records.batch(batch_of(shape)).map(parsed, num_parallel_calls=tf.data.AUTOTUNE)
    return batches.prefetch(2).as_numpy_iterator()


def _fitted(tf: ModuleType, image: Any, shape: tuple[int, int, int]) -> Any:
    """Centre-crops to the target's aspect and resizes, in the graph."""
    height, width, channels = shape
    if image.shape[-1] == 3 and channels == 1:
        image = tf.image.rgb_to_grayscale(image)
    elif image.shape[-1] == 1 and channels == 3:
        image = tf.image.grayscale_to_rgb(image)
    if tuple(image.shape) == shape:
        return image
    have = tf.cast(tf.shape(image)[:2], tf.float32)
    scale = tf.reduce_max(tf.constant([height, width], tf.float32) / have)
    size = tf.cast(tf.math.ceil(have * scale - 1e-3), tf.int32)
    image = tf.image.resize(image, size, method="lanczos3", antialias=True)
    image = tf.image.resize_with_crop_or_pad(image, height, width)
    return tf.cast(tf.clip_by_value(tf.round(image), 0.0, 255.0), tf.uint8)


def _target_shape(config: DataConfig, shape: tuple) -> tuple[int, int, int]:
    height, width, channels = shape
    if config.image_size:
        height = width = config.image_size
    if height is None or width is None:
        height = width = 64
    return height, width, config.channels or (1 if channels == 1 else 3)
