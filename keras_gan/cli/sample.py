"""`keras-gan sample`."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from keras_gan.cli.common import import_tensorflow, run_argument
from keras_gan.errors import ConfigError


@click.command()
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
@click.option(
    "--server",
    metavar="URL",
    help="Ask TF Serving, not a run: http://HOST:8501/v1/models/NAME or grpc://HOST:8500/NAME. "
    "Image i is that of seed + i.",
)
def sample(run, count, seed, label, interpolate, out, server) -> None:
    """Draw samples from RUN (a run directory; by default the newest)."""
    from keras_gan import pictures, runs

    pictures.check_path(out)
    if server is not None:
        if run is not None or interpolate is not None:
            raise ConfigError("Beside --server neither RUN nor --interpolate can be given.")
        _from_server(server, count, seed, label, out)
        return
    opened = runs.load(run)
    import_tensorflow()
    from keras_gan import sampling

    if interpolate:
        arrays = sampling.interpolation(opened, count, interpolate, seed, label)
    else:
        arrays = sampling.sample(opened, count, seed, label)
    columns = interpolate or (opened.num_classes if "labels" in arrays and label is None else None)
    pictures.write_samples(out, arrays.pop("samples"), arrays, columns)
    click.echo(str(out))


def _from_server(url: str, count: int, seed: int, label: str | None, out: Path) -> None:
    """Writes what a server makes of the seeds `seed` to `seed + count - 1`."""
    from keras_gan import client, pictures

    if label is not None and not label.isdecimal():
        raise ConfigError(f"A server knows labels by their ids only. Received: {label}.")
    seeds = np.arange(count) + seed
    if seeds[-1] >= 2**31:
        raise ConfigError(f"--seed + --count should stay below 2^31. Received: {seed}, {count}.")
    labels = None if label is None else np.full(count, int(label), np.int32)
    if url.startswith("grpc:"):
        import_tensorflow()
    images = client.sample(url, seeds, labels)
    arrays = {"seeds": seeds, **({} if labels is None else {"labels": labels})}
    pictures.write_samples(out, images.astype(np.float32) / 127.5 - 1.0, arrays)
    click.echo(str(out))
