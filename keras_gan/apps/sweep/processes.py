"""Runs of a sweep in processes of this machine, so many at a time; each can be gone on with."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from keras_gan.apps.sweep.plan import Cell, Plan, arguments
from keras_gan.runs import FACTS, Run
from keras_gan.utils.errors import ConfigError, KerasGanError, RunError
from keras_gan.utils.files import disk_error, write_text
from keras_gan.utils.launching import THREADS, gpus

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
        self._running: set[subprocess.Popen] = set()
        #: The signal that has ended it; None where none has.
        self.stopped_by: int | None = None
        self._gpus: queue.SimpleQueue[str] = queue.SimpleQueue()
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

    def run(self, cell: Cell) -> Path:
        """The run directory of a cell."""
        return self.out / RUNS / cell.name

    def _config(self, cell: Cell) -> Path:
        return self.out / _CONFIGS / f"{cell.name}.yaml"

    def play(self, processes: int, tell: Callable[[Cell, str], None]) -> dict[str, str]:
        """Does what is left to do, `processes` at a time.

        SIGINT and SIGTERM, and a terminal's end, are handed on: each run ends with a checkpoint.

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
        if processes > 1:
            self._deal_out(gpus(), processes)
        environment = self._environment(processes)
        with self._forwarded(), ThreadPoolExecutor(processes) as pool:
            jobs = {pool.submit(self._done, c, environment, tell): c for c in self.plan.cells}
            for job in as_completed(jobs):
                if problem := job.result():
                    failed[jobs[job].name] = problem
        return failed

    def _deal_out(self, names: list[str], processes: int) -> None:
        """A GPU for each process: TensorFlow takes all memory of those that it sees."""
        if 0 < len(names) < processes:
            raise ConfigError(
                f"--processes should be at most the number of GPUs, {len(names)}, or have none: "
                f"CUDA_VISIBLE_DEVICES=-1. Received: {processes}."
            )
        for name in names[:processes]:
            self._gpus.put(name)

    def _environment(self, processes: int) -> dict[str, str]:
        """Their share of threads and memory, and no options but those of the sweep."""
        cores = max(1, len(os.sched_getaffinity(0)) // processes)
        shares = {**{name: str(cores) for name in THREADS}, "KERAS_GAN_PROCESSES": str(processes)}
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("KERAS_GAN_FIT_", "KERAS_GAN_EVALUATE_"))
        }
        return shares | inherited

    def _done(self, cell: Cell, environment: dict[str, str], tell) -> str | None:
        """Trains and evaluates one cell; returns why it failed."""
        try:
            return self._do(cell, environment, tell)
        except KerasGanError as error:  # a damaged run, for one
            return str(error)
        except OSError as error:
            return str(disk_error(str(self.out), error))

    def _do(self, cell: Cell, environment: dict[str, str], tell) -> str | None:
        log = self.out / _LOGS / f"{cell.name}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        for what, find in (("fit", self._fit), ("evaluate", self._evaluate)):
            command = find(cell)
            if command is None:
                continue
            if self.stopped_by:
                return "stopped"
            tell(cell, " ".join(command[:2]) if command[1] == "--resume" else what)
            with open(log, "ab") as file, self._device() as device:
                code = self._called(command, environment | device, file)
            if code:
                return "stopped" if self.stopped_by else f"{what}: {_last_line(log)}"
            if what == "evaluate":
                write_text(self._evaluated(cell), "\n".join(arguments(self.plan.evaluate)))
        tell(cell, "done")
        return None

    @contextlib.contextmanager
    def _device(self) -> Iterator[dict[str, str]]:
        """The environment of a process that has a GPU to itself, where they were dealt out."""
        try:
            mine = self._gpus.get_nowait()
        except queue.Empty:
            yield {}
            return
        try:
            yield {"CUDA_VISIBLE_DEVICES": mine}
        finally:
            self._gpus.put(mine)

    def _called(self, command: Sequence[str], environment: dict[str, str], log) -> int:
        process = subprocess.Popen(
            [sys.executable, "-m", "keras_gan", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # signals come from here only, and once
        )
        self._running.add(process)
        if self.stopped_by:  # a signal that came between the start and the line above
            process.terminate()
        code = process.wait()
        self._running.discard(process)
        return code

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

    @contextlib.contextmanager
    def _forwarded(self) -> Iterator[None]:
        def forward(number, frame):
            self.stopped_by = number
            for process in list(self._running):
                process.send_signal(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

        before = {n: signal.signal(n, forward) for n in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _last_line(log: Path) -> str:
    """What a failed command has said at last."""
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else f"see {log}"
