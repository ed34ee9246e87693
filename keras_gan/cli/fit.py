"""`keras-gan fit`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from keras_gan import __version__
from keras_gan.cli.common import data_dir_option, echo_warning, import_tensorflow
from keras_gan.utils.errors import ConfigError, Interrupted


class Recipe(click.ParamType):
    """A recipe's name or the path of a YAML file; completes both."""

    name = "recipe"

    def shell_complete(self, ctx, param, incomplete):
        from keras_gan.config import recipe_names

        names = [CompletionItem(n) for n in recipe_names() if n.startswith(incomplete)]
        return names or [CompletionItem(incomplete, type="file")]


@click.command()
@click.argument("recipe", required=False, type=Recipe())
@click.option("--epochs", type=click.IntRange(1), help="Passes over the data.")
@click.option("--batch-size", type=click.IntRange(1), help="Images a step (the paper's m).")
@click.option("--loss", help="The adversarial loss: non_saturating, relativistic, hinge, ...")
@click.option("--precision", help="float32, mixed_float16 or mixed_bfloat16.")
@click.option("--seed", type=int, help="Of weights, latents and the order of the data.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="The new run's directory.")
@click.option("--data", help="A data set's name, a folder, an .npz, or a folder of IDX files.")
@data_dir_option
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PATH=VALUE",
    help="Any setting of the recipe: --set game.ema_decay=0.99. Repeatable.",
)
@click.option(
    "--strategy",
    type=click.Choice(["one", "mirrored", "multi-worker"]),
    default="one",
    show_default=True,
    help="One device, all GPUs of this machine, or those of TF_CONFIG's workers.",
)
@click.option("--resume", metavar="RUN", help="Go on with a run ('latest' for the newest).")
@click.option("--profile", is_flag=True, help="Trace a call, for TensorBoard's profiler.")
@click.option("--dry-run", is_flag=True, help="Check everything, print it, train nothing.")
def fit(recipe, run_dir, strategy, resume, profile, dry_run, assignments, **options) -> None:
    """Train a GAN by RECIPE: a name from `keras-gan recipes`, or a YAML file."""
    writes = _announce(strategy)
    if resume is not None:
        epochs = options.pop("epochs")
        if recipe or run_dir or assignments or any(v is not None for v in options.values()):
            raise ConfigError(
                "Beside --resume only --epochs (a longer training), --strategy, --profile and "
                "--dry-run can be given."
            )
        _resume(resume, epochs, strategy, writes, dry_run, profile)
        return
    if recipe is None:
        raise ConfigError("Name a RECIPE (see `keras-gan recipes`): keras-gan fit digits.")
    config = _configure(recipe, assignments, options)
    from keras_gan import data, runs

    # What can be told to fail is told before the seconds that TensorFlow takes to import.
    if run_dir is not None and writes:
        runs.check_new(run_dir)
    config = dataclasses.replace(config, data=data.located(config.data))
    made = import_tensorflow(strategy)
    from keras_gan import training

    prepared = training.prepare(config, made)
    if writes:
        _show(f"fit {config.name}", prepared.summary())
    if dry_run:
        _leave(prepared, "dry run: nothing was written")
        return
    _play(training, prepared, training.start(prepared, run_dir), profile)


def _announce(strategy: str) -> bool:
    """Whether this process is the one that writes; says which of several workers it is."""
    if strategy != "multi-worker":
        return True
    from keras_gan.engine import cluster

    mine = cluster.from_environment()
    click.echo(f"{mine}: waiting for all of them", err=True)
    return mine.is_chief


def _resume(resume: str, epochs: int | None, strategy, writes, dry_run, profile) -> None:
    from keras_gan import data, runs
    from keras_gan.runs import locks

    run = runs.newest() if resume == "latest" else runs.load(resume)
    data.located(run.config.data)
    with locks.held(run.path) if writes and not dry_run else contextlib.nullcontext():
        _go_on(run, epochs, strategy, writes, dry_run, profile)


def _go_on(run, epochs: int | None, strategy, writes, dry_run, profile) -> None:
    made = import_tensorflow(strategy)
    from keras_gan import training

    prepared, problems = training.prepare_resume(run, epochs, made)
    iteration, total = int(prepared.gan.iteration.numpy()), prepared.schedule.total_steps
    if writes:
        for problem in problems:
            echo_warning(problem)
        _show(f"resume {run.path}", prepared.summary())
        click.echo(f"  from       step {iteration} of {total}", err=True)
    if iteration >= total:
        _leave(prepared, "this run has come to its end; a larger --epochs goes on with it")
        click.echo(str(run.path))
    elif dry_run:
        _leave(prepared, "dry run: nothing was written")
    else:
        _play(training, prepared, run if writes else None, profile)


def _leave(prepared, why: str) -> None:
    """Ends before a round is played; all workers together, as one that has gone is lost."""
    with prepared.workers.watched("Nothing was written."):
        prepared.workers.agree([])
    if prepared.workers.is_chief:
        click.echo(why, err=True)


def _configure(recipe: str, assignments: tuple[str, ...], options: dict[str, Any]):
    from keras_gan.config import load_config, override, parse_assignments

    paths = {
        "epochs": "training.epochs",
        "batch_size": "training.batch_size",
        "loss": "loss.name",
        "precision": "training.precision",
        "seed": "seed",
        "data": "data.name",
        "data_dir": "data.directory",
    }
    values = {paths[name]: value for name, value in options.items() if value is not None}
    return override(load_config(recipe), {**values, **parse_assignments(assignments)})


def _play(training, prepared, run, profile: bool) -> None:
    """`run` is None in a worker that writes nothing, and has little to say."""
    if run is not None:
        click.echo(f"  run        {run.path}", err=True)
        board = f"tensorboard --logdir {run.path.parent} --samples_per_plugin images=1000"
        click.echo(f"  watch      {board}", err=True)
    from keras_gan import runs
    from keras_gan.utils import processes

    try:
        with processes.second_ends_process(), _profiled(prepared, run, profile) as profilers:
            training.play(prepared, run, profilers)
    except Interrupted as stop:
        if run is not None:
            go_on = runs.resume_command(run.path)
            click.echo(f"Stopped after a checkpoint. Go on with: {go_on}", err=True)
        click.get_current_context().exit(stop.exit_code)
    if run is None:
        return
    pictures = sorted((run.path / "samples").glob("*.png"))
    click.echo(f"done: look at {pictures[-1]}", err=True)
    click.echo(f"next: keras-gan sample {run.path} --out samples.png", err=True)
    if len(run.sample_shape) == 3:  # images
        click.echo(f"      keras-gan demo {run.path}", err=True)
    click.echo(str(run.path))


@contextlib.contextmanager
def _profiled(prepared, run, profile: bool) -> Iterator[list]:
    """Yields the callback that writes a trace, if there should be one; tells where it is.

    Among several workers it is the chief's calls that are traced.
    """
    if not profile or run is None:
        yield []
        return
    from keras_gan.training.callbacks import profiler

    if not profiler.viewer_is_installed():
        click.echo(f"  profile    needs its viewer: pip install {profiler.PACKAGE}", err=True)
    done = int(prepared.gan.iteration.numpy())
    with contextlib.closing(profiler.Profiler(run.path, prepared.schedule.calls_left(done))) as one:
        yield [one]
    click.echo(f"profile: {one.written} (TensorBoard's Profile tab)", err=True)


def _show(title: str, lines: list[tuple[str, str]]) -> None:
    click.echo(f"keras-gan {__version__}: {title}", err=True)
    for heading, text in lines:
        click.echo(f"  {heading:<10} {text}", err=True)
