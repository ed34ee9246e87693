"""A folder of pictures, with or without a subfolder a class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from keras_gan.config import DataConfig
from keras_gan.data.source import Source, check_memory, fit_picture, part_of
from keras_gan.errors import DataError

EXTENSIONS = frozenset(
    [".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"]
)
DEFAULT_SIZE = 64
_GREY = ("1", "L", "LA", "I", "F")
_WORKERS = 4


def load(config: DataConfig) -> Source:
    """Loads every picture under the folder, resized and centre-cropped.

    Links are followed; what is hidden (its name starts with a dot) is left out.
    Without `image_size` pictures that all have one size keep it, where it is at
    most 128; others become 64x64. Without `channels` they are grey if all are.
    Subfolders are classes, if every picture lies in one. Files that can't be
    decoded are left out, named in the notes. The order is a fixed random one of the
    sorted paths, so that a part like train[:90%] has pictures of every class.

    Raises:
        DataError: no pictures, or none that can be decoded.
    """
    root = Path(config.name).expanduser()
    files = sorted(f for f in _files(root) if f.suffix.lower() in EXTENSIONS and f.is_file())
    if not files:
        raise DataError(
            f"There are no pictures in {config.name} "
            f"({', '.join(sorted(e[1:] for e in EXTENSIONS))})."
        )
    files = [files[row] for row in np.random.default_rng(0).permutation(len(files))]
    with ThreadPoolExecutor(_WORKERS) as pool:
        headers = list(pool.map(_header, files))
    headers = {f: h for f, h in zip(files, headers, strict=True) if not isinstance(h, str)}
    size, channels = _shape(config, list(headers.values()))
    check_memory(config.name, len(headers), (*size, channels))
    with ThreadPoolExecutor(_WORKERS) as pool:
        images = np.empty((len(headers), *size, channels), np.uint8)
        kept = []
        for file, picture in zip(
            headers, pool.map(lambda f: _decode(f, size, channels), headers), strict=True
        ):
            if not isinstance(picture, str):
                images[len(kept)] = picture
                kept.append(file)
    if not kept:
        raise DataError(
            f"None of the {len(files)} pictures in {config.name} could be decoded, "
            f"{min(files).name} among them."
        )
    classes, labels = _classes(root, kept)
    _, part = part_of(config.split, {"train": len(kept)})
    images = images[: len(kept)][part]
    return Source(
        config.name,
        images,
        None if labels is None else labels[part],
        classes,
        _notes(files, kept),
    )


def _files(root: Path) -> Iterator[Path]:
    """All files below `root`, through links too, each folder once."""
    seen = set()
    for folder, names, files in os.walk(root, followlinks=True):
        names[:] = [n for n in names if not n.startswith(".")]
        if (real := os.path.realpath(folder)) in seen:
            names.clear()
            continue
        seen.add(real)
        yield from (Path(folder, name) for name in files if not name.startswith("."))


def _header(file: Path) -> tuple[tuple[int, int], str] | str:
    """Returns ((height, width) as seen upright, mode), or why the file can't be opened."""
    try:
        with Image.open(file) as picture:
            turned = picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            return picture.size if turned else picture.size[::-1], picture.mode
    except Exception as error:  # Pillow's decoders raise many kinds
        return str(error)


def _decode(file: Path, size: tuple[int, int], channels: int) -> np.ndarray | str:
    """Returns uint8 (height, width, channels), or why the file can't be decoded."""
    try:
        with Image.open(file) as picture:
            return fit_picture(picture, size, channels)
    except Exception as error:
        return str(error)


def _shape(config: DataConfig, headers: list) -> tuple[tuple[int, int], int]:
    sizes = {size for size, _ in headers}
    size = (config.image_size or DEFAULT_SIZE,) * 2
    if config.image_size is None and len(sizes) == 1 and max(next(iter(sizes))) <= 128:
        size = next(iter(sizes))
    grey = all(mode.startswith(_GREY) and not mode.startswith("LAB") for _, mode in headers)
    return size, config.channels or (1 if grey else 3)


def _classes(root: Path, files: list[Path]) -> tuple[tuple[str, ...] | None, np.ndarray | None]:
    tops = [file.relative_to(root).parts for file in files]
    if any(len(parts) < 2 for parts in tops):
        return None, None
    names = tuple(sorted({parts[0] for parts in tops}))
    return names, np.array([names.index(parts[0]) for parts in tops], np.int32)


def _notes(files: list[Path], kept: list[Path]) -> tuple[str, ...]:
    decoded = set(kept)
    skipped = sorted(file for file in files if file not in decoded)
    if not skipped:
        return ()
    named = ", ".join(file.name for file in skipped[:3])
    more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    return (f"left out {len(skipped)} of {len(files)} files that can't be decoded: {named}{more}",)
