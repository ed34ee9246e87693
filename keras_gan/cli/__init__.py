"""The command line: thin, and quick to answer, because TensorFlow is imported late."""

from __future__ import annotations

import functools
import os
import sys
import warnings
from typing import Any

import click

from keras_gan import __version__
from keras_gan.cli.common import echo_error, echo_warning
from keras_gan.cli.demo import demo
from keras_gan.cli.doctor import doctor
from keras_gan.cli.environment import misnamed, name_variables
from keras_gan.cli.evaluate import evaluate
from keras_gan.cli.export import export
from keras_gan.cli.fit import fit
from keras_gan.cli.inversion import edit, invert, restore
from keras_gan.cli.launch import launch
from keras_gan.cli.lists import datasets, recipes, runs
from keras_gan.cli.probe import probe
from keras_gan.cli.sample import sample
from keras_gan.cli.sweep import sweep
from keras_gan.cli.theory import theory
from keras_gan.utils.errors import KerasGanError, KerasGanWarning, WorkerLostError

_PREFIX = "KERAS_GAN"  # of variables of the environment


class Commands(click.Group):
    """Turns the program's own errors into one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        debug = bool(ctx.params.get("debug"))
        show = warnings.showwarning
        warnings.showwarning = functools.partial(_show_warning, debug)
        try:
            return super().invoke(ctx)
        except KerasGanError as error:
            if debug:
                raise
            line = " ".join(str(error).split())
            echo_error(line)
            if isinstance(error, WorkerLostError):
                # TensorFlow, when it shuts down, would wait for the worker that has gone.
                os._exit(error.exit_code)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(130)
        except click.UsageError as error:
            error.ctx = None  # else click prints the usage before the error
            raise
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(1)
        except Exception as error:
            if debug:
                raise
            line = " ".join(str(error).split())[:300]
            name = type(error).__name__
            echo_error(f"{name}: {line} (run `keras-gan --debug ...` for the traceback)")
            ctx.exit(1)
        finally:
            warnings.showwarning = show


def _show_warning(debug: bool, message, category, *_) -> None:
    """The program's own warnings as a line each; those of its libraries under --debug.

    Called in the thread that warns, which may be a worker without a click context.
    """
    if issubclass(category, KerasGanWarning):
        echo_warning(str(message))
    elif debug:
        click.echo(f"{category.__name__}: {message}", err=True)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, envvar="KERAS_GAN_DEBUG", help="Show tracebacks.")
@click.version_option(__version__, prog_name="keras-gan")
@click.pass_context
def main(context: click.Context, debug: bool) -> None:
    """Train generative adversarial networks, watch them learn, and use them.

    Start with `keras-gan fit digits`: it needs no download.

    Every option can be given by the environment: --epochs of fit by KERAS_GAN_FIT_EPOCHS.
    NO_COLOR=1 takes the colours away.

    Shell completion: eval "$(_KERAS_GAN_COMPLETE=bash_source keras-gan)"
    """
    if os.environ.get("NO_COLOR"):
        context.color = False
    called = main.commands.get(context.invoked_subcommand or "")
    if called is not None:
        for line in misnamed(called, f"{_PREFIX}_{called.name}", os.environ):
            echo_warning(line)


COMMANDS = (
    *(fit, launch, sample, evaluate, probe, invert, edit, restore, theory, export, sweep, demo),
    *(recipes, datasets, runs, doctor),
)
for command in COMMANDS:
    main.add_command(command)
name_variables(main, _PREFIX)
