"""`keras-gan evaluate`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import click

from keras_gan.cli.common import (
    RunPath,
    checkpoint_option,
    data_dir_option,
    data_option,
    echo_error,
    echo_json,
    echo_table,
    echo_warning,
    import_tensorflow,
    json_option,
)
from keras_gan.utils.errors import ConfigError, KerasGanError

_PAGE = Path("comparison.html")


@click.command()
@click.argument("run", nargs=-1, type=RunPath())
@checkpoint_option
@click.option(
    "--count",
    type=click.IntRange(10, 1_000_000),
    default=10_000,
    show_default=True,
    help="Samples that are drawn.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="Of the samples; the real images beside them are always the same.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    help="frechet, kernel, fidelity, score, modes, classes, diversity, neighbours, parzen, "
    "test_error; of points mixture, divergence, energy, diversity. Repeatable; by default all that "
    "fit.",
)
@click.option(
    "--extractor",
    "extractor_kinds",
    multiple=True,
    help="classifier (the default where there are labels), inception or pixels. Repeatable.",
)
@click.option(
    "--inception-weights",
    type=click.Path(exists=True, dir_okay=False),
    help="InceptionV3's weights without its top, where they can't be downloaded.",
)
@click.option(
    "--against",
    type=click.Choice(["test", "train"]),
    default="test",
    show_default=True,
    help="Real images to compare with; fd, kd and the like say so in their names.",
)
@data_option
@data_dir_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page on several RUNs, by default comparison.html; each has its own in its "
    "evaluation/.",
)
@json_option("run")
def evaluate(run, checkpoint, out, as_json, **options) -> None:
    """Measure RUN (by default the newest), or several beside each other."""
    from keras_gan import runs

    several = len(run) > 1
    if out is not None and not several:
        raise ConfigError(
            "--out is the page on several RUNs; that of a single one lies in its evaluation/. "
            "Received: a single one."
        )
    opened, evaluations = [], []
    for path in run or (None,):
        with _passed_over(path, several):
            opened.append(runs.load(path, checkpoint))
    # After what can fail without the seconds that this takes.
    import_tensorflow()
    from keras_gan.evaluation import protocol, report

    chosen = protocol.Protocol(**options)
    chosen.check()
    for one in opened:
        with _passed_over(one.path, several):
            evaluations.append(_one(one, chosen))
    if len(evaluations) > 1:
        click.echo(f"comparison: {report.write_comparison(evaluations, out or _PAGE)}", err=True)
    if not any(evaluation.results for evaluation in evaluations):
        raise click.exceptions.Exit(1)
    if as_json:
        for one in evaluations:
            echo_json({"run": str(one.run.path), **protocol.facts(one)})
    else:
        _show(report.table(evaluations), [str(one.run.path) for one in evaluations])
    if len(evaluations) < len(run):
        raise click.exceptions.Exit(1)


@contextlib.contextmanager
def _passed_over(path: Path | None, several: bool) -> Iterator[None]:
    """Of several runs, one that fails is told and left out; a single one ends all."""
    try:
        yield
    except KerasGanError as error:
        if not several:
            raise
        echo_error(f"{path}: {error}")


def _one(run, chosen):
    """Evaluates a run, writes its report, and tells its warnings."""
    from keras_gan.evaluation import protocol, report

    with _Progress(str(run.path)) as progress:
        found = protocol.evaluate(run, chosen, progress)
    protocol.write(found)
    for warning in found.warnings:
        echo_warning(warning)
    click.echo(f"report: {report.write(found)}", err=True)
    return dataclasses.replace(found, evidence=None)  # many runs' images are too many


def _show(rows: list[tuple[str, ...]], runs: list[str]) -> None:
    echo_table([("", *(runs if len(runs) > 1 else ["samples"]), "real images"), *rows])


class _Progress:
    """A bar on a terminal, a line a task elsewhere; on stderr."""

    def __init__(self, run: str):
        self.run = run

    def __enter__(self):
        import sys

        from tqdm import tqdm

        click.echo(f"evaluate {self.run}", err=True)
        self.bar = tqdm(leave=False) if sys.stderr.isatty() else None
        return self

    def __call__(self, what: str, done: int, total: int) -> None:
        if self.bar is None:
            if what:
                click.echo(f"  {what}", err=True)
            return
        self.bar.total = total
        self.bar.set_description(what, refresh=False)
        self.bar.update(done - self.bar.n)
        self.bar.refresh()

    def __exit__(self, *_):
        if self.bar is not None:
            self.bar.close()
