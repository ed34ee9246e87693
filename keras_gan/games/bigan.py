"""Donahue 2017 (BiGAN) and Dumoulin 2017 (ALI): an encoder, and D has pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import tensorflow as tf

from keras_gan.games import players
from keras_gan.games.gan import GAN
from keras_gan.games.step import Forward
from keras_gan.utils.errors import ConfigError


@keras.saving.register_keras_serializable("keras_gan")
class BiGAN(GAN):
    """A GAN with an encoder that is trained together with G.

    D tells pairs (x, E(x)) from pairs (G(z), z), each as one vector (see `players.paired`).

    Args:
        generator: as GAN's, without labels.
        discriminator: `images` (batch, values of an image + latent_dim) -> logits.
        encoder: `images` -> latents float32 (batch, latent_dim).
        **options: as GAN's, but for `augment`, which is for images.

    Raises:
        ConfigError: settings or networks that do not fit each other.

    Source: Donahue 2017, section 3; Dumoulin 2017, section 2.
    """

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "generator": ("generator", "encoder"),
        "discriminator": ("discriminator",),
    }
    compares = True

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        encoder: keras.Model,
        **options: Any,
    ):
        if options.get("augment"):
            raise ConfigError("`augment` is for images, but with an encoder D has pairs.")
        super().__init__(generator, discriminator, encoder=encoder, **options)
        # Keras saves no weights of a network that was never called.
        images = keras.ops.zeros((1, *self.generator.output_shape[1:]))
        self.averaged("encoder")({"images": images})

    def get_config(self):
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return {**super().get_config(), "encoder": encoder}

    def real_inputs(
        self, forward: Forward, batch: Mapping[str, Any], detached: bool = False
    ) -> tf.Tensor:
        """Return (x, E(x))."""
        code = forward(self.encoder, {"images": batch["images"]}, detached=detached)
        return players.paired(super().real_inputs(forward, batch), code)

    def fake_inputs(
        self, forward: Forward, batch: Mapping[str, Any], detached: bool = False
    ) -> tf.Tensor:
        """Return (G(z), z)."""
        return players.paired(super().fake_inputs(forward, batch, detached), batch["latent"])

    def generator_losses(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> dict:
        """Return G's loss, and the same with real and generated pairs swapped, E's part.

        Who wants D to err wants that of both. D's logits of swapped pairs are mirrored: for
        log-odds, the negative.

        Source: Donahue 2017, equation 3 and section 3.4; Dumoulin 2017, section 2.
        """
        losses = super().generator_losses(real, fake, batch)
        mirror = 2.0 * self.objective.neutral_logit
        mirrored = mirror - fake["logits"], mirror - real["logits"]
        losses["adversarial/generator"] += self.objective.generator_loss(*mirrored)
        return losses
