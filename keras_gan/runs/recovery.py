"""Going back to a checkpoint: a run's files as they were at that step."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

from keras_gan.config import Config, config_from_dict
from keras_gan.engine.schedule import Schedule
from keras_gan.games.gan import GAN
from keras_gan.runs import checkpoints, logs
from keras_gan.runs.directory import METRICS, resume_command
from keras_gan.runs.loading import Run
from keras_gan.utils.checks import flatten, shown
from keras_gan.utils.errors import ConfigError, DiskError, RunError, one_line
from keras_gan.utils.files import disk_error, remove_temporaries
from keras_gan.utils.versions import versions

_ROW = 4096  # bytes of a row in metrics.jsonl and in TensorBoard, amply
_PICTURE = 2**16  # bytes of a small picture, amply


def roll_back(run: Path, gan: GAN) -> None:
    """Remove what a run wrote after `gan`'s iteration, and what was left half-written.

    Rows, TensorBoard events and pictures of the steps that are trained again are
    removed. Corrupt checkpoints after it are renamed, not removed.

    Args:
        run: the run directory, locked.
        gan: as loaded from the checkpoint from which training resumes.

    Raises:
        RunError: there is a valid checkpoint after it.
        OSError: it can't be written.
    """
    iteration = int(gan.iteration.numpy())
    folders = [run / name for name in ("checkpoints", "samples", logs.BOARD, logs.OPTIMUM)]
    checkpoints.set_aside_after(folders[0], gan)
    for folder in (run, *folders):
        remove_temporaries(folder)
    logs.drop_rows_after(run / METRICS, iteration)
    written = iteration or -1  # what belongs to the start is written again at the start
    logs.drop_events_after(run / logs.BOARD, written)
    for picture in (run / "samples").glob("[0-9]*.png"):
        if picture.stem.isdecimal() and int(picture.stem) > written:
            picture.unlink()


#: What may be changed in a run: its length, where its data lie, and what it writes (a full disk
#: may ask for less).
_FREE = ("training.epochs", "training.init_from", "data.name", "data.directory", "output.")


def check_as_before(run: Run, iteration: int) -> list[str]:
    """Checks that a run goes on with the settings of a checkpoint, and tells of other versions.

    Args:
        run: the run.
        iteration: of the checkpoint, which has been loaded.

    Returns:
        Warnings, one for each version that differs.

    Raises:
        RunError: the run's config.yaml is not the one that the checkpoint was made with.
    """
    try:
        facts = checkpoints.facts_of(run.checkpoints, iteration)
        before, made_with = config_from_dict(facts["config"]), dict(facts["versions"])
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"The checkpoint {iteration} of {run.path} does not say how it was made: {error}."
        ) from error
    now, then = flatten(run.config.to_dict()), flatten(before.to_dict())
    for name in sorted({**now, **then}):
        if now.get(name) != then.get(name) and not name.startswith(_FREE):
            raise RunError(
                f"{run.path / 'config.yaml'} has been changed: {name} is {shown(now.get(name))}, "
                f"and was {shown(then.get(name))} at step {iteration}. A run goes "
                "on as it was (only --epochs may change): put that back, or begin a new run."
            )
    return [
        f"this run was trained with {name} {one_line(str(made_with[name]), 40)}, and goes on with "
        f"{version}: it may differ from an uninterrupted one"
        for name, version in versions().items()
        if made_with.get(name, version) != version
    ]


def check_space(folder: Path, gan: GAN, config: Config, schedule: Schedule) -> None:
    """Checks that there is room for the rest of a training: checkpoints, logs and pictures.

    Args:
        folder: the run directory, or where it will be.
        gan: compiled, at the iteration that training goes on from.
        config: the run's.
        schedule: the training's length.

    Raises:
        DiskError: there is not; says how much is needed and how much there is.
    """
    size = checkpoints.size(gan)
    # The newest ones, the best, and the one being written; of these some may be there.
    count = config.output.keep_checkpoints + 2
    made = [*checkpoints.list_checkpoints(folder / "checkpoints")]
    made += [*(folder / "checkpoints").glob(checkpoints.BEST)]
    logs = _logs(gan, config, schedule)
    needed = max(1, count - len(made)) * size + logs
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    disk = shutil.disk_usage(there)
    if disk.free < needed and disk.total:  # file systems that are no disks say 0
        raise DiskError(
            f"Not enough room for {folder}: this training needs about {_megabytes(needed)} "
            f"({max(1, count - len(made))} checkpoints of {_megabytes(size)}, logs of "
            f"{_megabytes(logs)}); {_megabytes(disk.free)} are free. Make room, or lower "
            "output.keep_checkpoints or output.samples_every_epochs."
        )


def _logs(gan: GAN, config: Config, schedule: Schedule) -> int:
    """Bytes of rows and pictures still to come, amply."""
    output = config.output
    steps = schedule.total_steps - int(gan.iteration.numpy())
    epochs = steps / schedule.steps_per_epoch
    drawn = math.ceil(epochs / output.samples_every_epochs) if output.samples_every_epochs else 1
    picture = max(_PICTURE, output.sample_count * math.prod(gan.generator.output_shape[1:]))
    # A picture is in samples/ and in TensorBoard, and a row of diversity comes with it.
    return int(steps / output.scalars_every_steps) * _ROW + drawn * (2 * picture + _ROW)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size < 1e9 else f"{size / 1e9:,.1f} GB"


@contextlib.contextmanager
def disk_errors(run: Path) -> Iterator[None]:
    """Tells in one line of a disk that fails in the midst of a training, and how to go on."""
    try:
        yield
    except OSError as error:
        raise DiskError(f"{disk_error(f'into {run}', error)}{_way_on(run)}") from error
    except DiskError as error:
        raise DiskError(f"{error}{_way_on(run)}") from error


def _way_on(run: Path) -> str:
    with contextlib.suppress(OSError):
        for newest in checkpoints.list_checkpoints(run / "checkpoints")[-1:]:
            return f" Step {int(newest.name)} is safe: {resume_command(run)} goes on with it."
    return ""
