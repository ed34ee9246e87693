"""The game as a Keras model: two networks, their settings, and what is kept of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from keras_gan.games import (
    augmentation,
    ema,
    latents,
    losses,
    optimizers,
    players,
    reports,
)
from keras_gan.games import auxiliary as auxiliary_module
from keras_gan.games import regularizers as penalties_module
from keras_gan.utils.errors import ConfigError

#: The arguments of GAN beside its networks, as a saved model keeps them.
_SETTINGS = (
    "latent_distribution",
    "discriminator_steps",
    "updates",
    "packing",
    "instance_noise",
    "instance_noise_steps",
    "flip",
    "augment",
    "accumulate",
    "ema_decay",
    "discriminator_ema_decay",
    "seed",
    "name",
)


class Game(keras.Model):
    """Who plays what: networks and their averages, the objective, both optimizers, metrics.

    Args and Raises as `gan.GAN`, whose `train_step` is a round of it.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        encoder: keras.Model | None = None,
        latent_distribution: str = "normal",
        discriminator_steps: int = 1,
        updates: Literal["alternating", "simultaneous"] = "alternating",
        packing: int = 1,
        instance_noise: float = 0.0,
        instance_noise_steps: int | None = None,
        flip: bool = False,
        augment: Sequence[str] = (),
        accumulate: int = 1,
        ema_decay: float = 0.999,
        discriminator_ema_decay: float = 0.0,
        seed: int = 0,
        name: str = "gan",
    ):
        super().__init__(name=name, dtype="float32")
        self.latent_distribution = latents.check_distribution(latent_distribution)
        self.discriminator_steps = discriminator_steps
        self.updates = updates
        self.packing = packing
        self.instance_noise = instance_noise
        self.instance_noise_steps = instance_noise_steps
        self.flip = flip
        self.accumulate = accumulate
        self.ema_decay = ema_decay
        self.discriminator_ema_decay = discriminator_ema_decay
        self.seed = seed
        self._check_settings()
        players.check_networks(generator, discriminator, packing, encoder)
        if encoder is not None and augment:
            raise ConfigError("`augment` is for images, but with an encoder D sees pairs.")
        augmentation.check(flip, augment, generator.output_shape[1:])
        self.augment = tuple(augment)
        self.generator = generator
        self.discriminator = discriminator
        self.encoder = encoder
        self.generator_ema = ema.copy_of(generator) if ema_decay else None
        self.encoder_ema = ema.copy_of(encoder) if ema_decay and encoder is not None else None
        self.discriminator_ema = None
        if discriminator_ema_decay:
            self.discriminator_ema = ema.copy_of(discriminator)
        inputs = players.named_inputs(generator)
        self.latent_dim = inputs["latent"].shape[-1]
        self.conditional = "labels" in inputs
        self.shows_labels = "labels" in players.named_inputs(discriminator)
        self.auxiliary: tuple[auxiliary_module.Auxiliary, ...] = ()
        self._known: tuple[tf.Tensor, tf.Tensor] | None = None
        self.iteration = self.add_weight(
            name="iteration", shape=(), dtype="int64", initializer="zeros", trainable=False
        )
        self._has_batch_statistics = any(
            isinstance(layer, keras.layers.BatchNormalization)
            for layer in discriminator._flatten_layers()
        )
        self._means: dict[str, keras.metrics.Mean] = {}
        self._rounds_program = None
        #: Whether XLA compiles each update's gradients by themselves (see `engine`).
        self.jit_gradients = False
        # Builds the model: Keras saves no weights of one that was never called.
        made = self({n: keras.ops.zeros((1, *t.shape[1:]), t.dtype) for n, t in inputs.items()})
        if encoder is not None:
            self.inverter({"images": made})

    # Keras saves each network under the first public name that leads to it, in the alphabet's
    # order: these three come after those of the networks themselves.

    @property
    def sampler(self) -> keras.Model:
        """The generator to draw samples with: the averaged one where there is one."""
        return self.generator if self.generator_ema is None else self.generator_ema

    @property
    def inverter(self) -> keras.Model | None:
        """The encoder to find latents with: the averaged one where there is one."""
        return self.encoder if self.encoder_ema is None else self.encoder_ema

    @property
    def recogniser(self) -> keras.Model:
        """The discriminator to ask for classes: the averaged one where there is one."""
        return self.discriminator if self.discriminator_ema is None else self.discriminator_ema

    @property
    def condition_dim(self) -> int | None:
        """The size of labels that are vectors; None where they are ids or there are none."""
        labels = players.named_inputs(self.generator).get("labels")
        return labels.shape[-1] if labels is not None and len(labels.shape) == 2 else None

    @property
    def uses_labels(self) -> bool:
        """Whether a batch has to be (images, labels)."""
        return self.conditional or (self.tells_classes and self._known is None)

    @property
    def tells_classes(self) -> bool:
        """Whether the compiled game has an auxiliary classifier."""
        return any(loss.needs == "class_logits" for loss in self.auxiliary)

    @property
    def _makers(self) -> list[keras.Model]:
        """What is trained against D."""
        return [self.generator] if self.encoder is None else [self.generator, self.encoder]

    @property
    def _followed(self) -> list[tuple[keras.Model, keras.Model, float]]:
        """(average, network, decay) of all networks that are averaged."""
        followed = (
            (self.generator_ema, self.generator, self.ema_decay),
            (self.encoder_ema, self.encoder, self.ema_decay),
            (self.discriminator_ema, self.discriminator, self.discriminator_ema_decay),
        )
        return [f for f in followed if f[0] is not None]

    @property
    def moving_state(self) -> list[keras.Variable]:
        """What moves without a gradient: moving statistics, the u of spectral norm."""
        averaged = [average for average, _, _ in self._followed]
        networks = (*self._makers, self.discriminator, *averaged)
        return [v for network in networks for v in network.non_trainable_weights]

    def know(self, images, labels) -> None:
        """Gives D labelled images for its auxiliary classifier, of which it sees some each time.

        A minibatch has as many of them, drawn with replacement, beside its other images,
        which need no labels then.

        Args:
            images: (n, *sample_shape), float in [-1, 1] or uint8.
            labels: int (n,), of the classes of D's `class_logits`.

        Raises:
            ConfigError: images or labels of another form, or a G that takes labels.
        """
        if self.conditional:
            raise ConfigError("Where G takes labels, every image of a batch needs its own.")
        players.check_known(self.discriminator, self.generator.output_shape[1:], images, labels)
        self._known = tf.constant(images), tf.constant(labels, tf.int32)

    def call(self, inputs, training=False):
        if not isinstance(inputs, Mapping):
            inputs = {"latent": inputs}
        if self.conditional and "labels" not in inputs:
            raise ConfigError("This GAN is conditional: call it with `latent` and `labels`.")
        return self.sampler(inputs, training=False)

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | str = "adam",
        discriminator_optimizer: keras.optimizers.Optimizer | str = "adam",
        objective: losses.Objective | str = "non_saturating",
        penalties: Mapping[str, Mapping] | Iterable[penalties_module.Penalty] = (),
        auxiliary: Mapping[str, Mapping] | Iterable[auxiliary_module.Auxiliary] = (),
        jit_compile: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        """Sets the game and both optimizers.

        Args:
            generator_optimizer, discriminator_optimizer: Keras optimizers or
                names. Under `mixed_float16` each is given a loss scale of its own.
            objective: a game or its name in `losses.OBJECTIVES`.
            penalties: `{"r1": {"weight": 0.1, "every": 4}}`, or `Penalty` objects.
            auxiliary: `{"classifier": {"weight": 1.0}}`, or `Auxiliary` objects.
            jit_compile: XLA for plain Keras `fit`: True, False or `auto`.
            **kwargs: Keras' `run_eagerly` and `steps_per_execution`.
        """
        super().compile(optimizer=None, jit_compile=jit_compile, **kwargs)
        self.objective = losses.get(objective)
        self.penalties = penalties_module.get(penalties)
        self.auxiliary = auxiliary_module.get(auxiliary)
        if self.encoder is not None and self.auxiliary:
            raise ConfigError(
                "`auxiliary` losses are for images, but with an encoder D sees pairs."
            )
        players.check_outputs(
            self.discriminator, self.auxiliary, self.conditional and not self.shows_labels
        )
        if generator_optimizer is discriminator_optimizer and not isinstance(
            generator_optimizer, str
        ):
            raise ConfigError("Each player should have an optimizer of its own.")
        self.generator_optimizer = optimizers.for_networks(generator_optimizer, *self._makers)
        self.discriminator_optimizer = optimizers.for_networks(
            discriminator_optimizer, self.discriminator
        )
        for name in self._metric_names():
            self._means.setdefault(name, keras.metrics.Mean(name=name))
        self._rounds_program = None

    def get_config(self):
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            **{name: getattr(self, name) for name in _SETTINGS},
        }

    @classmethod
    def from_config(cls, config):
        for role in ("generator", "discriminator", "encoder"):
            config[role] = keras.saving.deserialize_keras_object(config.get(role))
        return cls(**config)

    # ---------------------------------------------------------------- what is logged

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self._means[name] for name in self._metric_names()]

    def _metric_names(self) -> list[str]:
        """The names of what the compiled game logs; none before `compile`."""
        if getattr(self, "objective", None) is None:
            return []
        return reports.names(self.objective, self.penalties, self.auxiliary)

    def _measure(self, values):
        for mean in self.metrics:
            mean.update_state(values[mean.name])
        return self.get_metrics_result()

    # ---------------------------------------------------------------- the program

    def make_train_function(self, force: bool = False):
        """Keras' hook: one call is one step, or many rounds where a program is set."""
        if self._rounds_program is None:
            return super().make_train_function(force)
        self.train_function = self._rounds_program
        return self.train_function

    @property
    def program(self):
        """What `use_program` was given, or None."""
        return self._rounds_program

    def use_program(self, program) -> None:
        """Makes `fit` run `program(iterator) -> logs` (see `keras_gan.engine.programs`)."""
        self._rounds_program = program
        self.train_function = None
        # It divides the work itself: Keras' `fit` must not cut up its blocks of row numbers.
        self._distribute_strategy = None

    def _get_metrics_result_or_logs(self, logs):
        """Keras' hook for an epoch's end: a program's logs are whole, its metrics on devices."""
        if self._rounds_program is None:
            return super()._get_metrics_result_or_logs(logs)
        return logs

    def _check_settings(self):
        for name in ("ema_decay", "discriminator_ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"`{name}` should lie in [0, 1). Received: {getattr(self, name)}."
                )
        if self.updates not in ("alternating", "simultaneous"):
            raise ConfigError(
                f"`updates` should be alternating or simultaneous. Received: {self.updates!r}."
            )
        for name in ("discriminator_steps", "packing", "instance_noise_steps", "accumulate"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"`{name}` should be at least 1. Received: {value}.")
        if not 0 <= self.instance_noise < float("inf"):
            raise ConfigError(
                "`instance_noise` should be a standard deviation, a finite number >= 0. "
                f"Received: {self.instance_noise}."
            )
