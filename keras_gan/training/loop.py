"""From a Config to a trained run, top to bottom."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras

from keras_gan.config import Config
from keras_gan.engine import loop, readers, strategies
from keras_gan.runs import Run, checkpoints, locks, recovery, runs_root
from keras_gan.runs.logs import MetricsLog
from keras_gan.training import callbacks
from keras_gan.training.plan import Training, prepare, way_on
from keras_gan.utils import processes
from keras_gan.utils.errors import Interrupted


def fit(
    config: Config,
    run_dir: str | Path | None = None,
    extra_callbacks: Iterable[keras.callbacks.Callback] = (),
    strategy: str = "one",
) -> Run | None:
    """Trains a new run to its end.

    Args:
        config: a recipe, for example `load_config("digits")`.
        run_dir: the new run's directory; by default runs/<recipe>/<time>.
        extra_callbacks: Keras callbacks beside the program's own.
        strategy: one, mirrored or multi-worker, see `strategies`.

    Returns:
        The finished run: `fit(config).generator` is the trained network. None in a
        worker that is not the chief.

    Raises:
        KerasGanError: see `prepare` and `Run.create`.
    """
    training = prepare(config, strategies.make(strategy))
    run = start(training, run_dir)
    play(training, run, extra_callbacks)
    return run


def start(training: Training, run_dir: str | Path | None = None) -> Run | None:
    """Makes the run directory of a prepared training; in the chief, where there are workers.

    Raises:
        DiskError: there is no room for what the training will write.
        KerasGanError: see `Run.create`.
    """
    if not training.workers.is_chief:
        return None
    config, source = training.config, training.source
    folder = runs_root() if run_dir is None else Path(run_dir)
    recovery.check_space(folder, training.gan, config, training.schedule)
    facts = source.sample_shape, source.label_spec, source.num_samples
    replicas = training.workers.strategy.num_replicas_in_sync
    facts = *facts, training.schedule.steps_per_epoch
    return Run.create(config, *facts, run_dir, replicas, training.gan.headline)


def play(
    training: Training, run: Run | None, extra_callbacks: Iterable[keras.callbacks.Callback] = ()
) -> bool:
    """Runs the training from the GAN's iteration to the end of the last epoch.

    SIGINT and SIGTERM end it after the current call, with a checkpoint; a second
    SIGINT ends it at once. All workers, where there are several, start with the chief's
    weights, and a signal to one of them ends it on all.

    Args:
        training: prepared.
        run: None in workers that are not the chief.
        extra_callbacks: Keras callbacks beside the run's own; in every worker.

    Returns:
        Whether it came to its end.

    Raises:
        Interrupted: by a signal.
        RunError: another process trains the run, or another worker is lost.
        DiskError: there is no room, or the run can't be written; checkpoints stay.
        DivergedError: numbers that are not finite; checkpoints of before stay.
    """
    gan, schedule, workers = training.gan, training.schedule, training.workers
    with workers.watched(way_on(run)), processes.noted() as received:
        workers.share(checkpoints.state(gan))
        # What can't go on is told before a write.
        schedule.calls_from(int(gan.iteration.numpy()))
        with _writing(training, run) if run else contextlib.nullcontext([]) as own:
            watchers = [*own, *extra_callbacks, loop.StopOnSignal(received, workers.agree)]
            with readers.ended() if schedule.reader else contextlib.nullcontext():
                loop.run(training.program, schedule, gan, watchers)
        # Not before the chief has written its last files: who leaves earlier is lost to it.
        stopped = workers.agree(received)
    if stopped:
        raise Interrupted(received[0])
    return int(gan.iteration.numpy()) >= schedule.total_steps


@contextlib.contextmanager
def _writing(training: Training, run: Run) -> Iterator[list[keras.callbacks.Callback]]:
    """Yield the chief's callbacks; the run is locked and rolled back to the GAN's iteration."""
    gan, config, schedule = training.gan, training.config, training.schedule
    recovery.check_space(run.path, gan, config, schedule)
    with locks.held(run.path), recovery.disk_errors(run.path):
        recovery.roll_back(run.path, gan)
        run.keep(config)  # a longer training is resumed as the longer one
        progress = callbacks.Progress(schedule.total_steps, schedule.steps_per_epoch)
        with contextlib.closing(MetricsLog(run.path)) as log, contextlib.closing(progress):
            yield [*callbacks.of_run(training, run.path, log), progress]
