"""The networks of the 2014 paper, as their published configuration has them.

They work on pixels in [0, 1] and convert at their edges. Source of the numbers:
Goodfellow 2014 and the `mnist.yaml` published with its code (pylearn2).
"""

from __future__ import annotations

from typing import Literal

import keras
import numpy as np
from keras import layers

from keras_gan.networks import blocks
from keras_gan.networks.layers import Dropout, Maxout
from keras_gan.utils.labels import NO_LABELS, LabelSpec


def generator(
    *,
    latent_dim: int,
    sample_shape: tuple[int, ...],
    labels: LabelSpec = NO_LABELS,
    sample_mean: np.ndarray | None = None,
    hidden: list[int] = (1200, 1200),
    weight_range: float = 0.05,
) -> keras.Model:
    """z -> ReLU layers -> sigmoid pixels.

    Args:
        latent_dim, sample_shape, labels: see `networks.build`.
        sample_mean: float `sample_shape` in [-1, 1]. Where given, the output
            biases start at the log-odds of the pixels' marginals.
        hidden: units of the ReLU layers.
        weight_range: weights start uniform in +- this.

    Returns:
        Model: `latent` (, `labels`) -> float32 (batch, *sample_shape) in [-1, 1].
    """
    uniform = _uniform(weight_range)
    inputs, x, _ = blocks.generator_inputs(latent_dim, labels)
    for units in hidden:
        x = layers.Dense(units, activation="relu", kernel_initializer=uniform())(x)
    output = layers.Dense(blocks.size_of(sample_shape), kernel_initializer=uniform())
    x = output(x)
    if sample_mean is not None:
        output.bias.assign(_log_odds(sample_mean))
    x = layers.Activation("sigmoid", dtype="float32")(x)
    x = layers.Rescaling(2.0, offset=-1.0, dtype="float32")(x)
    images = layers.Reshape(sample_shape, dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(
    *,
    sample_shape: tuple[int, ...],
    labels: LabelSpec = NO_LABELS,
    conditioning: Literal["concat", "projection"] = "concat",
    units: list[int] = (240, 240),
    pieces: int = 5,
    weight_range: float = 0.005,
    input_dropout: float = 0.2,
    dropout: float = 0.5,
    spectral_norm: bool = False,
) -> keras.Model:
    """A sample -> maxout layers with dropout -> one logit.

    Args:
        sample_shape, labels, conditioning: see `networks.build`.
        units: units of each maxout layer.
        pieces: affine pieces a unit.
        weight_range: weights start uniform in +- this.
        input_dropout: share of input pixels dropped.
        dropout: share of hidden units dropped.
        spectral_norm: normalise the last linear layer (the maxout layers have
            none: a maximum of pieces is no linear map).

    Returns:
        Model: `images` (, `labels`) -> float32 logits (batch, 1).
    """
    uniform = _uniform(weight_range)
    images = keras.Input(sample_shape, name="images")
    label = blocks.label_input(labels)
    x = layers.Rescaling(0.5, offset=0.5)(layers.Flatten()(images))
    if labels and conditioning == "concat":
        embedded = blocks.embedded_label(label, labels, blocks.LABEL_FEATURES)
        x = layers.Concatenate(name="image_and_label")([x, embedded])
    x = Dropout(input_dropout)(x)
    for count in units:
        x = Dropout(dropout)(Maxout(count, pieces, uniform())(x))
    dense = blocks.dense_maker(spectral_norm)

    def last(units, **options):
        return dense(units, kernel_initializer=uniform(), **options)

    output = blocks.logits(x, label, labels, conditioning, last)
    inputs = {"images": images, **({"labels": label} if labels else {})}
    return keras.Model(inputs, output, name="discriminator")


def _uniform(bound: float):
    # An initializer draws the same numbers at each use, so every layer gets its own.
    return lambda: keras.initializers.RandomUniform(-bound, bound)


def _log_odds(sample_mean: np.ndarray) -> np.ndarray:
    """Log-odds of the mean pixels in [0, 1], clipped as pylearn2 does (1e-7)."""
    mean = np.clip((np.asarray(sample_mean, "float64").ravel() + 1.0) / 2.0, 1e-7, 1 - 1e-7)
    return np.log(mean / (1.0 - mean)).astype("float32")
