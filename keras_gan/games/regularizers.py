"""Regularisers of the discriminator, each usable with every objective.

A penalty is a pure function of (discriminator, real_images, fake_images, labels,
seed): `discriminator(images, labels)` gives logits and moves no state, `seed` is
an int32 pair. It returns a float32 scalar. `Penalty` adds the weight and how
often it is computed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from keras_gan.utils import random
from keras_gan.utils.checks import built
from keras_gan.utils.errors import ConfigError, suggestion

Discriminator = Callable[[tf.Tensor, Any], tf.Tensor]


def gradient_penalty(
    discriminator: Discriminator,
    real_images: tf.Tensor,
    fake_images: tf.Tensor,
    labels: tf.Tensor | None,
    seed: tf.Tensor,
) -> tf.Tensor:
    """E[(||grad D(x^)|| - 1)^2] at x^ = eps x + (1 - eps) G(z), eps ~ U[0, 1] per image.

    Args:
        discriminator: (images, labels) -> logits.
        real_images: float (batch, ...).
        fake_images: float (batch, ...), as many.
        labels: the batch's labels, or None.
        seed: int32 (2,), for eps.

    Returns:
        float32 scalar, >= 0.

    Source: Gulrajani 2017, equation 3 and Algorithm 1. Departure: 1e-12 under
    the square root, whose derivative at zero is infinite.
    """
    real_images = tf.cast(real_images, tf.float32)
    fake_images = tf.cast(fake_images, tf.float32)
    one_each = [tf.shape(real_images)[0], *[1] * (real_images.shape.rank - 1)]
    epsilon = random.uniform(one_each, seed)
    between = fake_images + epsilon * (real_images - fake_images)
    squared = _squared_gradient_norm(discriminator, between, labels)
    return tf.reduce_mean(tf.square(tf.sqrt(squared + 1e-12) - 1.0))


def r1(discriminator, real_images, fake_images, labels, seed) -> tf.Tensor:
    """E[||grad D(x)||^2] / 2 on real images. Args and Returns as `gradient_penalty`.

    Source: Mescheder 2018, equation 9.
    """
    return 0.5 * tf.reduce_mean(_squared_gradient_norm(discriminator, real_images, labels))


def r2(discriminator, real_images, fake_images, labels, seed) -> tf.Tensor:
    """E[||grad D(G(z))||^2] / 2 on generated images. Args as `gradient_penalty`.

    Source: Mescheder 2018, equation 10.
    """
    return 0.5 * tf.reduce_mean(_squared_gradient_norm(discriminator, fake_images, labels))


def _squared_gradient_norm(
    discriminator: Discriminator, images: tf.Tensor, labels: tf.Tensor | None
) -> tf.Tensor:
    images = tf.cast(images, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = discriminator(images, labels)
    gradient = tf.cast(tape.gradient(logits, images), tf.float32)
    return tf.reduce_sum(tf.square(gradient), axis=tf.range(1, tf.rank(gradient)))


PENALTIES: dict[str, Callable[..., tf.Tensor]] = {
    "gradient_penalty": gradient_penalty,
    "r1": r1,
    "r2": r2,
}


@dataclasses.dataclass(frozen=True)
class Penalty:
    """A penalty in a game: `weight * every * function` at every `every`-th round.

    Lazy regularisation (Karras 2020, section 3.1) multiplies by `every`, so that
    the mean strength stays the same.

    Raises:
        ConfigError: unknown name, negative weight, `every` below 1.
    """

    name: str
    weight: float
    every: int = 1

    def __post_init__(self):
        if self.name not in PENALTIES:
            raise ConfigError(
                f"There is no penalty `{self.name}`.{suggestion(self.name, PENALTIES)}"
            )
        if not self.weight >= 0:
            raise ConfigError(
                f"Penalty `{self.name}`: `weight` should be >= 0. Received: {self.weight}."
            )
        if self.every < 1:
            raise ConfigError(
                f"Penalty `{self.name}`: `every` should be at least 1. Received: {self.every}."
            )

    def __call__(self, iteration, discriminator, real_images, fake_images, labels, seed):
        """Returns the weighted penalty of this round, float32 scalar (0 in idle rounds)."""

        def compute():
            penalty = PENALTIES[self.name](discriminator, real_images, fake_images, labels, seed)
            return self.weight * self.every * penalty

        if self.every == 1:
            return compute()
        return tf.cond(tf.equal(iteration % self.every, 0), compute, lambda: tf.constant(0.0))


def get(given: Any) -> tuple[Penalty, ...]:
    """Builds penalties from `{"r1": {"weight": 0.1, "every": 4}, ...}`.

    Penalty objects are taken as they are.

    Raises:
        ConfigError: anything else, an option that does not exist, no weight.
    """
    return built("penalties", given, Penalty, _from_options, "{'r1': {'weight': 0.1}}")


def _from_options(name: str, options: Mapping[str, float]) -> Penalty:
    known = {field.name for field in dataclasses.fields(Penalty)} - {"name"}
    for option in options:
        if option not in known:
            raise ConfigError(
                f"The penalty `{name}` has no option `{option}`.{suggestion(option, known)}"
            )
    if name in PENALTIES and "weight" not in options:
        raise ConfigError(f"The penalty `{name}` needs a weight: penalties.{name}.weight.")
    return Penalty(name, **{"weight": 0.0, **options})
