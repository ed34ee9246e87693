"""Families of networks: each module builds a generator and a discriminator.

A generator takes `latent` (batch, latent_dim) and, where it is conditional,
`labels` (int32 (batch,) ids, or float32 (batch, condition_dim) vectors), and returns
samples (batch, *sample_shape), images in [-1, 1]. A discriminator takes `images` (and
`labels`) and returns float32 logits (batch, 1), from its layer `logits`; `heads` adds what
else it may return. To add a family: one module here with the two builders, and one row
in FAMILIES. The keyword arguments of a builder after the common ones are its
options in a recipe (`network.generator`, `network.discriminator`).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_gan.networks import (
    blocks,
    dcgan,
    heads,
    maxout,
    mlp,
    resnet,
)
from keras_gan.utils.checks import check_value
from keras_gan.utils.errors import ConfigError, suggestion

FAMILIES = {"mlp": mlp, "maxout": maxout, "dcgan": dcgan, "resnet": resnet}

#: Given to builders by the program, not by a recipe.
_COMMON = {
    "latent_dim",
    "sample_shape",
    "num_classes",
    "condition_dim",
    "conditioning",
    "sample_mean",
}

#: Ways in which labels are used.
CONDITIONINGS = ("none", *blocks.CONDITIONINGS, "classifier")


def build(
    family: str,
    *,
    latent_dim: int,
    sample_shape: tuple[int, ...],
    num_classes: int | None = None,
    condition_dim: int | None = None,
    conditioning: str = "concat",
    class_logits: bool = False,
    k_plus_one: bool = False,
    features: bool = False,
    packing: int = 1,
    paired: bool = False,
    sample_mean: np.ndarray | None = None,
    generator: Mapping[str, Any] | None = None,
    discriminator: Mapping[str, Any] | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Builds both players.

    Args:
        family: a key of FAMILIES.
        latent_dim: size of z.
        sample_shape: (height, width, channels), or (dim,) for points.
        num_classes: number of classes; None where labels are vectors or there are none.
        condition_dim: size of labels that are vectors, in place of `num_classes`.
        conditioning: how D sees labels, `concat` (Mirza and Osindero 2014) or `projection`
            (Miyato and Koyama 2018); with `classifier` it tells them (Odena 2017), with
            `none` G does not see them either. G concatenates an embedding, or has
            conditional batch norm.
        class_logits, k_plus_one, features: further outputs of D, see `heads.with_heads`.
        packing: samples that D sees at once (PacGAN, Lin 2018), stacked along
            the last axis.
        paired: D sees (sample, latent) pairs as one vector, see `players.paired`.
        sample_mean: float32 `sample_shape` in [-1, 1], the mean training image,
            for builders that start from the pixel marginals.
        generator: the family's own options.
        discriminator: the family's own options.

    Returns:
        (generator, discriminator).

    Raises:
        ConfigError: unknown family or option, wrong type, a shape it can't make.
    """
    module = module_of(family)
    check_options(family, generator or {}, discriminator or {})
    if conditioning not in CONDITIONINGS:
        raise ConfigError(
            f"There is no conditioning `{conditioning}`.{suggestion(conditioning, CONDITIONINGS)}"
        )
    labels = {"num_classes": num_classes, "condition_dim": condition_dim}
    none = dict.fromkeys(labels)
    shown = conditioning if conditioning in blocks.CONDITIONINGS else "concat"
    of_generator = none if conditioning == "none" else labels
    of_discriminator = labels if shown == conditioning else none
    mean = {"sample_mean": sample_mean} if takes_mean(family) else {}
    seen = (*sample_shape[:-1], sample_shape[-1] * packing)
    if paired:
        seen = (math.prod(sample_shape) + latent_dim,)
    made = build_generator(
        family, latent_dim, sample_shape, **of_generator, **mean, **(generator or {})
    )
    judge = module.discriminator(
        sample_shape=seen, conditioning=shown, **of_discriminator, **(discriminator or {})
    )
    classes = num_classes if class_logits or conditioning == "classifier" else None
    judge = heads.with_heads(judge, num_classes=classes, k_plus_one=k_plus_one, features=features)
    return made, judge


def build_generator(
    family: str, latent_dim: int, sample_shape: tuple[int, ...], **options: Any
) -> keras.Model:
    """Builds a generator alone; `options` are its builder's, `num_classes` among them."""
    shape = tuple(sample_shape)
    return module_of(family).generator(latent_dim=latent_dim, sample_shape=shape, **options)


def build_encoder(
    family: str, *, latent_dim: int, sample_shape: tuple[int, ...], options: Mapping[str, Any]
) -> keras.Model:
    """Builds the third network of a bidirectional GAN: `images` -> float32 (batch, latent_dim).

    Raises:
        ConfigError: a family without an encoder, an unknown option, a wrong type.
    """
    check_encoder(family, options)
    builder = module_of(family).encoder
    return builder(latent_dim=latent_dim, sample_shape=tuple(sample_shape), **options)


def check_encoder(family: str, options: Mapping[str, Any]) -> None:
    """Raises ConfigError where a family has no encoder, or its encoder no such option."""
    if not hasattr(module_of(family), "encoder"):
        known = ", ".join(name for name, module in FAMILIES.items() if hasattr(module, "encoder"))
        raise ConfigError(
            f"`network.encoder`: {family} has no encoder. Families that have one: {known}."
        )
    _check_options(family, "encoder", options)


def module_of(family: str):
    """Returns the family's module, or raises ConfigError with the nearest name."""
    if family not in FAMILIES:
        raise ConfigError(f"There is no network family `{family}`.{suggestion(family, FAMILIES)}")
    return FAMILIES[family]


def takes_mean(family: str) -> bool:
    """Whether the family's generator starts from the mean image, which takes its time to find."""
    return "sample_mean" in inspect.signature(module_of(family).generator).parameters


def check_options(family: str, generator: Mapping, discriminator: Mapping) -> None:
    """Raises ConfigError where a family has no such option or it has the wrong type."""
    _check_options(family, "generator", generator)
    _check_options(family, "discriminator", discriminator)


def _check_options(family: str, role: str, given: Mapping[str, Any]) -> None:
    known = options(getattr(module_of(family), role))
    for name, value in given.items():
        path = f"network.{role}.{name}"
        if name not in known:
            raise ConfigError(
                f"`{path}`: the {family} {role} has no such option.{suggestion(name, known)}"
            )
        check_value(path, value, known[name].annotation)


def options(builder: Callable) -> dict[str, inspect.Parameter]:
    """The options of a builder that a recipe may set."""
    parameters = inspect.signature(builder, eval_str=True).parameters
    return {name: p for name, p in parameters.items() if name not in _COMMON}
