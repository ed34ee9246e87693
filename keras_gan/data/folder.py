"""A folder of pictures, with or without a subfolder a class."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags
from tqdm import tqdm

from keras_gan.config import DataConfig
from keras_gan.data import packs, picture_files
from keras_gan.data.source import Source, fit_picture, is_streamed, part_of
from keras_gan.data.stored import FileImages
from keras_gan.utils.errors import DataError

EXTENSIONS = frozenset(
    [".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"]
)
DEFAULT_SIZE = 64
_GREY = ("1", "L", "LA", "I", "F")
_WORKERS = 4
_PART = 256  # files whose headers a worker reads at once


def load(config: DataConfig) -> Source:
    """Loads the pictures under a folder, resized and centre-cropped.

    Links within the folder are followed, and links out of it with `follow_links`;
    what is hidden (its name starts with a dot) is left out.
    Without `image_size` pictures that all have one size keep it, where it is at
    most 128; others become 64x64. Without `channels` they are grey if all are.
    Subfolders are classes, if every picture lies in one. Files that can't be
    decoded, or are larger than `picture_files` allows, are left out, named in the notes.
    The order is a fixed random one of the
    sorted paths, so that a part like train[:90%] has pictures of every class.

    With `pack` all are written to one file of the cache once, and read from there.
    Where they are streamed (see `source.is_streamed`), they stay in that file, or in
    their own, which are then decoded as they are drawn.

    Raises:
        DataError: no pictures, none that can be decoded, or links out of the folder.
        DiskError: no room for the pack.
    """
    root = Path(config.name).expanduser()
    names = sorted(_files(root, config.follow_links), key=lambda name: name.replace("/", "\0"))
    if not names:
        raise DataError(
            f"There are no pictures in {config.name} "
            f"({', '.join(sorted(e[1:] for e in EXTENSIONS))})."
        )
    part_of(config.split, {"train": 0})  # a wrong one is told before the work
    names = [names[row] for row in np.random.default_rng(0).permutation(len(names))]
    source = _packed(config, root, names) if config.pack else _unpacked(config, root, names)
    return source.part(part_of(config.split, {"train": source.num_samples})[1])


def _packed(config: DataConfig, root: Path, names: list[str]) -> Source:
    def contents() -> packs.Contents:
        pictures = _pictures(config, root, names)
        is_streamed(config, len(pictures), pictures.shape[1:])  # or else: now is the time
        kept: list[str] = []

        def about() -> Source:
            return _described(config, np.empty(0), names, kept)

        batches = _images(pictures, kept)
        return packs.Contents(len(pictures), pictures.shape[1:], batches, about)

    settings = (config.image_size, config.channels)
    path = packs.path_of(root.name, os.path.realpath(root), *settings)
    source = packs.packed(path, packs.key_of(*settings, *_stamps(root, names)), contents)
    streamed = is_streamed(config, source.num_samples, source.sample_shape)
    return source if streamed else source.in_memory()


def _unpacked(config: DataConfig, root: Path, names: list[str]) -> Source:
    pictures = _pictures(config, root, names)
    if is_streamed(config, len(pictures), pictures.shape[1:]):
        return _described(config, pictures, names, pictures.names)
    images, kept, start = np.empty(pictures.shape, np.uint8), [], 0
    for batch in _shown(_images(pictures, kept), len(pictures)):
        images[start : start + len(batch)] = batch
        start += len(batch)
    return _described(config, images[:start], names, kept)


def _images(pictures: FileImages, kept: list[str]) -> Iterator[np.ndarray]:
    """Yields the images of all files that can be decoded, and notes their names in `kept`."""
    for images, rows in pictures.whole():
        kept.extend(pictures.names[row] for row in rows)
        yield images


def _pictures(config: DataConfig, root: Path, names: list[str]) -> FileImages:
    """Those whose headers can be read, to be decoded to one shape."""

    def read(part: list[str]) -> list[tuple[str, Any]]:
        found = ((name, _header(os.path.join(root, name))) for name in part)
        return [(name, header) for name, header in found if not isinstance(header, str)]

    readable, headers = [], set()
    parts = [names[start : start + _PART] for start in range(0, len(names), _PART)]
    with ThreadPoolExecutor(_WORKERS) as pool:
        for found in pool.map(read, parts):
            readable += (name for name, _ in found)
            headers.update(header for _, header in found)
    size, channels = _shape(config, headers)
    decode = functools.partial(_decode, size=size, channels=channels)
    return FileImages(root, readable, (*size, channels), decode)


def _shown(batches: Iterable[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """The batches, with a bar on a terminal that counts their images."""
    with tqdm(total=count, desc="read", unit="image", leave=False, disable=None) as bar:
        for images in batches:
            yield images
            bar.update(len(images))


def _described(config: DataConfig, images, names: list[str], kept: Sequence[str]) -> Source:
    """A Source of the images of the files `kept`."""
    if not kept:
        raise DataError(
            f"None of the {len(names)} pictures in {config.name} could be decoded, "
            f"{os.path.basename(min(names))} among them."
        )
    classes, labels = _classes(kept)
    return Source(config.name, images, labels, classes, notes_on(names, kept))


def _stamps(root: Path, names: list[str]) -> Iterator[str]:
    """Each file's name, size and time of change."""
    for name in names:
        with contextlib.suppress(OSError):  # it is gone by now
            found = os.stat(os.path.join(root, name))
            yield f"{name}\0{found.st_size}\0{found.st_mtime_ns}"


def _files(root: Path, follow_links: bool) -> Iterator[str]:
    """All files below `root` that are named as pictures, each folder once; relative to it.

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
        shown = [n for n in files if not n.startswith(".") and _is_picture(folder, n)]
        if not follow_links:
            away = {n for n in (*names, *shown) if _leaves(os.path.join(folder, n), inside)}
            outside += [Path(folder, n) for n in away]
            names[:] = [n for n in names if n not in away]
        within = os.path.relpath(folder, root)
        yield from (n if within == "." else f"{within}/{n}" for n in shown)
    if outside:
        first = min(outside)
        count = "1 link leads" if len(outside) == 1 else f"{len(outside)} links lead"
        raise DataError(
            f"{count} out of {root}, {first.relative_to(root)} to "
            f"{os.path.realpath(first)} among them. If you know what they lead to: "
            "--set data.follow_links=true."
        )


def _is_picture(folder: str, name: str) -> bool:
    is_named_so = os.path.splitext(name)[1].lower() in EXTENSIONS
    return is_named_so and os.path.isfile(os.path.join(folder, name))


def _leaves(path: str, inside: str) -> bool:
    """Whether `path` is a link to something that is not in the folder `inside`."""
    return os.path.islink(path) and not Path(os.path.realpath(path)).is_relative_to(inside)


def _header(file: str) -> tuple[tuple[int, int], str] | str:
    """Returns ((height, width) as seen upright, mode), or why the file can't be opened."""
    try:
        with picture_files.opened(file) as picture:
            turned = picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            return picture.size if turned else picture.size[::-1], picture.mode
    except Exception as error:  # Pillow's decoders raise many kinds
        return str(error)


def _decode(file: str, size: tuple[int, int], channels: int) -> np.ndarray | str:
    """Returns uint8 (height, width, channels), or why the file can't be decoded."""
    try:
        with picture_files.opened(file) as picture:
            return fit_picture(picture, size, channels)
    except Exception as error:
        return str(error)


def _shape(config: DataConfig, headers: Collection) -> tuple[tuple[int, int], int]:
    sizes = {size for size, _ in headers}
    size = (config.image_size or DEFAULT_SIZE,) * 2
    if config.image_size is None and len(sizes) == 1 and max(next(iter(sizes))) <= 128:
        size = next(iter(sizes))
    grey = all(mode.startswith(_GREY) and not mode.startswith("LAB") for _, mode in headers)
    return size, config.channels or (1 if grey else 3)


def _classes(files: Sequence[str]) -> tuple[tuple[str, ...] | None, np.ndarray | None]:
    """(names, int32 labels): the folders that the files are in, if all are in one."""
    tops = [top if slash else None for top, slash, _ in (name.partition("/") for name in files)]
    if None in tops:
        return None, None
    names = tuple(sorted(set(tops)))
    ids = {name: number for number, name in enumerate(names)}
    return names, np.array([ids[top] for top in tops], np.int32)


def notes_on(files: Sequence[str], kept: Sequence[str]) -> tuple[str, ...]:
    """Return a line that names files which were not kept, if there are any."""
    skipped = sorted(set(files).difference(kept)) if len(kept) < len(files) else []
    if not skipped:
        return ()
    named = ", ".join(os.path.basename(file) for file in skipped[:3])
    more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    return (f"left out {len(skipped)} of {len(files)} files that can't be decoded: {named}{more}",)
