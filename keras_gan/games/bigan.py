"""Donahue 2017 (BiGAN) and Dumoulin 2017 (ALI): an encoder, and D has pairs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import tensorflow as tf

from keras_gan.games import players
from keras_gan.games.endpoints import Endpoint
from keras_gan.games.gan import GAN
from keras_gan.games.options import Algorithm1Options, LatentNetworks
from keras_gan.games.step import Forward
from keras_gan.utils.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class BiGANOptions(Algorithm1Options):
    """Options of a BiGAN: a GAN's without packs and augmentation, which are for images alone."""

    @property
    def ema_decays(self) -> dict[str, float]:
        return {**super().ema_decays, "encoder": self.ema_decay}


@dataclasses.dataclass(frozen=True)
class BiGANNetworks(LatentNetworks):
    """Networks of a BiGAN.

    Attributes:
        encoder: options of the family's builder.
    """

    encoder: dict[str, Any] = dataclasses.field(default_factory=dict)

    roles: ClassVar[tuple[str, ...]] = (*LatentNetworks.roles, "encoder")

    def build(self, data, options):
        shapes = {"latent_dim": self.latent_dim, "sample_shape": data.sample_shape}
        return {**super().build(data, options), "encoder": self._network("encoder", **shapes)}

    def shape_of_discriminator(self, data, options):
        return (math.prod(data.sample_shape) + self.latent_dim,)


@keras.saving.register_keras_serializable("keras_gan")
class BiGAN(GAN):
    """A GAN with an encoder that is trained together with G.

    D compares pairs (x, E(x)) with pairs (G(z), z), each as one vector (see `players.joint`).

    Args:
        generator: as GAN's, without labels.
        discriminator: `images` (batch, values of an image + latent_dim) -> logits.
        encoder: `images` -> latents float32 (batch, latent_dim).
        **settings: as GAN's, with the options of `Options`.

    Raises:
        ConfigError: options or networks that do not fit each other.

    Source: Donahue 2017, section 3; Dumoulin 2017, section 2.
    """

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "generator": ("generator", "encoder"),
        "discriminator": ("discriminator",),
    }
    Options = BiGANOptions
    Networks = BiGANNetworks
    compares = True

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        encoder: keras.Model,
        **settings: Any,
    ):
        super().__init__(generator, discriminator, more={"encoder": encoder}, **settings)
        # Keras saves no weights of a network that was never called.
        images = keras.ops.zeros((1, *self.generator.output_shape[1:]))
        self.averaged("encoder")({"images": images})

    @classmethod
    def check_networks(cls, networks: Mapping[str, keras.Model], options: BiGANOptions) -> None:
        generator, discriminator, encoder = networks.values()
        players.check_inputs("encoder", encoder, "images")
        players.check_pair(generator, discriminator, joint=True)
        samples, codes = encoder.inputs[0].shape[1:], encoder.output_shape[1:]
        inputs = players.named_inputs(generator)
        wanted, latent = generator.output_shape[1:], tuple(inputs["latent"].shape[1:])
        if (samples, codes) != (wanted, latent):
            raise ConfigError(
                f"The encoder should make latents of shape {latent} of samples of shape {wanted}. "
                f"Received: {codes} of {samples}."
            )
        if "labels" in inputs:
            raise ConfigError("An encoder needs networks without labels.")

    def endpoints(self, averaged: bool = True) -> dict[str, Endpoint]:
        sample = super().endpoints(averaged)
        encoder = self.averaged("encoder") if averaged else self.encoder
        inputs = {"images": sample["sample"].produces}
        return {**sample, "encode": Endpoint(encoder, inputs, "latent", sample["sample"].latent)}

    def discriminator_images(self, images: Any, latent: Any = None) -> tf.Tensor:
        images = super().discriminator_images(images)
        if latent is None:
            latent = self.averaged("encoder")({"images": images}, training=False)
        return players.joint(images, latent)

    def real_inputs(
        self, forward: Forward, batch: Mapping[str, Any], detached: bool = False
    ) -> tf.Tensor:
        """Return (x, E(x))."""
        code = forward(self.encoder, {"images": batch["images"]}, detached=detached)
        return players.joint(super().real_inputs(forward, batch), code)

    def fake_inputs(
        self, forward: Forward, batch: Mapping[str, Any], detached: bool = False
    ) -> tf.Tensor:
        """Return (G(z), z)."""
        return players.joint(super().fake_inputs(forward, batch, detached), batch["latent"])

    def generator_losses(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> dict:
        """Return G's loss, and the same with real and generated pairs swapped, E's part.

        Who wants D to err wants that of both. D's logits of swapped pairs are mirrored: for
        log-odds, the negative.

        Source: Donahue 2017, equation 3 and section 3.4; Dumoulin 2017, section 2.
        """
        losses = super().generator_losses(real, fake, batch)
        mirror = 2.0 * self.adversarial_loss.neutral_logit
        mirrored = mirror - fake["logits"], mirror - real["logits"]
        losses["adversarial/generator"] += self.adversarial_loss.generator(*mirrored)
        return losses
