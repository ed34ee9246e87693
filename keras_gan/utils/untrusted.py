"""Reading what may come from a stranger: regular files only, and no more than is allowed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO


def opened(path: str | Path) -> BinaryIO:
    """Opens a regular file (through links) for reading: no pipe, whose end may never come.

    Raises:
        OSError: it is not there, not a regular file, or can't be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "Not a regular file", str(path))
    return open(handle, "rb")


def content(path: Path, most: int) -> bytes:
    """Returns what is in a file of at most `most` bytes.

    Raises:
        OSError: see `opened`.
        ValueError: it is longer.
    """
    with opened(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise ValueError(f"it is longer than {most:,} bytes")
        return file.read()


def text(path: Path, most: int) -> str:
    """Returns the UTF-8 text of a file of at most `most` bytes.

    Raises:
        OSError, ValueError: see `content`; it is not UTF-8.
    """
    try:
        return content(path, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8 text") from error


def table(path: Path, most: int) -> dict[str, Any]:
    """Returns the JSON object in a file of at most `most` bytes.

    Raises:
        OSError, ValueError: see `content`; it holds something else.
    """
    try:
        values = json.loads(text(path, most))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(values, dict):
        raise ValueError("it holds no table of keys and values")
    return values


def lines(path: Path, longest: int) -> Iterator[bytes]:
    """Yields the lines of a file that end, and are not above `longest` bytes; passes others over.

    Raises:
        OSError: see `opened`.
    """
    with opened(path) as file:
        begins = True  # a line, rather than going on with one that is too long
        while part := file.readline(longest):
            ends = part.endswith(b"\n")
            if begins and ends:
                yield part
            begins = ends
