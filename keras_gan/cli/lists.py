"""`keras-gan recipes`, `datasets` and `runs`."""

from __future__ import annotations

import json

import click


@click.command()
def recipes() -> None:
    """List the recipes that come with keras-gan."""
    from keras_gan.config import load_config, recipe_names

    _table([(name, load_config(name).description) for name in recipe_names()])


@click.command()
@click.option("--all", "everything", is_flag=True, help="Every name of tensorflow-datasets.")
def datasets(everything) -> None:
    """List the data that `fit --data` takes."""
    from keras_gan.data import catalogue

    _table(catalogue.described(everything))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a run.")
def runs(as_json) -> None:
    """List the runs under ./runs (or $KERAS_GAN_RUNS), oldest first, with their last metrics."""
    from keras_gan import runs as runs_module

    rows = []
    for run in runs_module.list_runs():
        values = run.last_metrics()
        logged = values.pop("iteration", 0)
        rows.append(
            {
                "run": str(run.path),
                "recipe": run.config.name,
                "created": run.created,
                "iteration": max(run.iteration, logged),
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
