"""The images that a person names: picture files, folders of them, rows of a split of the data."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gan.data import load_source, picture_files
from keras_gan.data.folder import EXTENSIONS
from keras_gan.data.source import as_mode, fit_picture
from keras_gan.runs import Run
from keras_gan.utils.errors import ConfigError, DataError
from keras_gan.utils.pixels import to_float

_MOST = 10_000


@dataclasses.dataclass(frozen=True)
class Given:
    """Images and what they are called.

    Attributes:
        names: files, or rows like `test[3]`.
        images: float32 (n, height, width, channels) in [-1, 1].
        notes: what became of them on the way, a line each.
    """

    names: tuple[str, ...]
    images: np.ndarray
    notes: tuple[str, ...] = ()


def load(
    run: Run, named: Sequence[str], data_dir: str | None = None, size: tuple[int, int] | None = None
) -> Given:
    """Loads images as a run's generator makes them.

    Larger pictures are resized and centre-cropped as the run's training data were; smaller
    ones are an error, as what they lack can't be known.

    Args:
        run: whose images have the shape that is needed.
        named: files, folders, and splits of the run's data such as `test[:16]`.
        data_dir: where tensorflow-datasets has its data now, if not where the run had them.
        size: (height, width) that all have to have, no other; by default the run's, or larger.

    Raises:
        ConfigError: a run of points; nothing named; too many images.
        DataError: what can't be found, read or brought to size.
    """
    check_run(run)
    if not named:
        raise ConfigError("Name images: files, folders, or rows of the data such as test[:16].")
    found = [one for text in named for one in _each(run, text, data_dir, size)]
    if len(found) > _MOST:
        raise ConfigError(f"At most {_MOST:,} images can be looked at. Received: {len(found):,}.")
    names, images, notes = zip(*found, strict=True)
    return Given(names, to_float(np.stack(images)), tuple(note for note in notes if note))


def check_run(run: Run) -> None:
    """Raises ConfigError unless the run makes images."""
    if len(run.sample_shape) != 3:
        raise ConfigError(f"{run.path} makes points of shape {run.sample_shape}, not images.")


def read_mask(path: Path, run: Run) -> np.ndarray:
    """Reads a picture whose white part is the hole: bool (height, width), true where known.

    Raises:
        DataError: unreadable, or of another size than the run's images.
    """
    wanted = run.sample_shape[:2]
    try:
        with picture_files.opened(path) as picture:
            mask = np.asarray(as_mode(picture, "L"))
    except Exception as error:  # Pillow's decoders raise many kinds
        raise DataError(f"Can't read the mask {path}: {_reason(error)}.") from error
    if mask.shape != wanted:
        raise DataError(
            f"The mask {path} should be as large as the run's images, {_sides(wanted)}. "
            f"Received: {_sides(mask.shape)}."
        )
    return mask < 128


def _each(run: Run, text: str, data_dir: str | None, size: tuple[int, int] | None) -> list[tuple]:
    """[(name, uint8 image, note or None), ...] of what one text names."""
    path = Path(text)
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in EXTENSIONS)
        if not files:
            raise DataError(f"There are no pictures in {text}.")
        return [_picture(run, file, size) for file in files[: _MOST + 1]]
    if path.exists() or not re.fullmatch(r"\w+(\[.*\])?", text):
        return [_picture(run, path, size)]
    return _rows(run, text, data_dir, size)


def _rows(run: Run, text: str, data_dir: str | None, size: tuple[int, int] | None) -> list[tuple]:
    data = run.config.data
    data = dataclasses.replace(
        data, split=text, directory=data_dir or data.directory, labels_per_class=None
    )
    try:
        source = load_source(data)
    except DataError as error:
        raise DataError(f"There is no file {text}, and as rows of {data.name}: {error}") from error
    if source.sample_shape != run.sample_shape or size not in (None, run.sample_shape[:2]):
        wanted = (*(size or run.sample_shape[:2]), run.sample_shape[2])
        raise DataError(
            f"The images of {text} should be of shape {wanted}. Received: {source.sample_shape}."
        )
    if source.num_samples > _MOST:
        raise ConfigError(
            f"At most {_MOST:,} images can be looked at: {text}[:{_MOST}] for example."
        )
    numbered = re.fullmatch(r"(\w+)(?:\[(\d*):\d*\])?", text)  # not from the end, nor in percent
    named = "{0}, image {1}" if numbered is None else f"{numbered[1]}[{{1}}]"
    first = int(numbered[2] or 0) if numbered else 0
    images = source.in_memory().images
    return [(named.format(text, first + row), one, None) for row, one in enumerate(images)]


def _picture(run: Run, path: Path, size: tuple[int, int] | None) -> tuple:
    height, width, channels = run.sample_shape
    wanted = size or (height, width)
    try:
        with picture_files.opened(path) as picture:
            picture = as_mode(picture, "L" if channels == 1 else "RGB")
            received = picture.size[::-1]
            if received == wanted or (size is None and _covers(received, wanted)):
                image = fit_picture(picture, wanted, channels)
                return str(path), image, _note(path, received, wanted)
    except Exception as error:  # Pillow's decoders raise many kinds
        raise DataError(f"Can't read the picture {path}: {_reason(error)}.") from error
    least = "exactly" if size else "at least"
    raise DataError(
        f"The picture {path} should be {least} {_sides(wanted)} (height x width). "
        f"Received: {_sides(received)}."
    )


def _covers(received: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(r >= w for r, w in zip(received, wanted, strict=True))


def _note(path: Path, received: tuple[int, ...], wanted: tuple[int, ...]) -> str | None:
    if received == wanted:
        return None
    return f"{path}: resized from {_sides(received)} to {_sides(wanted)}"


def _sides(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}x{shape[1]}"


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "it is no picture"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
