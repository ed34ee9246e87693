"""`keras-gan recipes`, `datasets` and `runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from keras_gan.cli.common import echo_json, echo_table, json_option
from keras_gan.utils.errors import one_line

if TYPE_CHECKING:
    from keras_gan.runs import RunDirectory


@click.command()
def recipes() -> None:
    """List the recipes that come with keras-gan."""
    from keras_gan.config import load_config, recipe_names

    echo_table([(name, load_config(name).description) for name in recipe_names()])


@click.command()
@click.option("--all", "everything", is_flag=True, help="Every name of tensorflow-datasets.")
def datasets(everything) -> None:
    """List the data that `fit --data` takes."""
    from keras_gan.data import catalogue

    echo_table(catalogue.described(everything))


@click.command()
@json_option("run")
def runs(as_json) -> None:
    """List the runs under ./runs (or $KERAS_GAN_RUNS), oldest first, with their last metrics."""
    from keras_gan import runs as runs_module

    found = runs_module.list_runs()
    rows = [_described(run) for run in found]
    if as_json:
        for row in rows:
            echo_json(row)
        return
    if not rows:
        click.echo(
            f"no runs in {runs_module.runs_root()}: keras-gan fit digits makes one", err=True
        )
    lines = []
    for run, row in zip(found, rows, strict=True):
        values = {name: row["metrics"].get(name) for name in run.headline}
        shown = [f"{one_line(n)} {value:.3f}" for n, value in values.items() if value is not None]
        lines.append((row["run"], f"step {row['iteration']}", "  ".join(shown)))
    echo_table(lines)


def _described(run: RunDirectory) -> dict:
    values = run.last_metrics()
    logged = values.pop("iteration", 0)
    return {
        "run": str(run.path),
        "recipe": run.config.name,
        "created": run.created,
        "iteration": max(run.iteration, logged),
        "metrics": values,
    }
