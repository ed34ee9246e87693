"""What the commands share."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from keras_gan.utils import processes

if TYPE_CHECKING:
    import tensorflow as tf


def import_tensorflow(strategy: str = "one") -> tf.distribute.Strategy:
    """Imports TensorFlow without its start-up chatter, which no log level silences.

    Args:
        strategy: a name of `strategies.STRATEGIES`. One for several workers has to be made
            before TensorFlow does anything else.

    Returns:
        The strategy, made.

    Raises:
        KerasGanError: it can't be made here.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _silenced():
        import tensorflow as tf

        from keras_gan.engine import strategies

        tf.get_logger().setLevel("ERROR")  # it warns of what Keras does
        # Python's own handler would wait until all workers have come.
        numbers = () if strategy == "one" else (signal.SIGINT,)
        with processes.handling(signal.SIG_DFL, *numbers):
            return strategies.make(strategy)


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Keeps what C++ code writes to file descriptor 2 itself; Python errors still pass."""
    if click.get_current_context().find_root().params.get("debug"):
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class RunPath(click.Path):
    """The path of a run; completes those under `runs_root()`."""

    def __init__(self):
        super().__init__(path_type=Path)

    def shell_complete(self, ctx, param, incomplete):
        from keras_gan.runs import list_runs

        paths = [str(run.path) for run in list_runs()]
        found = [CompletionItem(path) for path in paths if path.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="dir")]


def run_argument(command: Callable) -> Callable:
    """The RUN that a command works on: by default the newest."""
    return click.argument("run", required=False, type=RunPath())(command)


checkpoint_option = click.option(
    "--checkpoint",
    type=click.Choice(["newest", "best"]),
    default="newest",
    show_default=True,
    help="best: its samples were nearest to training images.",
)

data_option = click.option("--data", help="Where the data are now, if not where the run had them.")
data_dir_option = click.option(
    "--data-dir", help="Where tensorflow-datasets has its prepared data."
)


def json_option(what: str) -> Callable:
    """`--json`: on standard output nothing but one JSON object a `what`, a line each."""
    return click.option("--json", "as_json", is_flag=True, help=f"One JSON object a {what}.")


def echo_error(text: str) -> None:
    """`Error: text` on standard error, in colour on a terminal that wants it."""
    _echo("Error", "red", text)


def echo_warning(text: str) -> None:
    """`Warning: text`, likewise."""
    _echo("Warning", "yellow", text)


def _echo(word: str, colour: str, text: str) -> None:
    # In a thread there is no click context, which would know of NO_COLOR.
    start = f"{word}:" if os.environ.get("NO_COLOR") else click.style(f"{word}:", fg=colour)
    click.echo(f"{start} {text}", err=True)


def echo_json(values: dict) -> None:
    """A line of standard JSON; what is not finite becomes null before it comes here."""
    click.echo(json.dumps(values, allow_nan=False))


def echo_file(path: Path) -> None:
    """A JSON file that a command has written, as a line, and where it is."""
    echo_json({"file": str(path), **json.loads(path.read_text("utf-8"))})


def echo_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Rows of cells, in columns."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
