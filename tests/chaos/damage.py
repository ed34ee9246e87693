"""Bytes changed and files cut in checkpoints: none of it may be loaded."""

from __future__ import annotations

import os
import random
import shutil
import warnings
from pathlib import Path

from fits import Plan, Whole, checkpoints


def trial(plan: Plan, reference: Whole, count: int, moments: random.Random) -> list[tuple]:
    """Damages the newest checkpoint of a copied run `count` times and opens the run."""
    newest = checkpoints(reference.run)[-1]
    run = plan.work / "damaged"
    silent = []
    for number in range(count):
        shutil.copytree(reference.run, run)
        files = sorted((run / "checkpoints" / f"{newest:09d}").iterdir())
        what = _damage(files[number % len(files)], bool(number // len(files) % 2), moments)
        problem = _open(run, newest)
        print(f"damage {number + 1}: {what}: {problem or 'detected'}", flush=True)
        if problem:
            silent.append(what)
        shutil.rmtree(run)
    told = f"{count - len(silent)} detected{', not ' + silent[0] if silent else ''}"
    return [(f"{count} flips and cuts", told, not silent)]


def _damage(path: Path, cut: bool, moments: random.Random) -> str:
    size = path.stat().st_size
    if cut:
        length = moments.randrange(size)
        os.truncate(path, length)
        return f"{path.name} cut to {length} of {size} bytes"
    content = bytearray(path.read_bytes())
    at, bits = moments.randrange(size), moments.randrange(1, 256)
    content[at] ^= bits
    path.write_bytes(content)
    return f"{path.name} byte {at} of {size} xor {bits:#04x}"


def _open(run: Path, newest: int) -> str | None:
    """Opens the run as `sample` does: from the checkpoint before it, and with a warning."""
    from keras_gan.runs import Run

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        iteration = int(Run(run).gan.iteration.numpy())
    texts = [str(warning.message) for warning in told]
    if iteration >= newest:
        return "LOADED"
    return None if any(f"{newest:09d}" in text for text in texts) else "NO WARNING"
