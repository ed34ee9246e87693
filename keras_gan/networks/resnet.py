"""Residual networks in the manner of SNGAN (Miyato 2018), 4 to 256 pixels.

Departures from the paper: D's blocks halve the size down to 4 pixels and one more block
keeps it, for every size (the paper's for 32x32 stop at 8 and have two more), and widths
follow one rule: `width` channels beside the image, doubled at each halving, up to
`max_width`. The paper's are 256 throughout in G and 128 in D for 32x32, and 64 up to
1,024 in both for 128x128.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

import keras
from keras import layers, ops

from keras_gan.networks import blocks
from keras_gan.networks.layers import Recomputed
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import NO_LABELS, LabelSpec

LARGEST = 256


def generator(
    *,
    latent_dim: int,
    sample_shape: tuple[int, ...],
    labels: LabelSpec = NO_LABELS,
    width: int = 64,
    max_width: int = 512,
    batch_norm: bool = True,
    remat: bool = False,
) -> keras.Model:
    """z -> a small map of many channels -> residual blocks, each doubling it -> an image.

    Args:
        latent_dim, sample_shape, labels: see `networks.build`. Labels choose batch norm's
            scales and shifts; without batch norm an embedding of the label stands beside z.
        width: channels of the map of the image's size, doubled at each halving.
        max_width: the most channels of any map.
        batch_norm: normalise before each activation.
        remat: compute each block again for the gradient, in place of keeping its inside.

    Returns:
        Model: `latent` (, `labels`) -> float32 (batch, *sample_shape) in [-1, 1].

    Raises:
        ConfigError: a shape other than (4a, 4b, 1 or 3) up to 256, max_width below width.
    """
    doublings = blocks.halvings("resnet", sample_shape, LARGEST)
    widths = _widths("generator", width, max_width, doublings + 1)
    normed = blocks.normalised if batch_norm else _unchanged
    by_label = batch_norm and bool(labels)
    inputs, x, condition = blocks.generator_inputs(latent_dim, labels, by_label)
    first = (*(side >> doublings for side in sample_shape[:2]), widths[doublings])
    x = layers.Reshape(first)(layers.Dense(blocks.size_of(first))(x))
    for level in reversed(range(doublings)):
        x = _as_layer(_growing(widths[level], normed), [x, condition], f"block_{level}", remat)
    x = layers.ReLU()(normed(x, condition))
    x = layers.Conv2D(sample_shape[-1], 3, padding="same")(x)
    images = layers.Activation("tanh", dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(
    *,
    sample_shape: tuple[int, ...],
    labels: LabelSpec = NO_LABELS,
    conditioning: Literal["concat", "projection"] = "concat",
    width: int = 64,
    max_width: int = 512,
    spectral_norm: bool = False,
    remat: bool = False,
) -> keras.Model:
    """An image -> residual blocks, each halving it, and one more -> a sum over places -> a logit.

    Args:
        sample_shape, labels, conditioning: see `networks.build`.
        width: channels of the first map, doubled at each halving.
        max_width: the most channels of any map.
        spectral_norm: normalise every linear layer (Miyato 2018), label embeddings excepted.
        remat: compute each block again for the gradient, in place of keeping its inside;
            penalties on D's gradient keep it.

    Returns:
        Model: `images` (, `labels`) -> float32 logits (batch, 1).

    Raises:
        ConfigError: a shape other than (4a, 4b, channels) up to 256, max_width below width.
    """
    halvings = blocks.halvings("resnet", sample_shape, LARGEST, channels=None)
    widths = _widths("discriminator", width, max_width, halvings)
    conv, dense = blocks.conv_maker(spectral_norm), blocks.dense_maker(spectral_norm)
    images = keras.Input(sample_shape, name="images")
    label = blocks.label_input(labels)
    x = blocks.image_with_label(images, label, labels, conditioning)
    for level in range(halvings):
        body = _shrinking(widths[level], conv, halve=True, activate=level > 0)
        x = _as_layer(body, [x], f"block_{level}", remat)
    x = _as_layer(_shrinking(widths[-1], conv, halve=False), [x], "last_block", remat)
    # A sum of many float16 values may overflow.
    features = ops.sum(ops.cast(layers.ReLU()(x), "float32"), axis=(1, 2))
    output = blocks.logits(features, label, labels, conditioning, dense)
    inputs = {"images": images, **({"labels": label} if labels else {})}
    return keras.Model(inputs, output, name="discriminator")


def _growing(width: int, normed: Callable) -> Callable:
    """G's block: twice the size, `width` channels (Miyato 2018, figure 8b)."""
    # Batch norm, be it that of a later block, takes away what a bias would add.
    options = {"use_bias": normed is _unchanged}
    conv = functools.partial(
        layers.Conv2D, width, 3, padding="same", kernel_initializer=_strong(), **options
    )

    def block(x, condition=None):
        main = conv()(doubled(layers.ReLU()(normed(x, condition))))
        main = conv()(layers.ReLU()(normed(main, condition)))
        # A 1x1 convolution commutes with doubling, and takes a quarter of the work before it.
        side = doubled(layers.Conv2D(width, 1, **options)(x))
        return layers.Add()([main, side])

    return block


def doubled(x):
    """Each pixel four times: `layers.UpSampling2D`, but of a size that LiteRT knows."""
    height, wide, channels = x.shape[1:]
    x = layers.Reshape((height, 2 * wide * channels))(layers.Concatenate()([x, x]))
    return layers.Reshape((2 * height, 2 * wide, channels))(layers.Concatenate()([x, x]))


def _shrinking(width: int, conv: Callable, halve: bool, activate: bool = True) -> Callable:
    """D's block: half the size or the same, `width` channels (Miyato 2018, figure 8a and c).

    Without `activate` it starts from the image itself, which a ReLU would spoil.
    """

    def block(x):
        main = layers.ReLU()(x) if activate else x
        main = conv(width, 3, padding="same", kernel_initializer=_strong())(main)
        main = layers.ReLU()(main)
        main = conv(width, 3, padding="same", kernel_initializer=_strong())(main)
        side = x
        if halve:
            main, side = layers.AveragePooling2D(2)(main), layers.AveragePooling2D(2)(side)
        if halve or x.shape[-1] != width:
            side = conv(width, 1)(side)  # pooled before, as in `_growing`
        return layers.Add()([main, side])

    return block


def _as_layer(block: Callable, tensors: list, name: str, remat: bool):
    """Applies a block as one layer, whose inside can be computed again."""
    tensors = [t for t in tensors if t is not None]
    inputs = [keras.Input(t.shape[1:], dtype=t.dtype) for t in tensors]
    layer = keras.Model(inputs, block(*inputs), name=name)
    return (Recomputed(layer, name=f"recomputed_{name}") if remat else layer)(tensors)


def _unchanged(x, condition):
    return x


def _strong():
    """Glorot's uniform initializer with a gain of sqrt(2), for a block's main path."""
    return keras.initializers.VarianceScaling(2.0, mode="fan_avg", distribution="uniform")


def _widths(role: str, width: int, max_width: int, count: int) -> list[int]:
    """Channels by level: at the image's size first, then at each halving."""
    if not 1 <= width <= max_width:
        raise ConfigError(
            f"`network.{role}.width` should be at least 1 and at most max_width={max_width}. "
            f"Received: {width}."
        )
    return [min(width * 2**level, max_width) for level in range(count)]
