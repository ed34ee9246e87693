"""The folder that `invert`, `edit` and `restore` write: whole, or not at all."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_gan.runs import Run
from keras_gan.utils import image_grids
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.files import disk_error, replaced_folder
from keras_gan.utils.pixels import to_uint8

_MOST_ROWS = 200  # of images that a strip shows


def check(path: Path, report: str) -> None:
    """Raises ConfigError where a folder is in the way that an earlier call did not make.

    Args:
        path: the folder to write.
        report: the name of the JSON file by which an earlier call's is known.
    """
    if path.exists() and not (
        path.is_dir() and (not any(path.iterdir()) or (path / report).exists())
    ):
        raise ConfigError(
            f"--out: {path} already exists and was not made by this command. Name another folder."
        )


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yields a temporary folder that becomes `path` at the end.

    Raises:
        DiskError: it can't be written.
    """
    try:
        with replaced_folder(path) as temporary:
            yield temporary
    except OSError as error:
        raise disk_error(str(path), error) from error


def save_strip(path: Path, columns: list[np.ndarray]) -> None:
    """Writes a PNG with a row an image, of one picture from each column, float32 (n, h, w, c)."""
    images = np.stack([column[:_MOST_ROWS] for column in columns], axis=1)
    images = to_uint8(images.reshape(-1, *images.shape[2:]))
    image_grids.save_png(path, image_grids.grid(images, columns=len(columns)))


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray | None]) -> None:
    """Writes those that there are to an .npz; float images (n, ..., h, w, c) stay as they are."""
    with open(path, "wb") as file:
        np.savez_compressed(file, **{k: v for k, v in arrays.items() if v is not None})


def save_report(path: Path, run: Run, facts: Mapping[str, Any]) -> None:
    """Writes JSON: which run and checkpoint, and `facts`."""
    origin = {
        "run": str(run.path),
        "checkpoint": run.checkpoint,
        "iteration": int(run.gan.iteration.numpy()),
    }
    path.write_text(json.dumps({**origin, **facts}, indent=1), "utf-8")
