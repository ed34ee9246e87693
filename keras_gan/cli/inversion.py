"""`keras-gan invert`, `edit` and `restore`: from images back to latents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from keras_gan.cli.common import (
    RunPath,
    checkpoint_option,
    data_dir_option,
    echo_file,
    echo_table,
    import_tensorflow,
    json_option,
    run_argument,
)
from keras_gan.utils.errors import ConfigError

_MOST_LINES = 20

_OPTIONS = (
    checkpoint_option,
    click.option(
        "--restarts",
        type=click.IntRange(1, 256),
        default=8,
        show_default=True,
        help="Starts of the search for an image's latent, of which the best end is taken.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0, 2**31 - 1),
        default=0,
        show_default=True,
        help="The same seed gives the same result.",
    ),
    click.option(
        "--label",
        "labels",
        multiple=True,
        metavar="LABEL",
        help="A class's name or id, or some: 0..4; once or once an image. Of several the one that "
        "fits best is found, by default of all.",
    ),
    data_dir_option,
    json_option("call"),
)


def _search_options(steps: str) -> Callable:
    """The options of a search for latents; `steps` is the name of the one for its length."""

    def decorate(command: Callable) -> Callable:
        length = click.option(
            steps,
            type=click.IntRange(1, 100_000),
            default=200,
            show_default=True,
            help="Of the search for an image's latent.",
        )
        for option in (*reversed(_OPTIONS), length):
            command = option(command)
        return command

    return decorate


def _out(default: str) -> Callable:
    return click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=default,
        show_default=True,
        help="The folder to write.",
    )


@click.command()
@click.argument("run", type=RunPath())
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--start",
    type=click.Choice(["encoder", "samples"]),
    help="encoder: one of the starts is what RUN's encoder says, the default where it has one.",
)
@_search_options("--steps")
@_out("inverted")
def invert(
    run, images, start, checkpoint, steps, restarts, seed, labels, data_dir, as_json, out
) -> None:
    """Find the latents of images with the generator of RUN.

    IMAGEs are picture files, folders of them, and rows of the run's data: test[:16].
    """
    from keras_gan import runs

    opened = runs.load(run, checkpoint)
    import_tensorflow()
    from keras_gan.apps.inversion import folders, inverting
    from keras_gan.apps.inversion import images as loading
    from keras_gan.apps.inversion.search import Settings

    folders.check(out, inverting.REPORT)
    given = _loaded(loading.load(opened, images, data_dir))
    settings = Settings(steps, restarts, seed)
    found = inverting.invert(opened, given, labels, settings, start)
    rows = inverting.write(out, opened, given, found, settings)
    if as_json:
        echo_file(out / inverting.REPORT)
        return
    for row in rows[:_MOST_LINES]:
        label = f"  label {row['label']}" if "label" in row else ""
        click.echo(f"{row['name']:<24}  mse {row['mse']:.5f}  psnr {row['psnr']:5.2f} dB{label}")
    if len(rows) > _MOST_LINES:
        click.echo(f"... and {len(rows) - _MOST_LINES} more in {out / inverting.REPORT}")
    click.echo(str(out))


def _loaded(given):
    for note in given.notes:
        click.echo(note, err=True)
    return given


@click.command()
@click.argument("run", type=RunPath())
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--task", required=True, help="inpaint, super-resolve or denoise.")
@click.option(
    "--mask",
    help="inpaint: a picture whose white part is lost, `box` (the middle; the default) or "
    "`random` (half of all pixels).",
)
@click.option(
    "--factor",
    type=click.IntRange(2, 64),
    help="super-resolve: pixels of the image to one that was seen, along each side.  [default: 2]",
)
@click.option(
    "--sigma",
    type=click.FloatRange(0.0, 10.0, min_open=True),
    help="denoise: standard deviation, where black is 0 and white 1.  [default: 0.25]",
)
@click.option(
    "--samples",
    type=click.IntRange(0, 64),
    default=4,
    show_default=True,
    help="Of what the image may have been, beside the most probable one.",
)
@click.option("--degraded", is_flag=True, help="IMAGEs are degraded already; no figures are made.")
@_search_options("--steps")
@_out("restored")
def restore(
    run,
    images,
    task,
    samples,
    degraded,
    checkpoint,
    steps,
    restarts,
    seed,
    labels,
    data_dir,
    as_json,
    out,
    **options,
) -> None:
    """Restore IMAGEs (by default test[:16]) with the generator of RUN.

    They are degraded first, so that what comes out can be compared with the originals.
    IMAGEs are picture files, folders of them, and rows of the run's data: test[:16].
    """  # fmt: skip
    from keras_gan import runs

    opened = runs.load(run, checkpoint)
    import_tensorflow()
    from keras_gan.apps.inversion import folders, restoring
    from keras_gan.apps.inversion.search import Settings

    folders.check(out, restoring.REPORT)
    settings = Settings(steps, restarts, seed)
    restored = restoring.restore(
        opened, task, images or ("test[:16]",), options=options, is_degraded=degraded,
        labels=labels, samples=samples, settings=settings, data_dir=data_dir,
    )  # fmt: skip
    given = {name: value for name, value in options.items() if value is not None}
    facts = {"task": task, **given, "settings": vars(settings)}
    restoring.write(out, opened, restored, facts)
    _loaded(restored.given)
    if as_json:
        echo_file(out / restoring.REPORT)
        return
    echo_table(_table(restored.rows))
    click.echo(str(out))


def _table(rows: list[dict]) -> list[tuple[str, ...]]:
    """A row a method, its figures in columns, and a heading; nothing without figures."""
    names = [name for name in rows[0] if name != "method"] if rows else []
    heading = [("", *names)] if rows else []
    return [*heading, *((row["method"], *(f"{row[n]:.3f}" for n in names)) for row in rows)]


@click.command()
@run_argument
@click.option(
    "--image",
    "named",
    multiple=True,
    required=True,
    help="Where walks begin: a picture, a folder, or test[:4]. Repeatable.",
)
@click.option("--towards-label", metavar="LABEL", help="Walk towards a class of the data.")
@click.option("--to-image", metavar="IMAGE", help="Walk to another image.")
@click.option(
    "--plus",
    multiple=True,
    metavar="IMAGE",
    help="Add an image's latent; the mean of several. Repeatable.",
)
@click.option("--minus", multiple=True, metavar="IMAGE", help="Take away, as --plus adds.")
@click.option(
    "--steps",
    type=click.IntRange(2, 200),
    default=9,
    show_default=True,
    help="Images of a walk, both ends included.",
)
@_search_options("--search-steps")
@_out("edited")
def edit(
    run,
    named,
    towards_label,
    to_image,
    plus,
    minus,
    steps,
    checkpoint,
    search_steps,
    restarts,
    seed,
    labels,
    data_dir,
    as_json,
    out,
) -> None:
    """Walk from real images to others in the latent space of RUN (by default the newest).

    IMAGEs are picture files, folders of them, and rows of the run's data: test[:16].
    """
    from keras_gan import runs

    if sum([bool(towards_label), bool(to_image), bool(plus or minus)]) != 1:
        raise ConfigError("Say where to: --towards-label, --to-image, or --plus and --minus.")
    opened = runs.load(run, checkpoint)
    import_tensorflow()
    from keras_gan.apps.inversion import editing, folders
    from keras_gan.apps.inversion.search import Settings

    folders.check(out, editing.REPORT)
    settings = Settings(search_steps, restarts, seed)
    ways = {"towards_label": towards_label, "to_image": to_image, "plus": plus, "minus": minus}
    given, walk = editing.edit(
        opened, named, **ways, labels=labels, steps=steps, settings=settings, data_dir=data_dir
    )
    _loaded(given)
    facts = {key: value for key, value in ways.items() if value}
    editing.write(out, opened, given, walk, {**facts, "settings": vars(settings)})
    if as_json:
        echo_file(out / editing.REPORT)
    else:
        click.echo(str(out))
