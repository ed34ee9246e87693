"""Families of networks: each module builds a generator, a discriminator, perhaps an encoder.

A generator takes `latent` (batch, latent_dim) and, where there are any, `labels` (int32 (batch,)
ids, or float32 (batch, size) vectors), and returns samples (batch, *sample_shape), images in
[-1, 1]. A discriminator takes `images` (and `labels`) and returns float32 logits (batch, 1), from
its layer `logits`; `heads` adds further outputs. To add a family: one module here with the
builders, and one row in FAMILIES. The keyword arguments of a builder after the common ones are
its options in a recipe (`network.generator`, `network.discriminator`).
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import keras
import numpy as np

from keras_gan.networks import dcgan, maxout, mlp, resnet
from keras_gan.utils.checks import check_value
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import NO_LABELS, LabelSpec
from keras_gan.utils.registry import Registry, check_options, parameters

FAMILIES: Registry[ModuleType] = Registry(
    "network family", {"mlp": mlp, "maxout": maxout, "dcgan": dcgan, "resnet": resnet}
)

#: Arguments of builders that a game sets, not a recipe.
_COMMON = {"latent_dim", "sample_shape", "labels", "conditioning", "sample_mean"}


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """The data that networks are for.

    Attributes:
        sample_shape: (height, width, channels), or (dim,) for points.
        labels: what is known of each sample.
        mean: float32 `sample_shape` in [-1, 1], the mean training sample, for builders that
            start from the pixel marginals; None where it is not known.
    """

    sample_shape: tuple[int, ...]
    labels: LabelSpec = NO_LABELS
    mean: np.ndarray | None = None


def build(
    role: str, family: str, options: Mapping[str, Any] | None = None, **common: Any
) -> keras.Model:
    """Build one network.

    Args:
        role: `generator`, `discriminator` or `encoder`.
        family: a key of FAMILIES.
        options: the builder's own, as the table `network.<role>` of a recipe.
        **common: `sample_shape` (height, width, channels) or (dim,); `latent_dim` of a generator
            or encoder; `labels`, a LabelSpec, of a generator or discriminator that takes some;
            `conditioning`, how a discriminator takes them: `concat` (Mirza and Osindero 2014)
            or `projection` (Miyato and Koyama 2018); `sample_mean`, as `DataSpec.mean`.

    Raises:
        ConfigError: unknown family or option, wrong type, a shape that it can't have.
    """
    check(role, family, options or {})
    builder = getattr(FAMILIES[family], role)
    if "conditioning" in common:
        taken = parameters(builder)["conditioning"].annotation
        check_value("conditioning", common["conditioning"], taken)
    if common.get("sample_mean") is None or not takes_mean(family):
        common.pop("sample_mean", None)
    return builder(**common, **(options or {}))


def check(role: str, family: str, options: Mapping[str, Any]) -> None:
    """Raise ConfigError where a family has no such network or option, or it has a wrong type."""
    check_options(
        _builder(family, role), f"network.{role}", options, f"{family} {role}", leave_out=_COMMON
    )


def _builder(family: str, role: str) -> Callable[..., keras.Model]:
    builder = getattr(FAMILIES[family], role, None)
    if builder is None:
        known = ", ".join(name for name, module in FAMILIES.items() if hasattr(module, role))
        raise ConfigError(
            f"`network.{role}`: {family} has no {role}. Families that have one: {known}."
        )
    return builder


def takes_mean(family: str) -> bool:
    """Return whether the family's generator starts from the mean sample."""
    return "sample_mean" in inspect.signature(_builder(family, "generator")).parameters


def options_of(family: str, role: str) -> list[str]:
    """Return the names of a builder's options that a recipe may set."""
    return [name for name in parameters(_builder(family, role)) if name not in _COMMON]
