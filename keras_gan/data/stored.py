"""Images that stay on disk and are read by their row numbers when they are drawn."""

from __future__ import annotations

import abc
import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from keras_gan.errors import DataError

_WORKERS = min(16, 2 * (os.cpu_count() or 1))


class StoredImages(abc.ABC):
    """What `Source.images` is where the images do not stay in memory: an array to index.

    `images[rows]`, rows a number, a slice or an array of numbers, is uint8
    (len(rows), height, width, channels), read now. Reading is a function of the
    rows alone and may happen in several threads at once.

    Attributes:
        shape: (n, height, width, channels).
        dtype: uint8.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, shape: tuple[int, int, int, int]):
        self.shape = shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        rows = np.asarray(rows)
        found = self.read(np.atleast_1d(rows))
        return found[0] if rows.ndim == 0 else found

    @property
    def nbytes(self) -> int:
        """What they would take in memory."""
        return int(np.prod(self.shape, dtype=np.int64))

    @abc.abstractmethod
    def read(self, rows: np.ndarray) -> np.ndarray:
        """Reads uint8 (len(rows), height, width, channels); rows are 0 to n - 1."""

    @abc.abstractmethod
    def part(self, rows: np.ndarray) -> StoredImages:
        """The images of some rows, in their order."""


class FileImages(StoredImages):
    """A picture file an image, decoded and brought to size by several threads.

    A file that turns out to be damaged gives way to the next whole one.

    Args:
        files: of all images.
        shape: (height, width, channels).
        decode: file -> uint8 of that shape, or a text that says why it can't.
    """

    def __init__(
        self,
        files: Sequence[Path],
        shape: tuple[int, int, int],
        decode: Callable[[Path], np.ndarray | str],
    ):
        super().__init__((len(files), *shape))
        self.files = files
        self.decode = decode
        self.pool = ThreadPoolExecutor(_WORKERS)

    def read(self, rows):
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for n, image in enumerate(self.pool.map(self._whole, rows.tolist())):
            images[n] = image
        return images

    def part(self, rows):
        return FileImages([self.files[row] for row in rows], self.shape[1:], self.decode)

    def _whole(self, row: int) -> np.ndarray:
        for shift in range(len(self.files)):
            image = self.decode(self.files[(row + shift) % len(self.files)])
            if not isinstance(image, str):
                return image
        raise DataError(f"None of the {len(self.files)} pictures can be decoded any more.")


@dataclasses.dataclass(frozen=True)
class Packed:
    """A file of uint8 records of one shape, one after the other, and what they are.

    `path` has the records, `path` with `.json` added their number and shape: it is
    written last, so that records without it are not whole.
    """

    path: Path

    @property
    def facts(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def open(self) -> PackedImages | None:
        """The images, or None where they were not packed to the end."""
        try:
            shape = tuple(json.loads(self.facts.read_text("utf-8"))["shape"])
            whole = self.path.stat().st_size == int(np.prod(shape, dtype=np.int64))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return PackedImages(self.path, shape) if whole and len(shape) == 4 else None


class PackedImages(StoredImages):
    """Records of one size in a file: any of them is one read away.

    They are read, not mapped into memory: what was read once does not stay.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int, int],
        rows: np.ndarray | None = None,
    ):
        self.rows = np.arange(shape[0]) if rows is None else rows
        super().__init__((len(self.rows), *shape[1:]))
        self.path = path
        self.whole = shape

    def read(self, rows):
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        size = images[0].nbytes if len(rows) else 0
        with open(self.path, "rb", buffering=0) as file:
            for image, row in zip(images, self.rows[rows].tolist(), strict=True):
                file.seek(row * size)
                if file.readinto(memoryview(image).cast("B")) != size:
                    raise DataError(f"{self.path} has become shorter: remove it, and pack again.")
        return images

    def part(self, rows):
        return PackedImages(self.path, self.whole, self.rows[rows])
