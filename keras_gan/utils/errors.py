"""What can go wrong, as one line that says what to do.

Every error that a person can cause is one of these. The command line prints
its text without a traceback and exits with `exit_code`.
"""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable


class KerasGanError(Exception):
    """Base of all errors raised on purpose; `exit_code` is the process's.

    Its text is one line that can be printed, whatever names of files and settings it quotes.
    """

    exit_code = 1

    def __str__(self) -> str:
        return one_line(super().__str__())


class ConfigError(KerasGanError):
    """A recipe, a YAML file, a `--set` or an argument is wrong (usage)."""

    exit_code = 2


class DataError(KerasGanError):
    """A data set can't be found, read or used."""


class SplitError(DataError):
    """A data set has no such split."""


class RunError(KerasGanError):
    """A run directory can't be found, read or written."""


class DiskError(RunError):
    """The disk is full, read-only or gone, or no more files may be opened."""


class WorkerLostError(RunError):
    """Another process of the training has ended, or can't be reached."""


class Interrupted(RunError):
    """Training was ended by a signal, after a checkpoint."""

    def __init__(self, number: int):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class DivergedError(RunError):
    """Training came to numbers that are not finite."""


class ExportError(KerasGanError):
    """A generator can't be written in a format, or the written file is wrong."""


class EvaluationError(KerasGanError):
    """A metric can't be computed from what it was given."""


class KerasGanWarning(UserWarning):
    """Something that a person should know and that does not stop the work."""


def one_line(text: str, longest: int = 1000) -> str:
    """Returns text without line ends, escapes for what can't be printed, a cut for what is long."""
    line = " ".join(text.splitlines())
    if not line.isprintable():
        line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
    half = longest // 2 - 2  # the remedy stands at the end
    return line if len(line) <= longest else f"{line[:half]}...{line[-half:]}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Returns " Did you mean `x`?" where a known name is near, else the known names."""
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=1)
    if near:
        return f" Did you mean `{near[0]}`?"
    return f" Known: {', '.join(known)}." if known else ""
