"""Writing so that no one ever reads a half-written file, and no crash leaves one behind."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from keras_gan.utils.errors import DiskError

_TEMPORARY = ".tmp-"
_REMEDIES = {
    errno.ENOSPC: " Make room on that disk.",
    errno.EDQUOT: " Make room within your quota.",
    errno.EFBIG: " Raise the limit of a file's size (`ulimit -f`).",
    errno.EMFILE: " Raise the limit of open files (`ulimit -n`).",
    errno.EROFS: " Make that disk writable.",
    errno.ENOENT: " Has its folder been removed?",
}
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # Linux' <fcntl.h> and <linux/fs.h>


def cache_root() -> Path:
    """$KERAS_GAN_CACHE, else keras-gan/ under $XDG_CACHE_HOME or ~/.cache."""
    given = os.environ.get("KERAS_GAN_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(base) / "keras-gan"


@contextlib.contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Yields a temporary sibling of `path`, with its ending, that takes its place at the end.

    Where the block raises, `path` stays as it was and nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    ending = "".join(path.suffixes[-2:])
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY, suffix=ending)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        flush(temporary)
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
        flush(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary sibling folder that becomes `path`, taking an older one's place.

    Where the block raises, `path` stays as it was and nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=_TEMPORARY))
    try:
        yield temporary
        for part in (*temporary.rglob("*"), temporary):
            flush(part)
        temporary.chmod(0o777 & ~_umask())
        _swap(temporary, path)
        flush(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text, whole or not at all."""
    with replaced_file(path) as temporary:
        temporary.write_text(text, "utf-8")


def remove_folder(path: Path) -> None:
    """Removes a folder that others may read: it is there whole until it is gone."""
    gone = Path(tempfile.mkdtemp(dir=path.parent, prefix=_TEMPORARY))
    os.replace(path, gone)
    shutil.rmtree(gone, ignore_errors=True)


def remove_temporaries(folder: Path) -> None:
    """Removes what a killed process has left half-written in a folder."""
    for path in folder.glob(f"{_TEMPORARY}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Waits until a file's content, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def disk_error(what: str, error: OSError) -> DiskError:
    """A failed write, and what to do: `what` is the thing that could not be written."""
    remedy = _REMEDIES.get(error.errno, "")
    return DiskError(f"Can't write {what}: {error.strerror or error}.{remedy}")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _swap(new: Path, path: Path) -> None:
    """Renames `new` to `path`; the content of both is there until it is done."""
    if not path.exists():
        os.replace(new, path)
        return
    if _exchange(new, path):
        shutil.rmtree(new, ignore_errors=True)
        return
    old = new.with_name(f"{new.name}-old")
    os.replace(path, old)
    try:
        os.replace(new, path)
    except OSError:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchange(a: Path, b: Path) -> bool:
    """Makes two names change places in one go, where the system can: there is always a `b`."""
    try:
        rename = ctypes.CDLL(None).renameat2
    except AttributeError:
        return False
    names = os.fsencode(a), os.fsencode(b)
    return rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
