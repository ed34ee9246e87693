"""Options of classes and of feature matching, as a recipe's `auxiliary` has them."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, ClassVar

from keras_gan.utils.checks import built, check_value
from keras_gan.utils.errors import ConfigError, suggestion


@dataclasses.dataclass(frozen=True)
class Auxiliary:
    """Base of the options.

    Attributes:
        weight: the factor of the loss, >= 0.
    """

    weight: float = 1.0

    name: ClassVar[str]

    def __post_init__(self):
        if not self.weight >= 0:
            raise ConfigError(
                f"The auxiliary loss `{self.name}`: `weight` should be >= 0. "
                f"Received: {self.weight}."
            )


@dataclasses.dataclass(frozen=True)
class Classifier(Auxiliary):
    """D's classes: of `acgan.ACGAN`, or of `semi_supervised.SemiSupervisedGAN`.

    Args:
        k_plus_one: see `networks.heads`: the adversarial logit comes from the class logits.
        real_only: see `acgan.ACGAN`.
    """

    k_plus_one: bool = False
    real_only: bool = False

    name = "classifier"


@dataclasses.dataclass(frozen=True)
class FeatureMatching(Auxiliary):
    """Feature matching of `semi_supervised.SemiSupervisedGAN`.

    Args:
        alone: G minimises this, and not the adversarial loss, as in the paper.
    """

    alone: bool = False

    name = "feature_matching"


AUXILIARIES: dict[str, type[Auxiliary]] = {
    "classifier": Classifier,
    "feature_matching": FeatureMatching,
}


def get(given: Any) -> dict[str, Auxiliary]:
    """Return the options by name, from `{"classifier": {"weight": 1.0}, ...}`.

    Raises:
        ConfigError: anything else, an unknown name or option, a value of the wrong type.
    """
    example = "{'classifier': {'weight': 1.0}}"
    found = built("auxiliary", given, Auxiliary, _from_options, example)
    return {options.name: options for options in found}


def _from_options(name: str, options: Mapping[str, Any]) -> Auxiliary:
    if name not in AUXILIARIES:
        raise ConfigError(f"There is no auxiliary loss `{name}`.{suggestion(name, AUXILIARIES)}")
    kind = AUXILIARIES[name]
    hints = typing.get_type_hints(kind)
    known = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    for option in options:
        if option not in known:
            raise ConfigError(
                f"The auxiliary loss `{name}` has no option `{option}`.{suggestion(option, known)}"
            )
    checked = {
        option: check_value(f"auxiliary.{name}.{option}", value, known[option])
        for option, value in options.items()
    }
    return kind(**checked)
