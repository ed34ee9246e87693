"""Images that stay on disk and are read by their row numbers when they are drawn."""

from __future__ import annotations

import abc
import contextlib
import math
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from keras_gan.utils.errors import DataError, KerasGanWarning

# The cores that this process may use, where the system tells.
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
_WORKERS = min(16, _CORES or 1)
_TASK = 32  # images that a worker reads at once: handing over one takes as long as a small picture
_BATCH, _BATCH_BYTES = 1024, 2**26  # images that are read at once where all are, at most
_NICENESS = 10
_TRIES = 1000  # files in a row that may be damaged before something larger must be wrong


def batch_of(shape: tuple[int, ...]) -> int:
    """How many images of a shape, (height, width, channels), are read at once at most."""
    return max(1, min(_BATCH, _BATCH_BYTES // math.prod(shape)))


class StoredImages(abc.ABC):
    """What `Source.images` is where the images do not stay in memory: an array to index.

    `images[rows]`, rows a number, a slice or an array of numbers, is uint8
    (len(rows), height, width, channels), read now, by several threads that give way
    to whatever else computes.

    Attributes:
        shape: (n, height, width, channels).
        dtype: uint8.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, shape: tuple[int, int, int, int]):
        self.shape = shape
        self._pool = ThreadPoolExecutor(_WORKERS, "reader", _give_way)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """What they would take in memory."""
        return math.prod(self.shape)

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        rows = np.asarray(rows)
        images = np.empty((rows.size, *self.shape[1:]), np.uint8)
        self._in_parts(self._read, rows.reshape(-1), images)
        return images.reshape(*rows.shape, *self.shape[1:])

    @abc.abstractmethod
    def part(self, rows: slice | np.ndarray) -> StoredImages:
        """The images of some rows, given as a slice or by their numbers; still stored."""

    @abc.abstractmethod
    def _read(self, rows: np.ndarray, images: np.ndarray) -> None:
        """Reads images 0 <= row < n into uint8 (len(rows), height, width, channels)."""

    def _in_parts(self, read: Callable, rows: np.ndarray, images: np.ndarray) -> list:
        """What `read(rows, images)` returns for each part of both, in several threads."""
        task = max(1, min(_TASK, len(rows) // _WORKERS))
        parts = [slice(start, start + task) for start in range(0, len(rows), task)]
        return list(self._pool.map(lambda part: read(rows[part], images[part]), parts))


class FileImages(StoredImages):
    """A picture file an image, decoded and brought to size by several threads.

    A file that turns out to be damaged when it is drawn gives way to the next whole
    one, with a warning at the first.

    Args:
        root: the folder.
        names: of the files, relative to it.
        shape: (height, width, channels).
        decode: path -> uint8 of that shape, or a text that says why it can't.
    """

    def __init__(
        self,
        root: Path,
        names: Sequence[str],
        shape: tuple[int, int, int],
        decode: Callable[[str], np.ndarray | str],
    ):
        super().__init__((len(names), *shape))
        self.root = root
        self.names = names if isinstance(names, Names) else Names(names)
        self._decode = decode
        self._warned = threading.Event()

    def part(self, rows):
        names = [self.names[row] for row in np.arange(len(self))[rows].tolist()]
        return FileImages(self.root, names, self.shape[1:], self._decode)

    def whole(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields all images that can be decoded, a batch at a time, and their rows."""
        batch = batch_of(self.shape[1:])
        for start in range(0, len(self), batch):
            rows = np.arange(start, min(start + batch, len(self)))
            images = np.empty((len(rows), *self.shape[1:]), np.uint8)
            decoded = np.concatenate(self._in_parts(self._try, rows, images))
            yield images[decoded], rows[decoded]

    def _try(self, rows: np.ndarray, images: np.ndarray) -> np.ndarray:
        """Decodes what can be; returns for each row whether it could."""
        decoded = np.ones(len(rows), bool)
        for n, row in enumerate(rows.tolist()):
            image = self._decode(os.path.join(self.root, self.names[row]))
            if isinstance(image, str):
                decoded[n] = False
            else:
                images[n] = image
        return decoded

    def _read(self, rows, images):
        for n in np.flatnonzero(~self._try(rows, images)):
            images[n] = self._next_whole(int(rows[n]))

    def _next_whole(self, row: int) -> np.ndarray:
        following = [self.names[(row + n) % len(self)] for n in range(min(_TRIES, len(self)))]
        for name in following:
            image = self._decode(os.path.join(self.root, name))
            if not isinstance(image, str):
                self._warn(following[0])
                return image
        raise DataError(
            f"{len(following)} pictures of {self.root} in a row can't be decoded any more, "
            f"{following[0]} among them: has the folder been moved or changed?"
        )

    def _warn(self, name: str) -> None:
        if not self._warned.is_set():
            self._warned.set()
            warnings.warn(
                f"{name} in {self.root} can't be decoded: the next picture takes its place, here "
                "and wherever that happens again.",
                KerasGanWarning,
                stacklevel=2,
            )


class Names(Sequence):
    """Many names in little memory: a million texts of their own would take 100 MB."""

    def __init__(self, names: Iterable[str]):
        encoded = [os.fsencode(name) for name in names]
        self._ends = np.cumsum([len(name) for name in encoded], dtype=np.int64)
        self._letters = b"".join(encoded)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, row: int) -> str:
        row = range(len(self))[row]
        start = self._ends[row - 1] if row else 0
        return os.fsdecode(self._letters[start : self._ends[row]])


def _give_way() -> None:
    """Makes this thread compute only where nothing else would: reading ahead can wait.

    Linux takes a thread's number for a process's; elsewhere threads stay as they are.
    """
    with contextlib.suppress(OSError, AttributeError):
        thread = threading.get_native_id()
        niceness = os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS
        os.setpriority(os.PRIO_PROCESS, thread, niceness)
