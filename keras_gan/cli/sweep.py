"""`keras-gan sweep`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from keras_gan.cli.common import echo_error, echo_json, echo_table, import_tensorflow, json_option


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="SWEEP.yaml")
@click.option("--out", type=click.Path(path_type=Path), help="Folder; by default sweeps/NAME.")
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Runs at a time; they share the cores, and have a GPU each.",
)
@click.option("--dry-run", is_flag=True, help="Check everything, list the runs, train nothing.")
@json_option("group of runs")
def sweep(file, out, processes, dry_run, as_json) -> None:
    """Train recipes x settings x seeds, and put the results beside each other.

    The same command goes on with a sweep that was stopped: finished runs stay as they are,
    interrupted ones are resumed. SWEEP.yaml is described in docs/sweep.md.
    """
    from keras_gan.apps.sweep import results
    from keras_gan.apps.sweep.sweeping import Sweeping

    plan = _checked(file)
    if dry_run:
        _list(plan.cells, as_json)
        return
    sweeping = Sweeping(plan, out or Path("sweeps") / plan.name)
    click.echo(f"sweep {plan.name}: {len(plan.cells)} runs in {sweeping.out}", err=True)
    failed = sweeping.play(
        processes, lambda cell, what: click.echo(f"  {cell.name}: {what}", err=True)
    )
    if sweeping.stopped_by:
        click.echo("Stopped after checkpoints. The same command goes on.", err=True)
        raise click.exceptions.Exit(128 + sweeping.stopped_by)
    rows = results.collect(sweeping, failed)
    page = results.write(sweeping, rows)
    for name, problem in failed.items():
        echo_error(f"{name}: {problem}")
    click.echo(f"look at {page}", err=True)
    if as_json:
        for row in results.as_json(plan, rows):
            echo_json(row)
    else:
        echo_table(results.table(plan, rows))
    if failed:
        raise click.exceptions.Exit(1)


def _checked(file: Path):
    """The plan, of which all is right that can be told without the data."""
    from keras_gan.apps.sweep import plan as plans

    plan = plans.read(file)
    import_tensorflow()
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):  # of a program of one's own that uses them already
        tf.config.set_visible_devices([], "GPU")  # they are the runs'
    plans.check(plan, file)
    return plan


def _list(cells, as_json: bool) -> None:
    for cell in cells:
        if as_json:
            echo_json({"run": cell.name, "recipe": cell.config.name, "seed": cell.config.seed})
        else:
            click.echo(cell.name)
    click.echo("dry run: nothing was written", err=True)
