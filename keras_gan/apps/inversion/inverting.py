"""`keras-gan invert`: the latents of real images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from keras_gan.apps.inversion import folders
from keras_gan.apps.inversion.images import Given
from keras_gan.apps.inversion.labels import choices
from keras_gan.apps.inversion.operators import Identity
from keras_gan.apps.inversion.search import Found, Settings, search
from keras_gan.evaluation import inversion_scores
from keras_gan.runs import Run, sampling
from keras_gan.utils.errors import ConfigError

REPORT, STRIP, LATENTS = "invert.json", "strip.png", "latents.npz"


def invert(
    run: Run,
    given: Given,
    labels: Sequence[str],
    settings: Settings,
    start: Literal["encoder", "samples"] | None = None,
) -> Found:
    """Finds the latents of images.

    Args:
        run: a run with a checkpoint.
        given: images of its shape.
        labels: see `labels.choices`.
        settings: how.
        start: `encoder`: one of the starts is what the run's encoder says; `samples`: all are
            samples' latents. By default `encoder` where the run has one.

    Raises:
        ConfigError: labels that do not fit the run, or a start that it does not have.
        RunError: no whole checkpoint.
    """
    allowed = choices(run, labels, len(given.images))
    begin = _start(run, given, start)
    return search(run.gan, given.images, Identity(), allowed, settings, start=begin)


def _start(run: Run, given: Given, start: str | None) -> np.ndarray | None:
    encode = run.gan.endpoints().get("encode")
    if start == "samples" or (start is None and encode is None):
        return None
    if encode is None:
        raise ConfigError(
            f"--start encoder: {run.path} was trained without one. Recipes of the game bigan "
            "have it: mnist_bigan, for example."
        )
    return sampling.run_batched(encode.network, {"images": given.images})


def report(run: Run, given: Given, found: Found) -> list[dict[str, Any]]:
    """Of each image its `name`, `mse`, `psnr` (see `figures`) and, if there are any, `label`."""
    errors = inversion_scores.mse(found.images, given.images)
    rows = []
    for number, name in enumerate(given.names):
        row = {"name": name, "mse": float(errors[number])}
        row["psnr"] = float(inversion_scores.psnr(errors[number]))
        if found.labels is not None:
            row["label"] = run.labels.names[found.labels[number]]
        rows.append(row)
    return rows


def write(path: Path, run: Run, given: Given, found: Found, settings: Settings) -> list[dict]:
    """Writes a folder: a strip of original | reconstruction, latents, figures; returns the report.

    `latents.npz` has `latents` float32 (n, latent_dim), `labels` int32 (n,) if there are any,
    `images` and `reconstructions`, float32 (n, h, w, c) in [-1, 1].

    Raises:
        DiskError: it can't be written.
    """
    rows = report(run, given, found)
    with folders.written(path) as folder:
        folders.save_strip(folder / STRIP, [given.images, found.images])
        arrays = {"latents": found.latents, "labels": found.labels}
        arrays |= {"images": given.images, "reconstructions": found.images}
        folders.save_arrays(folder / LATENTS, arrays)
        means = {key: float(np.mean([row[key] for row in rows])) for key in ("mse", "psnr")}
        facts = {"settings": vars(settings), "notes": given.notes, "mean": means, "images": rows}
        folders.save_report(folder / REPORT, run, facts)
    return rows
