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
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from keras_gan.config import DataConfig
from keras_gan.data import packs
from keras_gan.data.records import Records
from keras_gan.data.source import Source, is_streamed
from keras_gan.utils.errors import DataError

PROBE = ("storage.googleapis.com", 443)  # where most data sets have a mirror
PROBE_SECONDS = 3.0
DOWNLOAD_RETRIES = 2  # the library's 10 take minutes, and a page of stderr
#: Environment variables that send the probe through a proxy.
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
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

    Those that are streamed (see `source.is_streamed`) are written to one file of the
    cache once, a pack, and stay there.

    Raises:
        DataError: no such split, no images in it, not prepared and no network.
        DiskError: no room for the pack.
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
    records = Records(config, builder, key, label)
    streamed = is_streamed(config, records.count, records.shape)
    if streamed or config.pack:
        source = packs.packed(*records.pack(), records.contents)
        return source if streamed else source.in_memory()
    images, start = np.empty((records.count, *records.shape), np.uint8), 0
    for batch in records.batches():
        images[start : start + len(batch)] = batch
        start += len(batch)
    return records.source(images)


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
    if not _is_prepared(builder) and not online():
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


def online() -> bool:
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
        if any(os.environ.get(name) for name in PROXIES):
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
