"""What an evaluation keeps for the next one: extractors, and figures of the real images."""

from __future__ import annotations

import contextlib
import hashlib
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from keras_gan.data import Source
from keras_gan.utils.files import cache_root, replaced_file

_VERSION = 2  # of what is kept; another one does not read it


@contextlib.contextmanager
def kept_or_not(path: Path) -> Iterator[None]:
    """What can't be written in this block is computed anew next time, and that is told."""
    try:
        yield
    except OSError as error:
        warnings.warn(f"Can't keep {path}: {error.strerror or error}.", stacklevel=2)


class Cache:
    """The folder of one data set, by content: other images have another folder.

    Args:
        sources: the splits that it is made of.
        root: by default `cache_root()`.
    """

    def __init__(self, *sources: Source | None, root: Path | None = None):
        digest = hashlib.sha256(str(_VERSION).encode())
        for source in sources:
            for array in () if source is None else (source.images, source.labels):
                if array is not None:
                    digest.update(f"{array.shape}{array.dtype}".encode())
                    digest.update(np.ascontiguousarray(array))
            digest.update(b"|")
        self.folder = (root or cache_root()) / f"v{_VERSION}-{digest.hexdigest()[:16]}"

    def arrays(self, name: str, compute: Callable[[], dict[str, np.ndarray]]) -> dict:
        """What `compute` returns, from the disk where it is there."""
        path = self.folder / f"{name}.npz"
        try:
            with np.load(path, allow_pickle=False) as kept:
                return dict(kept)
        except (OSError, ValueError, zipfile.BadZipFile):
            found = compute()
        with (
            kept_or_not(path),
            replaced_file(path) as temporary,
            open(temporary, "wb") as file,
        ):
            np.savez(file, **found)
        return found
