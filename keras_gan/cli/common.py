"""What the commands share."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

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

        from keras_gan import strategies

        tf.get_logger().setLevel("ERROR")  # it warns of what Keras does
        # Python's own handler would wait until all workers have come.
        before = signal.signal(signal.SIGINT, signal.SIG_DFL) if strategy != "one" else None
        try:
            return strategies.make(strategy)
        finally:
            if before is not None:
                signal.signal(signal.SIGINT, before)


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


def run_argument(command: Callable) -> Callable:
    """The RUN that a command works on: by default the newest."""
    return click.argument("run", required=False, type=click.Path(path_type=Path))(command)


checkpoint_option = click.option(
    "--checkpoint",
    type=click.Choice(["newest", "best"]),
    default="newest",
    show_default=True,
    help="best: its samples were nearest to training images.",
)
