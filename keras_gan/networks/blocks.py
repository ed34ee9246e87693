"""What the families share: label conditioning and normalised linear layers."""

from __future__ import annotations

import math

import keras
from keras import layers, ops

from keras_gan.networks.layers import ConditionalBatchNormalization, SpectralNormalization
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import LabelSpec

LABEL_FEATURES = 50


def label_input(labels: LabelSpec):
    """Return the input `labels`, or None where there are none."""
    return keras.Input(labels.shape, dtype=labels.dtype, name="labels") if labels else None


def condition_of(label, labels: LabelSpec):
    """Return float (batch, size): ids as one-hot rows, vectors as they are."""
    return ops.one_hot(label, labels.size) if labels.dtype == "int32" else label


def generator_inputs(
    latent_dim: int,
    labels: LabelSpec,
    normed_by_label: bool = False,
):
    """Return (inputs, features, condition).

    Features are z with an embedding of the label beside it, and there is no condition; or
    z alone and the condition, for networks whose batch norm sees the label.

    Source: Mirza and Osindero 2014, section 3.2 (y presented to G as a further input).
    """
    latent = keras.Input((latent_dim,), name="latent")
    if normed_by_label and not labels:
        raise ConfigError(
            "`network.generator.conditional_batch_norm` needs labels: set network.conditioning."
        )
    if not labels:
        return {"latent": latent}, latent, None
    label = label_input(labels)
    inputs = {"latent": latent, "labels": label}
    if normed_by_label:
        return inputs, latent, condition_of(label, labels)
    embedded = embedded_label(label, labels, LABEL_FEATURES)
    return inputs, layers.Concatenate(name="latent_and_label")([latent, embedded]), None


def normalised(x, condition=None):
    """Batch norm, with scales and shifts of the label where there is a condition."""
    if condition is None:
        return layers.BatchNormalization()(x)
    return ConditionalBatchNormalization()([x, condition])


def embedded_label(label, labels: LabelSpec, features: int):
    """Return a learned float (batch, features) for each label: a row of a kernel.

    A matrix product with one-hot labels, which equals `keras.layers.Embedding`. The
    latter's gradient is a scatter, and that made a step under XLA on a CPU 15 times
    slower (measured: 540 ms in place of 37). Of a vector it is a linear map.
    """
    embedding = layers.Dense(
        features, use_bias=False, kernel_initializer="uniform", name="label_embedding"
    )
    return embedding(condition_of(label, labels))


def image_with_label(images, label, labels: LabelSpec, conditioning: str):
    """D's first map: the images, with the label as one more channel where asked for.

    The channel is an embedding of height x width values.
    """
    if not labels or conditioning != "concat":
        return images
    sides = images.shape[1:3]
    plane = embedded_label(label, labels, size_of(sides))
    plane = layers.Reshape((*sides, 1))(plane)
    return layers.Concatenate(name="image_and_label")([images, plane])


def logits(features, label, labels: LabelSpec, conditioning: str, make_dense):
    """D's last layer: float32 (batch, 1), with the label's projection where asked for.

    `make_dense(units, **options)` makes the linear layer.

    Source: Miyato and Koyama 2018, equation 3: f(x, y) = psi(phi(x)) + y^T V phi(x).
    """
    output = make_dense(1, dtype="float32", name="logits")(features)
    if not labels or conditioning != "projection":
        return output
    embedding = embedded_label(label, labels, features.shape[-1])
    inner = layers.Dot(axes=-1, dtype="float32", name="projection")(
        [ops.cast(features, "float32"), ops.cast(embedding, "float32")]
    )
    return layers.Add(dtype="float32", name="projected_logits")([output, inner])


def dense_maker(spectral_norm: bool):
    """Returns a maker of Dense layers, spectrally normalised where asked for."""
    return _maker(layers.Dense, spectral_norm)


def conv_maker(spectral_norm: bool):
    """Returns a maker of Conv2D layers, spectrally normalised where asked for."""
    return _maker(layers.Conv2D, spectral_norm)


def _maker(layer, spectral_norm: bool):
    if not spectral_norm:
        return layer

    def make(*args, name=None, dtype=None, **kwargs):
        inner = layer(*args, use_bias=False, dtype=dtype, **kwargs)
        return SpectralNormalization(inner, name=name, dtype=dtype)

    return make


def halvings(
    family: str,
    sample_shape: tuple[int, ...],
    largest: int,
    channels: tuple[int, ...] | None = (1, 3),
) -> int:
    """How often an image's size is halved: at least twice, until 4 pixels or an odd number.

    Args:
        family: the name of the networks, for messages.
        sample_shape: of an image.
        largest: the longest side that the family is for, in pixels.
        channels: those that it can have, None for any.

    Raises:
        ConfigError: a shape other than (4a, 4b, one of `channels`) up to `largest`.
    """
    if len(sample_shape) != 3:
        raise ConfigError(
            f"{family} makes images, not points of shape {sample_shape}: "
            "use `network.family=mlp` for these data."
        )
    if channels and sample_shape[-1] not in channels:
        raise ConfigError(
            f"{family} makes images of 1 or 3 channels. Received: {sample_shape[-1]}; "
            "set data.channels to 1 or 3."
        )
    sides = sample_shape[:2]
    if any(side % 4 or not 4 <= side <= largest for side in sides):
        raise ConfigError(
            f"{family} makes images whose sides are multiples of 4 up to "
            f"{largest}. Received: {sides[0]}x{sides[1]}; set data.image_size, to "
            f"{min(largest, max(4, round(sides[0] / 4) * 4))} for example."
        )
    count = 2
    while all((side >> count) % 2 == 0 and (side >> count) > 4 for side in sides):
        count += 1
    return count


def size_of(shape: tuple[int, ...]) -> int:
    """Number of values in one sample of that shape."""
    return math.prod(shape)
