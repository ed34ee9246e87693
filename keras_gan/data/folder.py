"""A folder of pictures, with or without a subfolder a class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import ExifTags

from keras_gan.config import DataConfig
from keras_gan.data import picture_files
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

    Links within the folder are followed, and links out of it with `follow_links`;
    what is hidden (its name starts with a dot) is left out.
    Without `image_size` pictures that all have one size keep it, where it is at
    most 128; others become 64x64. Without `channels` they are grey if all are.
    Subfolders are classes, if every picture lies in one. Files that can't be
    decoded, or are larger than `picture_files` allows, are left out, named in the notes.
    The order is a fixed random one of the
    sorted paths, so that a part like train[:90%] has pictures of every class.

    Raises:
        DataError: no pictures, none that can be decoded, or links out of the folder.
    """
    root = Path(config.name).expanduser()
    files = sorted(_files(root, config.follow_links))
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


def _files(root: Path, follow_links: bool) -> Iterator[Path]:
    """All files below `root` that are named as pictures, each folder once.

    Raises:
        DataError: links that lead out of `root`, unless they should be followed.
    """
    seen, outside, inside = set(), [], os.path.realpath(root)
    for folder, names, files in os.walk(root, followlinks=True):
        names[:] = sorted(n for n in names if not n.startswith("."))
        if (real := os.path.realpath(folder)) in seen:
            names.clear()
            continue
        seen.add(real)
        shown = [n for n in files if not n.startswith(".") and _is_picture(Path(folder, n))]
        if not follow_links:
            away = [n for n in (*names, *shown) if _leaves(Path(folder, n), inside)]
            outside += [Path(folder, n) for n in away]
            names[:] = [n for n in names if n not in away]
        yield from (Path(folder, name) for name in shown)
    if outside:
        first = min(outside)
        count = "1 link leads" if len(outside) == 1 else f"{len(outside)} links lead"
        raise DataError(
            f"{count} out of {root}, {first.relative_to(root)} to "
            f"{os.path.realpath(first)} among them. If you know what they lead to: "
            "--set data.follow_links=true."
        )


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in EXTENSIONS and file.is_file()


def _leaves(path: Path, inside: str) -> bool:
    """Whether `path` is a link to something that is not in the folder `inside`."""
    return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(inside)


def _header(file: Path) -> tuple[tuple[int, int], str] | str:
    """Returns ((height, width) as seen upright, mode), or why the file can't be opened."""
    try:
        with picture_files.opened(file) as picture:
            turned = picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            return picture.size if turned else picture.size[::-1], picture.mode
    except Exception as error:  # Pillow's decoders raise many kinds
        return str(error)


def _decode(file: Path, size: tuple[int, int], channels: int) -> np.ndarray | str:
    """Returns uint8 (height, width, channels), or why the file can't be decoded."""
    try:
        with picture_files.opened(file) as picture:
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
