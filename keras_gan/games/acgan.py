"""Odena 2017 (AC-GAN): D classifies, and G makes images of the class that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_gan.games import players
from keras_gan.games.classification import cross_entropy
from keras_gan.games.gan import GAN


@keras.saving.register_keras_serializable("keras_gan")
class ACGAN(GAN):
    """A conditional GAN whose discriminator has an auxiliary classifier.

    Args:
        generator: `latent`, `labels` int (batch,) -> images.
        discriminator: `images` -> `logits` and `class_logits` (batch, classes).
        classification_weight: of the cross entropy, >= 0, for both players.
        real_only: D does not learn the classes of generated images. With them it comes to
            accept whatever G makes for a class, and the two may agree on textures.
        **options: as GAN's.

    Raises:
        ConfigError: a discriminator without `class_logits`, or options that do not fit.

    Source: Odena 2017, equations 2 and 3.
    """

    has_classifier = True
    settings = (*GAN.settings, "classification_weight", "real_only")

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        classification_weight: float = 1.0,
        real_only: bool = False,
        **options: Any,
    ):
        super().__init__(generator, discriminator, **options)
        players.check_output(discriminator, "class_logits")
        self.classification_weight = classification_weight
        self.real_only = real_only

    @property
    def loss_names(self) -> list[str]:
        return [*super().loss_names, "classification/discriminator", "classification/generator"]

    def discriminator_losses(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> dict:
        loss = cross_entropy(real["class_logits"], batch["labels"])
        if not self.real_only:
            loss += cross_entropy(fake["class_logits"], batch["labels"])
        weighted = self.classification_weight * loss
        losses = super().discriminator_losses(real, fake, batch)
        return {**losses, "classification/discriminator": weighted}

    def generator_losses(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> dict:
        loss: tf.Tensor = cross_entropy(fake["class_logits"], batch["labels"])
        losses = super().generator_losses(real, fake, batch)
        return {**losses, "classification/generator": self.classification_weight * loss}
