"""`keras-gan doctor`."""

from __future__ import annotations

import dataclasses

import click

from keras_gan.cli.common import echo_json, import_tensorflow, json_option

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


@click.command()
@json_option("look")
def doctor(as_json) -> None:
    """Look whether everything that training needs is there.

    Versions, devices, XLA, the way to tensorflow-datasets, room on the disk; then trains for
    20 steps in a folder that is removed. Ends with 1 where something that training needs failed.
    """
    from keras_gan.apps import doctor

    import_tensorflow()
    failed = False
    for finding in doctor.examine():
        failed |= finding.status == doctor.FAILED
        if as_json:
            echo_json(dataclasses.asdict(finding))
            continue
        status = click.style(f"{finding.status:<8}", fg=_COLOURS[finding.status])
        click.echo(f"{status}{finding.name:<10} {finding.found}")
        if finding.remedy:
            click.echo(f"{'':<19}{finding.remedy}")
    if failed:
        raise click.exceptions.Exit(1)
    click.echo("next: keras-gan fit digits", err=True)
