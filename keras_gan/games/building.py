"""From a Config to a GAN: networks, game, optimizers."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

from keras_gan import networks
from keras_gan.config import Config
from keras_gan.games import (
    augmentation,
    auxiliary,
    latents,
    losses,
    optimizers,
    regularizers,
)
from keras_gan.games.acgan import ACGAN
from keras_gan.games.bigan import BiGAN
from keras_gan.games.gan import GAN
from keras_gan.games.semi_supervised import SemiSupervisedGAN
from keras_gan.utils.checks import check_value
from keras_gan.utils.errors import ConfigError


def build_gan(
    config: Config,
    sample_shape: tuple[int, ...],
    num_classes: int | None,
    *,
    condition_dim: int | None = None,
    sample_mean: np.ndarray | None = None,
    precision: str | None = None,
) -> GAN:
    """Builds both networks and the GAN around them, not yet compiled.

    Args:
        config: the recipe.
        sample_shape: shape of one real sample.
        num_classes: classes that the data have, or None.
        condition_dim: size of their labels, where they are vectors.
        sample_mean: see `networks.build`.
        precision: a Keras dtype policy; by default the recipe's.

    Raises:
        ConfigError: settings that do not exist or do not fit each other or the data.
    """
    latents.check_distribution(config.latent.distribution)
    training = config.training
    with _within_memory(), _policy(precision or training.precision), _keras_errors():
        generator, discriminator = _networks(
            config, sample_shape, num_classes, condition_dim, sample_mean
        )
        encoder = _encoder(config, sample_shape)
    with _within_memory():
        game, options = _game(config)
        return game(
            *(generator, discriminator, *([] if encoder is None else [encoder])),
            **options,
            latent_distribution=config.latent.distribution,
            discriminator_steps=training.discriminator_steps,
            updates=training.updates,
            packing=training.packing,
            instance_noise=training.instance_noise,
            instance_noise_steps=training.instance_noise_steps,
            flip=training.flip,
            augment=training.augment,
            accumulate=training.accumulate,
            ema_decay=training.ema_decay,
            discriminator_ema_decay=training.discriminator_ema_decay,
            seed=config.seed,
        )


def _game(config: Config) -> tuple[type[GAN], dict]:
    """Return the recipe's game and the options that are its own."""
    if config.network.encoder is not None:
        return BiGAN, {}
    found = build_auxiliary(config)
    classifier, matching = found.get("classifier"), found.get("feature_matching")
    if config.network.conditioning != "none" and classifier is not None:
        weight, real_only = classifier.weight, classifier.real_only
        return ACGAN, {"classification_weight": weight, "real_only": real_only}
    if not found:
        return GAN, {}
    return SemiSupervisedGAN, {
        "classification_weight": None if classifier is None else classifier.weight,
        "feature_matching_weight": None if matching is None else matching.weight,
        "adversarial": matching is None or not matching.alone,
    }


def _networks(
    config: Config,
    sample_shape: tuple[int, ...],
    num_classes: int | None,
    condition_dim: int | None,
    sample_mean: np.ndarray | None,
) -> tuple[keras.Model, keras.Model]:
    conditional = config.network.conditioning != "none"
    found = build_auxiliary(config)
    classifier = found.get("classifier")
    _check_labels(config, classifier is not None, num_classes, condition_dim)
    return networks.build(
        config.network.family,
        latent_dim=config.latent.dim,
        sample_shape=sample_shape,
        num_classes=num_classes if conditional or classifier else None,
        condition_dim=condition_dim if conditional else None,
        conditioning=config.network.conditioning,
        class_logits=classifier is not None,
        k_plus_one=classifier is not None and classifier.k_plus_one,
        features="feature_matching" in found,
        packing=config.training.packing,
        paired=config.network.encoder is not None,
        sample_mean=sample_mean,
        generator=config.network.generator,
        discriminator=config.network.discriminator,
    )


def _encoder(config: Config, sample_shape: tuple[int, ...]) -> keras.Model | None:
    if config.network.encoder is None:
        return None
    return networks.build_encoder(
        config.network.family,
        latent_dim=config.latent.dim,
        sample_shape=sample_shape,
        options=config.network.encoder,
    )


def generator_of_mixes(network: keras.Model, config: Config, num_classes: int) -> keras.Model:
    """A conditional generator in float32, whose labels are mixes of its classes.

    An embedding is a linear map of a one-hot row, so that between the rows of two classes
    the same weights give what lies between them.

    Returns:
        Model: `latent`, `labels` float32 (batch, num_classes) -> images.
    """
    with _policy("float32"):
        mixing = networks.build_generator(
            config.network.family,
            config.latent.dim,
            network.output_shape[1:],
            condition_dim=num_classes,
            **config.network.generator,
        )
    mixing.set_weights(network.get_weights())
    return mixing


def _check_labels(
    config: Config, classifies: bool, num_classes: int | None, condition_dim: int | None
) -> None:
    """Raises ConfigError where the data's labels are not those that the networks need."""
    conditioning, name = config.network.conditioning, config.data.name
    if conditioning != "none" and num_classes is None and condition_dim is None:
        raise ConfigError(
            f"`network.conditioning` is {conditioning}, but the data set {name} has no labels. "
            "Set network.conditioning=none, or use data with labels (a folder with a subfolder "
            "a class, for example)."
        )
    if classifies and num_classes is None:
        what = "has no labels" if condition_dim is None else "has vectors for labels"
        raise ConfigError(
            f"An auxiliary classifier needs classes, but the data set {name} {what}: leave out "
            "auxiliary.classifier, and set network.conditioning to none, concat or projection."
        )


def check_size(
    config: Config,
    sample_shape: tuple[int, ...],
    num_classes: int | None,
    condition_dim: int | None = None,
) -> None:
    """Tells networks that can't fit into the machine's memory without making them.

    Many large layers, each of which fits, would fill the memory one by one.

    Raises:
        ConfigError: weights, their average and two slots of an optimizer are too large.
    """

    def counts() -> list[int]:
        with keras.StatelessScope(initialize_variables=False):
            generator, discriminator = _networks(
                config, sample_shape, num_classes, condition_dim, None
            )
            encoder = _encoder(config, sample_shape)
            made = generator.count_params() + (0 if encoder is None else encoder.count_params())
            return [made, discriminator.count_params()]

    # Keras' counters of names and its global policy are a thread's own: ours stay as they are.
    with _keras_errors(), ThreadPoolExecutor(1) as aside:
        generator, discriminator = aside.submit(counts).result()
    size = 4 * (4 * generator + 3 * discriminator)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > machine:
        raise ConfigError(
            f"The networks do not fit into memory: they take {size / 2**30:,.0f} GiB of the "
            f"machine's {machine / 2**30:.0f}. Make latent.dim or the layers of network.generator "
            "and network.discriminator smaller."
        )


def compile_gan(gan: GAN, config: Config) -> None:
    """Compiles `gan` with the recipe's game and optimizers."""
    with _within_memory():
        gan.compile(*build_optimizers(config), **build_game(config))


def build_game(config: Config) -> dict:
    """Returns `objective` and `penalties`, or raises ConfigError."""
    options = dict(config.objective)
    name = options.pop("name", "non_saturating")
    return {
        "objective": losses.get(name, **_numbers("objective", options)),
        "penalties": regularizers.get(
            {
                penalty: _numbers(f"penalties.{penalty}", settings, whole=("every",))
                for penalty, settings in config.penalties.items()
            }
        ),
    }


def build_auxiliary(config: Config) -> dict[str, auxiliary.Auxiliary]:
    """Returns the options of classes and feature matching, or raises ConfigError.

    Labels that D tells have to be told: there the classifier has a weight of 1 if no other.
    """
    needed = {"classifier": {}} if config.network.conditioning == "classifier" else {}
    return auxiliary.get({**needed, **config.auxiliary})


def build_optimizers(config: Config) -> tuple[keras.optimizers.Optimizer, ...]:
    """Returns (generator's, discriminator's), or raises ConfigError."""
    return (
        optimizers.build("generator", config.optimizer.generator),
        optimizers.build("discriminator", config.optimizer.discriminator),
    )


def check(config: Config) -> None:
    """Raises ConfigError for whatever can be told to be wrong without the data."""
    networks.check_options(
        config.network.family, config.network.generator, config.network.discriminator
    )
    if config.network.encoder is not None:
        _check_bidirectional(config)
    latents.check_distribution(config.latent.distribution)
    augmentation.check(config.training.flip, config.training.augment)
    build_game(config)
    build_optimizers(config)
    _check_batch(config)
    _check_classifier(config)


def _check_batch(config: Config) -> None:
    packing, accumulate = config.training.packing, config.training.accumulate
    if config.training.batch_size % (packing * accumulate):
        raise ConfigError(
            "`training.batch_size` should be a multiple of training.packing x "
            f"training.accumulate = {packing} x {accumulate}. "
            f"Received: {config.training.batch_size}."
        )


def _check_classifier(config: Config) -> None:
    """Raises ConfigError where labels, who sees them and who tells them do not fit together."""
    conditioning = config.network.conditioning
    found = build_auxiliary(config)
    classifier = found.get("classifier")
    if "feature_matching" in found and conditioning != "none":
        raise ConfigError(
            "`auxiliary.feature_matching` is for a generator without labels: set "
            "network.conditioning=none."
        )
    if config.training.packing > 1 and (conditioning != "none" or classifier):
        raise ConfigError(
            "`training.packing` above 1 needs network.conditioning=none and no "
            "auxiliary.classifier."
        )
    if config.data.labels_per_class is not None and conditioning != "none":
        raise ConfigError(
            "`data.labels_per_class` leaves most samples without a label: it needs "
            "network.conditioning=none."
        )
    if config.data.labels_seed and config.data.labels_per_class is None:
        raise ConfigError("`data.labels_seed` has no effect without data.labels_per_class.")
    for path, value in (
        ("data.labels_per_class", config.data.labels_per_class),
        ("training.discriminator_ema_decay", config.training.discriminator_ema_decay),
    ):
        if value and classifier is None:
            raise ConfigError(
                f"`{path}` has no effect without auxiliary.classifier: set "
                "auxiliary.classifier.weight=1."
            )
    if classifier is not None and classifier.real_only and conditioning == "none":
        raise ConfigError(
            "`auxiliary.classifier.real_only` has no effect with network.conditioning=none: nobody "
            "asks for a class of generated images, and D learns those of real ones alone."
        )
    sees = conditioning == "concat" or (
        conditioning == "projection" and classifier is not None and classifier.k_plus_one
    )
    if classifier is not None and sees:
        raise ConfigError(
            "`auxiliary.classifier` should tell labels that D does not see: set "
            "network.conditioning=classifier (or none, where only D is to know classes)."
        )


def _check_bidirectional(config: Config) -> None:
    """Raises ConfigError for what can't be played with pairs of samples and latents."""
    networks.check_encoder(config.network.family, config.network.encoder)
    for path, value, wanted in (
        ("network.conditioning", config.network.conditioning, "none"),
        ("training.packing", config.training.packing, 1),
        ("training.augment", config.training.augment, []),
        ("auxiliary", config.auxiliary, {}),
    ):
        if value != wanted:
            raise ConfigError(
                f"`network.encoder` needs {path}={wanted}, as D sees pairs of a sample and a "
                f"latent. Received: {value}."
            )


def _numbers(path: str, options: dict, whole: tuple[str, ...] = ()) -> dict:
    return {
        key: check_value(f"{path}.{key}", value, int if key in whole else float)
        for key, value in options.items()
    }


@contextlib.contextmanager
def _within_memory() -> Iterator[None]:
    """Weights, their average and the optimizers' slots: whatever asks for more than there is."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        shape = re.search(r"shape(\[[\d,]+\])", str(error))
        which = f" (a tensor of shape {shape[1]})" if shape else ""
        raise ConfigError(
            f"The networks do not fit into memory{which}: make latent.dim or the layers of "
            "network.generator and network.discriminator smaller."
        ) from error


@contextlib.contextmanager
def _keras_errors() -> Iterator[None]:
    """Layers check their own arguments: `hidden: [-3]`, an activation that does not exist."""
    try:
        yield
    except (ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ConfigError(f"`network`: {reason}.") from error


@contextlib.contextmanager
def _policy(precision: str) -> Iterator[None]:
    """Sets Keras' global dtype policy for the block: layers take it when they are made."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
