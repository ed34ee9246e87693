"""The command line: thin, and quick to answer, because TensorFlow is imported late."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from keras_gan import __version__
from keras_gan.errors import ConfigError, KerasGanError, KerasGanWarning


class Commands(click.Group):
    """Turns the program's own errors into one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        warnings.showwarning = _show_warning
        try:
            return super().invoke(ctx)
        except KerasGanError as error:
            if ctx.params.get("debug"):
                raise
            line = " ".join(str(error).split())
            click.echo(f"Error: {line}", err=True)
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
            if ctx.params.get("debug"):
                raise
            line = " ".join(str(error).split())[:300]
            click.echo(
                f"Error: {type(error).__name__}: {line} (run `keras-gan --debug ...` for the "
                "traceback)",
                err=True,
            )
            ctx.exit(1)


def _show_warning(message, category, *_) -> None:
    """The program's own warnings as a line each; those of its libraries under --debug."""
    if issubclass(category, KerasGanWarning):
        click.echo(f"Warning: {message}", err=True)
    elif click.get_current_context().find_root().params.get("debug"):
        click.echo(f"{category.__name__}: {message}", err=True)


class Recipe(click.ParamType):
    """A recipe's name or the path of a YAML file; completes both."""

    name = "recipe"

    def shell_complete(self, ctx, param, incomplete):
        from keras_gan.config import recipe_names

        names = [CompletionItem(n) for n in recipe_names() if n.startswith(incomplete)]
        return names or [CompletionItem(incomplete, type="file")]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, envvar="KERAS_GAN_DEBUG", help="Show tracebacks.")
@click.version_option(__version__, prog_name="keras-gan")
def main(debug: bool) -> None:
    """Train generative adversarial networks, watch them learn, and use them.

    Start with `keras-gan fit digits`: it needs no download.

    Shell completion: eval "$(_KERAS_GAN_COMPLETE=bash_source keras-gan)"
    """


def _import_tensorflow() -> None:
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
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def run_argument(command: Callable) -> Callable:
    """The RUN that a command works on: by default the newest."""
    return click.argument("run", required=False, type=click.Path(path_type=Path))(command)


@main.command()
@click.argument("recipe", required=False, type=Recipe())
@click.option("--epochs", type=click.IntRange(1), help="Passes over the data.")
@click.option("--batch-size", type=click.IntRange(1), help="Images a step (the paper's m).")
@click.option("--objective", help="The game: non_saturating, relativistic, hinge, ...")
@click.option("--precision", help="float32, mixed_float16 or mixed_bfloat16.")
@click.option("--seed", type=int, help="Of weights, latents and the order of the data.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="The new run's directory.")
@click.option("--data", help="A data set's name, a folder, an .npz, or a folder of IDX files.")
@click.option("--data-dir", help="Where tensorflow-datasets has its prepared data.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PATH=VALUE",
    help="Any setting of the recipe: --set training.ema_decay=0.99. Repeatable.",
)
@click.option("--resume", metavar="RUN", help="Go on with a run ('latest' for the newest).")
@click.option("--dry-run", is_flag=True, help="Check everything, print it, train nothing.")
def fit(recipe, run_dir, resume, dry_run, assignments, **options) -> None:
    """Train a GAN by RECIPE: a name from `keras-gan recipes`, or a YAML file."""
    if resume is not None:
        _resume(resume, dry_run, recipe, run_dir, assignments, options)
        return
    if recipe is None:
        raise ConfigError("Name a RECIPE (see `keras-gan recipes`): keras-gan fit digits.")
    config = _configure(recipe, assignments, options)
    from keras_gan import data, runs

    # What can be told to fail is told before the seconds that TensorFlow takes to import.
    if run_dir is not None:
        runs.check_new(run_dir)
    config = dataclasses.replace(config, data=data.located(config.data))
    _import_tensorflow()
    from keras_gan import training

    prepared = training.prepare(config)
    _show(f"fit {config.name}", prepared.summary())
    if dry_run:
        click.echo("dry run: nothing was written", err=True)
        return
    _play(training, prepared, training.start(prepared, run_dir))


def _resume(resume, dry_run, recipe, run_dir, assignments, options) -> None:
    epochs = options.pop("epochs")
    if recipe or run_dir or assignments or any(v is not None for v in options.values()):
        raise ConfigError("Beside --resume only --epochs (a longer training) can be given.")
    from keras_gan import data, runs

    run = runs.load(None if resume == "latest" else resume)
    data.located(run.config.data)
    _import_tensorflow()
    from keras_gan import training

    prepared, problems = training.prepare_resume(run, epochs)
    for problem in problems:
        click.echo(f"Warning: {problem}", err=True)
    _show(f"resume {run.path}", prepared.summary())
    iteration = int(prepared.gan.iteration.numpy())
    click.echo(f"  from       step {iteration} of {prepared.schedule.total_steps}", err=True)
    if iteration >= prepared.schedule.total_steps:
        click.echo("this run has come to its end; a larger --epochs goes on with it", err=True)
        click.echo(str(run.path))
        return
    if dry_run:
        click.echo("dry run: nothing was written", err=True)
        return
    _play(training, prepared, run)


def _configure(recipe: str, assignments: tuple[str, ...], options: dict[str, Any]):
    from keras_gan.config import load_config, override, parse_assignments

    paths = {
        "epochs": "training.epochs",
        "batch_size": "training.batch_size",
        "objective": "objective.name",
        "precision": "training.precision",
        "seed": "seed",
        "data": "data.name",
        "data_dir": "data.directory",
    }
    values = {paths[name]: value for name, value in options.items() if value is not None}
    return override(load_config(recipe), {**values, **parse_assignments(assignments)})


def _play(training, prepared, run) -> None:
    click.echo(f"  run        {run.path}", err=True)
    click.echo(f"  watch      tensorboard --logdir {run.path.parent}", err=True)
    try:
        training.play(prepared, run)
    except training.Interrupted as stop:
        click.echo(
            f"Stopped after a checkpoint. Go on with: keras-gan fit --resume {run.path}", err=True
        )
        click.get_current_context().exit(stop.exit_code)
    pictures = sorted((run.path / "samples").glob("*.png"))
    click.echo(f"done: look at {pictures[-1]}", err=True)
    click.echo(f"next: keras-gan sample {run.path} --out samples.png", err=True)
    click.echo(str(run.path))


def _show(title: str, lines: list[tuple[str, str]]) -> None:
    click.echo(f"keras-gan {__version__}: {title}", err=True)
    for heading, text in lines:
        click.echo(f"  {heading:<10} {text}", err=True)


@main.command()
@run_argument
@click.option(
    "--count",
    type=click.IntRange(1, 1_000_000),
    default=100,
    show_default=True,
    help="Samples (with --interpolate: rows).",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="The same seed gives the same samples.",
)
@click.option("--label", help="A class's name or id; by default all in turn.")
@click.option(
    "--interpolate",
    type=click.IntRange(2, 1000),
    metavar="STEPS",
    help="Walk between pairs of latents in so many steps, a row each.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="samples.png",
    show_default=True,
    help="x.png: a grid; x.npz: arrays; a folder: single PNGs.",
)
def sample(run, count, seed, label, interpolate, out) -> None:
    """Draw samples from RUN (a run directory; by default the newest)."""
    from keras_gan import pictures, runs

    pictures.check_path(out)
    opened = runs.load(run)
    _import_tensorflow()
    from keras_gan import sampling

    if interpolate:
        arrays = sampling.interpolation(opened, count, interpolate, seed, label)
    else:
        arrays = sampling.sample(opened, count, seed, label)
    columns = interpolate or (opened.num_classes if "labels" in arrays and label is None else None)
    pictures.write_samples(out, arrays.pop("samples"), arrays, columns)
    click.echo(str(out))


@main.command()
def recipes() -> None:
    """List the recipes that come with keras-gan."""
    from keras_gan.config import load_config, recipe_names

    _table([(name, load_config(name).description) for name in recipe_names()])


@main.command()
@click.option("--all", "everything", is_flag=True, help="Every name of tensorflow-datasets.")
def datasets(everything) -> None:
    """List the data that `fit --data` takes."""
    from keras_gan.data import catalogue

    _table(catalogue.described(everything))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a run.")
def runs(as_json) -> None:
    """List the runs under ./runs (or $KERAS_GAN_RUNS), oldest first, with their last metrics."""
    from keras_gan import runs as runs_module

    rows = []
    for run in runs_module.list_runs():
        metrics = run.metrics()
        last = metrics[-1] if metrics else {}
        values = {k: v for k, v in last.items() if k != "iteration" and not k.startswith("time/")}
        rows.append(
            {
                "run": str(run.path),
                "recipe": run.config.name,
                "created": run.created,
                "iteration": max(run.iteration, last.get("iteration", 0)),
                "metrics": values,
            }
        )
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    if not rows:
        click.echo(f"no runs in {runs_module.runs_root()}", err=True)
    shown = ("V(D,G)", "D(x)", "D(G(z))")
    _table(
        [
            (
                row["run"],
                f"step {row['iteration']}",
                "  ".join(
                    f"{n} {row['metrics'][n]:.3f}"
                    for n in shown
                    if row["metrics"].get(n) is not None
                ),
            )
            for row in rows
        ]
    )


def _table(rows: list[tuple[str, ...]]) -> None:
    if not rows:
        return
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
