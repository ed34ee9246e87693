"""What benchmarks share: runs that are gone on with, a line a result, and one an error."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from keras_gan import load
from keras_gan.runs import Run
from keras_gan.utils.errors import KerasGanError

PROGRAM = str(Path(sys.executable).with_name("keras-gan"))


def told(main: Callable[[], int | None]) -> NoReturn:
    """Ends the program with what `main` returns, or an error in one line, as commands do."""
    try:
        sys.exit(main())
    except KerasGanError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


def trained(path: Path, recipe: str, settings: Mapping[str, Any]) -> tuple[Run, float | None]:
    """Trains by the command line, or goes on with what is there.

    Returns:
        (the run, seconds of the whole command; None where it was broken off before).
    """
    begun = path.exists()
    command = [PROGRAM, "fit", *(["--resume"] if begun else [recipe, "--run-dir"]), str(path)]
    if not begun:
        given = ((key, json.dumps(value)) for key, value in settings.items())
        command += [part for key, value in given for part in ("--set", f"{key}={value}")]
    began = time.perf_counter()
    if code := subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
        sys.exit(code)  # it has told why
    return load(path), None if begun else round(time.perf_counter() - began, 1)


class Results:
    """A file with a line of JSON a result, all measured with the same options.

    Args:
        path: the file; its folder is made.
        options: those of this call.
    """

    def __init__(self, path: Path, options: Mapping[str, Any]):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.options = json.loads(json.dumps(options))
        self.rows = [json.loads(line) for line in path.open()] if path.exists() else []
        if other := next((r["options"] for r in self.rows if r["options"] != self.options), None):
            sys.exit(
                f"{path} was measured with {other}, not with {self.options}: name another folder."
            )

    def add(self, row: Mapping[str, Any]) -> None:
        """Appends a row, and prints it."""
        line = json.dumps({**row, "options": self.options})
        with self.path.open("a") as file:
            file.write(line + "\n")
        self.rows.append(json.loads(line))
        print(line, flush=True)


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Rows of cells, the first one a heading, in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
