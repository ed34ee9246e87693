"""From a Config to all that a run needs: data, model, schedule, workers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_gan import __version__, networks
from keras_gan.config import Config, override
from keras_gan.data import Source, load_source, located
from keras_gan.engine import programs, readers, strategies
from keras_gan.engine.schedule import Schedule
from keras_gan.engine.workers import Workers
from keras_gan.games import recipes
from keras_gan.games.gan import GAN
from keras_gan.networks import DataSpec
from keras_gan.runs import Run, checkpoints, load, recovery
from keras_gan.training import memory
from keras_gan.utils.checks import shown
from keras_gan.utils.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Training:
    """All that a run needs, ready to start; nothing has been written yet."""

    config: Config
    source: Source
    gan: GAN
    schedule: Schedule
    program: programs.StepsProgram
    workers: Workers

    def summary(self) -> list[tuple[str, str]]:
        """What will be trained, on what and how: (heading, text) lines."""
        config, source, gan = self.config, self.source, self.gan
        shape = "x".join(str(n) for n in source.sample_shape)
        labels = f", {source.label_spec}" if source.label_spec else ""
        kind = "images" if source.is_image else "points"
        sizes = [f"{name} {n.count_params():,}" for name, n in gan.networks().items()]
        training = config.training
        compiled = "XLA" if self.program.jit_compile else "plain graph"
        strategy = self.workers.strategy
        share = training.batch_size // strategy.num_replicas_in_sync
        replicas = f"{strategies.described(strategy)}, {share} images each"
        return [
            ("data", f"{source.name}: {source.num_samples:,} {kind} of {shape}{labels}"),
            *(("note", note) for note in source.notes),
            (
                "networks",
                f"{config.network['family']}: {', '.join(sizes)} parameters",
            ),
            (
                "game",
                f"{recipes.described(config)}, "
                f"{gan.options.minibatches} x {training.batch_size} images per step",
            ),
            (
                "engine",
                f"{compiled}, {self.schedule.steps_per_execution} steps per call, "
                f"{training.precision}",
            ),
            *([("replicas", replicas)] if share < training.batch_size else []),
            *self._input(),
            ("memory", str(self._memory())),
            ("length", f"{training.epochs} epochs of {self.schedule.steps_per_epoch} steps"),
        ]

    def _input(self) -> list[tuple[str, str]]:
        if self.schedule.reader is None:
            return []
        where = "from the disk" if self.source.is_stored else "from memory"
        return [("input", f"images are streamed {where}, ahead of the rounds")]

    def _memory(self) -> memory.Memory:
        """Return what this process keeps in memory."""
        share, schedule = strategies.share_of(self.workers.strategy), self.schedule
        data = 0 if self.source.is_stored else self.source.images.nbytes
        if schedule.reader is None:
            data += len(share.own) * data  # a copy on each device
        else:
            data += schedule.reader.sizes(schedule.steps_per_execution, schedule.rows_per_step)
        several = len(share.own) if share.replicas > 1 else None
        return memory.estimate(self.gan, data, several)


def prepare(config: Config, strategy: tf.distribute.Strategy | None = None) -> Training:
    """Loads the data and builds and compiles the GAN; writes nothing.

    Sets Keras' global seed to the config's, so that weights start as a function of it.

    Args:
        config: a recipe.
        strategy: where rounds are played, see `strategies`; by default on one device.

    Raises:
        ConfigError: settings that are wrong, don't fit the data or are not the other workers'.
        DataError: data that can't be had, or too few of them.
        RunError: another worker is lost.
    """
    recipes.check(config)
    config = recipes.resolved(config)
    options = recipes.options_of(config)
    strategy = strategy or strategies.make("one")
    workers = Workers(strategy)
    parts = options.multiple * config.training.gradient_accumulation_steps
    strategies.check_batch(strategy, config.training.batch_size, parts)
    config = _with_whole_paths(config)
    source = load_source(config.data)
    training = config.training
    reader = None
    if readers.is_streamed(config.data.stream, source.images):
        share = strategies.share_of(strategy)
        reader = readers.Reader(source.images, share, options.minibatches)
    schedule = Schedule(
        source.num_samples,
        training.batch_size * options.minibatches,
        training.epochs,
        training.steps_per_execution,
        config.seed,
        reader,
        _balanced(config, source),
    )
    with workers.watched("Start all workers again."):
        workers.check_same("settings or data", _told_apart_by(config, source))
    spec = DataSpec(source.sample_shape, source.label_spec)
    recipes.check_size(config, spec)
    keras.utils.set_random_seed(config.seed)
    if networks.takes_mean(config.network["family"]):
        spec = dataclasses.replace(spec, mean=source.mean())
    with workers.watched("Start all workers again."), strategy.scope():
        gan = recipes.build(config, spec)
        recipes.compile_model(gan, config)
        if config.data.labels_per_class is not None:
            labeled = np.flatnonzero(source.labels >= 0)
            gan.set_labeled_images(source.images[labeled], source.labels[labeled])
        jit = programs.choose_jit(training.jit_compile, *gan.networks().values())
        fields = {"images": reader or source.images, "labels": source.labels}
        program = programs.StepsProgram(gan, fields, jit)
    if training.init_from is not None and workers.is_chief:  # who gives them to the others
        start_from(gan, training.init_from)
    return Training(config, source, gan, schedule, program, workers)


def _balanced(config: Config, source: Source) -> np.ndarray | None:
    """The labels whose classes are to be drawn alike; None where rows come as they are."""
    if config.training.label_sampling == "data":
        return None
    if source.num_classes is None or (source.labels < 0).any():
        raise ConfigError(
            "`training.label_sampling` is balanced, which needs a class for every sample, but "
            f"the data set {source.name} has none. Set training.label_sampling=data."
        )
    return source.labels


def prepare_resume(
    run: Run, epochs: int | None = None, strategy: tf.distribute.Strategy | None = None
) -> tuple[Training, list[str]]:
    """Prepares to go on with a run from its newest whole checkpoint.

    A run that was killed before its first one starts at its start. Within
    `locks.held(run.path)` nobody else trains it before `play` does.

    Args:
        run: a run, finished or not.
        epochs: a new total, for a run that should go on longer.
        strategy: where rounds are played; need not be where they were before.

    Returns:
        (training, warnings about damaged checkpoints).

    Raises:
        ConfigError: the data are no longer those that the run was made with.
        RunError: no whole checkpoint.
    """
    config = run.config
    if epochs is not None:
        config = override(config, {"training.epochs": epochs})
    begun = bool(checkpoints.list_checkpoints(run.checkpoints) or run.metrics())
    # The weights come from the checkpoint: the run that was the start may be gone.
    start = override(config, {"training.init_from": None}) if begun else config
    training = prepare(start, strategy)
    source = training.source
    for what, now, then in (
        ("samples of shape", source.sample_shape, run.sample_shape),
        ("samples", source.num_samples, run.num_samples),
        ("labels", source.label_spec.facts(), run.labels.facts()),
    ):
        if now != then:
            raise ConfigError(
                f"The data {source.name} have changed since {run.path} was made: "
                f"{what} {shown(now)} in place of {shown(then)}."
            )
    warnings = []
    if begun:
        iteration, warnings = checkpoints.load_newest(training.gan, run.checkpoints)
        warnings += recovery.check_as_before(run, iteration)
    with training.workers.watched(way_on(run)):
        # The chief's checkpoint counts, by which all know whether the run has come to its end.
        training.workers.share([training.gan.iteration])
    return dataclasses.replace(training, config=config), warnings


def _told_apart_by(config: Config, source: Source) -> str:
    """What workers have to have in common; their data may lie in different places."""
    anywhere = dataclasses.replace(config.data, name="", directory=None)
    settings = dataclasses.replace(config, data=anywhere).replace(training__init_from=None)
    facts = source.num_samples, source.sample_shape, source.label_spec.facts()
    return f"{__version__} {tf.__version__} {facts} {settings.to_yaml()}"


def way_on(run: Run | None) -> str:
    """Return how a training of several workers is resumed."""
    where = "RUN" if run is None else run.path
    return f"Start all workers again, with: fit --resume {where} --strategy multi-worker."


def start_from(gan: GAN, path: str) -> None:
    """Copies another run's weights: D's, and for G and its average those that it samples with.

    Raises:
        ConfigError: its networks have other shapes.
        RunError: no such run, no checkpoint.
    """
    other = load(path).gan
    averaged = dict(gan.averages)
    pairs = []
    for name in other.networks().keys() & gan.networks().keys():
        # Networks start at the average too: the new average begins by following them closely.
        # D itself goes on as it was: its average is for the classes that it predicts.
        start = getattr(other, name) if name == "discriminator" else other.averaged(name)
        pairs.append((getattr(gan, name), start))
        if name in averaged:
            pairs.append((getattr(gan, f"{name}_ema"), other.averaged(name)))
    for mine, theirs in pairs:
        shapes = [[tuple(w.shape) for w in network.weights] for network in (mine, theirs)]
        if shapes[0] != shapes[1]:
            raise ConfigError(
                f"`training.init_from`: the {mine.name} of {path} has other shapes than this "
                "recipe's. Start from a run of the same networks and image size."
            )
        mine.set_weights(theirs.get_weights())


def _with_whole_paths(config: Config) -> Config:
    """Paths that mean the same from any folder: the data's and the starting run's."""
    config = dataclasses.replace(config, data=located(config.data))
    start = config.training.init_from
    if start is None:
        return config
    return override(config, {"training.init_from": str(Path(start).expanduser().absolute())})
