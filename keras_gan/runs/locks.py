"""One writer at a time: the lock on a run directory."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

from keras_gan.runs.directory import resume_command
from keras_gan.utils.errors import RunError
from keras_gan.utils.files import disk_error

LOCK = ".lock"


@contextlib.contextmanager
def held(run: Path) -> Iterator[None]:
    """Holds the right to train a run; commands that only read take no lock.

    The operating system ends the lock with the process, however that ends, so that
    no stale one can stand in the way; the file stays, and says who holds it. Within a
    thread it may be taken again.

    Args:
        run: the run directory.

    Raises:
        RunError: another process trains it.
        DiskError: the lock can't be written.
    """
    path = run.absolute() / LOCK
    try:
        # The same object for the same path, which is what makes it reentrant.
        lock = FileLock(path, blocking=False, is_singleton=True)
        lock.acquire()
        if not isinstance(lock, SoftFileLock):  # which does so itself, where there is no flock
            path.write_text(f"{os.getpid()}\n{socket.gethostname()}\n", "utf-8")
    except Timeout as error:
        raise RunError(
            f"{run} is being trained by {_holder(path)}. Wait until that ends, or stop it; then "
            f"go on with: {resume_command(run)}"
        ) from error
    except OSError as error:
        raise disk_error(f"{run / LOCK}", error) from error
    try:
        yield
    finally:
        lock.release()


def _holder(lock: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        pid, host, *_ = lock.read_text("utf-8", "replace").split()
        return f"process {pid} on {host}"
    return "another process"
