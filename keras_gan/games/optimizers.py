"""Optimizers by name: Keras' own, and the 2014 paper's SGD whose momentum rises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_gan.networks import private_keras
from keras_gan.utils.checks import Count, Weight
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.registry import Registry


@keras.saving.register_keras_serializable("keras_gan")
class AnnealedSGD(keras.optimizers.SGD):
    """SGD with a learning rate that decays and a momentum that rises.

    learning_rate_t = learning_rate / learning_rate_divisor^t, and momentum_t goes
    linearly from `momentum` to `final_momentum` (by default the same) over
    `momentum_steps` updates.

    Source: Goodfellow 2014's published configuration (pylearn2 ExponentialDecay
    and MomentumAdjustor). Departure: momentum rises at every update, not at the
    end of every epoch.
    """

    def __init__(
        self,
        learning_rate: Weight = 0.1,
        learning_rate_divisor: Weight = 1.0,
        momentum: Weight = 0.5,
        final_momentum: Weight | None = None,
        momentum_steps: Count = 1,
        **kwargs,
    ):
        positive = {"momentum": momentum, "learning_rate_divisor": learning_rate_divisor}
        for name, value in positive.items():
            if not value > 0:
                raise ValueError(f"`{name}` should be above 0. Received: {value}")
        if not isinstance(learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            learning_rate = keras.optimizers.schedules.ExponentialDecay(
                learning_rate, decay_steps=1, decay_rate=1.0 / learning_rate_divisor
            )
        super().__init__(learning_rate=learning_rate, momentum=momentum, **kwargs)
        self.learning_rate_divisor = learning_rate_divisor
        self.final_momentum = momentum if final_momentum is None else final_momentum
        self.momentum_steps = momentum_steps

    def update_step(self, gradient, variable, learning_rate):
        progress = ops.cast(self.iterations, "float32") / self.momentum_steps
        momentum = self.momentum + (self.final_momentum - self.momentum) * ops.minimum(
            progress, 1.0
        )
        velocity = self.momentums[private_keras.index_of(self, variable)]
        step = ops.cast(momentum, variable.dtype) * velocity - (
            ops.cast(learning_rate, variable.dtype) * ops.cast(gradient, variable.dtype)
        )
        self.assign(velocity, step)
        self.assign_add(variable, step)

    def get_config(self):
        return {
            **super().get_config(),
            "learning_rate_divisor": self.learning_rate_divisor,
            "final_momentum": self.final_momentum,
            "momentum_steps": self.momentum_steps,
        }


OPTIMIZERS: Registry[type[keras.optimizers.Optimizer]] = Registry(
    "optimizer",
    {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "rmsprop": keras.optimizers.RMSprop,
        "sgd": keras.optimizers.SGD,
        "annealed_sgd": AnnealedSGD,
    },
)


SCHEDULES: Registry[type[keras.optimizers.schedules.LearningRateSchedule]] = Registry(
    "learning rate schedule",
    {
        "cosine_decay": keras.optimizers.schedules.CosineDecay,
        "exponential_decay": keras.optimizers.schedules.ExponentialDecay,
        "polynomial_decay": keras.optimizers.schedules.PolynomialDecay,
    },
)


def build(player: str, table: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    """Build one player's optimizer.

    Args:
        player: whose it is, for messages.
        table: `name`, a key of OPTIMIZERS, and the class's arguments; `learning_rate` may be a
            table of a schedule's, its `name` a key of SCHEDULES.

    Raises:
        ConfigError: unknown name or argument, or a value that Keras refuses.
    """
    path = f"optimizer.{player}"
    table, schedule = dict(table), None
    if isinstance(table.get("learning_rate"), Mapping):
        schedule = SCHEDULES.build(f"{path}.learning_rate", table.pop("learning_rate"))
    optimizer = OPTIMIZERS.build(path, table, default="adam")
    if schedule is not None:
        optimizer.learning_rate = schedule
    _refuse_average(optimizer, f"{path}.use_ema")
    return optimizer


def _refuse_average(optimizer: keras.optimizers.Optimizer, path: str) -> None:
    """Raise ConfigError for `use_ema`, which Keras applies to a model's only optimizer."""
    if getattr(optimizer, "inner_optimizer", optimizer).use_ema:
        raise ConfigError(
            f"`{path}` should be false: nothing would use that average. game.ema_decay "
            "(GAN's `ema_decay`) keeps an averaged generator, buffers included."
        )


def for_networks(optimizer, *networks: keras.Model) -> keras.optimizers.Optimizer:
    """Return a built optimizer for all `networks`, loss-scaled where one computes in float16.

    Built before any trace: a loss scale read earlier would be a constant of the graph.
    """
    optimizer = keras.optimizers.get(optimizer)
    _refuse_average(optimizer, "use_ema")
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if any(map(_computes_in_float16, networks)) and not scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build([v for network in networks for v in network.trainable_variables])
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        # GAN gives it means over the replicas, which clipping and loss scaling need: Keras'
        # own sum over the replicas would be a second exchange, and too large.
        private_keras.without_sum_over_replicas(optimizer)
    return optimizer


def _computes_in_float16(network: keras.Model) -> bool:
    return any(layer.compute_dtype == "float16" for layer in private_keras.all_layers(network))


def gradient_norm(gradients, optimizer) -> tf.Tensor:
    """Global norm of unscaled gradients; 0 in a step that the loss scale will skip.

    Also 0 for a network that has nothing to train.
    """
    gradients = [tf.convert_to_tensor(g) for g in gradients if g is not None]
    if not gradients:
        return tf.constant(0.0)
    norm = tf.linalg.global_norm([tf.cast(g, tf.float32) for g in gradients])
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return norm
    norm /= optimizer.scale_loss(tf.constant(1.0))
    return tf.where(tf.math.is_finite(norm), norm, 0.0)
