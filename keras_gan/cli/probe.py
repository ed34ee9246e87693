"""`keras-gan probe`."""

from __future__ import annotations

import click

from keras_gan.cli.common import (
    checkpoint_option,
    data_dir_option,
    data_option,
    echo_file,
    echo_table,
    import_tensorflow,
    json_option,
    run_argument,
)
from keras_gan.utils.errors import ConfigError


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
@data_option
@data_dir_option
@json_option("call")
def probe(run, checkpoint, counts, draws, seed, data, data_dir, as_json) -> None:
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
    if as_json:
        echo_file(picture.with_suffix(".json"))
    else:
        echo_table(probing.table(results))
    click.echo(f"plot: {picture}", err=True)


def _count(text: str) -> int:
    """A number of labels; 0 for `all`."""
    if text == "all":
        return 0
    if not (text.isdecimal() and 0 < int(text) < 2**31):
        raise ConfigError(f"--labels should be a number, or all. Received: {text}.")
    return int(text)
