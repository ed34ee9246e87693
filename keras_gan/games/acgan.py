"""Odena 2017 (AC-GAN): D classifies, and G makes images of the class that it is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import keras
import tensorflow as tf

from keras_gan.games import players
from keras_gan.games.classification import ClassifierOptions, cross_entropy, labels_of_classes
from keras_gan.games.gan import GAN
from keras_gan.games.options import LatentNetworks
from keras_gan.networks import heads
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import NO_LABELS, ClassLabels


@dataclasses.dataclass(frozen=True)
class ACGANOptions(ClassifierOptions):
    """Options of an AC-GAN.

    Attributes:
        real_only: D does not learn the classes of generated images. With them it comes to
            accept whatever G makes for a class, and the two may agree on textures.
    """

    real_only: bool = False


@dataclasses.dataclass(frozen=True)
class ACGANNetworks(LatentNetworks):
    """Networks of an AC-GAN.

    Attributes:
        conditioning: how D takes labels beside classifying, `projection` or, as in the paper,
            `none`.
    """

    conditioning: Literal["none", "projection"] = "none"

    def build(self, data, options):
        built, classes = super().build(data, options), self.labels_of_generator(data)
        discriminator = heads.with_heads(built["discriminator"], num_classes=classes.size)
        return {**built, "discriminator": discriminator}

    def labels_of_generator(self, data):
        return labels_of_classes(data)

    def labels_of_discriminator(self, data):
        return NO_LABELS if self.conditioning == "none" else labels_of_classes(data)


@keras.saving.register_keras_serializable("keras_gan")
class ACGAN(GAN):
    """A conditional GAN whose discriminator has an auxiliary classifier.

    Args:
        generator: `latent`, `labels` int (batch,) -> images.
        discriminator: `images` (, `labels`) -> `logits` and `class_logits` (batch, classes).
        **settings: as GAN's, with the options of `Options`.

    Raises:
        ConfigError: a discriminator without `class_logits`, or options that do not fit.

    Source: Odena 2017, equations 2 and 3.
    """

    Options = ACGANOptions
    Networks = ACGANNetworks
    has_classifier = True

    def __init__(self, generator: keras.Model, discriminator: keras.Model, **settings: Any):
        super().__init__(generator, discriminator, **settings)
        players.check_output(discriminator, "class_logits")
        if not isinstance(self.labels, ClassLabels):
            raise ConfigError(
                "An AC-GAN's generator should take `labels`, int (batch,) ids of classes. "
                f"Received: a generator with {self.labels}."
            )

    @property
    def loss_names(self) -> list[str]:
        return [*super().loss_names, "classification/discriminator", "classification/generator"]

    def discriminator_losses(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> dict:
        loss = cross_entropy(real["class_logits"], batch["labels"])
        if not self.options.real_only:
            loss += cross_entropy(fake["class_logits"], batch["labels"])
        weighted = self.options.classification_weight * loss
        losses = super().discriminator_losses(real, fake, batch)
        return {**losses, "classification/discriminator": weighted}

    def generator_losses(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> dict:
        loss: tf.Tensor = cross_entropy(fake["class_logits"], batch["labels"])
        losses = super().generator_losses(real, fake, batch)
        return {**losses, "classification/generator": self.options.classification_weight * loss}
