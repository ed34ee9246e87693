"""What a run can go on from: one folder a checkpoint, whole or not there.

`<iteration>/` are the newest ones, `best/` is the one whose samples were nearest to
training images (see `callbacks.diversity`). In each `state.weights.h5` is what
Keras' own `GAN.save_weights` writes: both networks, the averaged generator, both
optimizers (loss scales included) and the iteration. Nothing else is needed: latents,
dropout and the order of the data are functions of (seed, iteration).
`checkpoint.json` has its checksum and the versions.
"""

from __future__ import annotations

import json
import math
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
BEST = "best"


def save(gan: GAN, folder: Path, keep: int) -> Path:
    """Writes `folder/<iteration>/` and removes all but the newest `keep`.

    Raises:
        RunError: it can't be written; older checkpoints are untouched.
    """
    path = folder / f"{int(gan.iteration.numpy()):09d}"
    _write(gan, path, {})
    for old in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return path


def save_best(gan: GAN, folder: Path, distance: float) -> None:
    """Writes `folder/best/` in place of the one before, and the distance that it was chosen by.

    Raises:
        RunError: it can't be written; the one before is untouched.
    """
    _write(gan, folder / BEST, {"distance": distance})


def best_distance(folder: Path, iteration: int) -> float:
    """The distance of `folder/best/`, infinite where there is none up to `iteration`.

    A resumed run goes back in time: what was the best later is not yet.
    """
    try:
        facts = json.loads((folder / BEST / FACTS).read_text("utf-8"))
        return float(facts["distance"]) if facts["iteration"] <= iteration else math.inf
    except (OSError, ValueError, KeyError, TypeError):
        return math.inf


def _write(gan: GAN, path: Path, more: dict[str, float]) -> None:
    try:
        with replaced_folder(path) as temporary:
            gan.save_weights(temporary / STATE)
            facts = {
                "iteration": int(gan.iteration.numpy()),
                **more,
                "sha256": sha256(temporary / STATE),
                "keras_gan": __version__,
                "keras": keras.__version__,
            }
            (temporary / FACTS).write_text(json.dumps(facts, indent=1), "utf-8")
    except OSError as error:
        raise RunError(f"Can't write the checkpoint {path}: {error.strerror or error}.") from error


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
    damaged = []
    for path in reversed(list_checkpoints(folder)):
        problem = _problem(path)
        if problem is None:
            return _read(gan, path), [f"{text}; using the one before it" for text in damaged]
        damaged.append(f"the checkpoint {path} is damaged ({problem})")
    raise RunError(
        f"There is no {'whole ' if damaged else ''}checkpoint in {folder}"
        f"{': ' + '; '.join(damaged) if damaged else ''}. "
        f"Train anew: keras-gan fit {folder.parent / 'config.yaml'}."
    )


def load_best(gan: GAN, folder: Path) -> int:
    """Loads `folder/best/` into `gan` and returns its iteration.

    Raises:
        RunError: there is none, or it is damaged.
    """
    path = folder / BEST
    problem = _problem(path) if path.is_dir() else "there is none yet"
    if problem is not None:
        raise RunError(
            f"The best checkpoint in {folder} can't be used: {problem}. Leave --checkpoint out for "
            "the newest one."
        )
    return _read(gan, path)


def _read(gan: GAN, path: Path) -> int:
    try:
        gan.load_weights(path / STATE)
    except (ValueError, KeyError, OSError) as error:
        raise RunError(
            f"The checkpoint {path} does not fit the networks of its run's "
            f"config.yaml: {str(error).splitlines()[0]}"
        ) from error
    return int(gan.iteration.numpy())


def _problem(path: Path) -> str | None:
    try:
        facts = json.loads((path / FACTS).read_text("utf-8"))
        if sha256(path / STATE) != facts["sha256"]:
            return "its checksum is wrong"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return str(error)
    return None
