"""The run directory: what is in it, how it is made, opened and found.

    runs/<recipe>/<timestamp>/
        config.yaml      the whole configuration: `keras-gan fit <run>/config.yaml` reruns it
        run.json         what the data turned out to be, versions, when it was made
        checkpoints/     see `keras_gan.checkpoints`
        tensorboard/     event files
        samples/         a grid of fixed latents, by iteration
        metrics.jsonl    one row a logged call
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import os
import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_gan import __version__
from keras_gan.config import Config, load_config
from keras_gan.errors import ConfigError, RunError
from keras_gan.files import write_text

if TYPE_CHECKING:
    import keras

    from keras_gan.gan import GAN

CONFIG, FACTS, METRICS = "config.yaml", "run.json", "metrics.jsonl"


class Run:
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
            self.facts = json.loads((self.path / FACTS).read_text("utf-8"))
            self.sample_shape = tuple(int(n) for n in self.facts["sample_shape"])
            names = self.facts["class_names"]
            self.class_names = None if names is None else tuple(str(n) for n in names)
            self.created = str(self.facts["created"])
            self.config = load_config(self.path / CONFIG)
        except (OSError, ValueError, KeyError, TypeError, ConfigError) as error:
            raise RunError(f"{path} is not a run directory: {error}") from error

    @classmethod
    def create(
        cls,
        config: Config,
        sample_shape: tuple[int, ...],
        class_names: tuple[str, ...] | None,
        path: str | Path | None = None,
    ) -> Run:
        """Makes a new run directory: `path`, or one named by recipe and time under `runs_root()`.

        Raises:
            RunError: it exists and is not empty, or can't be written; nothing is left behind.
        """
        now = datetime.datetime.now(datetime.timezone.utc)
        path = Path(path) if path else _free_name(config.name, now)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            resume = f": go on with `keras-gan fit --resume {path}`" if (path / FACTS).exists() else ""
            raise ConfigError(f"{path} already exists{resume}, or name another --run-dir.")
        facts = {
            "sample_shape": list(sample_shape),
            "class_names": None if class_names is None else list(class_names),
            "created": now.isoformat(),
            "versions": _versions(),
        }
        made = _missing_parents(path)
        try:
            for folder in ("checkpoints", "tensorboard", "samples"):
                (path / folder).mkdir(parents=True)
            write_text(path / CONFIG, config.to_yaml())
            write_text(path / FACTS, json.dumps(facts, indent=1))
        except OSError as error:
            for folder in made:
                shutil.rmtree(folder, ignore_errors=True)
            raise RunError(f"Can't write {path}: {error.strerror}. Name another --run-dir.") from error
        return cls(path)

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def conditional(self) -> bool:
        return self.config.network.conditioning != "none"

    @property
    def num_classes(self) -> int | None:
        return None if self.class_names is None else len(self.class_names)

    @functools.cached_property
    def gan(self) -> GAN:
        """The GAN in float32 with the newest checkpoint's weights, not compiled.

        Raises:
            RunError: no whole checkpoint.
        """
        from keras_gan import building, checkpoints

        gan = building.build_gan(
            self.config, self.sample_shape, self.num_classes, precision="float32"
        )
        checkpoints.load_newest(gan, self.checkpoints)
        return gan

    @property
    def generator(self) -> keras.Model:
        """The trained generator (the averaged one where the run keeps one), float32."""
        return self.gan.sampler

    def metrics(self) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl, in order; a last line that is still being written is left out."""
        rows = []
        with contextlib.suppress(OSError):
            for line in (self.path / METRICS).read_text("utf-8").splitlines():
                with contextlib.suppress(ValueError):
                    rows.append(json.loads(line))
        return rows


def load(path: str | Path | None = None) -> Run:
    """Opens a run; without a path the newest, by creation, under `runs_root()`.

    `load(run).generator` is the trained network.

    Raises:
        RunError: there is no such run, or none at all.
    """
    if path is not None:
        return Run(path)
    runs = list_runs()
    if not runs:
        raise RunError(
            f"There are no runs in {runs_root()}. `keras-gan fit digits` makes one in a minute."
        )
    return runs[-1]


def list_runs() -> list[Run]:
    """All runs under `runs_root()`, oldest first."""
    runs = []
    for facts in runs_root().glob(f"*/*/{FACTS}"):
        with contextlib.suppress(RunError):
            runs.append(Run(facts.parent))
    return sorted(runs, key=lambda run: (run.created, str(run.path)))


def runs_root() -> Path:
    """The folder of all runs: $KERAS_GAN_RUNS, by default ./runs."""
    return Path(os.environ.get("KERAS_GAN_RUNS", "runs"))


def _free_name(recipe: str, now: datetime.datetime) -> Path:
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in recipe).lstrip(".") or "run"
    base = runs_root() / name / now.astimezone().strftime("%Y-%m-%d_%H-%M-%S")
    path, number = base, 2
    while path.exists():
        path, number = base.with_name(f"{base.name}_{number}"), number + 1
    return path


def _missing_parents(path: Path) -> list[Path]:
    """The folders that making `path` will make, the outermost first."""
    chain = [path, *path.parents]
    return [folder for folder in reversed(chain) if not folder.exists()][:1]


def _versions() -> dict[str, str]:
    import keras
    import numpy
    import tensorflow

    return {
        "keras_gan": __version__,
        "keras": keras.__version__,
        "tensorflow": tensorflow.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
    }
