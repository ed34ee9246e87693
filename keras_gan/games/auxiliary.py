"""Losses beside the game's: functions of what D says of one round's images.

They need outputs of D beside its logits, which `networks.heads` gives. A loss is a small
class with one method a player; a weight of its own stands before it. To add one: a class
here, and a row in AUXILIARIES.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import tensorflow as tf

from keras_gan.utils.checks import built, check_value
from keras_gan.utils.errors import ConfigError, suggestion

#: What D returns, by name: `logits`, `class_logits`, `features`.
Outputs = Mapping[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Auxiliary:
    """Base of the losses.

    Attributes:
        weight: the factor of the loss, >= 0.
        needs: the output of D that it looks at.
        of_discriminator, of_generator: whose loss it is added to.
        uses_real: whether `generator_loss` needs D's outputs of real images.
        alone: whether G minimises it in place of the game's loss.
    """

    weight: float = 1.0

    name: ClassVar[str]
    needs: ClassVar[str]
    of_discriminator: ClassVar[bool] = True
    of_generator: ClassVar[bool] = True
    uses_real: ClassVar[bool] = False
    alone = False

    def __post_init__(self):
        if not self.weight >= 0:
            raise ConfigError(
                f"The auxiliary loss `{self.name}`: `weight` should be >= 0. "
                f"Received: {self.weight}."
            )

    def discriminator_loss(
        self,
        real: Outputs,
        real_labels: tf.Tensor | None,
        fake: Outputs,
        fake_labels: tf.Tensor | None,
    ) -> tf.Tensor:
        """D's part, float32 scalar, a mean over rows, without the weight.

        Args:
            real, fake: what D says of real and of generated images.
            real_labels: int32 (batch,), -1 where nobody knows.
            fake_labels: those that G was asked for, or None.
        """
        raise NotImplementedError

    def generator_loss(
        self, real: Outputs | None, fake: Outputs, fake_labels: tf.Tensor | None
    ) -> tf.Tensor:
        """G's part, as `discriminator_loss`."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Classifier(Auxiliary):
    """-E log P(C = c | x): D tells the classes of both, G makes images of the class asked for.

    Args:
        k_plus_one: see `networks.heads`: the game's logit comes from the class logits.
        real_only: D does not learn what class generated images were meant to be. With them it
            comes to accept whatever G makes for a class, and the two may agree on textures.

    Source: Odena 2017 (AC-GAN), equation 3. Where G is unconditional and labels are few, the
    supervised loss of Salimans 2016, section 5: rows without a label do not count.
    """

    k_plus_one: bool = False
    real_only: bool = False

    name = "classifier"
    needs = "class_logits"

    def discriminator_loss(self, real, real_labels, fake, fake_labels):
        loss = _cross_entropy(real["class_logits"], real_labels)
        if fake_labels is not None and not self.real_only:
            loss += _cross_entropy(fake["class_logits"], fake_labels)
        return loss

    def generator_loss(self, real, fake, fake_labels):
        if fake_labels is None:
            return tf.constant(0.0)
        return _cross_entropy(fake["class_logits"], fake_labels)


@dataclasses.dataclass(frozen=True)
class FeatureMatching(Auxiliary):
    """|E f(x) - E f(G(z))|^2 / dim f, with f the last hidden layer of D.

    Args:
        alone: G minimises this, and not the game's loss, as in the paper.

    Source: Salimans 2016, section 3.1. Departure: the mean of squares over features in place
    of their sum (as in the code published with it), so that a weight serves all widths. Where a
    minibatch is played in parts or by several replicas, means are those of each part.
    """

    alone: bool = False

    name = "feature_matching"
    needs = "features"
    of_discriminator = False
    uses_real = True

    def generator_loss(self, real, fake, fake_labels):
        means = (tf.reduce_mean(outputs["features"], axis=0) for outputs in (real, fake))
        return tf.reduce_mean(tf.math.squared_difference(*means))


def discriminator_losses(
    losses: Iterable[Auxiliary],
    real: Outputs,
    real_labels: tf.Tensor | None,
    fake: Outputs,
    fake_labels: tf.Tensor | None,
) -> dict[str, tf.Tensor]:
    """D's weighted losses by the names under which they are logged. Args as theirs."""
    return {
        f"auxiliary/{loss.name}/discriminator": loss.weight
        * loss.discriminator_loss(real, real_labels, fake, fake_labels)
        for loss in losses
        if loss.of_discriminator
    }


def generator_losses(
    losses: Iterable[Auxiliary],
    real: Outputs | None,
    fake: Outputs,
    fake_labels: tf.Tensor | None,
) -> dict[str, tf.Tensor]:
    """G's, as `discriminator_losses`."""
    return {
        f"auxiliary/{loss.name}/generator": loss.weight
        * loss.generator_loss(real, fake, fake_labels)
        for loss in losses
        if loss.of_generator
    }


def _cross_entropy(class_logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The mean over rows with a label, in nats; 0 where there is none."""
    known = tf.cast(labels >= 0, tf.float32)
    # One-hot rows, of zeros for -1: their gradient has no scatter, which is slow under XLA.
    one_hot = tf.one_hot(labels, class_logits.shape[-1])
    each = tf.nn.softmax_cross_entropy_with_logits(one_hot, tf.cast(class_logits, tf.float32))
    return tf.math.divide_no_nan(tf.reduce_sum(known * each), tf.reduce_sum(known))


AUXILIARIES: dict[str, type[Auxiliary]] = {
    "classifier": Classifier,
    "feature_matching": FeatureMatching,
}


def get(given: Any) -> tuple[Auxiliary, ...]:
    """Builds losses from `{"classifier": {"weight": 1.0}, ...}`; objects are taken as they are.

    Raises:
        ConfigError: anything else, an unknown name or option, a value of the wrong type.
    """
    example = "{'classifier': {'weight': 1.0}}"
    return built("auxiliary", given, Auxiliary, _from_options, example)


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
