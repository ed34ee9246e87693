"""The generator as every format takes it: float32, inference mode, named inputs."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from keras_gan.games import latents
from keras_gan.runs import Run
from keras_gan.utils.errors import ConfigError, suggestion

#: Batches at which a format is compared with Keras before it is published.
PARITY_BATCHES = (1, 3, 17)

WEIGHTS = ("ema", "raw")


@dataclasses.dataclass(frozen=True)
class Generator:
    """A trained generator and what its users have to know.

    Attributes:
        network: float32, called with `training=False`.
        latent_dim, latent_distribution: of its input `latent`, float32 (batch, latent_dim).
        class_names: of its input `labels`, int32 (batch,); None where it takes none.
        conditions: examples of it, where it is float32 (batch, condition_dim).
    """

    network: keras.Model
    latent_dim: int
    latent_distribution: str
    class_names: tuple[str, ...] | None
    conditions: np.ndarray | None = None

    @classmethod
    def of(cls, run: Run, weights: str = "ema") -> Generator:
        """The generator of a run's checkpoint, rebuilt in float32.

        Args:
            run: a run with a checkpoint, trained in any precision.
            weights: one of WEIGHTS: `ema`, the average where the run keeps one, or `raw`.

        Raises:
            ConfigError: no such weights.
            RunError: no whole checkpoint.
        """
        if weights not in WEIGHTS:
            raise ConfigError(f"There are no weights `{weights}`.{suggestion(weights, WEIGHTS)}")
        gan = run.gan
        network = gan.averaged("generator") if weights == "ema" else gan.generator
        names = run.class_names if run.conditional else None
        vectors = run.conditions() if gan.condition_dim is not None else None
        return cls(network, gan.latent_dim, gan.latent_distribution, names, vectors)

    @property
    def takes_labels(self) -> bool:
        return self.class_names is not None or self.conditions is not None

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one sample: (height, width, channels), or (dim,) of a point."""
        return self.network.output_shape[1:]

    @property
    def makes_images(self) -> bool:
        return len(self.output_shape) == 3

    def signature(self) -> list[tf.TensorSpec]:
        """`latent` and, where there are any, `labels`; any batch."""
        specs = [tf.TensorSpec((None, self.latent_dim), tf.float32, "latent")]
        if self.class_names is not None:
            specs.append(tf.TensorSpec((None,), tf.int32, "labels"))
        elif self.conditions is not None:
            shape = (None, self.conditions.shape[1])
            specs.append(tf.TensorSpec(shape, tf.float32, "labels"))
        return specs

    def __call__(self, latent, labels=None) -> tf.Tensor:
        """Images float32 in [-1, 1], (batch, *output_shape)."""
        inputs = {"latent": latent}
        if self.takes_labels:
            inputs["labels"] = labels
        return self.network(inputs, training=False)

    def function(self):
        """A plain `tf.function` of `signature()` that returns {"images": ...}."""

        @tf.function(input_signature=self.signature())
        def images(latent, labels=None):
            return {"images": self(latent, labels)}

        return images

    def fixed_inputs(self, batch: int) -> dict[str, np.ndarray]:
        """The same latents (and all labels in turn) whenever it is asked."""
        shape = (batch, self.latent_dim)
        inputs = {"latent": latents.sample(self.latent_distribution, shape, (0, batch)).numpy()}
        if self.class_names is not None:
            inputs["labels"] = (np.arange(batch) % len(self.class_names)).astype(np.int32)
        elif self.conditions is not None:
            inputs["labels"] = self.conditions[np.arange(batch) % len(self.conditions)]
        return inputs
