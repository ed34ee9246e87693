"""What a trained model can be asked for: a network with named inputs and outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gan.games import latents
from keras_gan.utils import random
from keras_gan.utils.labels import NO_LABELS, LabelSpec


@dataclasses.dataclass(frozen=True)
class LatentSpec:
    """Latents, float32 (dim,), which can be drawn.

    Attributes:
        dim: the size of z.
        distribution: a name of `latents.DISTRIBUTIONS`.
    """

    dim: int
    distribution: str

    dtype: ClassVar[str] = "float32"

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.dim,)

    def draw(self, count: int, seed: Any = (0, 0)) -> np.ndarray:
        """Return float32 (count, dim), a function of `seed` (2,)."""
        return latents.sample(self.distribution, (count, self.dim), seed).numpy()

    def examples(self, count: int) -> np.ndarray:
        """Return float32 (count, dim), the same at every call."""
        return self.draw(count, (0, count))

    def facts(self) -> dict[str, Any]:
        """Return what a file says of them."""
        shape = {"shape": [None, self.dim], "dtype": self.dtype}
        return {**shape, "distribution": self.distribution, "variance": 1.0}


@dataclasses.dataclass(frozen=True)
class SampleSpec:
    """Images or points, float32 `shape`, which have to be given.

    Attributes:
        shape: (height, width, channels) of images in [-1, 1], or (dim,) of points.
    """

    shape: tuple[int, ...]

    dtype: ClassVar[str] = "float32"

    @property
    def is_image(self) -> bool:
        return len(self.shape) == 3

    def examples(self, count: int) -> np.ndarray:
        """Return noise in [-1, 1], float32 (count, *shape), the same at every call."""
        return random.uniform((count, *self.shape), (0, count), -1.0, 1.0).numpy()

    def facts(self) -> dict[str, Any]:
        """Return what a file says of them."""
        shape = {"shape": [None, *self.shape], "dtype": self.dtype}
        return {**shape, "range": [-1.0, 1.0] if self.is_image else None}


Spec = LatentSpec | SampleSpec | LabelSpec


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A trained network in inference mode, with what its users have to know.

    Attributes:
        network: float32.
        inputs: by the names of the network's inputs.
        output: the name of its output.
        produces: what the output is.
    """

    network: keras.Model
    inputs: Mapping[str, Spec]
    output: str
    produces: Spec

    @property
    def latent(self) -> LatentSpec:
        """The input `latent`."""
        return self.inputs["latent"]

    @property
    def labels(self) -> LabelSpec:
        """The input `labels`."""
        return self.inputs.get("labels", NO_LABELS)

    def __call__(self, **inputs: Any) -> tf.Tensor:
        """Return the output, float32 (batch, ...), of inputs by name."""
        given = {name: inputs[name] for name in self.inputs}
        return self.network(given, training=False)

    def signature(self) -> list[tf.TensorSpec]:
        """Return the inputs' types, for any batch."""
        specs = self.inputs.items()
        return [tf.TensorSpec((None, *spec.shape), spec.dtype, name) for name, spec in specs]

    def function(self) -> Callable[..., dict[str, tf.Tensor]]:
        """Return a plain `tf.function` of `signature()` that returns {output: ...}."""

        @tf.function(input_signature=self.signature())
        def call(*tensors):
            return {self.output: self(**dict(zip(self.inputs, tensors, strict=True)))}

        return call

    def examples(self, count: int) -> dict[str, np.ndarray]:
        """Return inputs by name, (count, ...), the same at every call."""
        return {name: spec.examples(count) for name, spec in self.inputs.items()}

    def facts(self) -> dict[str, Any]:
        """Return what a file says of its inputs and outputs."""
        inputs = {name: spec.facts() for name, spec in self.inputs.items()}
        return {"inputs": inputs, "outputs": {self.output: self.produces.facts()}}
