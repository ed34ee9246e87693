"""Image data sets of tensorflow-datasets, by name.

Prepared data are looked for first; only where there are none is the network
asked, briefly, before a download that would otherwise retry for minutes.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from keras_gan.config import DataConfig
from keras_gan.data.source import Source, check_memory
from keras_gan.errors import DataError, SplitError

PROBE = ("storage.googleapis.com", 443)  # where most data sets have a mirror
PROBE_SECONDS = 3.0
DOWNLOAD_RETRIES = 2  # the library's 10 take minutes, and a page of stderr
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_BATCH = 512
_WAYS_OUT = (
    "connect to the internet, name prepared data with --data-dir, or start with "
    "`keras-gan fit digits`, which needs no download"
)


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
    with _quiet():
        return _load(_tfds(), config)


def _load(tfds: ModuleType, config: DataConfig) -> Source:
    builder = _builder(tfds, config)
    if not _is_prepared(builder):
        _download(tfds, builder)
    features = builder.info.features
    key, label = _image_key(tfds, features), _label_key(tfds, features)
    if key is None:
        raise DataError(f"The tensorflow-datasets data set {config.name} has no 8-bit images.")
    files = _files(builder, config)
    count = sum(file.take for file in files)
    shape = _target_shape(config, features[key].shape)
    check_memory(config.name, count, shape)
    images, labels = np.empty((count, *shape), np.uint8), np.zeros((count,), np.int32)
    row = 0
    for batch, ids in _batches(files, key, label, features[key].shape, shape):
        images[row : row + len(batch)] = batch
        labels[row : row + len(batch)] = ids
        row += len(batch)
    if row != count:
        raise DataError(f"{config.name}: {count} examples were promised, {row} were read.")
    if label is None or labels.min(initial=0) < 0:  # -1 stands for an unknown class
        return Source(config.name, images)
    return Source(config.name, images, labels, tuple(features[label].names))


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
    batches = records.batch(_BATCH).map(parsed, num_parallel_calls=tf.data.AUTOTUNE)
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


def locate(config: DataConfig) -> None:
    """Raises DataError where data are not prepared and can't be downloaded now."""
    with _quiet():
        _builder(_tfds(), config)


def _builder(tfds: ModuleType, config: DataConfig) -> Any:
    """The data set's builder: prepared, or with a network to download from."""
    directory = _existing(config.directory)
    try:
        builder = tfds.builder(config.name, data_dir=directory, try_gcs=False)
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"tensorflow-datasets can't open {config.name}: {reason[0]}") from error
    if not _is_prepared(builder) and not _online():
        raise DataError(
            f"{config.name} is not prepared in {directory or builder.data_dir_root} and the "
            f"network can't be reached: {_WAYS_OUT}."
        )
    return builder


def _is_prepared(builder: Any) -> bool:
    return builder.is_prepared() and bool(builder.info.splits)


def _existing(directory: str | None) -> str | None:
    if directory is not None and not Path(directory).expanduser().is_dir():
        raise DataError(f"There is no folder {directory} (--data-dir).")
    return directory


def _download(tfds: ModuleType, builder: Any) -> None:
    root = Path(builder.data_dir).parent
    before = set(root.glob("*")) if root.is_dir() else set()
    settings = tfds.download.DownloadConfig(try_download_gcs=False)
    downloader = importlib.import_module("tensorflow_datasets.core.download.downloader")
    downloader.MAX_RETRIES = DOWNLOAD_RETRIES
    try:
        builder.download_and_prepare(download_config=settings)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"Downloading {builder.name} failed ({reason}): {_WAYS_OUT}.") from error
    finally:
        for leftover in set(root.glob("*")) - before:
            if "incomplete" in leftover.name or ".tmp" in leftover.name:
                shutil.rmtree(leftover, ignore_errors=True)


def _online() -> bool:
    """Whether a host outside answers, directly or through a configured proxy, in 3 s.

    Asked in a thread, because no time limit holds for looking up the host's name.
    """
    answers = []
    probe = threading.Thread(target=lambda: answers.append(_reaches(PROBE)), daemon=True)
    probe.start()
    probe.join(PROBE_SECONDS)
    return answers == [True]


def _reaches(host: tuple[str, int]) -> bool:
    try:
        if any(os.environ.get(name) for name in _PROXIES):
            import requests

            requests.head(f"https://{host[0]}", timeout=PROBE_SECONDS)
        else:
            socket.create_connection(host, timeout=PROBE_SECONDS).close()
    except OSError:  # requests' errors are OSErrors too
        return False
    return True


def _image_key(tfds: ModuleType, features: Any) -> str | None:
    images = {k: f for k, f in features.items() if type(f) is tfds.features.Image}
    keys = [k for k, f in images.items() if f.np_dtype == np.uint8]
    return "image" if "image" in keys else next(iter(keys), None)


def _label_key(tfds: ModuleType, features: Any) -> str | None:
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
