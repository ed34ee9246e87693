"""The adversarial game of Goodfellow 2014: `GAN.train_step` is Algorithm 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import keras
import tensorflow as tf

from keras_gan.games import augmentation, batches, latents, losses, players, reports
from keras_gan.games import regularizers as regularizers_module
from keras_gan.games.base import AdversarialModel, Terms
from keras_gan.games.discriminator_inputs import DiscriminatorInputs
from keras_gan.games.step import Forward, TrainStep
from keras_gan.networks.layers import activations_kept
from keras_gan.utils.errors import ConfigError


@keras.saving.register_keras_serializable("keras_gan")
class GAN(AdversarialModel):
    """Generator and discriminator, and the training step of both.

    Args:
        generator: `latent` (batch, latent_dim) (, `labels`: int (batch,) or float (batch,
            condition_dim)) -> images.
        discriminator: `images` (, `labels`) -> logits, or a dict of `logits` and what
            auxiliary losses need: `class_logits` (batch, classes), `features` (batch, ...).
        encoder: of a subclass whose generator's player trains one (`bigan.BiGAN`).
        latent_distribution: a name of `latents.DISTRIBUTIONS`, all of unit variance.
        discriminator_steps: updates of D in a training step, the paper's k; each has
            fresh real images and fresh latents.
        updates: `alternating`, or `simultaneous`: G's gradient is taken before
            the step's last update of D is made.
        packing: how many images D has at once (PacGAN); D's input has that many
            times the channels.
        instance_noise: stddev of Gaussian noise on all of D's inputs (Sonderby 2017).
        instance_noise_steps: training steps over which that stddev falls linearly to 0.
        flip: mirror half of the real images, left to right.
        augment: names of `augmentation.POLICIES`, by which all of D's images are changed
            at random (DiffAugment, Zhao 2020).
        accumulate: parts into which a minibatch is cut, one after the other, to need
            less memory; their gradients are averaged and make one update.
        ema_decay: of the moving average of G's weights and buffers; 0 for none.
        discriminator_ema_decay: the same of D, for the classes that it predicts.
        seed: of latents, noise, augmentation and dropout, which are functions of
            (seed, iteration, stream, use) alone.

    Calling the model turns latents (or a dict of `latent` and `labels`) into
    images with the averaged generator. `fit` takes images, float in [-1, 1] or
    uint8, or (images, labels); a batch holds discriminator_steps * m images.

    Raises:
        ConfigError: settings that do not fit the networks.

    Source: Goodfellow 2014, Algorithm 1; Mirza and Osindero 2014 for labels.
    """

    #: The arguments beside the networks, as a saved model keeps them.
    settings: ClassVar[tuple[str, ...]] = (
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
    #: Whether D predicts classes.
    has_classifier = False
    #: A game without an encoder has none to ask for; `bigan.BiGAN` has one.
    encoder: keras.Model | None = None
    encoder_ema: keras.Model | None = None

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
        players.check_settings(
            ema_decay=ema_decay,
            discriminator_ema_decay=discriminator_ema_decay,
            updates=updates,
            discriminator_steps=discriminator_steps,
            packing=packing,
            instance_noise=instance_noise,
            instance_noise_steps=instance_noise_steps,
            accumulate=accumulate,
        )
        latents.check_distribution(latent_distribution)
        if encoder is not None and "encoder" not in self.players["generator"]:
            raise ConfigError("A GAN has no encoder: make a BiGAN.")
        players.check_networks(generator, discriminator, packing, encoder)
        augmentation.check(flip, augment, generator.output_shape[1:])
        networks = {"generator": generator, "discriminator": discriminator}
        decays = {"generator": ema_decay, "discriminator": discriminator_ema_decay}
        if encoder is not None:
            networks["encoder"], decays["encoder"] = encoder, ema_decay
        super().__init__(
            networks, ema_decays=decays, accumulation_steps=accumulate, seed=seed, name=name
        )
        self.latent_distribution = latent_distribution
        self.discriminator_steps = discriminator_steps
        self.updates = updates
        self.packing = packing
        self.instance_noise = instance_noise
        self.instance_noise_steps = instance_noise_steps
        self.flip = flip
        self.augment = tuple(augment)
        self.accumulate = accumulate
        self.ema_decay = ema_decay
        self.discriminator_ema_decay = discriminator_ema_decay
        self.inputs_of_discriminator = DiscriminatorInputs(
            packing, instance_noise, instance_noise_steps, self.augment
        )
        inputs = players.named_inputs(generator)
        self.latent_dim = inputs["latent"].shape[-1]
        self.conditional = "labels" in inputs
        self.shows_labels = "labels" in players.named_inputs(discriminator)
        self._has_batch_statistics = players.has_batch_statistics(discriminator)
        # Builds the model: Keras saves no weights of one that was never called.
        self({n: keras.ops.zeros((1, *t.shape[1:]), t.dtype) for n, t in inputs.items()})

    @property
    def condition_dim(self) -> int | None:
        """The size of labels that are vectors; None where they are ids or there are none."""
        labels = players.named_inputs(self.generator).get("labels")
        return labels.shape[-1] if labels is not None and len(labels.shape) == 2 else None

    @property
    def uses_labels(self) -> bool:
        """Whether a batch has to be (images, labels)."""
        return self.conditional

    def call(self, inputs, training=False):
        if not isinstance(inputs, Mapping):
            inputs = {"latent": inputs}
        if self.conditional and "labels" not in inputs:
            raise ConfigError("This GAN is conditional: call it with `latent` and `labels`.")
        return self.averaged("generator")(inputs, training=False)

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | str = "adam",
        discriminator_optimizer: keras.optimizers.Optimizer | str = "adam",
        objective: losses.Objective | str = "non_saturating",
        penalties: Mapping[str, Mapping] | Iterable[regularizers_module.Penalty] = (),
        jit_compile: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        """Set the losses and both optimizers.

        Args:
            generator_optimizer, discriminator_optimizer: Keras optimizers or
                names. Under `mixed_float16` each is given a loss scale of its own.
            objective: an adversarial loss or its name in `losses.OBJECTIVES`.
            penalties: `{"r1": {"weight": 0.1, "every": 4}}`, or `Penalty` objects.
            jit_compile: XLA for plain Keras `fit`: True, False or `auto`.
            **kwargs: Keras' `run_eagerly` and `steps_per_execution`.
        """
        self.objective = losses.get(objective)
        self.penalties = regularizers_module.get(penalties)
        if self.conditional and not self.shows_labels and not self.has_classifier:
            raise ConfigError(
                "G takes labels that D does not see: make an ACGAN, whose D has a classifier."
            )
        given = {"generator": generator_optimizer, "discriminator": discriminator_optimizer}
        self.compile_players(given, jit_compile=jit_compile, **kwargs)

    def get_config(self):
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            **{name: getattr(self, name) for name in self.settings},
        }

    @classmethod
    def from_config(cls, config):
        for role in ("generator", "discriminator", "encoder"):
            if role in config:
                config[role] = keras.saving.deserialize_keras_object(config[role])
        return cls(**config)

    @property
    def log_names(self) -> list[str]:
        """The names of the compiled game's logs; none before `compile`."""
        if getattr(self, "objective", None) is None:
            return []
        return reports.names(self.objective, self.penalties, self.loss_names)

    @property
    def loss_names(self) -> list[str]:
        """The names of what the players minimise, but for regularizers."""
        return ["adversarial/discriminator", "adversarial/generator"]

    # ---------------------------------------------------------------- Algorithm 1

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Make k updates of the discriminator, then one of the generator.

        Args:
            data: images (k * m, ...) or (images, labels), float32 in [-1, 1] or uint8.

        Returns:
            The means of the logs since they were last reset, float32 scalars.

        Source: Goodfellow 2014, Algorithm 1. Departure: by default G ascends
        log D(G(z)) with Adam, as the paper's section 3 and practice advise.
        """
        step = TrainStep(self)
        *earlier, last = self.minibatches(step, data)
        for minibatch in earlier:  # for k steps do
            step.update("discriminator", self.discriminator_terms, self.drawn(step, minibatch))
        drawn = self.drawn(step, last)
        discriminator = step.gradients("discriminator", self.discriminator_terms, drawn)
        if self.updates == "alternating":
            step.apply(discriminator)
        drawn = self.drawn(step, last)
        generator = step.gradients("generator", self.generator_terms, drawn)
        if self.updates == "simultaneous":
            step.apply(discriminator)
        step.apply(generator)
        step.log(reports.of_logits(self.objective, *discriminator.rows))
        return step.finish()

    def discriminator_terms(self, forward: Forward, batch: Mapping[str, Any]) -> Terms:
        """Return D's losses on real and generated images; rows are the logits of both."""
        fake = self.fake_inputs(forward, batch, detached=True)
        real = self.real_inputs(forward, batch, detached=True)
        # Regularizers first, before D's state moves: they are those of the same D.
        regularizers = self.regularization(forward, real, fake, batch)
        real, fake = self.discriminate_both(forward, real, fake, batch)
        losses = self.discriminator_losses(real, fake, batch)
        value = {}
        if self.objective.value_name:
            value[self.objective.value_name] = -losses["adversarial/discriminator"]
        logits = real["logits"], fake["logits"]
        return Terms({**losses, **regularizers}, logits, value)

    def generator_terms(self, forward: Forward, batch: Mapping[str, Any]) -> Terms:
        """Return G's losses through D; real and generated images have the same D."""
        labels = batch["labels"]
        fake = self.fake_inputs(forward, batch)
        fake = self.discriminate(forward, fake, labels, batch["fake"])
        real = None
        if self.compares:
            real = self.real_inputs(forward, batch)
            real = self.discriminate(forward, real, labels, batch["real"])
        return Terms(self.generator_losses(real, fake, batch))

    def discriminator_losses(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> dict:
        """Return what D minimises on its outputs of real and generated images, by name."""
        loss = self.objective.discriminator_loss(real["logits"], fake["logits"])
        return {"adversarial/discriminator": loss}

    def generator_losses(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> dict:
        """Return what G minimises; `real` is None where no loss `compares`."""
        real_logits = None if real is None else real["logits"]
        loss = self.objective.generator_loss(real_logits, fake["logits"])
        return {"adversarial/generator": loss}

    @property
    def compares(self) -> bool:
        """Whether the generator's losses need D's outputs of real images."""
        return self.objective.uses_real_logits

    # ---------------------------------------------------------------- what is drawn

    def minibatches(self, step: TrainStep, data: Any) -> list[tuple[tf.Tensor, Any]]:
        """Split a batch of k * m images into k minibatches [(images, labels), ...]."""
        found = batches.minibatches(
            data,
            self.discriminator_steps,
            self.packing * self.accumulate,
            self.generator.output_shape[1:],
            self.uses_labels,
            self.condition_dim,
        )
        return [(self.flipped(step, images), labels) for images, labels in found]

    def drawn(self, step: TrainStep, minibatch: tuple[tf.Tensor, Any]) -> dict[str, Any]:
        """Return a minibatch with all that is drawn for its rows in one update."""
        images, labels = minibatch
        rows, shape = batches.rows_of(images), images.shape[1:]
        return {
            "images": images,
            "labels": labels,
            "latent": self.latent(step, rows),
            "real": self.inputs_of_discriminator.draw(step, rows, shape),
            "fake": self.inputs_of_discriminator.draw(step, rows, shape),
        }

    def latent(self, step: TrainStep, rows: Any) -> tf.Tensor:
        """Draw z for each row, float32 (rows, latent_dim)."""

        def sample(count, seed):
            return latents.sample(self.latent_distribution, (count, self.latent_dim), seed)

        return step.draw("latent", sample, rows)

    def flipped(self, step: TrainStep, images: tf.Tensor) -> tf.Tensor:
        """Mirror half of the real images, where that is asked for."""
        if not self.flip:
            return images
        return augmentation.flipped(images, step.uniform("flip", batches.rows_of(images), 1))

    # ---------------------------------------------------------------- forward passes

    def generate(self, forward: Forward, batch: Mapping[str, Any], detached: bool = False):
        """Return G(z) or G(z | y)."""
        inputs = {"latent": batch["latent"]}
        if self.conditional:
            inputs["labels"] = batch["labels"]
        return forward(self.generator, inputs, detached=detached)

    def real_inputs(self, forward: Forward, batch: Mapping[str, Any], detached: bool = False):
        """Return what D has of real images: packs with noise."""
        return self.inputs_of_discriminator(batch["images"], batch["real"])

    def fake_inputs(self, forward: Forward, batch: Mapping[str, Any], detached: bool = False):
        """Return what D has of generated images."""
        images = self.generate(forward, batch, detached)
        return self.inputs_of_discriminator(images, batch["fake"])

    def discriminate_both(
        self, forward: Forward, real: tf.Tensor, fake: tf.Tensor, batch: Mapping[str, Any]
    ) -> tuple[dict, dict]:
        """Return D's outputs of real and of generated images.

        One call makes one larger matrix product of two smaller ones. Batch norm
        would then mix real and generated statistics, so such a D is called twice.
        """
        labels = batch["labels"]
        if self._has_batch_statistics:
            outputs = self.discriminate(forward, real, labels, batch["real"])
            return outputs, self.discriminate(forward, fake, labels, batch["fake"])
        both = tf.concat([real, fake], axis=0)
        twice = tf.concat([labels, labels], axis=0) if self.shows_labels else None
        draws = batches.joined(batch["real"], batch["fake"])
        outputs = self.discriminate(forward, both, twice, draws)
        return batches.cut(outputs, batches.rows_of(real))

    def discriminate(self, forward, images, labels, draws, **how):
        """Return D(T(x)) as a dict; everything that D is used for has augmented images."""
        inputs = {"images": self.inputs_of_discriminator.augmented(images, draws)}
        if self.shows_labels:
            inputs["labels"] = labels
        return players.named_outputs(forward(self.discriminator, inputs, **how))

    def regularization(self, forward, real, fake, batch) -> dict[str, tf.Tensor]:
        """Return the weighted regularizers by name; D's blocks keep their activations."""
        draws = batch["real"]

        def discriminator(images, labels):
            outputs = self.discriminate(forward, images, labels, draws, update_state=False)
            return outputs["logits"]

        with activations_kept():
            return {
                f"penalty/{penalty.name}": penalty(
                    self.iteration, discriminator, real, fake, batch["labels"], forward.seed()
                )
                for penalty in self.penalties
            }
