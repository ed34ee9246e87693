"""Several games from one start, on the same data: how do V, JSD and gradients go?"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import keras

from keras_gan import training
from keras_gan.apps.theory.fixed_generator import frozen, train_discriminator
from keras_gan.config import Config, override
from keras_gan.engine import loop
from keras_gan.evaluation.densities import divergences, mixtures
from keras_gan.evaluation.densities.mixtures import Mixture
from keras_gan.evaluation.densities.snapshots import Observer, Snapshot
from keras_gan.games import recipes
from keras_gan.utils.errors import ConfigError

_STEPS_PER_ROW = 20
_LOGGED = ("V(D,G)", "D(x)", "D(G(z))", "gradient_norm/discriminator", "gradient_norm/generator")


@dataclasses.dataclass(frozen=True, eq=False)
class Game:
    """What was seen of one game.

    Attributes:
        rows: one every 20 rounds: `iteration`, the means of the logged numbers over
            these rounds and, where the density is on the line, `jensen_shannon` and
            `optimal_value` at their end.
        snapshots: at the start, then evenly to the end.
        mixture: the density of the data.
    """

    rows: list[dict[str, float]]
    snapshots: list[Snapshot]
    mixture: Mixture


def play(
    config: Config,
    loss: str,
    *,
    offset: float = 0.0,
    head_start: int = 0,
    frames: int = 40,
    progress: Callable[[int, int], None] = lambda rounds, total: None,
) -> Game:
    """Trains a recipe on a toy density with one adversarial loss; writes nothing.

    Weights, data and latents are functions of the recipe's seed, so that games of one
    recipe differ by their losses alone.

    Args:
        config: the recipe; its own loss is not used.
        loss: a name of `keras_gan.games.losses.LOSSES`.
        offset: added to every coordinate of what the untrained G generates, in the
            data's unit.
        head_start: rounds for D alone, before the first row, with optimizers that are
            not those of the game.
        frames: snapshots after the first one.
        progress: told (rounds, total) after every row.

    Raises:
        ConfigError: no such loss, data without a known density, a recipe whose
            D can't be drawn (see `Observer`).
    """
    mixture = mixtures.of_data(config.data.name)
    config = override(config, {"loss.name": loss, "training.steps_per_execution": _STEPS_PER_ROW})
    prepared = training.prepare(config)
    gan, schedule = prepared.gan, prepared.schedule
    _shift(gan.generator, offset)
    observer = Observer(gan, mixture)
    if head_start:
        _give_head_start(prepared, head_start)
    watcher = _Watcher(observer, schedule.total_steps, frames, progress)
    loop.run(prepared.program, schedule, gan, [watcher])
    return Game(watcher.rows, watcher.snapshots, mixture)


def _shift(generator: keras.Model, offset: float) -> None:
    """Adds `offset` to the output's bias.

    Raises:
        ConfigError: the generator's output is bounded, or has no bias.
    """
    if not offset:
        return
    output = [layer for layer in generator.layers if layer.weights][-1]
    if getattr(output, "bias", None) is None or not _ends_linearly(generator):
        raise ConfigError(
            "G can be moved only where its output is linear with a bias: set "
            "network.generator.output_activation=linear, or no offset."
        )
    output.bias.assign(output.bias + offset)


def _ends_linearly(generator: keras.Model) -> bool:
    activations = [x for x in generator.layers if isinstance(x, keras.layers.Activation)]
    return activations[-1].activation is keras.activations.linear


def _give_head_start(prepared: training.Training, rounds: int) -> None:
    """Trains the game's D alone, in a game of its own with a G that stands still."""
    gan, config, source = prepared.gan, prepared.config, prepared.source
    alone = type(gan)(
        frozen(gan.generator),
        gan.discriminator,
        latent_distribution=gan.options.latent_distribution,
        ema_decay=0.0,
        seed=gan.seed,
    )
    recipes.compile_model(alone, config)
    points, size = source.images, config.training.batch_size
    train_discriminator(alone, points, rounds, size, prepared.program.jit_compile)


class _Watcher(keras.callbacks.Callback):
    """Makes a row of every call, and snapshots in equal steps."""

    def __init__(self, observer, total, frames, progress):
        super().__init__()
        self.observer, self.total, self.progress = observer, total, progress
        self.every = max(1, math.ceil(total / _STEPS_PER_ROW / frames))
        self.rows: list[dict[str, float]] = []
        self.snapshots: list[Snapshot] = [observer.look()]

    def on_train_batch_end(self, batch, logs=None):
        snapshot = self.observer.look()
        row = {"iteration": snapshot.iteration, **{name: float(logs[name]) for name in _LOGGED}}
        if self.observer.grid is not None:
            distances = divergences.to_samples(self.observer.mixture, snapshot.samples)
            row["jensen_shannon"] = distances.jensen_shannon
            row["optimal_value"] = distances.optimal_value
        self.rows.append(row)
        if len(self.rows) % self.every == 0 or snapshot.iteration == self.total:
            self.snapshots.append(snapshot)
        self.progress(snapshot.iteration, self.total)
