"""What the commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click


def import_tensorflow() -> None:
    """Imports TensorFlow without its start-up chatter, which no log level silences.

    Its C++ code writes to file descriptor 2 itself; Python errors still pass.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if click.get_current_context().find_root().params.get("debug"):
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow as tf

        tf.config.list_logical_devices()
        tf.get_logger().setLevel("ERROR")  # it warns of what Keras does
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
