"""What a run can go on from: one folder a checkpoint, whole or not there.

`state.weights.h5` is what Keras' own `GAN.save_weights` writes: both networks,
the averaged generator, both optimizers (loss scales included) and the iteration.
Nothing else is needed: latents, dropout and the order of the data are functions
of (seed, iteration). `checkpoint.json` has its checksum and the versions.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import keras

from keras_gan import __version__
from keras_gan.errors import RunError
from keras_gan.files import replaced_folder, sha256
from keras_gan.gan import GAN

STATE = "state.weights.h5"
FACTS = "checkpoint.json"


def save(gan: GAN, folder: Path, keep: int) -> Path:
    """Writes `folder/<iteration>/` and removes all but the newest `keep`.

    Raises:
        RunError: it can't be written; older checkpoints are untouched.
    """
    iteration = int(gan.iteration.numpy())
    path = folder / f"{iteration:09d}"
    try:
        with replaced_folder(path) as temporary:
            gan.save_weights(temporary / STATE)
            facts = {
                "iteration": iteration,
                "sha256": sha256(temporary / STATE),
                "keras_gan": __version__,
                "keras": keras.__version__,
            }
            (temporary / FACTS).write_text(json.dumps(facts, indent=1), "utf-8")
        for old in list_checkpoints(folder)[:-keep]:
            shutil.rmtree(old)
    except OSError as error:
        raise RunError(f"Can't write the checkpoint {path}: {error.strerror or error}.") from error
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first."""
    found = (p for p in folder.glob("*") if re.fullmatch(r"\d{9,}", p.name))
    return sorted((p for p in found if (p / FACTS).is_file()), key=lambda p: int(p.name))


def load_newest(gan: GAN, folder: Path) -> tuple[int, list[str]]:
    """Loads the newest whole checkpoint into `gan`.

    Returns:
        (iteration, warnings): one warning a damaged checkpoint that was passed over.

    Raises:
        RunError: there is none, or none that is whole.
    """
    warnings = []
    for path in reversed(list_checkpoints(folder)):
        problem = _problem(path)
        if problem is None:
            try:
                gan.load_weights(path / STATE)
            except (ValueError, KeyError, OSError) as error:
                raise RunError(
                    f"The checkpoint {path} does not fit the networks of its run's "
                    f"config.yaml: {str(error).splitlines()[0]}"
                ) from error
            return int(gan.iteration.numpy()), warnings
        warnings.append(f"the checkpoint {path} is damaged ({problem}); using the one before it")
    raise RunError(
        f"There is no {'whole ' if warnings else ''}checkpoint in {folder}"
        f"{': ' + warnings[0] if warnings else ''}."
    )


def _problem(path: Path) -> str | None:
    try:
        facts = json.loads((path / FACTS).read_text("utf-8"))
        if sha256(path / STATE) != facts["sha256"]:
            return "its checksum is wrong"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return str(error)
    return None
