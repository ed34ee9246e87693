"""Where real images come from.

`load_source` turns a data set's name or a path into a `Source`: the bundled
digits and the toy densities need nothing, paths are .npz files, folders of IDX
files and folders of images, every other name is a data set of
tensorflow-datasets. To add a kind: one module with a loader, one line here.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Callable
from pathlib import Path

from keras_gan.config import DataConfig
from keras_gan.data import (
    arrays,
    densities,
    digits,
    folder,
    stacked,
    tfds,
)
from keras_gan.data.few_labels import with_few_labels
from keras_gan.data.source import Source
from keras_gan.utils.errors import DataError

__all__ = ["BUNDLED", "Source", "load_source", "located"]

#: Data sets that need no files and no network.
BUNDLED: dict[str, Callable[[DataConfig], Source]] = {
    "digits": digits.load,
    **dict.fromkeys(densities.DENSITIES, densities.load),
}

#: What can stay on the disk, and takes its time to decode.
PACKABLE = (folder.load, tfds.load)

#: Data sets made of another one of tensorflow-datasets.
STACKED = "stacked_mnist"


def load_source(config: DataConfig) -> Source:
    """Loads all samples of `config.split`: into memory, or to be read as they are drawn.

    Args:
        config: what to load, how, and the size to bring images to.

    Returns:
        A Source with at least one sample.

    Raises:
        DataError: nothing of that name or path, nothing readable in it, or a
            data set that would have to be downloaded where there is no network.
        DiskError: no room for a pack.
    """
    loader = _loader(config)
    if config.pack and loader not in PACKABLE:
        raise DataError(
            "data.pack is for folders of pictures and data sets of tensorflow-datasets: leave it "
            f"out for {config.name}, which is quick to read."
        )
    source = loader(config)
    if 0 in source.images.shape:
        raise DataError(f"The data set {config.name} ({config.split}) is empty.")
    source = dataclasses.replace(source, name=config.name)
    if config.labels_per_class is None:
        return source
    return with_few_labels(source, config.labels_per_class, config.labels_seed)


def located(config: DataConfig) -> DataConfig:
    """Finds the data without reading them; does not import TensorFlow.

    Returns:
        `config` with whole paths, so that it means the same from every folder.

    Raises:
        DataError: they are not there, and can't be downloaded now.
    """
    directory = config.directory and os.path.abspath(_expanded(config.directory))
    config = dataclasses.replace(config, directory=directory)
    loader = _loader(config)
    if loader is tfds.load:
        tfds.locate(config)
    elif loader is stacked.load:
        tfds.locate(stacked.of_mnist(config))
    elif config.name not in BUNDLED:
        name = os.path.abspath(_expanded(config.name))
        config = dataclasses.replace(config, name=name)
    return config


def _loader(config: DataConfig) -> Callable[[DataConfig], Source]:
    if config.name in BUNDLED:
        return BUNDLED[config.name]
    if config.name == STACKED:
        return stacked.load
    if not config.name:
        raise DataError("`data.name` should be a data set's name or a path. Received: nothing.")
    path = _expanded(config.name)
    named_as_path = path.name != config.name or path.suffix == ".npz"
    # Names may have a slash (emnist/letters): there, a path that exists comes first.
    if not (named_as_path and path.exists()) and tfds.is_known(config.name):
        return tfds.load
    if path.is_file():
        if path.suffix != ".npz":
            raise DataError(
                f"{config.name} is neither a folder nor an .npz file: data are a name, "
                "a folder of images, a folder of IDX files or an .npz."
            )
        return arrays.load_npz
    if path.is_dir():
        return arrays.load_idx if arrays.has_idx(path) else folder.load
    if named_as_path:
        raise DataError(f"There is no file or folder {config.name}.")
    names = [*BUNDLED, STACKED, *tfds.known_names()]
    raise DataError(
        f"There is no data set `{config.name}`, and no folder of that name."
        f"{_near(config.name, names)}"
    )


def _expanded(text: str) -> Path:
    """The path that a text names, there or not."""
    try:
        path = Path(text).expanduser()
        path.exists()
        return path
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL in it, no such home
        raise DataError(f"There can't be a {text}: {getattr(error, 'strerror', error)}.") from error


def _near(name: str, names: list[str]) -> str:
    """A hint to the nearest of hundreds of names, of which some are always a little alike."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
    return (
        f" Did you mean `{near[0]}`?"
        if near
        else " Name yours with --data; see `keras-gan datasets`."
    )
