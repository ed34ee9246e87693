"""`keras-gan probe`."""

from __future__ import annotations

import click

from keras_gan.cli.common import checkpoint_option, import_tensorflow, run_argument
from keras_gan.errors import ConfigError


@click.command()
@run_argument
@checkpoint_option
@click.option(
    "--labels",
    "counts",
    multiple=True,
    default=("10", "100", "1000", "all"),
    show_default=True,
    help="How many labels, or all. Repeatable.",
)
@click.option(
    "--draws",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="Times that so many labels are drawn.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="Of the draws.",
)
@click.option("--data", help="Where the data are now, if not where the run had them.")
@click.option("--data-dir", help="Where tensorflow-datasets has its prepared data.")
def probe(run, checkpoint, counts, draws, seed, data, data_dir) -> None:
    """Ask how much RUN's discriminator has learnt: classes from its features and few labels."""
    from keras_gan import runs

    asked = tuple(dict.fromkeys(map(_count, counts)))
    opened = runs.load(run, checkpoint)
    import_tensorflow()
    from keras_gan.evaluation import probe as probing
    from keras_gan.evaluation import protocol

    where = protocol.Protocol(data=data, data_dir=data_dir)
    train, test, seen = protocol.sources(opened, where)
    results = probing.probe(
        opened, train.part(seen), test, asked, draws, seed, lambda w: click.echo(f"  {w}", err=True)
    )
    picture = probing.write(opened, results, seed)
    rows = probing.table(results)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())
    click.echo(f"plot: {picture}", err=True)


def _count(text: str) -> int:
    """A number of labels; 0 for `all`."""
    if text == "all":
        return 0
    if not (text.isdecimal() and 0 < int(text) < 2**31):
        raise ConfigError(f"--labels should be a number, or all. Received: {text}.")
    return int(text)
