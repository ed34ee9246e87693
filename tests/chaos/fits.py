"""Trainings as processes of their own: started, watched, resumed, killed."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("keras-gan"))
_PATIENCE = 600  # seconds that a training may stand still

#: Arguments of `keras-gan fit`, and epochs of 24 rounds: 1,500 digits by 62. Calls are of 6
#: rounds (see `Plan`), so that every second checkpoint lies within an epoch.
RECIPES = {
    "digits": (["digits", "--batch-size=62"], 400),
    "mnist_maxout": (
        ["mnist_maxout", "--data=digits", "--batch-size=62", "--set=data.split=train",
         "--set=network.generator.hidden=[128, 128]", "--set=network.discriminator.units=[48, 48]",
         "--set=output.samples_every_epochs=50"],
        400,
    ),
    "spectral": (
        ["digits", "--batch-size=62", "--set=network.discriminator.spectral_norm=true"],
        400,
    ),
    "tiny": (
        ["digits", "--batch-size=62", "--set=network.generator.hidden=[16]",
         "--set=network.discriminator.hidden=[16]", "--set=training.jit_compile=false",
         "--set=output.samples_every_epochs=4", "--set=output.held_out_every_epochs=0"],
        12,
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Plan:
    """A training that can be run again and again.

    Attributes:
        recipe: a key of RECIPES.
        epochs: or None for that of RECIPES.
        seed: of the training.
        settings: `path=value` texts beside the recipe's.
        work: the folder for runs and their output.
    """

    recipe: str
    epochs: int | None
    seed: int
    settings: tuple[str, ...]
    work: Path
    call: int = 6  # steps
    cadence: int = 36  # steps between checkpoints, a multiple of `call`

    def arguments(self, run: Path) -> list[str]:
        recipe, epochs = RECIPES[self.recipe]
        own = {
            "training.steps_per_execution": self.call,
            "output.checkpoint_every_epochs": self.cadence / 24,
            "output.scalars_every_steps": self.call,
        }
        settings = [*(f"{path}={value}" for path, value in own.items()), *self.settings]
        chosen = [f"--epochs={self.epochs or epochs}", f"--seed={self.seed}", f"--run-dir={run}"]
        return ["fit", *recipe, *chosen, *(f"--set={text}" for text in settings)]


@dataclasses.dataclass(frozen=True)
class Whole:
    """The uninterrupted run: its folder, steps, seconds in all and until the first step's end."""

    run: Path
    steps: int
    seconds: float
    start_up: float


class Fit:
    """A running `keras-gan fit`, of a new run or resuming one.

    Use as a context: at its end the process is gone.
    """

    def __init__(self, plan: Plan, run: Path, **settings):
        self.run = run
        self.log = plan.work / f"{run.name}.log"
        is_new = not (run / "run.json").exists()
        arguments = plan.arguments(run) if is_new else ["fit", "--resume", str(run)]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
        self.began = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=log, env=environment
            )

    def __enter__(self) -> Fit:
        return self

    def __exit__(self, *_) -> None:
        self.kill()

    def kill(self) -> None:
        """SIGKILL, and what the system does to end the process."""
        self.process.kill()
        self.process.wait()

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")

    @property
    def plays(self) -> bool:
        """Whether it has said all that it says before the first step."""
        return "tensorboard --logdir" in self.output()

    def resumed_at(self) -> int | None:
        """The step that it says to go on from; 0 for a new run, None where it came not so far."""
        found = re.search(r"from +step (\d+) of", self.output())
        if found is None:
            return 0 if "--resume" not in self.process.args else None
        return int(found[1])

    def until(self, condition, poll: float = 0.01) -> bool:
        """Waits until `condition()`; False where the process ended before."""
        waited, written = 0.0, 0  # by its own naps: a machine may be put to sleep under it
        while not condition():
            if self.ended:
                return bool(condition())
            with contextlib.suppress(OSError):
                before, written = written, (self.run / "metrics.jsonl").stat().st_mtime_ns
                waited = waited if written == before else 0.0
            waited += poll
            if waited > _PATIENCE:
                raise TimeoutError(f"{self.run} stands still: {self.output()[-500:]}")
            time.sleep(poll)
        return True


def whole(plan: Plan) -> Whole:
    """Runs the training to its end, without a break."""
    run = plan.work / "whole"
    with Fit(plan, run) as fit:
        fit.until(lambda: reached(run) > 0)
        start_up = time.monotonic() - fit.began
        fit.until(lambda: fit.ended, poll=0.1)
        if fit.process.returncode:
            raise SystemExit(f"the training can't be run at all: {fit.output()}")
        return Whole(run, reached(run), time.monotonic() - fit.began, start_up)


def at_random(fit: Fit, plan: Plan, reference: Whole, left: int, moments: random.Random) -> None:
    """Waits for a moment that leaves enough of a training for the `left` ones, this one included.

    It is chosen by steps, and by the clock between two checkpoints only: how fast a
    machine is may change while others use it.
    """
    now = reached(fit.run)
    step = now + moments.uniform(0, 1.5 * (reference.steps - now) / (left + 1))
    fit.until(lambda: reached(fit.run) >= step, poll=0.003)
    rate = reference.steps / max(reference.seconds - reference.start_up, 0.1)
    delay = time.monotonic() + moments.uniform(0, plan.cadence / 2 / rate)
    fit.until(lambda: time.monotonic() >= delay, poll=0.001)


def reached(run: Path) -> int:
    """The step of the last whole row of metrics.jsonl; 0 without any."""
    try:
        with open(run / "metrics.jsonl", "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 2**16))
            lines = file.read().splitlines(keepends=True)
    except FileNotFoundError:
        return 0
    for line in reversed(lines):
        if line.endswith(b"\n") and line.startswith(b"{"):
            return int(json.loads(line)["iteration"])
    return 0


def checkpoints(run: Path) -> list[int]:
    """The steps of the checkpoints that are there, in order."""
    return sorted(int(path.name) for path in (run / "checkpoints").glob("[0-9]" * 9))
