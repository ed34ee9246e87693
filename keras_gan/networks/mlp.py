"""Dense networks: the study-notes GAN by default, and any depth and width."""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from keras_gan.networks import blocks
from keras_gan.networks.layers import Dropout, FourierFeatures, GaussianNoise
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import NO_LABELS, LabelSpec


def generator(
    *,
    latent_dim: int,
    sample_shape: tuple[int, ...],
    labels: LabelSpec = NO_LABELS,
    hidden: list[int] = (256, 512),
    activations: list[str] | None = None,
    batch_norm: bool = False,
    conditional_batch_norm: bool = False,
    output_activation: str = "tanh",
) -> keras.Model:
    """z -> hidden dense layers -> a sample.

    Args:
        latent_dim, sample_shape, labels: see `networks.build`.
        hidden: units of the hidden layers.
        activations: one per hidden layer, the last one for all that follow; by default
            tanh, then relu.
        batch_norm: normalise before each hidden activation.
        conditional_batch_norm: the same with scales and shifts of the label, which then
            has no embedding beside z (Dumoulin 2017).
        output_activation: `tanh` for images in [-1, 1], `linear` for points.

    Returns:
        Model: `latent` (, `labels`) -> float32 (batch, *sample_shape).
    """
    inputs, x, condition = blocks.generator_inputs(latent_dim, labels, conditional_batch_norm)
    batch_norm = batch_norm or conditional_batch_norm
    for units, activation in zip(
        hidden, _one_each(activations, hidden, ("tanh", "relu")), strict=True
    ):
        x = layers.Dense(units, use_bias=not batch_norm)(x)
        if batch_norm:
            x = blocks.normalised(x, condition)
        x = layers.Activation(activation)(x)
    x = layers.Dense(blocks.size_of(sample_shape))(x)
    x = layers.Activation(output_activation, dtype="float32")(x)
    images = layers.Reshape(sample_shape, dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(
    *,
    sample_shape: tuple[int, ...],
    labels: LabelSpec = NO_LABELS,
    conditioning: Literal["concat", "projection"] = "concat",
    hidden: list[int] = (512, 256, 128),
    activations: list[str] | None = None,
    dropout: float = 0.0,
    spectral_norm: bool = False,
    fourier_octaves: int = 0,
    input_noise: float = 0.0,
    noise: float = 0.0,
    unit_norm: bool = False,
) -> keras.Model:
    """A sample -> hidden dense layers -> one logit.

    Args:
        sample_shape, labels, conditioning: see `networks.build`.
        hidden: units of the hidden layers.
        activations: one per hidden layer, the last one for all that follow; by default tanh.
        dropout: share of hidden units dropped, in [0, 1).
        spectral_norm: normalise every linear layer (Miyato 2018), label
            embeddings excepted.
        fourier_octaves: frequencies of the Fourier features of the sample that the
            first layer sees beside it, to tell points that are close; 0 for none.
        input_noise, noise: deviation of Gaussian noise on the sample and on what each hidden
            layer says, in training (Salimans 2016's semi-supervised networks).
        unit_norm: hold the weights of each hidden unit at norm 1, as those networks do.

    Returns:
        Model: `images` (, `labels`) -> float32 logits (batch, 1).

    Raises:
        ConfigError: two norms at once.
    """
    if unit_norm and spectral_norm:
        raise ConfigError("A layer has one norm, `unit_norm` or `spectral_norm`, not both.")
    dense = blocks.dense_maker(spectral_norm)
    images = keras.Input(sample_shape, name="images")
    label = blocks.label_input(labels)
    x = layers.Flatten()(images)
    if labels and conditioning == "concat":
        embedded = blocks.embedded_label(label, labels, blocks.LABEL_FEATURES)
        x = layers.Concatenate(name="image_and_label")([x, embedded])
    if input_noise:
        x = GaussianNoise(input_noise)(x)
    if fourier_octaves:
        x = FourierFeatures(fourier_octaves, dtype="float32")(x)
    unit = {"kernel_constraint": keras.constraints.UnitNorm(axis=0)} if unit_norm else {}
    for units, activation in zip(hidden, _one_each(activations, hidden, ("tanh",)), strict=True):
        x = layers.Activation(activation)(dense(units, **unit)(x))
        if dropout:
            x = Dropout(dropout)(x)
        if noise:
            x = GaussianNoise(noise)(x)
    output = blocks.logits(x, label, labels, conditioning, dense)
    inputs = {"images": images, **({"labels": label} if labels else {})}
    return keras.Model(inputs, output, name="discriminator")


def encoder(
    *,
    latent_dim: int,
    sample_shape: tuple[int, ...],
    hidden: list[int] = (512, 256),
    activations: list[str] | None = None,
) -> keras.Model:
    """A sample -> hidden dense layers -> its latent.

    Args:
        latent_dim, sample_shape: see `networks.build`.
        hidden: units of the hidden layers.
        activations: one per hidden layer, the last one for all that follow; by default gelu.

    Returns:
        Model: `images` -> float32 (batch, latent_dim).

    Source: Donahue 2017, section 3: a function of the sample alone, without noise.
    """
    images = keras.Input(sample_shape, name="images")
    x = layers.Flatten()(images)
    for units, activation in zip(hidden, _one_each(activations, hidden, ("gelu",)), strict=True):
        x = layers.Activation(activation)(layers.Dense(units)(x))
    latent = layers.Dense(latent_dim, dtype="float32", name="latent")(x)
    return keras.Model({"images": images}, latent, name="encoder")


def _one_each(activations, hidden, default: tuple[str, ...]) -> list[str]:
    """Return one activation per hidden layer; the last one serves all that follow.

    The default fits any number of layers, an explicit list must not be longer than `hidden`.
    """
    activations = default[: len(hidden)] if activations is None else activations
    if not hidden:
        return []
    if not 1 <= len(activations) <= len(hidden):
        raise ConfigError(
            f"`activations` should have 1 to {len(hidden)} entries, as `hidden` = {list(hidden)} "
            f"does. Received: {list(activations)}."
        )
    return [*activations, *[activations[-1]] * (len(hidden) - len(activations))]
