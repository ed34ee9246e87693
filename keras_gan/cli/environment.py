"""Options from the environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from keras_gan.utils.errors import suggestion


def name_variables(command: click.Command, prefix: str) -> None:
    """Gives each option of a command, and of those below it, a variable named after it.

    KERAS_GAN_FIT_BATCH_SIZE for --batch-size of `keras-gan fit`. (click's own
    `auto_envvar_prefix` would take the name of the Python parameter instead: ASSIGNMENTS for
    --set.) Values of an option that can be repeated are parted by spaces.

    Args:
        command: a command or a group of them.
        prefix: of its variables.
    """
    for option in command.params:
        if isinstance(option, click.Option) and option.envvar is None and not option.is_eager:
            name = max(option.opts, key=len).lstrip("-").replace("-", "_")
            option.envvar = f"{prefix}_{name}".upper()
    for name, below in getattr(command, "commands", {}).items():
        name_variables(below, f"{prefix}_{name}")


def misnamed(command: click.Command, prefix: str, given: Iterable[str]) -> Iterator[str]:
    """A line for each variable that looks like an option of a command, but is none.

    Args:
        command: whose options have been named.
        prefix: of its variables.
        given: names of the environment.
    """
    known = [option.envvar for option in command.params if isinstance(option.envvar, str)]
    start = f"{prefix}_".upper()
    for name in sorted(given):
        if name.startswith(start) and name not in known:
            yield f"{name} is no option of {command.name}.{suggestion(name, known)}"
