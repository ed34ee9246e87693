"""Convolutional networks in the manner of DCGAN (Radford 2016), 4 to 128 pixels.

Departures from the paper: D has no batch norm by default (it makes D a function
of the whole minibatch, which penalties on single images do not survive), and
kernels are 4x4, a multiple of the stride (Odena 2016, on checkerboards).
"""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from keras_gan.networks import blocks
from keras_gan.networks.layers import Dropout
from keras_gan.utils.labels import NO_LABELS, LabelSpec

KERNEL = 4
LARGEST = 128


def generator(
    *,
    latent_dim: int,
    sample_shape: tuple[int, ...],
    labels: LabelSpec = NO_LABELS,
    width: int = 64,
    batch_norm: bool = True,
    conditional_batch_norm: bool = False,
) -> keras.Model:
    """z -> a small map of many channels -> transposed convolutions -> an image.

    Args:
        latent_dim, sample_shape, labels: see `networks.build`.
        width: channels of the widest map before the image; doubled at each
            halving of the size, up to 8 times this.
        batch_norm: normalise before each activation.
        conditional_batch_norm: the same with scales and shifts of the label, which then
            has no embedding beside z (Dumoulin 2017).

    Returns:
        Model: `latent` (, `labels`) -> float32 (batch, *sample_shape) in [-1, 1].

    Raises:
        ConfigError: a shape other than (4a, 4b, 1 or 3) up to 128.
    """
    doublings = blocks.halvings("dcgan", sample_shape, LARGEST)
    height, wide, channels = sample_shape
    inputs, x, condition = blocks.generator_inputs(latent_dim, labels, conditional_batch_norm)
    batch_norm = batch_norm or conditional_batch_norm
    first = (height >> doublings, wide >> doublings, _channels(width, doublings - 1))
    x = layers.Dense(blocks.size_of(first), use_bias=not batch_norm)(x)
    x = _activated(layers.Reshape(first)(x), batch_norm, condition)
    for level in range(doublings - 2, -1, -1):
        x = layers.Conv2DTranspose(
            _channels(width, level), KERNEL, strides=2, padding="same", use_bias=not batch_norm
        )(x)
        x = _activated(x, batch_norm, condition)
    x = layers.Conv2DTranspose(channels, KERNEL, strides=2, padding="same")(x)
    images = layers.Activation("tanh", dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(
    *,
    sample_shape: tuple[int, ...],
    labels: LabelSpec = NO_LABELS,
    conditioning: Literal["concat", "projection"] = "concat",
    width: int = 64,
    batch_norm: bool = False,
    spectral_norm: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """An image -> strided convolutions with leaky ReLU -> one logit.

    Args:
        sample_shape, labels, conditioning: see `networks.build`.
        width: channels of the first map, doubled at each halving of the size,
            up to 8 times this.
        batch_norm: normalise all but the first map, as the paper does.
        spectral_norm: normalise every linear layer (Miyato 2018), label
            embeddings excepted.
        dropout: share of the features dropped after each map.

    Returns:
        Model: `images` (, `labels`) -> float32 logits (batch, 1).

    Raises:
        ConfigError: a shape other than (4a, 4b, channels) up to 128.
    """
    halvings = blocks.halvings("dcgan", sample_shape, LARGEST, channels=None)
    conv, dense = blocks.conv_maker(spectral_norm), blocks.dense_maker(spectral_norm)
    images = keras.Input(sample_shape, name="images")
    label = blocks.label_input(labels)
    x = blocks.image_with_label(images, label, labels, conditioning)
    for level in range(halvings):
        x = conv(_channels(width, level), KERNEL, strides=2, padding="same")(x)
        if batch_norm and level > 0:
            x = layers.BatchNormalization()(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
        if dropout:
            x = Dropout(dropout)(x)
    x = layers.Flatten()(x)
    output = blocks.logits(x, label, labels, conditioning, dense)
    inputs = {"images": images, **({"labels": label} if labels else {})}
    return keras.Model(inputs, output, name="discriminator")


def _activated(x, batch_norm: bool, condition):
    if batch_norm:
        x = blocks.normalised(x, condition)
    return layers.Activation("relu")(x)


def _channels(width: int, level: int) -> int:
    return width * min(2**level, 8)
