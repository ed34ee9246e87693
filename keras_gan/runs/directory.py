"""The run directory: what is in it, how it is made, opened and found.

runs/<recipe>/<timestamp>/
    config.yaml      the whole configuration: `keras-gan fit <run>/config.yaml` reruns it
    run.json         what the data turned out to be, versions, when it was made
    conditions.npy   some of the data's labels, where they are vectors
    checkpoints/     the newest ones and the best; see `keras_gan.runs.checkpoints`
    tensorboard/     event files
    samples/         a grid of fixed latents, by iteration
    metrics.jsonl    one row a logged call
"""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import math
import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from keras_gan.config import Config, parse_config
from keras_gan.utils import strict_yaml, untrusted
from keras_gan.utils.checks import Count, check_value, shown
from keras_gan.utils.errors import ConfigError, RunError
from keras_gan.utils.files import write_text
from keras_gan.utils.labels import LabelSpec, VectorLabels, from_facts
from keras_gan.utils.versions import versions

CONFIG, FACTS, METRICS = "config.yaml", "run.json", "metrics.jsonl"
CONDITIONS = "conditions.npy"
FORMAT = 2  # of a run directory; of 0.1.0 it was 1, and not written down
LONGEST_ROW = 2**20  # bytes of a line of METRICS


class RunDirectory:
    """An existing run directory.

    Args:
        path: the directory.

    Raises:
        RunError: it is not a run.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.is_dir():
            raise RunError(f"There is no run {path}. `keras-gan runs` lists those there are.")
        try:
            _check_links(self.path)
            self.facts = untrusted.table(self.path / FACTS, _LARGEST_FACTS)
            _check_format(self.path, self.facts)
            self.sample_shape = _shape(self.facts["sample_shape"])
            self.num_samples = check_value("num_samples", self.facts["num_samples"], int)
            self.labels = self._labels(self.facts["labels"])
            steps = self.facts["steps_per_epoch"]
            self.steps_per_epoch = check_value("steps_per_epoch", steps, Count)
            self.headline = check_value("headline", self.facts["headline"], list[str])
            self.created = check_value("created", self.facts["created"], str)
        except FileNotFoundError as error:
            raise RunError(f"{path} is not a run directory: it has no {FACTS}.") from error
        except (OSError, ValueError, KeyError, ConfigError) as error:
            why = f": {error}" if isinstance(error, ConfigError) else "."
            raise RunError(f"{path} is not a run directory: its {FACTS} is damaged{why}") from error
        try:
            file = self.path / CONFIG
            self.config = parse_config(untrusted.text(file, strict_yaml.LARGEST), str(file))
        except ConfigError as error:
            raise RunError(f"{path} is not a run directory: {error}") from error
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise RunError(f"{path} is not a run directory: Can't read {file}: {why}.") from error

    @classmethod
    def create(
        cls,
        config: Config,
        sample_shape: tuple[int, ...],
        labels: LabelSpec,
        num_samples: int,
        steps_per_epoch: int,
        path: str | Path | None = None,
        replicas: int = 1,
        headline: Sequence[str] = (),
    ) -> Self:
        """Make a new run directory: `path`, or one named by recipe and time under `runs_root()`.

        Its `run.json` notes the arguments but for the first, and the versions at work. Examples
        of labels that are vectors have a file of their own. `headline` names the metrics by
        which lists of runs describe it.

        Raises:
            ConfigError: it exists and is not empty.
            RunError: it can't be written; nothing is left behind.
        """
        now = datetime.datetime.now(datetime.UTC)
        given, path = path, Path(path) if path else _free_name(config.name, now)
        check_new(path)
        facts = {
            "format": FORMAT,
            "sample_shape": list(sample_shape),
            "labels": labels.facts(),
            "num_samples": num_samples,
            "steps_per_epoch": steps_per_epoch,
            "replicas": replicas,
            "headline": list(headline),
            "created": now.isoformat(),
            "versions": versions(),
        }
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        mine: list[Path] = []
        try:
            for folder in ("checkpoints", "tensorboard", "samples"):
                (path / folder).mkdir(parents=True)
                mine.append(path / folder)
            write_text(path / CONFIG, config.to_yaml())
            if isinstance(labels, VectorLabels):
                (path / CONDITIONS).write_bytes(_as_npy(labels.kept()))
            write_text(path / FACTS, json.dumps(facts, indent=1))
        except OSError as error:
            _remove(mine, missing)
            if isinstance(error, FileExistsError) and path.exists() and not mine:
                # Another process has made this run in the meantime.
                facts = sample_shape, labels, num_samples, steps_per_epoch
                return cls.create(config, *facts, given, replicas, headline)
            raise _unwritable(path, error.strerror or str(error)) from error
        return cls(path)

    def keep(self, config: Config) -> None:
        """Makes `config` the run's own, where it is not."""
        if config != self.config:
            write_text(self.path / CONFIG, config.to_yaml())
            self.config = config

    @property
    def iteration(self) -> int:
        """The newest checkpoint's iteration; 0 where there is none."""
        found = [int(p.name) for p in self.checkpoints.glob("*") if p.name.isdecimal()]
        return max(found, default=0)

    @property
    def total_steps(self) -> int:
        """Training steps of the whole training."""
        return self.config.training.epochs * self.steps_per_epoch

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def conditions(self) -> np.ndarray:
        """Return labels to sample with, where they are vectors: float32 (n, size), of the data.

        Raises:
            RunError: they are not there, or damaged.
        """
        file = self.path / CONDITIONS
        try:
            kept = _from_npy(untrusted.content(file, _LARGEST_FACTS))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise RunError(f"Can't read {file}: {why}. Give --condition FILE.npy.") from error
        if kept.ndim != 2 or kept.shape[1] != self.labels.size or not len(kept):
            raise RunError(f"{file} is damaged: its shape is {kept.shape}.")
        return kept

    def _labels(self, facts: Any) -> LabelSpec:
        labels = from_facts(facts)
        return (
            VectorLabels(labels.size, self.conditions)
            if isinstance(labels, VectorLabels)
            else labels
        )

    def metrics(self) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl, in order; a line that is still being written is left out."""
        rows = []
        with contextlib.suppress(OSError):
            for line in untrusted.lines(self.path / METRICS, LONGEST_ROW):
                with contextlib.suppress(ValueError, RecursionError):
                    rows.append(json.loads(line))
        return [row for row in rows if isinstance(row, dict)]

    def last_metrics(self) -> dict[str, Any]:
        """The last value of each metric, and of `iteration`; no wall-clock values."""
        last = {key: value for row in self.metrics() for key, value in row.items()}
        return {key: value for key, value in last.items() if not key.startswith("time/")}


def newest() -> RunDirectory:
    """The run that was made last under `runs_root()`, whether it has a checkpoint or not yet.

    Raises:
        RunError: there are none.
    """
    return at_least_one()[-1]


def list_runs() -> list[RunDirectory]:
    """All runs under `runs_root()`, one or two folders down, oldest first."""
    runs = []
    for facts in [*runs_root().glob(f"*/{FACTS}"), *runs_root().glob(f"*/*/{FACTS}")]:
        with contextlib.suppress(RunError):
            runs.append(RunDirectory(facts.parent))
    return sorted(runs, key=lambda run: (run.created, str(run.path)))


def at_least_one() -> list[RunDirectory]:
    """Return all runs, or raise RunError where there are none."""
    runs = list_runs()
    if not runs:
        raise RunError(
            f"There are no runs in {runs_root()}. `keras-gan fit digits` makes one in a minute."
        )
    return runs


def runs_root() -> Path:
    """The folder of all runs: $KERAS_GAN_RUNS, by default ./runs."""
    return Path(os.environ.get("KERAS_GAN_RUNS", "runs"))


def resume_command(run: str | Path) -> str:
    """What goes on with a run, to be pasted into a shell."""
    return f"keras-gan fit --resume {shlex.quote(str(run))}"


_LARGEST_FACTS = 2**24  # bytes
_LARGEST_SAMPLE = 2**26  # a sample's numbers


def _shape(given: Any) -> tuple[int, ...]:
    shape = tuple(check_value("sample_shape", given, list[int]))
    if len(shape) not in (1, 3) or min(shape) < 1 or math.prod(shape) > _LARGEST_SAMPLE:
        raise ConfigError(f"`sample_shape` should be that of images or points. Received: {shape}.")
    return shape


def _as_npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(array, np.float32))
    return file.getvalue()


def _from_npy(content: bytes) -> np.ndarray:
    """Plain numbers only; ValueError for anything else."""
    try:
        return np.load(io.BytesIO(content), allow_pickle=False).astype(np.float32)
    except (EOFError, TypeError, AttributeError) as error:
        raise ValueError("it is no array of numbers") from error


def _check_format(path: Path, facts: dict[str, Any]) -> None:
    """Raise RunError for a run of another version of this format."""
    # Format 1 was not written down.
    found = 1 if "sample_shape" in facts and "format" not in facts else facts["format"]
    if found != FORMAT:
        raise RunError(
            f"{path} is a run of format {shown(found)}, and this version reads format {FORMAT}. "
            "Train it again, or use the version of keras-gan that made it."
        )


def _check_links(run: Path) -> None:
    """Raises RunError where parts of a run are links: to write them is to write elsewhere."""
    for part in run.rglob("*"):
        if part.is_symlink():
            raise RunError(f"{part} is a link. Put what it leads to in its place.")


def check_new(path: Path) -> None:
    """Checks, without writing anything, that a new run can be made at `path`.

    Raises:
        ConfigError: it exists and is not empty.
        RunError: it can't be written.
    """
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.lstat()  # ValueError: a name that no file can have
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            what = f"{path} already exists"
            if (path / FACTS).exists():
                what += f"; `{resume_command(path)}` goes on with it"
            raise ConfigError(f"{what}. Name another --run-dir for a new run.")
    except (OSError, ValueError) as error:
        raise _unwritable(path, getattr(error, "strerror", None) or str(error)) from error
    parent = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not parent.is_dir():
        raise _unwritable(path, f"{parent} is not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise _unwritable(path, f"no permission to write into {parent}")


def _unwritable(path: Path, reason: str) -> RunError:
    return RunError(f"Can't write {path}: {reason}. Name another --run-dir.")


def _remove(mine: list[Path], made: list[Path]) -> None:
    """Undoes an unfinished `create`: its subfolders, its files, and the empty folders above."""
    for folder in mine:
        shutil.rmtree(folder, ignore_errors=True)
        for file in (CONFIG, CONDITIONS):
            (folder.parent / file).unlink(missing_ok=True)
    for folder in made:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _free_name(recipe: str, now: datetime.datetime) -> Path:
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in recipe).lstrip(".") or "run"
    base = runs_root() / name / now.astimezone().strftime("%Y-%m-%d_%H-%M-%S")
    path, number = base, 2
    while path.exists():
        path, number = base.with_name(f"{base.name}_{number}"), number + 1
    return path
