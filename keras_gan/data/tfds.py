"""Image data sets of tensorflow-datasets, by name.

Prepared data are looked for first; only where there are none is the network
asked, briefly, before a download that would otherwise retry for minutes.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import socket
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from keras_gan.config import DataConfig
from keras_gan.data.source import Source
from keras_gan.errors import DataError

PROBE = ("storage.googleapis.com", 443)  # where most data sets have a mirror
PROBE_SECONDS = 3.0
LARGEST_BYTES = 8 * 2**30
_BATCH = 512


def is_known(name: str) -> bool:
    """Whether tensorflow-datasets has a data set of that name (`name/config` too)."""
    return name.split("/")[0].split(":")[0] in known_names()


@functools.cache
def known_names() -> tuple[str, ...]:
    """The names of all data sets of tensorflow-datasets."""
    return tuple(_tfds().list_builders(with_community_datasets=False))


def load(config: DataConfig) -> Source:
    """Loads a split as uint8; images of varying size are resized and centre-cropped.

    Raises:
        DataError: no such split, no images in it, not prepared and no network.
    """
    tfds = _tfds()
    builder = _prepared_builder(tfds, config)
    features = builder.info.features
    key = _image_key(tfds, features)
    if key is None:
        raise DataError(f"The tensorflow-datasets data set {config.name} has no images.")
    try:
        count = builder.info.splits[config.split].num_examples
    except (KeyError, ValueError) as error:
        names = ", ".join(sorted(builder.info.splits))
        raise DataError(f"{config.name} has no split {config.split}; it has {names}.") from error
    shape = _target_shape(config, features[key].shape)
    if count * int(np.prod(shape)) > LARGEST_BYTES:
        gigabytes = count * int(np.prod(shape)) / 2**30
        raise DataError(
            f"{config.name} at {shape[0]}x{shape[1]} takes {gigabytes:.1f} GiB of memory. Set a "
            f"smaller data.image_size, or a part of it: --set 'data.split={config.split}[:10000]'."
        )
    label = _label(tfds, features)
    images, labels = _read(builder, config.split, key, label, count, shape)
    names = tuple(features[label].names) if label else None
    return Source(config.name, images, labels, names)


def _read(builder, split, key, label, count, shape) -> tuple[np.ndarray, np.ndarray | None]:
    import tensorflow as tf

    def shaped(example):
        image = example[key]
        if tuple(image.shape) != shape:
            image = _fitted(tf, image, shape)
        return image, example[label] if label else 0

    wanted = {key: True, **({label: True} if label else {})}
    examples = builder.as_dataset(
        split=split, shuffle_files=False, decoders=_tfds().decode.PartialDecoding(wanted)
    )
    batches = examples.map(shaped, num_parallel_calls=tf.data.AUTOTUNE).batch(_BATCH).prefetch(2)
    images = np.empty((count, *shape), np.uint8)
    labels = np.empty((count,), np.int32)
    row = 0
    for batch, ids in batches.as_numpy_iterator():
        images[row : row + len(batch)] = batch
        labels[row : row + len(batch)] = ids
        row += len(batch)
    if row != count:
        raise DataError(f"{builder.name}: {count} examples were promised, {row} were read.")
    return images, labels if label else None


def _fitted(tf: ModuleType, image: Any, shape: tuple[int, int, int]) -> Any:
    """Centre-crops to the target's aspect and resizes, in the graph."""
    height, width, channels = shape
    if image.shape[-1] == 3 and channels == 1:
        image = tf.image.rgb_to_grayscale(image)
    elif image.shape[-1] == 1 and channels == 3:
        image = tf.image.grayscale_to_rgb(image)
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
    return height, width, config.channels or channels or 3


def _prepared_builder(tfds: ModuleType, config: DataConfig) -> Any:
    directory = _existing(config.directory)
    try:
        with _quiet():
            builder = tfds.builder(config.name, data_dir=directory, try_gcs=False)
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(
            f"tensorflow-datasets can't open {config.name}: {reason[0]}"
        ) from error
    if builder.is_prepared() and builder.info.splits:
        return builder
    ways_out = (
        f"connect to the internet, name prepared data with --data-dir, or start with "
        "`keras-gan fit digits`, which needs no download"
    )
    place = directory or builder.data_dir_root
    if not _online():
        raise DataError(
            f"{config.name} is not prepared in {place} and the network can't be reached: {ways_out}."
        )
    _download(tfds, builder, ways_out)
    return builder


def _existing(directory: str | None) -> str | None:
    if directory is not None and not Path(directory).expanduser().is_dir():
        raise DataError(f"There is no folder {directory} (--data-dir).")
    return directory


def _download(tfds: ModuleType, builder: Any, ways_out: str) -> None:
    root = Path(builder.data_dir).parent
    before = set(root.glob("*")) if root.is_dir() else set()
    settings = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        builder.download_and_prepare(download_config=settings)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"Downloading {builder.name} failed ({reason}): {ways_out}.") from error
    finally:
        for leftover in set(root.glob("*")) - before:
            if "incomplete" in leftover.name or ".tmp" in leftover.name:
                shutil.rmtree(leftover, ignore_errors=True)


def _online() -> bool:
    """Whether a host outside answers, directly or through a configured proxy, in 3 s."""
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY")):
        import requests

        with contextlib.suppress(requests.RequestException):
            requests.head(f"https://{PROBE[0]}", timeout=PROBE_SECONDS)
            return True
        return False
    try:
        socket.create_connection(PROBE, timeout=PROBE_SECONDS).close()
    except OSError:
        return False
    return True


def _image_key(tfds: ModuleType, features: Any) -> str | None:
    keys = [k for k, f in features.items() if type(f) is tfds.features.Image]
    return "image" if "image" in keys else next(iter(keys), None)


def _label(tfds: ModuleType, features: Any) -> str | None:
    keys = [k for k, f in features.items() if isinstance(f, tfds.features.ClassLabel)]
    return "label" if "label" in keys else next(iter(keys), None)


def _tfds() -> ModuleType:
    with _quiet():
        import tensorflow_datasets as tfds
    return tfds


@contextlib.contextmanager
def _quiet():
    """Silences the libraries' own log lines; what matters becomes a DataError."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
