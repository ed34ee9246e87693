"""How much memory images may take on this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class MemoryLimits:
    """Bytes.

    Attributes:
        largest: images in memory at most.
        resident: what `data.stream: auto` keeps in memory.
    """

    largest: int
    resident: int


def memory_limits() -> MemoryLimits:
    """Return the limits of this machine, or of its container."""
    memory = memory_of_process()
    # A third: what stays in memory is there twice, as it was read and as TensorFlow's copy.
    largest = min(8 * 2**30, memory // 3)
    return MemoryLimits(largest, min(largest, memory // 4))


def memory_of_process() -> int:
    """Return the bytes of memory of this machine, or what its container may take of it.

    Where `keras-gan launch` has started several processes on it, a process's part.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in ("memory.max", "memory/memory.limit_in_bytes"):  # cgroups, version 2 and 1
        with contextlib.suppress(OSError, ValueError):  # no such file; `max`
            limits.append(int(Path("/sys/fs/cgroup", file).read_text("ascii")))
    processes = 1
    with contextlib.suppress(ValueError):
        processes = max(1, int(os.environ.get("KERAS_GAN_PROCESSES", 1)))
    return min(limits) // processes
