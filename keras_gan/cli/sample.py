"""`keras-gan sample`."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from keras_gan.cli.common import checkpoint_option, import_tensorflow, run_argument
from keras_gan.errors import ConfigError

_MOST_COLUMNS = 20


@click.command()
@run_argument
@checkpoint_option
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
@click.option(
    "--label",
    help="A class's name or id; by default all in turn. With --server an id, which a model with "
    "classes needs.",
)
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
@click.option(
    "--server",
    metavar="URL",
    help="Ask TF Serving, not a run: http://HOST:8501/v1/models/NAME or grpc://HOST:8500/NAME. "
    "Image i is that of seed + i.",
)
def sample(run, checkpoint, count, seed, label, interpolate, out, server) -> None:
    """Draw samples from RUN (a run directory; by default the newest)."""
    from keras_gan import pictures, runs

    pictures.check_path(out)
    if server is not None:
        if run is not None or interpolate is not None or checkpoint != "newest":
            raise ConfigError("Beside --server no RUN, --interpolate or --checkpoint can be given.")
        _from_server(server, count, seed, label, out)
        return
    opened = runs.load(run, checkpoint)
    import_tensorflow()
    from keras_gan import sampling

    if interpolate:
        arrays = sampling.interpolation(opened, count, interpolate, seed, label)
    else:
        arrays = sampling.sample(opened, count, seed, label)
    in_turn = "labels" in arrays and label is None
    columns = interpolate or (_columns(opened.num_classes) if in_turn else None)
    pictures.write_samples(out, arrays.pop("samples"), arrays, columns)
    click.echo(str(out))


def _columns(num_classes: int) -> int | None:
    """A column a class, where the sheet stays one that a person can look at; else a square."""
    return num_classes if num_classes <= _MOST_COLUMNS else None


def _from_server(url: str, count: int, seed: int, label: str | None, out: Path) -> None:
    """Writes what a server makes of the seeds `seed` to `seed + count - 1`."""
    from keras_gan import client, pictures

    if label is not None and not (label.isdecimal() and int(label) < 2**31):
        raise ConfigError(f"A server knows labels by their ids only. Received: {label}.")
    seeds = np.arange(count) + seed
    if seeds[-1] >= 2**31:
        raise ConfigError(f"--seed + --count should stay below 2^31. Received: {seed}, {count}.")
    labels = None if label is None else np.full(count, int(label), np.int32)
    if url.startswith("grpc:"):
        import_tensorflow()
    try:
        images = client.sample(url, seeds, labels)
    except client.ServerError as error:
        if labels is None and "labels" in str(error):  # it does not tell how many there are
            raise client.ServerError(f"{error} A model with classes needs --label ID.") from error
        raise
    arrays = {"seeds": seeds, **({} if labels is None else {"labels": labels})}
    pictures.write_samples(out, images.astype(np.float32) / 127.5 - 1.0, arrays)
    click.echo(str(out))
