"""`keras-gan export`."""

from __future__ import annotations

from pathlib import Path

import click

from keras_gan.cli.common import import_tensorflow, run_argument


@click.command()
@run_argument
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=("saved_model",),
    show_default=True,
    help="saved_model, onnx, onnx_float16, onnx_int8, litert or keras. Repeatable.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder; by default RUN/export.")
@click.option("--name", help="The model's name; by default the recipe's.")
@click.option(
    "--version", type=click.IntRange(1), help="Of the SavedModel; by default the next free one."
)
@click.option("--opset", type=int, default=18, show_default=True, help="Of ONNX: 17 or 18.")
@click.option(
    "--weights",
    type=click.Choice(["ema", "raw"]),
    default="ema",
    show_default=True,
    help="The generator's average, or its weights as they are.",
)
def export(run, formats, **options) -> None:
    """Write the trained generator of RUN (by default the newest) for other programs."""
    from keras_gan import runs

    opened = runs.load(run)
    import_tensorflow()
    from keras_gan import exporters

    published = exporters.export(opened, formats, **options)
    for path, file in published.files.items():
        worst = max(file["max_abs_difference"].values())
        click.echo(
            f"{file['format']:<13} {file['bytes']:>12,} bytes   differs from Keras by at most "
            f"{worst:.2g} (allowed: {file['tolerance']:g})",
            err=True,
        )
        click.echo(str(published.folder / path))
    click.echo(f"how to run them: {published.folder / 'README.md'}", err=True)
