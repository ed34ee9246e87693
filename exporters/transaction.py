"""Files that appear together or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from keras_gan.utils.errors import ExportError


@contextlib.contextmanager
def beside(out: Path) -> Iterator[Path]:
    """A temporary folder in `out`, gone at the end; `out` too where it was made for this.

    Raises:
        ExportError: `out` can't be written to, at first or by what the block does.
    """
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=out, prefix=".tmp-"))
    except OSError as error:
        _remove_empty(missing)
        raise ExportError(f"Can't write into {out}: {error.strerror or error}.") from error
    try:
        yield aside
    except OSError as error:
        raise ExportError(f"Can't write into {out}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        _remove_empty(missing)


def move_all(aside: Path, out: Path, paths: Sequence[str]) -> None:
    """Moves `aside/path` to `out/path` in this order; whatever stops it, all go back.

    A file takes an older one's place in one step, and the folders in `out` stay the
    ones that they are: a container may have mounted them. A folder that is moved
    never takes another's place.

    Raises:
        OSError: one of the places can't be had.
    """
    older = aside / ".older"
    begun: list[str] = []
    made: list[Path] = []
    try:
        for path in paths:
            source, target = aside / path, out / path
            if not target.parent.exists():
                made.append(target.parent)
                target.parent.mkdir()
            if os.path.lexists(target):
                (older / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(target, older / path, follow_symlinks=False)  # fails for a folder
            begun.append(path)  # before the move: an interrupt may come right after it
            os.replace(source, target)
    except BaseException:
        for path in reversed(begun):
            _take_back(aside / path, out / path, older / path)
        _remove_empty(made)
        raise


def _take_back(source: Path, target: Path, older: Path) -> None:
    if source.exists():
        return  # it was not moved
    if os.path.lexists(older):
        os.replace(older, target)
    else:
        os.replace(target, source)


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()
