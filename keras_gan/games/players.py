"""What the networks of a game have to be, their inputs and outputs by name."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gan.networks import private_keras
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import (
    NO_LABELS,
    ClassLabels,
    LabelSpec,
    VectorLabels,
    checked_ids,
)

#: What a discriminator may return.
OUTPUTS = {"logits", "class_logits", "features"}


def named_outputs(outputs: Any) -> dict[str, Any]:
    """What a discriminator returns, as a dict: one tensor is `logits`."""
    return outputs if isinstance(outputs, dict) else {"logits": outputs}


def output_of(network: keras.Model) -> Any:
    """What a network returns, symbolically: a tensor, or a dict of them."""
    # Keras gives a Sequential model that was never called no `output`.
    return network.outputs[0] if isinstance(network, keras.Sequential) else network.output


def named_inputs(network: keras.Model) -> dict[str, keras.KerasTensor]:
    """The inputs of a functional model, by name."""
    return {tensor.name: tensor for tensor in network.inputs}


def joint(images: tf.Tensor, latent: tf.Tensor) -> tf.Tensor:
    """Images (batch, ...) and latents (batch, dim) side by side: float32 (batch, values + dim)."""
    pixels = tf.reshape(tf.cast(images, tf.float32), (-1, math.prod(images.shape[1:])))
    return tf.concat([pixels, tf.cast(latent, tf.float32)], axis=-1)


def has_batch_statistics(network: keras.Model) -> bool:
    """Return whether a network has batch norm, by which rows depend on each other."""
    layers = private_keras.all_layers(network)
    return any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)


def labels_of(generator: keras.Model, labels: LabelSpec | None) -> LabelSpec:
    """Return what a generator's labels are.

    Args:
        generator: with or without an input `labels`.
        labels: those of the data, with the names of classes; None where they are not known.

    Raises:
        ConfigError: labels of another kind than the generator takes.
    """
    found = named_inputs(generator).get("labels")
    if found is None:
        return NO_LABELS
    shape = tuple(found.shape[1:])
    if labels:
        if labels.shape != shape:
            raise ConfigError(
                f"`labels` should be of shape {shape}, as the generator's. "
                f"Received: {labels.shape}."
            )
        return labels
    return VectorLabels(shape[0]) if shape else ClassLabels(())


def check_pair(generator: Any, discriminator: Any, *, packing: int = 1, joint: bool = False):
    """Check that both are networks of their kind, and that they fit each other.

    Args:
        generator: should take `latent` (batch, latent_dim) (, `labels`) and return samples.
        discriminator: should take `images`, samples of the generator's shape with `packing`
            times the channels (, `labels`), and return logits.
        packing: samples that D has at once.
        joint: D has samples with latents, each pair as one vector (see `joint`).

    Raises:
        ConfigError: naming the inputs or the shape that there should be.
    """
    check_inputs("generator", generator, "latent")
    check_inputs("discriminator", discriminator, "images")
    latent = named_inputs(generator)["latent"].shape
    if len(latent) != 2 or latent[-1] is None:
        raise ConfigError(
            f"The generator's `latent` should be of shape (batch, latent_dim). Received: {latent}."
        )
    _check_labels(generator, discriminator, packing)
    made = generator.output_shape[1:]
    wanted = (math.prod(made) + latent[-1],) if joint else (*made[:-1], made[-1] * packing)
    received = tuple(named_inputs(discriminator)["images"].shape[1:])
    if wanted != received:
        raise ConfigError(
            f"The discriminator should take samples of shape {wanted} (the generator's, "
            f"packing={packing}{', and a latent' * joint}). Received: {received}."
        )


def check_labeled(
    discriminator: keras.Model, sample_shape: tuple[int, ...], images, labels
) -> None:
    """Raises ConfigError unless there are some images, each with a class that D may tell.

    Args:
        discriminator: a player.
        sample_shape: of one image.
        images, labels: arrays, see `SemiSupervisedGAN.set_labeled_images`.
    """
    classes = named_outputs(output_of(discriminator)).get("class_logits")
    if classes is None:
        raise ConfigError("Labelled images are for a discriminator that returns `class_logits`.")
    images, labels = np.asarray(images), np.asarray(labels)
    if not len(images) or images.shape[1:] != tuple(sample_shape):
        raise ConfigError(
            f"Labelled images should be of shape (n, {', '.join(map(str, sample_shape))}). "
            f"Received: {images.shape}."
        )
    checked_ids(labels, len(images), classes.shape[-1])


def check_inputs(role: str, network: Any, first: str) -> None:
    """Raise ConfigError unless a network has the input `first`, perhaps `labels`, and an output.

    A model that is not functional (a subclass, an unbuilt Sequential) has no `inputs`.
    """
    names = [tensor.name for tensor in getattr(network, "inputs", None) or ()]
    if set(names) not in ({first}, {first, "labels"}):
        kind = type(network).__name__
        received = f"inputs {', '.join(names)}" if names else f"{kind} without inputs"
        raise ConfigError(
            f"The {role} should be a functional Keras model whose inputs are named `{first}` "
            f"(and `labels`, for classes): keras.Input(shape, name={first!r}). "
            f"Received: {received}."
        )
    output = output_of(network)
    if role == "discriminator" and isinstance(output, dict):
        if not {"logits"} <= set(output) <= OUTPUTS:
            raise ConfigError(
                f"A discriminator's dict should hold `logits`, and of {', '.join(sorted(OUTPUTS))} "
                f"what is needed. Received: {', '.join(output)}."
            )
    elif len(network.outputs) != 1:
        raise ConfigError(f"The {role} should have one output. Received: {len(network.outputs)}.")


def _check_labels(generator: keras.Model, discriminator: keras.Model, packing: int) -> None:
    made, seen = (named_inputs(n).get("labels") for n in (generator, discriminator))
    classes = named_outputs(output_of(discriminator)).get("class_logits")
    if (made is None) != (seen is None) and not (seen is None and classes is not None):
        raise ConfigError(
            "Both networks should take `labels`, or neither, or D should return `class_logits`."
        )
    if made is not None and seen is not None and made.shape != seen.shape:
        raise ConfigError(
            f"Both networks should take the same labels. Received: {made.shape}, {seen.shape}."
        )
    if (made is not None or classes is not None) and packing > 1:
        raise ConfigError("`packing` is for unconditional networks: D would see mixed labels.")


def check_output(discriminator: keras.Model, name: str) -> None:
    """Raises ConfigError where D does not return the output of that name."""
    found = named_outputs(output_of(discriminator))
    if name not in found:
        raise ConfigError(
            f"This game needs a discriminator that returns `{name}` (networks.build). "
            f"Received: {', '.join(found)}."
        )
