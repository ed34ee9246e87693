"""Regularizers of the discriminator, each usable with every adversarial loss.

Each is a pure function of (discriminator, real_images, fake_images, labels, draws):
`discriminator(images, labels)` gives logits and moves no state, `draws` are uniform in [0, 1),
one per row. It returns a float32 scalar. `Regularizer` adds the weight and how often it is
computed.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorflow as tf

from keras_gan.utils.checks import Checked, Count, Weight, wrong_type
from keras_gan.utils.registry import Registry, call

Discriminator = Callable[[tf.Tensor, Any], tf.Tensor]


def gradient_penalty(
    discriminator: Discriminator,
    real_images: tf.Tensor,
    fake_images: tf.Tensor,
    labels: tf.Tensor | None,
    draws: tf.Tensor,
) -> tf.Tensor:
    """E[(||grad D(x^)|| - 1)^2] at x^ = eps x + (1 - eps) G(z), eps ~ U[0, 1] per image.

    Args:
        discriminator: (images, labels) -> logits.
        real_images: float (batch, ...).
        fake_images: float (batch, ...), as many.
        labels: the batch's labels, or None.
        draws: eps, float32 (batch, 1).

    Returns:
        float32 scalar, >= 0.

    Source: Gulrajani 2017, equation 3 and Algorithm 1. Departure: 1e-12 under
    the square root, whose derivative at zero is infinite.
    """
    real_images = tf.cast(real_images, tf.float32)
    fake_images = tf.cast(fake_images, tf.float32)
    epsilon = tf.reshape(draws, [-1, *[1] * (real_images.shape.rank - 1)])
    between = fake_images + epsilon * (real_images - fake_images)
    squared = _squared_gradient_norm(discriminator, between, labels)
    return tf.reduce_mean(tf.square(tf.sqrt(squared + 1e-12) - 1.0))


def r1(discriminator, real_images, fake_images, labels, draws) -> tf.Tensor:
    """E[||grad D(x)||^2] / 2 on real images. Args and Returns as `gradient_penalty`.

    Source: Mescheder 2018, equation 9.
    """
    return 0.5 * tf.reduce_mean(_squared_gradient_norm(discriminator, real_images, labels))


def r2(discriminator, real_images, fake_images, labels, draws) -> tf.Tensor:
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


REGULARIZERS: Registry[Callable[..., tf.Tensor]] = Registry(
    "regularizer", {"gradient_penalty": gradient_penalty, "r1": r1, "r2": r2}
)


@dataclasses.dataclass(frozen=True)
class Regularizer(Checked):
    """A regularizer in a game: `weight * every * function` in every `every`-th training step.

    Lazy regularization (Karras 2020, section 3.1) multiplies by `every`, so that
    the mean strength stays the same.

    Raises:
        ConfigError: unknown name, negative weight, `every` below 1.
    """

    name: str
    weight: Weight
    every: Count = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        REGULARIZERS[self.name]

    def __call__(self, iteration, discriminator, real_images, fake_images, labels, draws):
        """Return the weighted regularizer, float32 scalar; 0 in the steps between."""

        def compute():
            function = REGULARIZERS[self.name]
            value = function(discriminator, real_images, fake_images, labels, draws)
            return self.weight * self.every * value

        if self.every == 1:
            return compute()
        return tf.cond(tf.equal(iteration % self.every, 0), compute, lambda: tf.constant(0.0))


def get(regularizers: Mapping[str, Any] | Iterable[Regularizer]) -> tuple[Regularizer, ...]:
    """Return regularizers from `{"r1": {"weight": 0.1, "every": 4}}`, or objects as they are.

    Raises:
        ConfigError: anything else, an option that does not exist, no weight.
    """
    if isinstance(regularizers, Mapping):
        return tuple(_from_options(name, table) for name, table in regularizers.items())
    if isinstance(regularizers, Iterable) and all(isinstance(r, Regularizer) for r in regularizers):
        return tuple(regularizers)
    wrong_type("regularizers", "a table like {'r1': {'weight': 0.1}}", regularizers)


def _from_options(name: str, options: Any) -> Regularizer:
    REGULARIZERS[name]
    build = functools.partial(Regularizer, name)
    return call(build, f"regularizers.{name}", options, f"regularizer {name}")
