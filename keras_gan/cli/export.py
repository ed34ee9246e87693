"""`keras-gan export`."""

from __future__ import annotations

from pathlib import Path

import click

from keras_gan.cli.common import (
    checkpoint_option,
    echo_json,
    import_tensorflow,
    json_option,
    run_argument,
)


@click.command()
@run_argument
@checkpoint_option
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=("saved_model",),
    show_default=True,
    help="saved_model, onnx, onnx_float16, onnx_int8, litert, keras or web (a static page). "
    "Repeatable.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder; by default RUN/export.")
@click.option("--name", help="The model's name; by default the recipe's.")
@click.option(
    "--version",
    type=click.IntRange(1, 2**63 - 1),
    metavar="N",
    help="Of the SavedModel; by default the next free one.",
)
@click.option("--opset", type=int, help="Of ONNX: 17 or 18.  [default: 18]")
@click.option(
    "--weights",
    type=click.Choice(["ema", "raw"]),
    default="ema",
    show_default=True,
    help="The generator's average, or its weights as they are.",
)
@click.option(
    "--web-runtime",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="An npm install of onnxruntime-web, for web; by default one is made in the cache.",
)
@json_option("file")
def export(run, checkpoint, formats, as_json, **options) -> None:
    """Write the trained generator of RUN (by default the newest) for other programs."""
    from keras_gan import runs

    opened = runs.load(run, checkpoint)
    import_tensorflow()
    from keras_gan import exporters

    published = exporters.export(opened, formats, **options)
    for path, file in published.files.items():
        largest, mean = (
            f"{max(file[f'{which}_abs_difference'].values()):.2g}" for which in ("max", "mean")
        )
        click.echo(
            f"{file['format']:<13} {file['bytes']:>12,} bytes   differs from Keras by at most "
            f"{largest} (allowed: {file['tolerance']:g}), on average {mean}"
            + (f" ({file['mean_tolerance']:g})" if file["mean_tolerance"] else ""),
            err=True,
        )
        if as_json:
            echo_json({"path": str(published.folder / path), **file})
        else:
            click.echo(str(published.folder / path))
    click.echo(f"how to run them: {published.folder / 'README.md'}", err=True)
