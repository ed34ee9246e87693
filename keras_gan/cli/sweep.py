"""`keras-gan sweep`."""

from __future__ import annotations

from pathlib import Path

import click

from keras_gan.cli.common import echo_json, echo_table, json_option


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="SWEEP.yaml")
@click.option("--out", type=click.Path(path_type=Path), help="Folder; by default sweeps/NAME.")
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Runs at a time; they share the cores.",
)
@click.option("--dry-run", is_flag=True, help="Check everything, list the runs, train nothing.")
@json_option("group of runs")
def sweep(file, out, processes, dry_run, as_json) -> None:
    """Train recipes x settings x seeds, and put the results beside each other.

    The same command goes on with a sweep that was stopped: finished runs stay as they are,
    interrupted ones are resumed. SWEEP.yaml is described in docs/sweep.md.
    """
    from keras_gan.sweep import plan as plans
    from keras_gan.sweep import processes as module
    from keras_gan.sweep import results

    plan = plans.read(file)
    if dry_run:
        for cell in plan.cells:
            click.echo(cell.name)
        click.echo("dry run: nothing was written", err=True)
        return
    sweeping = module.Sweeping(plan, out or Path("sweeps") / plan.name)
    click.echo(f"sweep {plan.name}: {len(plan.cells)} runs in {sweeping.out}", err=True)
    failed = sweeping.play(
        processes, lambda cell, what: click.echo(f"  {cell.name}: {what}", err=True)
    )
    if sweeping.stopped:
        click.echo("Stopped after checkpoints. The same command goes on.", err=True)
        raise click.exceptions.Exit(130)
    rows = results.collect(sweeping, failed)
    page = results.write(sweeping, rows)
    for name, problem in failed.items():
        click.echo(f"Error: {name}: {problem}", err=True)
    click.echo(f"look at {page}", err=True)
    if as_json:
        for row in results.as_json(plan, rows):
            echo_json(row)
    else:
        echo_table(results.table(plan, rows))
    if failed:
        raise click.exceptions.Exit(1)
