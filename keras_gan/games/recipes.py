"""From a recipe to a model: the game by its name, its options, networks and optimizers."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import keras
import tensorflow as tf

from keras_gan.config import Config
from keras_gan.games import losses, optimizers, regularizers
from keras_gan.games.acgan import ACGAN
from keras_gan.games.bigan import BiGAN
from keras_gan.games.gan import GAN
from keras_gan.games.options import Networks, Options
from keras_gan.games.semi_supervised import SemiSupervisedGAN
from keras_gan.networks import DataSpec
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import VectorLabels
from keras_gan.utils.registry import Registry, call

#: To add a game: one file with its class, and one row here.
GAMES: Registry[type[GAN]] = Registry(
    "game",
    {"gan": GAN, "bigan": BiGAN, "acgan": ACGAN, "semi_supervised": SemiSupervisedGAN},
)

#: Float32 values per weight: itself, and an optimizer's two slots.
_VALUES_PER_WEIGHT = 3

#: Tables of a recipe that are arguments of a game's `compile`, where it has them.
_TABLES: dict[str, Callable] = {"loss": losses.get, "regularizers": regularizers.get}


def _tables_of(game: type[GAN]) -> dict[str, Callable]:
    taken = inspect.signature(game.compile).parameters
    return {name: read for name, read in _TABLES.items() if name in taken}


def game_of(config: Config) -> type[GAN]:
    """Return the class of the recipe's game, or raise ConfigError."""
    return GAMES[GAMES.named_in("game", config.game)]


def options_of(config: Config) -> Options:
    """Return the recipe's options of its game, or raise ConfigError."""
    table = {key: value for key, value in config.game.items() if key != "name"}
    return call(game_of(config).Options, "game", table, f"game {config.game['name']}")


def networks_of(config: Config) -> Networks:
    """Return what the recipe sets of its game's networks, or raise ConfigError."""
    owner = f"game {config.game['name']}"
    networks = call(game_of(config).Networks, "network", config.network, owner)
    networks.check()
    return networks


def resolved(config: Config) -> Config:
    """Return the recipe with every option of its game and networks written out."""
    game = {"name": config.game["name"], **dataclasses.asdict(options_of(config))}
    # Lists, as YAML has them.
    game = {key: list(value) if isinstance(value, tuple) else value for key, value in game.items()}
    return dataclasses.replace(config, game=game, network=dataclasses.asdict(networks_of(config)))


def described(config: Config) -> str:
    """Return the game, its loss and regularizers in a few words: `gan, hinge loss + r1 0.1`."""
    words = config.game["name"]
    if "loss" in _tables_of(game_of(config)):
        words += f", {config.loss['name']} loss"
    for name, table in config.regularizers.items():
        every = f" every {table['every']}" if table.get("every", 1) > 1 else ""
        words += f" + {name} {table['weight']:g}{every}"
    return words


def check(config: Config) -> None:
    """Raise ConfigError for whatever can be known to be wrong without the data."""
    options = options_of(config)
    networks_of(config)
    tables, default = _tables_of(game_of(config)), Config()
    for name, read in _TABLES.items():
        if name in tables:
            read(getattr(config, name))
        elif getattr(config, name) != getattr(default, name):
            raise ConfigError(f"`{name}`: the game {config.game['name']} has none. Leave it out.")
    for player in game_of(config).players:
        optimizers.build(player, getattr(config.optimizer, player))
    _check_batch(config, options)
    _check_labels(config)


def build(config: Config, data: DataSpec, *, precision: str | None = None) -> GAN:
    """Build the recipe's networks and the model around them, not yet compiled.

    Args:
        config: the recipe.
        data: what it is for.
        precision: a Keras dtype policy; by default the recipe's.

    Raises:
        ConfigError: settings that do not exist or do not fit each other or the data.
    """
    options, wanted = options_of(config), networks_of(config)
    with _within_memory(), _policy(precision or config.training.precision), _keras_errors():
        networks = wanted.build(data, options)
    with _within_memory():
        return game_of(config)(
            **networks,
            labels=data.labels,
            gradient_accumulation_steps=config.training.gradient_accumulation_steps,
            seed=config.seed,
            **dataclasses.asdict(options),
        )


def compile_model(model: GAN, config: Config) -> None:
    """Compile a model with the recipe's losses and optimizers."""
    tables = _tables_of(type(model))
    with _within_memory():
        model.compile(
            *(optimizers.build(p, getattr(config.optimizer, p)) for p in model.players),
            **{name: build(getattr(config, name)) for name, build in tables.items()},
        )


def check_size(config: Config, data: DataSpec) -> None:
    """Raise ConfigError where the networks can't fit into memory, without making them.

    Many large layers, each of which fits, would fill the memory one by one.
    """
    options, wanted = options_of(config), networks_of(config)

    def count() -> int:
        with keras.StatelessScope(initialize_variables=False):
            networks = wanted.build(dataclasses.replace(data, mean=None), options)
        averaged = {name for name, decay in options.ema_decays.items() if decay}
        return sum(
            network.count_params() * (_VALUES_PER_WEIGHT + (name in averaged))
            for name, network in networks.items()
        )

    # Keras' counters of names and its global policy are a thread's own: ours stay as they are.
    with _keras_errors(), ThreadPoolExecutor(1) as aside:
        size = 4 * aside.submit(count).result()
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > machine:
        raise ConfigError(
            f"The networks do not fit into memory: they take {size / 2**30:,.0f} GiB of the "
            f"machine's {machine / 2**30:.0f}. Make network.latent_dim or the layers of "
            "network.generator and network.discriminator smaller."
        )


def generator_of_mixes(network: keras.Model, config: Config, num_classes: int) -> keras.Model:
    """Return a conditional generator in float32, whose labels are mixes of its classes.

    An embedding is a linear map of a one-hot row, so that between the rows of two classes
    the same weights give what lies between them.

    Returns:
        Model: `latent`, `labels` float32 (batch, num_classes) -> images.
    """
    mixes = DataSpec(network.output_shape[1:], VectorLabels(num_classes))
    with _policy("float32"):
        mixing = networks_of(config).generator_for(mixes)
    mixing.set_weights(network.get_weights())
    return mixing


def _check_batch(config: Config, options: Options) -> None:
    parts = config.training.gradient_accumulation_steps
    if config.training.batch_size % (options.multiple * parts):
        wanted = f"training.gradient_accumulation_steps = {parts}"
        if (packing := options.multiple) > 1:
            wanted = f"game.packing x training.gradient_accumulation_steps = {packing} x {parts}"
        raise ConfigError(
            f"`training.batch_size` should be a multiple of {wanted}. "
            f"Received: {config.training.batch_size}."
        )


def _check_labels(config: Config) -> None:
    """Raise ConfigError where samples without a label are for a game that needs one for each."""
    few = config.data.labels_per_class
    if few is not None and not hasattr(game_of(config), "set_labeled_images"):
        able = [name for name, kind in GAMES.items() if hasattr(kind, "set_labeled_images")]
        raise ConfigError(
            "`data.labels_per_class` leaves most samples without a label. Set "
            f"game.name={able[0]}, which learns classes from few labels."
        )
    if config.data.labels_seed and few is None:
        raise ConfigError("`data.labels_seed` has no effect without data.labels_per_class.")


@contextlib.contextmanager
def _within_memory() -> Iterator[None]:
    """Raise ConfigError for weights, averages and slots that ask for more than there is."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        shape = re.search(r"shape(\[[\d,]+\])", str(error))
        which = f" (a tensor of shape {shape[1]})" if shape else ""
        raise ConfigError(
            f"The networks do not fit into memory{which}: make network.latent_dim or the layers "
            "of network.generator and network.discriminator smaller."
        ) from error


@contextlib.contextmanager
def _keras_errors() -> Iterator[None]:
    """Raise ConfigError for what layers refuse: `hidden: [-3]`, an unknown activation."""
    try:
        yield
    except (ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ConfigError(f"`network`: {reason}.") from error


@contextlib.contextmanager
def _policy(precision: str) -> Iterator[None]:
    """Set Keras' global dtype policy for the block: layers take it when they are made."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
