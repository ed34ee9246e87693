"""Data packed once into one file of uint8 records, any of which is one read away.

A pack is a whole `Source`: the images, one after the other, then the labels (int32),
then what else is known of them as JSON, then that JSON's length and a mark. It is
written aside and renamed, so that half of one is never found, and it tells what it was
made from, so that one of data that have changed is not used.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import re
import shutil
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from tqdm import tqdm

from keras_gan.data.source import Source
from keras_gan.data.stored import StoredImages
from keras_gan.utils.errors import DataError, DiskError
from keras_gan.utils.files import cache_root, disk_error, remove_temporaries, replaced_file

#: The end of a pack: the length of its JSON, and a mark with the version of the format.
MARK = b"keras-gan pack 1"
END = struct.Struct(f"<Q{len(MARK)}s")
_LONGEST = 2**26  # bytes of JSON


class PackedImages(StoredImages):
    """Some of the records of a pack, in their order.

    They are read, not mapped into memory: what was read once does not stay. The file
    is kept open: a new one that takes its place is no concern of who began with it.

    Args:
        path: of the pack.
        handle: the open file.
        rows: int (n,), numbers of the records.
        shape: of a record.
    """

    def __init__(self, path: Path, handle: _Handle, rows: np.ndarray, shape: tuple[int, int, int]):
        super().__init__((len(rows), *shape))
        self.path = path
        self._handle = handle
        self._rows = rows

    def part(self, rows):
        return PackedImages(self.path, self._handle, self._rows[rows], self.shape[1:])

    def _read(self, rows, images):
        size = math.prod(self.shape[1:])
        for image, row in zip(images.reshape(len(images), -1), rows.tolist(), strict=True):
            if os.preadv(self._handle.number, [image], int(self._rows[row]) * size) != size:
                raise DataError(f"{self.path} has become shorter: remove it, and start again.")


class _Handle:
    """An open file's number, closed with the last that reads from it."""

    def __init__(self, path: Path):
        self.number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self):
        with contextlib.suppress(AttributeError, OSError):  # it was never opened
            os.close(self.number)


def key_of(*facts: Any) -> str:
    """A digest of what a pack is made from: other facts, other pack."""
    digest = hashlib.sha256()
    for fact in facts:
        digest.update(f"{fact}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def path_of(name: str, *settings: Any) -> Path:
    """Where the pack of these data lies; the next one of the same takes its place."""
    readable = re.sub(r"\W+", "_", name)[:40]
    return cache_root() / "packs" / f"{readable}-{key_of(name, *settings)[:16]}.pack"


def opened(path: Path, key: str) -> Source | None:
    """The data in a pack, or None where there is none of that key, whole."""
    try:
        handle = _Handle(path)
        size = os.fstat(handle.number).st_size
        length, mark = END.unpack(os.pread(handle.number, END.size, size - END.size))
        if mark != MARK or length > min(size, _LONGEST):
            return None
        facts = json.loads(os.pread(handle.number, length, size - END.size - length))
        count, *shape = facts["shape"]
        labels = 4 * count * (facts["class_names"] is not None)
        whole = math.prod(facts["shape"]) + labels + length + END.size == size
        if facts["key"] != key or not whole or len(shape) != 3:
            return None
        labels = os.pread(handle.number, labels, math.prod(facts["shape"]))
        return _source(path, handle, facts, np.frombuffer(labels, np.int32))
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None


def _source(path: Path, handle: _Handle, facts: dict, labels: np.ndarray) -> Source:
    count, *shape = facts["shape"]
    names = facts["class_names"]
    return Source(
        facts["name"],
        PackedImages(path, handle, np.arange(count), tuple(shape)),
        None if names is None else labels,
        None if names is None else tuple(names),
        tuple(facts["notes"]),
    )


@dataclasses.dataclass(frozen=True)
class Contents:
    """What is to be packed.

    Attributes:
        count: images, at most.
        shape: (height, width, channels).
        batches: gives all images, uint8 (n, *shape) at a time.
        about: a Source with their labels, names and notes, once all were given.
    """

    count: int
    shape: tuple[int, int, int]
    batches: Iterable[np.ndarray]
    about: Callable[[], Source]


def packed(path: Path, key: str, contents: Callable[[], Contents]) -> Source:
    """The data in a pack, which is made where there is none, or one of other data.

    Args:
        path: see `path_of`.
        key: see `key_of`.
        contents: is asked for where it is made.

    Raises:
        DiskError: there is no room, or it can't be written.
    """
    found = opened(path, key)
    if found is not None:
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.parent / ".lock"):  # two that start at once pack once
            if (found := opened(path, key)) is None:
                remove_temporaries(path.parent)
                _write(path, key, contents())
                found = opened(path, key)
    except OSError as error:
        raise disk_error(f"the pack {path}", error) from error
    if found is None:
        raise DiskError(f"The pack {path} can't be read back: is its disk sound?")
    return found


def _write(path: Path, key: str, contents: Contents) -> None:
    _check_room(path, contents.count * math.prod(contents.shape))
    written = 0
    bar = tqdm(total=contents.count, desc="pack", unit="image", leave=False, disable=None)
    with bar, replaced_file(path) as temporary, open(temporary, "wb") as file:
        for images in contents.batches:
            file.write(np.ascontiguousarray(images))
            written += len(images)
            bar.update(len(images))
        source = contents.about()
        if source.labels is not None:
            file.write(np.ascontiguousarray(source.labels, np.int32))
        facts = {
            "key": key,
            "shape": [written, *contents.shape],
            "name": source.name,
            "class_names": source.class_names,
            "notes": source.notes,
        }
        text = json.dumps(facts).encode()
        file.write(text + END.pack(len(text), MARK))


def _check_room(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise DiskError(
            f"Not enough room for the pack {path}: it takes {needed / 1e9:,.1f} GB, and "
            f"{free / 1e9:,.1f} GB are free. Make room, set a smaller data.image_size, or name "
            "a folder on another disk: KERAS_GAN_CACHE=FOLDER."
        )
