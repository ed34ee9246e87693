"""Opening picture files that may come from anyone, in bounded time and memory."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from keras_gan.utils import untrusted

#: Decoders that may be chosen, by content, whatever the ending says: all of Pillow's would
#: mean programs like Ghostscript too.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
LARGEST_FILE = 2**29  # bytes; some decoders read the whole file
LARGEST_PICTURE = 89_478_485  # pixels, 256 MiB in colour; Pillow's own MAX_IMAGE_PIXELS
_SMALL_FILE, _SMALL_PICTURE = 2**25, 2**24  # of which several are in memory at once
_MOST_SCANS = 2**33  # pixels times scans of a progressive JPEG, whose file need not grow
_one_large = threading.Lock()


@contextlib.contextmanager
def opened(file: str | Path) -> Iterator[Image.Image]:
    """Yields a picture whose header was read and found harmless; pixels are decoded later.

    Of animations this is the first frame.

    Raises:
        OSError, ValueError: no picture, or a larger one than is allowed.
    """
    with contextlib.ExitStack() as stack:
        content = stack.enter_context(untrusted.opened(file))
        size = os.fstat(content.fileno()).st_size
        if size > LARGEST_FILE:
            raise ValueError(f"a file of more than {LARGEST_FILE // 2**20} MiB")
        if size > _SMALL_FILE:
            stack.enter_context(_one_large)
        picture = stack.enter_context(Image.open(content, formats=FORMATS))
        pixels = picture.width * picture.height
        if pixels > LARGEST_PICTURE:
            raise ValueError(f"{pixels:,} pixels, above {LARGEST_PICTURE:,}")
        if picture.info.get("progressive"):
            _check_scans(content, pixels)
        if pixels > _SMALL_PICTURE and size <= _SMALL_FILE:
            stack.enter_context(_one_large)
        yield picture


def _check_scans(content: BinaryIO, pixels: int) -> None:
    """Raises ValueError for a JPEG that paints its pixels over and over."""
    before = content.tell()
    content.seek(0)
    scans = content.read().count(b"\xff\xda")
    content.seek(before)
    if scans * pixels > _MOST_SCANS:
        raise ValueError(f"{scans} scans")
