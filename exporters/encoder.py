"""The encoder beside a generator, with what the formats ask of either."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gan.runs import Run
from keras_gan.utils import random


@dataclasses.dataclass(frozen=True)
class Encoder:
    """A trained encoder, as `generator.Generator` is a generator: `images` -> `latent`.

    Attributes:
        network: float32, called with `training=False`.
        image_shape: (height, width, channels), or (dim,) of points.
    """

    network: keras.Model
    image_shape: tuple[int, ...]

    @classmethod
    def of(cls, run: Run, weights: str = "ema") -> Encoder | None:
        """The encoder of a run's checkpoint; None where the run has none.

        Args and Raises as `Generator.of`, which checks them.
        """
        gan = run.gan
        network = gan.averaged("encoder") if weights == "ema" else gan.encoder
        return None if network is None else cls(network, run.sample_shape)

    def signature(self) -> list[tf.TensorSpec]:
        """`images`, any batch."""
        return [tf.TensorSpec((None, *self.image_shape), tf.float32, "images")]

    def __call__(self, images) -> tf.Tensor:
        """Latents float32 (batch, latent_dim) of images in [-1, 1]."""
        return self.network({"images": images}, training=False)

    def function(self):
        """A plain `tf.function` of `signature()` that returns {"latent": ...}."""

        @tf.function(input_signature=self.signature())
        def latent(images):
            return {"latent": self(images)}

        return latent

    def fixed_inputs(self, batch: int) -> dict[str, np.ndarray]:
        """The same noise in [-1, 1] whenever it is asked."""
        shape = (batch, *self.image_shape)
        images = random.uniform(shape, (0, batch), -1.0, 1.0)
        return {"images": images.numpy()}

    def facts(self) -> dict[str, Any]:
        """What export.json says of it."""
        images = {"shape": [None, *self.image_shape], "dtype": "float32"}
        latent = {"shape": [None, self.network.output_shape[-1]], "dtype": "float32"}
        return {"inputs": {"images": images}, "outputs": {"latent": latent}}
