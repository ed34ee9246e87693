"""What a run can go on from: one folder a checkpoint, whole or not there.

`<iteration>/` are the newest ones, `best/` is the one whose samples were nearest to
training images (see `callbacks.diversity`). In each `state.weights.h5` is what
Keras' own `GAN.save_weights` writes: both networks, the averaged generator, both
optimizers (loss scales included) and the iteration. Nothing else is needed: latents,
dropout and the order of the data are functions of (seed, iteration).
`checkpoint.json` has the iteration, the configuration and the versions; `SHA256SUMS`
the checksums of both, as `sha256sum --check` reads them.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import math
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import tensorflow as tf

from keras_gan.config import Config
from keras_gan.games.gan import GAN
from keras_gan.runs.directory import resume_command
from keras_gan.utils import untrusted
from keras_gan.utils.errors import DivergedError, RunError
from keras_gan.utils.files import disk_error, remove_folder, replaced_folder
from keras_gan.utils.versions import versions

STATE = "state.weights.h5"
FACTS = "checkpoint.json"
SUMS = "SHA256SUMS"
BEST = "best"
_LARGEST_FACTS = 2**20  # bytes
_UNREADABLE = (OSError, ValueError, TypeError, RecursionError, MemoryError)  # files of any content


class Writer:
    """Writes the checkpoints of one training.

    The newest and the best one of a step are the same weights, brought into bytes once.

    Args:
        folder: the run's `checkpoints/`.
        config: the run's, which goes into each of them.
        keep: how many of the newest stay.
        explain: (iteration, what is wrong) -> the text of a DivergedError.

    Raises:
        DiskError: from both methods: it can't be written; older ones are untouched.
        DivergedError: from both: a weight is not finite; older ones are untouched.
    """

    def __init__(
        self,
        folder: Path,
        config: Config,
        keep: int,
        explain: Callable[[int, list[str]], str] | None = None,
    ):
        self.folder = folder
        self.config = config
        self.keep = keep
        self.explain = explain or _explain
        self._made: tuple[int, bytes, str] | None = None  # iteration, state and its checksum

    def save(self, gan: GAN) -> Path:
        """Writes `<iteration>/` and removes all but the newest ones."""
        path = self.folder / f"{int(gan.iteration.numpy()):09d}"
        self._write(gan, path, {})
        self._made = None  # as large as the checkpoint
        for old in list_checkpoints(self.folder)[: -self.keep]:
            remove_folder(old)
        return path

    def save_best(self, gan: GAN, distance: float) -> None:
        """Writes `best/` in place of the one before, and the distance that it was chosen by."""
        self._write(gan, self.folder / BEST, {"distance": distance})

    def _write(self, gan: GAN, path: Path, more: dict[str, float]) -> None:
        iteration = int(gan.iteration.numpy())
        if self._made is None or self._made[0] != iteration:
            if wrong := _not_finite(gan):
                raise DivergedError(self.explain(iteration, wrong))
            state = _state_bytes(gan)
            self._made = iteration, state, hashlib.sha256(state).hexdigest()
        _, state, checksum = self._made
        known = {"iteration": iteration, **more, "config": self.config.to_dict()}
        facts = json.dumps({**known, "versions": versions()}, indent=1).encode()
        try:
            with replaced_folder(path) as temporary:
                sums = _sums(facts, checksum)
                for name, content in ((STATE, state), (FACTS, facts), (SUMS, sums)):
                    (temporary / name).write_bytes(content)
        except OSError as error:
            raise disk_error(f"the checkpoint {path}", error) from error


def best_distance(gan: GAN, folder: Path) -> float:
    """The distance of `folder/best/`, infinite where there is no whole one up to `gan`'s iteration.

    A resumed run goes back in time: what was the best later is not yet.
    """
    try:
        _whole_state(folder / BEST, _most(gan))
        facts = untrusted.table(folder / BEST / FACTS, _LARGEST_FACTS)
        is_past = facts["iteration"] <= int(gan.iteration.numpy())
        return float(facts["distance"]) if is_past else math.inf
    except (*_UNREADABLE, KeyError):
        return math.inf


def size(gan: GAN) -> int:
    """About how many bytes a checkpoint of a compiled GAN takes."""
    variables = state(gan)
    return _bytes(variables) + 4096 * (1 + len(variables))  # and HDF5's own for each of them


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first."""
    found = (p for p in folder.glob("*") if re.fullmatch(r"\d{9,}", p.name) and p.is_dir())
    return sorted(found, key=lambda p: int(p.name))


def set_aside_after(folder: Path, gan: GAN) -> None:
    """Renames damaged checkpoints beyond `gan`'s iteration: they would pass for the newest ones.

    Raises:
        RunError: one of them is whole.
    """
    for path in reversed(list_checkpoints(folder)):
        if int(path.name) <= int(gan.iteration.numpy()):
            return
        if problem(path, _most(gan)) is None:
            raise RunError(
                f"{folder.parent} has been trained on to step {int(path.name)} in the meantime. "
                f"Begin again: {resume_command(folder.parent)}"
            )
        names = (path.with_name(f"{path.name}.damaged-{n}") for n in itertools.count(1))
        os.replace(path, next(name for name in names if not name.exists()))


def load_newest(gan: GAN, folder: Path) -> tuple[int, list[str]]:
    """Loads the newest whole checkpoint into `gan`, also while a training writes and removes some.

    Returns:
        (iteration, warnings): one warning a damaged checkpoint that was passed over.

    Raises:
        RunError: there is none, or none that is whole.
    """
    damaged: list[str] = []
    paths = list_checkpoints(folder)
    while paths:
        path = paths.pop()
        wrong = _load(gan, path)
        if wrong is None:
            return int(gan.iteration.numpy()), [f"{t}; using the one before it" for t in damaged]
        if path.exists():
            damaged.append(f"the checkpoint {path} is damaged ({wrong})")
        else:  # the training has removed it: it has newer ones
            damaged, paths = [], list_checkpoints(folder)
    raise RunError(
        f"There is no {'whole ' if damaged else ''}checkpoint in {folder}"
        f"{': ' + '; '.join(damaged) if damaged else ''}. "
        f"Train anew: keras-gan fit {folder.parent / 'config.yaml'}."
    )


def facts_of(folder: Path, iteration: int) -> dict[str, Any]:
    """`checkpoint.json` of a checkpoint that has been loaded.

    Raises:
        RunError: it can't be read any more.
    """
    path = folder / f"{iteration:09d}" / FACTS
    try:
        return untrusted.table(path, _LARGEST_FACTS)
    except _UNREADABLE as error:
        raise RunError(f"Can't read {path}: {error}.") from error


def load_best(gan: GAN, folder: Path) -> int:
    """Loads `folder/best/` into `gan` and returns its iteration.

    Raises:
        RunError: there is none, or it is damaged.
    """
    path = folder / BEST
    wrong = _load(gan, path) if path.is_dir() else "there is none yet"
    if wrong is not None:
        raise RunError(
            f"The best checkpoint in {folder} can't be used: {wrong}. Leave --checkpoint out for "
            "the newest one."
        )
    return int(gan.iteration.numpy())


def problem(path: Path, most: int = 2**36) -> str | None:
    """What is wrong with a checkpoint's files, of at most `most` bytes; None for a whole one."""
    try:
        _whole_state(path, most)
    except _UNREADABLE as error:
        return str(error)
    return None


# --------------------------------------------------------------------------- reading


def _load(gan: GAN, path: Path) -> str | None:
    """Loads a checkpoint, or says what is wrong with it.

    A training may put another one in its place at any time; then it is begun again.

    Raises:
        RunError: it is whole, but of other networks.
    """
    while True:
        folder = _identity(path)
        try:
            content = _whole_state(path, _most(gan))
        except _UNREADABLE as error:
            if _identity(path) == folder:
                return str(error)
            continue
        try:
            _check_arrays(content, _most(gan))
            with warnings.catch_warnings():
                # Keras only warns of what it leaves as it was: slots of another optimizer.
                warnings.simplefilter("error", UserWarning)
                gan.load_weights(_WeightsFile(content))
        except (ValueError, KeyError, OSError, UserWarning) as error:
            raise RunError(
                f"The checkpoint {path} does not fit the networks of its run's "
                f"config.yaml: {str(error).splitlines()[0]}"
            ) from error
        return None


def _most(gan: GAN) -> int:
    """Bytes that no checkpoint of these networks comes near: weights, and slots of each."""
    return 8 * _bytes(gan.weights) + 2**24


def _check_arrays(state: bytes, most: int) -> None:
    """Raises ValueError for a file that leads to others, or unpacks to more than `most` bytes."""
    sizes = []

    def check(name, item):
        if isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise ValueError("its arrays lie in other files")
            if item.chunks or item.dtype.kind not in "biuf":  # packed, or of any length
                raise ValueError("its arrays are no plain numbers")
            sizes.append(math.prod(item.shape) * item.dtype.itemsize)
        elif any(type(item.get(n, getlink=True)) is not h5py.HardLink for n in item):
            raise ValueError("it has links to other arrays")

    with h5py.File(io.BytesIO(state)) as file:
        check("", file)
        file.visititems(check)
    if sum(sizes) > most:
        raise ValueError("its arrays are larger than those of its networks can be")


def _whole_state(path: Path, most: int) -> bytes:
    """The content of the state's file, or ValueError: what is loaded is what was checked."""
    facts = untrusted.content(path / FACTS, _LARGEST_FACTS)
    state = untrusted.content(path / STATE, most)
    checksum = hashlib.sha256(state).hexdigest()
    if untrusted.content(path / SUMS, _LARGEST_FACTS) != _sums(facts, checksum):
        raise ValueError("its checksum is wrong")
    return state


class _WeightsFile(io.BytesIO):
    """A file in memory, by a name that Keras takes weights from.

    HDF5 ends the whole process where a disk is full: it must not write to one. And what
    is read into memory once can be checked and loaded while others replace the file.
    """

    def __str__(self):
        return STATE


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Of the folder that has this name at present."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns


# --------------------------------------------------------------------------- writing


def _sums(facts: bytes, state: str) -> bytes:
    """The checksums' file, from the facts and the state's checksum."""
    named = ((hashlib.sha256(facts).hexdigest(), FACTS), (state, STATE))
    return "".join(f"{checksum}  {name}\n" for checksum, name in named).encode()


def _explain(iteration: int, wrong: list[str]) -> str:
    return f"Training has diverged: at step {iteration} {'; '.join(wrong)}."


def _not_finite(gan: GAN) -> list[str]:
    """Says which variable is the first that is not finite, if there is one."""
    for variable in state(gan):
        value = tf.convert_to_tensor(variable)
        if value.dtype.is_floating and not tf.reduce_all(tf.math.is_finite(value)):
            return [f"{variable.path} is not finite"]
    return []


def _state_bytes(gan: GAN) -> bytes:
    file = _WeightsFile()
    gan.save_weights(file)
    return file.getvalue()


def state(gan: GAN) -> list:
    """The variables of a checkpoint."""
    return [*gan.weights, *(v for p in gan.players for v in gan.optimizer_of(p).variables)]


def _bytes(variables: list) -> int:
    return sum(math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in variables)
