"""Options from the environment."""

from __future__ import annotations

import click


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
