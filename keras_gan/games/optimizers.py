"""Optimizers by name: Keras' own, and the 2014 paper's SGD whose momentum rises."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_gan.utils.checks import check_value
from keras_gan.utils.errors import ConfigError, suggestion


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
        learning_rate: float = 0.1,
        learning_rate_divisor: float = 1.0,
        momentum: float = 0.5,
        final_momentum: float | None = None,
        momentum_steps: int = 1,
        **kwargs,
    ):
        if not isinstance(learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            learning_rate = keras.optimizers.schedules.ExponentialDecay(
                learning_rate, decay_steps=1, decay_rate=1.0 / learning_rate_divisor
            )
        if not momentum > 0:
            raise ValueError(f"`momentum` should be above 0. Received: {momentum}")
        super().__init__(learning_rate=learning_rate, momentum=momentum, **kwargs)
        self.learning_rate_divisor = learning_rate_divisor
        self.final_momentum = momentum if final_momentum is None else final_momentum
        self.momentum_steps = momentum_steps

    def update_step(self, gradient, variable, learning_rate):
        progress = ops.cast(self.iterations, "float32") / self.momentum_steps
        momentum = self.momentum + (self.final_momentum - self.momentum) * ops.minimum(
            progress, 1.0
        )
        velocity = self.momentums[self._get_variable_index(variable)]
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


OPTIMIZERS: dict[str, type[keras.optimizers.Optimizer]] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
    "annealed_sgd": AnnealedSGD,
}


SCHEDULES: dict[str, type[keras.optimizers.schedules.LearningRateSchedule]] = {
    "cosine_decay": keras.optimizers.schedules.CosineDecay,
    "exponential_decay": keras.optimizers.schedules.ExponentialDecay,
    "polynomial_decay": keras.optimizers.schedules.PolynomialDecay,
}


def build(role: str, options: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    """Builds one player's optimizer.

    Args:
        role: `generator` or `discriminator`, for error messages.
        options: `name`, a key of OPTIMIZERS, and the class's arguments;
            `learning_rate` may be a table of a schedule's, its `name` a key of SCHEDULES.

    Raises:
        ConfigError: unknown name or argument, or a value that Keras refuses.
    """
    options = dict(options)
    name = options.pop("name", "adam")
    if name not in OPTIMIZERS:
        raise ConfigError(
            f"`optimizer.{role}.name`: there is no optimizer `{name}`."
            f"{suggestion(name, OPTIMIZERS)}"
        )
    if isinstance(options.get("learning_rate"), Mapping):
        options["learning_rate"] = _schedule(role, options["learning_rate"])
    optimizer = _made(OPTIMIZERS[name], name, f"optimizer.{role}", options)
    _refuse_average(optimizer, f"optimizer.{role}.use_ema")
    return optimizer


def _refuse_average(optimizer: keras.optimizers.Optimizer, path: str) -> None:
    """Keras swaps an optimizer's average in at the end of `fit`, for a model's only one."""
    if getattr(optimizer, "inner_optimizer", optimizer).use_ema:
        raise ConfigError(
            f"`{path}` should be false: nothing would use that average. training.ema_decay "
            "(GAN's `ema_decay`) keeps an averaged generator, buffers included."
        )


def _schedule(role: str, options: Mapping[str, Any]):
    options = dict(options)
    path, name = f"optimizer.{role}.learning_rate", options.pop("name", None)
    if name not in SCHEDULES:
        raise ConfigError(
            f"`{path}.name`: there is no schedule `{name}`.{suggestion(str(name), SCHEDULES)}"
        )
    return _made(SCHEDULES[name], name, path, options)


def _made(kind: type, name: str, path: str, options: dict[str, Any]) -> Any:
    """Calls Keras' class with options that its signature has, or raises ConfigError."""
    known = {k: p for k, p in inspect.signature(kind).parameters.items() if k != "kwargs"}
    for key, value in options.items():
        if key not in known:
            raise ConfigError(f"`{path}.{key}`: {name} has no such option.{suggestion(key, known)}")
        if not isinstance(value, keras.optimizers.schedules.LearningRateSchedule):
            options[key] = _number(f"{path}.{key}", value, known[key].default)
    try:
        return kind(**options)
    except (TypeError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ConfigError(f"`{path}`: {reason}.") from error


def for_networks(optimizer, *networks: keras.Model) -> keras.optimizers.Optimizer:
    """Returns a built optimizer for all `networks`, loss-scaled where one computes in float16.

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
        getattr(optimizer, "inner_optimizer", optimizer)._all_reduce_sum_gradients = list
    return optimizer


def _computes_in_float16(network: keras.Model) -> bool:
    return any(layer.compute_dtype == "float16" for layer in network._flatten_layers())


def gradient_norm(gradients, optimizer) -> tf.Tensor:
    """Global norm of unscaled gradients; 0 in a round that the loss scale will skip.

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


def _number(path: str, value: Any, default: Any) -> Any:
    numeric = default in (None, inspect.Parameter.empty) or isinstance(default, float)
    wanted = float if numeric else type(default)
    if wanted is str or value is None:
        return value
    value = check_value(path, value, wanted)
    if isinstance(value, float) and not 0 <= value < float("inf"):
        raise ConfigError(f"`{path}` should be a finite number >= 0. Received: {value}.")
    return value
