"""The adversarial game of Goodfellow 2014: `GAN.train_step` is Algorithm 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from keras_gan.games import augmentation, batches, latents, losses, players, reports
from keras_gan.games import auxiliary as auxiliary_module
from keras_gan.games import regularizers as regularizers_module
from keras_gan.games.base import AdversarialModel, Terms
from keras_gan.games.discriminator_inputs import DiscriminatorInputs
from keras_gan.games.step import Forward, TrainStep
from keras_gan.networks.layers import activations_kept
from keras_gan.utils import random
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.pixels import as_float

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
        self.auxiliary: tuple[auxiliary_module.Auxiliary, ...] = ()
        self._labeled: tuple[tf.Tensor, tf.Tensor] | None = None
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
        return self.conditional or (self.has_classifier and self._labeled is None)

    @property
    def has_classifier(self) -> bool:
        """Whether the compiled game has an auxiliary classifier."""
        return any(loss.needs == "class_logits" for loss in self.auxiliary)

    def set_labeled_images(self, images, labels) -> None:
        """Give D labeled images for its auxiliary classifier, some of which join each minibatch.

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
        shape = self.generator.output_shape[1:]
        players.check_labeled(self.discriminator, shape, images, labels)
        self._labeled = tf.constant(images), tf.constant(labels, tf.int32)

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
        auxiliary: Mapping[str, Mapping] | Iterable[auxiliary_module.Auxiliary] = (),
        jit_compile: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        """Set the losses and both optimizers.

        Args:
            generator_optimizer, discriminator_optimizer: Keras optimizers or
                names. Under `mixed_float16` each is given a loss scale of its own.
            objective: an adversarial loss or its name in `losses.OBJECTIVES`.
            penalties: `{"r1": {"weight": 0.1, "every": 4}}`, or `Penalty` objects.
            auxiliary: `{"classifier": {"weight": 1.0}}`, or `Auxiliary` objects.
            jit_compile: XLA for plain Keras `fit`: True, False or `auto`.
            **kwargs: Keras' `run_eagerly` and `steps_per_execution`.
        """
        self.objective = losses.get(objective)
        self.penalties = regularizers_module.get(penalties)
        self.auxiliary = auxiliary_module.get(auxiliary)
        players.check_outputs(
            self.discriminator, self.auxiliary, self.conditional and not self.shows_labels
        )
        given = {"generator": generator_optimizer, "discriminator": discriminator_optimizer}
        self.compile_players(given, jit_compile=jit_compile, **kwargs)

    def get_config(self):
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            **{name: getattr(self, name) for name in _SETTINGS},
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
        return reports.names(self.objective, self.penalties, self.auxiliary)

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
        inputs = self.inputs_of_discriminator
        labels, labeled = batch["labels"], batch["labeled"]
        fake = self.fake_inputs(forward, batch, detached=True)
        real = self.real_inputs(forward, batch, detached=True)
        # Regularizers first, before D's state moves: they are those of the same D.
        added = self.regularization(forward, real, fake, batch)
        more = None
        if labeled is not None:
            more = inputs(labeled["images"], labeled["draws"]), labeled["draws"]
        real, fake, known = self.discriminate_all(forward, real, fake, batch, more)
        classes = (real, labels) if known is None else (known, labeled["labels"])
        targets = labels if self.conditional else None
        added |= auxiliary_module.discriminator_losses(self.auxiliary, *classes, fake, targets)
        logits = real["logits"], fake["logits"]
        loss = self.objective.discriminator_loss(*logits)
        value = {self.objective.value_name: -loss} if self.objective.value_name else {}
        return Terms({"adversarial/discriminator": loss, **added}, logits, value)

    def generator_terms(self, forward: Forward, batch: Mapping[str, Any]) -> Terms:
        """Return G's losses through D; real and generated images have the same D."""
        labels = batch["labels"]
        fake = self.fake_inputs(forward, batch)
        fake = self.discriminate(forward, fake, labels, batch["fake"])
        real = None
        if self.compares:
            real = self.real_inputs(forward, batch)
            real = self.discriminate(forward, real, labels, batch["real"])
        targets = labels if self.conditional else None
        found = auxiliary_module.generator_losses(self.auxiliary, real, fake, targets)
        if not any(loss.alone for loss in self.auxiliary):
            found["adversarial/generator"] = self.adversarial_of_generator(real, fake)
        return Terms(found)

    def adversarial_of_generator(self, real: Any, fake: Any) -> tf.Tensor:
        """Return G's adversarial loss from D's outputs."""
        real_logits = None if real is None else real["logits"]
        return self.objective.generator_loss(real_logits, fake["logits"])

    @property
    def compares(self) -> bool:
        """Whether the generator's losses need D's outputs of real images."""
        return self.objective.uses_real_logits or any(a.uses_real for a in self.auxiliary)

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
        labeled = None
        if self._labeled is not None:
            labeled = self.labeled_rows(step, rows)
        return {
            "images": images,
            "labels": labels,
            "latent": self.latent(step, rows),
            "real": self.inputs_of_discriminator.draw(step, rows, shape),
            "fake": self.inputs_of_discriminator.draw(step, rows, shape),
            "labeled": labeled,
        }

    def latent(self, step: TrainStep, rows: Any) -> tf.Tensor:
        """Draw z for each row, float32 (rows, latent_dim)."""

        def sample(count, seed):
            return latents.sample(self.latent_distribution, (count, self.latent_dim), seed)

        return step.draw("latent", sample, rows)

    def labeled_rows(self, step: TrainStep, rows: Any) -> dict[str, Any]:
        """Draw labeled images with replacement, and what D's inputs of them need."""
        images, labels = self._labeled

        def sample(count, seed):
            return random.uniform([count], seed, maxval=len(images), dtype=tf.int32)

        chosen = step.draw("labeled", sample, rows)
        drawn = self.flipped(step, as_float(tf.gather(images, chosen)))
        draws = self.inputs_of_discriminator.draw(step, rows, drawn.shape[1:])
        return {"images": drawn, "labels": tf.gather(labels, chosen), "draws": draws}

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

    def discriminate_all(self, forward, real, fake, batch, labeled=None):
        """Return D's outputs of real, generated and labeled images, the latter None if not given.

        One call makes one larger matrix product of two smaller ones. Batch norm
        would then mix real and generated statistics, so such a D is called twice.
        """
        rows, draws, labels = batches.rows_of(real), batch["real"], batch["labels"]
        if labeled is not None:
            real = tf.concat([real, labeled[0]], axis=0)
            draws = batches.joined(draws, labeled[1])
        if self._has_batch_statistics:
            real = self.discriminate(forward, real, labels, draws)
            fake = self.discriminate(forward, fake, labels, batch["fake"])
        else:
            both = tf.concat([real, fake], axis=0)
            twice = None if labels is None else tf.concat([labels, labels], axis=0)
            of_both = batches.joined(draws, batch["fake"])
            outputs = self.discriminate(forward, both, twice, of_both)
            real, fake = batches.cut(outputs, batches.rows_of(real))
        if labeled is None:
            return real, fake, None
        real, known = batches.cut(real, rows)
        return real, fake, known

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
