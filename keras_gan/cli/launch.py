"""`keras-gan launch`: several workers on this machine."""

from __future__ import annotations

import sys

import click

from keras_gan.utils import processes
from keras_gan.utils.errors import ConfigError


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--workers", type=click.IntRange(2), required=True, help="Processes to start.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="fit ARGS...", required=True)
def launch(workers: int, command: tuple[str, ...]) -> None:
    """Run `keras-gan fit ARGS...` as several processes on this machine.

    They train one run together (`--strategy multi-worker`). All of the chief's output is
    shown, and the other workers' errors; a signal goes to all of them. GPUs are dealt out
    among them.
    """
    if command[0] != "fit":
        raise ConfigError(f"`launch` is for `fit`: keras-gan launch --workers {workers} fit ...")
    if any(part.split("=")[0] == "--strategy" for part in command):
        raise ConfigError("Leave --strategy out: `launch` sets it to multi-worker.")
    program = [sys.executable, "-m", "keras_gan", "fit", "--strategy", "multi-worker"]
    code = processes.run_workers([*program, *command[1:]], workers)
    click.get_current_context().exit(code)
