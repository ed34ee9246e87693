"""The runs of a sweep as processes of this machine, each of which can be resumed."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from keras_gan.apps.sweep.plan import Cell, Plan, arguments
from keras_gan.runs import FACTS, Run
from keras_gan.utils.errors import ConfigError, KerasGanError, RunError
from keras_gan.utils.files import disk_error, write_text
from keras_gan.utils.processes import Children, deal_out, gpus, share

RUNS = "runs"
_CONFIGS, _LOGS, _EVALUATED = "configs", "logs", "evaluated"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Sweeping:
    """Trains and evaluates the cells of a plan below one folder.

        runs/GROUP/seed-N        the runs
        configs/GROUP/seed-N.yaml    what each was asked to be
        evaluated/GROUP/seed-N.txt   how it was evaluated, once it was
        logs/GROUP/seed-N.txt    what `fit` and `evaluate` said

    Args:
        plan: the sweep.
        out: the folder; what an earlier call has finished in it is left as it is.

    Raises:
        ConfigError: a run in `out` was made by other settings.
        RunError: `out` can't be written.
    """

    def __init__(self, plan: Plan, out: Path):
        self.plan, self.out = plan, out
        self._children = Children()
        self._devices: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
        for cell in plan.cells:
            file = self._config(cell)
            if file.exists() and file.read_text("utf-8") != cell.config.to_yaml():
                raise ConfigError(
                    f"{self.run(cell)} was made by other settings than the sweep's ({file}): name "
                    "another --out, or remove both."
                )
        try:
            for cell in plan.cells:
                write_text(self._config(cell), cell.config.to_yaml())
        except OSError as error:
            raise RunError(f"Can't write into {out}: {error.strerror or error}.") from error

    @property
    def stopped_by(self) -> int | None:
        """The number of the signal that has ended the sweep, or None."""
        return self._children.stopped_by

    def run(self, cell: Cell) -> Path:
        """The run directory of a cell."""
        return self.out / RUNS / cell.name

    def _config(self, cell: Cell) -> Path:
        return self.out / _CONFIGS / f"{cell.name}.yaml"

    def play(self, processes: int, tell: Callable[[Cell, str], None]) -> dict[str, str]:
        """Does what is left to do, `processes` at a time.

        SIGINT, SIGTERM and SIGHUP are forwarded: each run ends with a checkpoint.

        Args:
            processes: how many at a time; they share the cores, and have a GPU each where
                there are any.
            tell: is told what happens to a cell.

        Returns:
            {name of a cell: why it has no result}, for those that failed or were not begun.

        Raises:
            ConfigError: there are GPUs, but fewer than processes.
        """
        failed = {}
        for devices in deal_out(gpus()[:processes], processes) if processes > 1 else [{}]:
            self._devices.put(devices)
        environment = share(processes) | _inherited()
        with self._children.forwarding(*_SIGNALS), ThreadPoolExecutor(processes) as pool:
            jobs = {pool.submit(self._do, c, environment, tell): c for c in self.plan.cells}
            for job in as_completed(jobs):
                try:
                    problem = job.result()
                except KerasGanError as error:  # a damaged run, for one
                    problem = str(error)
                except OSError as error:
                    problem = str(disk_error(str(self.out), error))
                if problem:
                    failed[jobs[job].name] = problem
        return failed

    def _do(self, cell: Cell, environment: dict[str, str], tell) -> str | None:
        """Train and evaluate one cell; return why it failed."""
        log = self.out / _LOGS / f"{cell.name}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        for what, find in (("fit", self._fit), ("evaluate", self._evaluate)):
            command = find(cell)
            if command is None:
                continue
            if self.stopped_by:
                return "stopped"
            tell(cell, " ".join(command[:2]) if command[1] == "--resume" else what)
            code = self._call(command, environment, log)
            if code:
                return "stopped" if self.stopped_by else f"{what}: {_last_line(log)}"
            if what == "evaluate":
                write_text(self._evaluated(cell), "\n".join(arguments(self.plan.evaluate)))
        tell(cell, "done")
        return None

    def _call(self, command: Sequence[str], environment: dict[str, str], log: Path) -> int:
        """Run a command of the program with a GPU of its own, if there are any."""
        program = [sys.executable, "-m", "keras_gan", *command]
        devices = self._devices.get()
        try:
            with open(log, "ab") as file:
                streams = {"stdout": file, "stderr": subprocess.STDOUT}
                return self._children.start(program, environment | devices, **streams).wait()
        finally:
            self._devices.put(devices)

    def _fit(self, cell: Cell) -> list[str] | None:
        """The arguments that begin or go on with a run; None where it has come to its end."""
        path = self.run(cell)
        if not (path / FACTS).exists():
            # Of a run that was killed while its folder was made: there is nothing in it yet.
            if not any(path.glob("checkpoints/*")):
                shutil.rmtree(path, ignore_errors=True)
            return ["fit", str(self._config(cell)), "--run-dir", str(path)]
        run = Run(path)
        return None if run.iteration >= run.total_steps else ["fit", "--resume", str(path)]

    def _evaluate(self, cell: Cell) -> list[str] | None:
        """The arguments that evaluate a run; None where that was done after its last step."""
        if self.plan.evaluate is None:
            return None
        options = arguments(self.plan.evaluate)
        done = self._evaluated(cell)
        if done.exists() and done.read_text("utf-8") == "\n".join(options):
            return None
        return ["evaluate", str(self.run(cell)), *options]

    def _evaluated(self, cell: Cell) -> Path:
        return self.out / _EVALUATED / f"{cell.name}.txt"


def _inherited() -> dict[str, str]:
    """Return this process's environment without options: a run has those of the sweep only."""
    options = ("KERAS_GAN_FIT_", "KERAS_GAN_EVALUATE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(options)}


def _last_line(log: Path) -> str:
    """What a failed command has said at last."""
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else f"see {log}"
