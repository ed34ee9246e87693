"""Disks that become full at random moments of one training, which goes on once there is room."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import equality
from fits import Fit, Plan, Whole, at_random, checkpoints, reached

_ROOM = 2**28  # bytes of the small disk


def trial(plan: Plan, reference: Whole, count: int, moments: random.Random) -> list[tuple]:
    """Fills the disk `count` times under a training and compares its end with the reference."""
    with _small_disk(plan.work / "disk") as is_real:
        return _trial(plan, reference, count, moments, plan.work / "disk" / "filled", is_real)


def _trial(
    plan: Plan, reference: Whole, count: int, moments: random.Random, run: Path, is_real: bool
) -> list[tuple]:
    done, wrong = 0, []
    state = max(path.stat().st_size for path in reference.run.rglob("state.weights.h5"))
    while True:
        with Fit(plan, run) as fit:
            if done < count:
                fit.until(lambda: checkpoints(run))
                fit.until(lambda: fit.plays)
                at_random(fit, plan, reference, count - done, moments)
                before = _paid_for(run)
                with _full(fit, run.parent, moments.randrange(state), is_real):
                    fit.until(lambda: fit.ended)
            fit.until(lambda: fit.ended, poll=0.1)
            code = fit.process.returncode
        if code == 0:
            break
        done += 1
        problem = _problem(fit, run, before)
        print(f"full disk {done}: at step {reached(run)}: {problem or _error(fit)}", flush=True)
        if problem:
            wrong.append(problem)
        if done > count:
            break
    kind = "a small disk" if is_real else "a limit of file sizes"
    return [
        (f"{count} full disks", f"{done} times, by {kind}", done == count),
        ("  one clear error, nothing lost", wrong[0] if wrong else "each time", not wrong),
        ("  the last resume ends", _error(fit) if code else "well", code == 0),
        *equality.differences(reference.run, run),
    ]


def _paid_for(run: Path) -> tuple[int, bytes]:
    """The newest checkpoint, and the rows up to it."""
    newest = checkpoints(run)[-1]
    rows = (run / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    whole = [row for row in rows if row.endswith(b"\n")]
    return newest, b"".join(row for row in whole if json.loads(row)["iteration"] <= newest)


def _problem(fit: Fit, run: Path, before: tuple[int, bytes]) -> str | None:
    from keras_gan.runs.checkpoints import problem

    newest, rows = before
    whole = [n for n in checkpoints(run) if problem(run / "checkpoints" / f"{n:09d}") is None]
    if not whole or whole[-1] < newest:
        return f"LOST checkpoint {newest}"
    if not (run / "metrics.jsonl").read_bytes().startswith(rows):
        return "LOST rows"
    if "Traceback" in fit.output() or not _error(fit).startswith("Error: "):
        return f"NO CLEAR ERROR: {_error(fit)}"
    return None


def _error(fit: Fit) -> str:
    return (fit.output().strip().splitlines() or ["nothing"])[-1][:150]


@contextlib.contextmanager
def _small_disk(path: Path) -> Iterator[bool]:
    """A tmpfs where it may be mounted (True), else a folder (False)."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "tmpfs", str(path)]
    found = shutil.which("mount") and os.geteuid() == 0
    is_real = bool(found) and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield is_real
    finally:
        if is_real:
            subprocess.run(["umount", str(path)], check=True)


@contextlib.contextmanager
def _full(fit: Fit, disk: Path, free: int, is_real: bool) -> Iterator[None]:
    """All but `free` bytes of the disk are taken; or no file of the process grows above `free`."""
    ballast = disk / "ballast"
    if not is_real:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(fit.process.pid, resource.RLIMIT_FSIZE, (free, free))
        yield
        return
    with open(ballast, "wb") as file:
        size = os.statvfs(disk)
        os.posix_fallocate(file.fileno(), 0, max(1, size.f_bavail * size.f_frsize - free))
    try:
        yield
    finally:
        ballast.unlink()
