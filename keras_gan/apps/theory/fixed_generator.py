"""The inner loop of Algorithm 1 carried to its end: D alone against a G that stands still.

A generator without weights to train makes `GAN.train_step` just that: G's update is
empty, D's is the ordinary one.
"""

from __future__ import annotations

import dataclasses
import math

import keras
import numpy as np
import tensorflow as tf

from keras_gan import networks
from keras_gan.config import Config
from keras_gan.engine import programs
from keras_gan.engine.schedule import Schedule
from keras_gan.evaluation.densities import divergences, mixtures
from keras_gan.evaluation.densities.mixtures import Mixture
from keras_gan.evaluation.densities.snapshots import Observer, Snapshot
from keras_gan.games import losses, recipes
from keras_gan.games.gan import GAN
from keras_gan.utils.errors import ConfigError

_POINTS = 200_000  # real points to train on, and fresh ones to measure V with
_BATCH = 512
_RATE = 2e-3


def affine_generator(mean: float, stddev: float) -> keras.Model:
    """G(z) = mean + stddev z for z ~ N(0, 1), so that p_g = N(mean, stddev^2); no weights."""
    latent = keras.Input((1,), name="latent")
    images = keras.layers.Rescaling(stddev, offset=mean, dtype="float32", name="images")(latent)
    return keras.Model({"latent": latent}, images, name="generator")


def frozen(generator: keras.Model) -> keras.Model:
    """A copy of a generator that no optimizer moves."""
    copy = keras.models.clone_model(generator)
    copy.set_weights(generator.get_weights())
    copy.trainable = False
    return copy


def train_discriminator(
    gan: GAN, points: np.ndarray, rounds: int, batch_size: int, jit_compile: bool = True
) -> None:
    """Plays rounds of a compiled game whose generator has nothing to train.

    Args:
        gan: changed in place.
        points: float32 (n, dim), real ones; used again from the start where they run out.
        rounds: its iteration at the end.
        batch_size: the paper's m.
        jit_compile: XLA.
    """
    epochs = math.ceil(rounds / max(1, len(points) // batch_size))
    schedule = Schedule(len(points), batch_size, epochs, 100, gan.seed)
    program = programs.StepsProgram(gan, {"images": points}, jit_compile)
    for rows, steps in schedule.blocks(0):
        steps = min(int(steps), rounds - int(gan.iteration.numpy()))
        if steps <= 0:
            return
        program(iter([(rows, tf.constant(steps))]))


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """A trained discriminator beside the best one.

    Attributes:
        difference: E|D - D*| over (p_data + p_g) / 2.
        largest_difference: the most of |D - D*| where that mixture has at least 1% of
            its peak.
        value: V(D, G) on fresh points, nats.
        value_error: the standard error of `value`.
        optimal_value: 2 JSD - log 4, nats.
        jensen_shannon: nats.
        snapshot: of the players, with p_g as it is and not estimated.
        data: p_data.
    """

    difference: float
    largest_difference: float
    value: float
    value_error: float
    optimal_value: float
    jensen_shannon: float
    snapshot: Snapshot
    data: Mixture


def play(config: Config, mean: float, stddev: float, rounds: int) -> Outcome:
    """Trains a recipe's D alone, without regularizers, against p_g = N(mean, stddev^2).

    Args:
        config: a recipe on a density of the line; its discriminator and seed are used.
        mean, stddev: of p_g.
        rounds: updates of D, by Adam with a rate that falls to 0.

    Raises:
        ConfigError: data that are not on the line, or without a known density.
    """
    data = mixtures.of_data(config.data.name)
    if data.dim != 1:
        raise ConfigError(
            f"D* is integrated on the line, and {config.data.name} has {data.dim} dimensions: "
            "use gaussian_1d."
        )
    keras.utils.set_random_seed(config.seed)
    wanted = recipes.networks_of(config)
    discriminator = networks.build(
        "discriminator", wanted.family, wanted.discriminator, sample_shape=(1,)
    )
    gan = GAN(affine_generator(mean, stddev), discriminator, ema_decay=0.0, seed=config.seed)
    rate = keras.optimizers.schedules.CosineDecay(_RATE, rounds)
    gan.compile(discriminator_optimizer=keras.optimizers.Adam(rate))
    train_discriminator(gan, data.sample(_POINTS, seed=config.seed), rounds, _BATCH)
    return compare(gan, data, Mixture(np.array([[mean]]), stddev))


def compare(gan: GAN, data: Mixture, generated: Mixture) -> Outcome:
    """Holds D of a game between known densities on the line against D*."""
    observer = Observer(gan, data)
    log_generated = generated.log_density(observer.places)
    snapshot = dataclasses.replace(observer.look(), log_generated=log_generated)
    width = observer.grid.width
    gap = np.abs(snapshot.discriminator - snapshot.best_discriminator)
    mass = (np.exp(snapshot.log_data) + np.exp(log_generated)) / 2
    divergence = divergences.jensen_shannon(snapshot.log_data, log_generated, width)
    value, error = _value(observer, data, generated)
    return Outcome(
        difference=float(np.sum(mass * gap) * width),
        largest_difference=float(gap[mass > 0.01 * mass.max()].max()),
        value=value,
        value_error=error,
        optimal_value=float(divergences.optimal_value(divergence)),
        jensen_shannon=divergence,
        snapshot=snapshot,
        data=data,
    )


def _value(observer: Observer, data: Mixture, generated: Mixture) -> tuple[float, float]:
    """V(D, G) on points that D has not seen, and its standard error."""
    real, fake = (m.sample(_POINTS, seed=2**20 + n) for n, m in enumerate((data, generated)))
    logits = [observer.log_odds(points, fake) for points in (real, fake)]
    logs = (-np.logaddexp(0, -logits[0]), -np.logaddexp(0, logits[1]))
    error = np.sqrt(sum(log.var() / _POINTS for log in logs))
    return float(losses.value_function(*logits)), float(error)
