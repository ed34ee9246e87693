"""`keras-gan sample`."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from keras_gan.cli.common import checkpoint_option, import_tensorflow, run_argument
from keras_gan.utils import untrusted
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import ClassLabels

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
    help="A class's name or id, or a range 0..9 in turn; by default all. With --server an id, "
    "which a model with classes needs.",
)
@click.option(
    "--to-label",
    help="With --label and --interpolate: walk from that class to this one, a latent a row; of a "
    "range, each row has the next class.",
)
@click.option(
    "--condition",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="x.npy: float (n, d) labels for a run whose labels are vectors, in turn.",
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
def sample(
    run, checkpoint, count, seed, label, to_label, condition, interpolate, out, server
) -> None:
    """Draw samples from RUN (a run directory; by default the newest)."""
    from keras_gan import runs
    from keras_gan.utils import image_grids

    image_grids.check_path(out)
    if server is not None:
        others = run, interpolate, to_label, condition
        if checkpoint != "newest" or any(given is not None for given in others):
            raise ConfigError(
                "Beside --server no RUN, --interpolate, --to-label, --condition or --checkpoint "
                "can be given."
            )
        _from_server(server, count, seed, label, out)
        return
    if to_label is not None and (label is None or interpolate is None):
        raise ConfigError("--to-label needs --label, to come from, and --interpolate STEPS.")
    if condition is not None and label is not None:
        raise ConfigError("--condition stands in place of --label.")
    opened = runs.load(run, checkpoint)
    asked = label if condition is None else _conditions(condition)
    import_tensorflow()
    from keras_gan.runs import sampling

    if condition is not None and isinstance(opened.gan.labels, ClassLabels):
        raise ConfigError(
            f"--condition is for runs whose labels are vectors; {opened.path} was trained with "
            "classes: ask for one with --label."
        )
    if to_label is not None:
        arrays = sampling.label_interpolation(opened, count, interpolate, label, to_label, seed)
    elif interpolate:
        arrays = sampling.interpolation(opened, count, interpolate, seed, asked)
    else:
        arrays = sampling.sample(opened, count, seed, asked)
    columns = interpolate or _columns(arrays.get("labels"))
    image_grids.write_samples(out, arrays.pop("samples"), arrays, columns)
    click.echo(str(out))


def _conditions(path: Path) -> np.ndarray:
    try:
        with untrusted.opened(path) as file:
            return np.atleast_1d(np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else "it is empty"
        raise ConfigError(f"Can't read {path} as an .npy of numbers: {reason}.") from error


def _columns(labels: np.ndarray | None) -> int | None:
    """A column a class, where the sheet stays one that a person can look at; else a square."""
    if labels is None or labels.ndim > 1:
        return None
    classes = len(np.unique(labels))
    return classes if 1 < classes <= _MOST_COLUMNS else None


def _from_server(url: str, count: int, seed: int, label: str | None, out: Path) -> None:
    """Writes what a server makes of the seeds `seed` to `seed + count - 1`."""
    from keras_gan.apps import client
    from keras_gan.utils import image_grids, pixels

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
    image_grids.write_samples(out, pixels.to_float(images), arrays)
    click.echo(str(out))
