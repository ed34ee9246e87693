"""The adversarial game of Goodfellow 2014: `GAN.train_step` is Algorithm 1."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gan.games import augmentation, batches, latents, losses, players, previews, reports
from keras_gan.games import regularizers as regularizers_module
from keras_gan.games.base import AdversarialModel, Terms
from keras_gan.games.discriminator_inputs import DiscriminatorInputs
from keras_gan.games.endpoints import Endpoint, LatentSpec, SampleSpec
from keras_gan.games.options import GANNetworks, GANOptions
from keras_gan.games.step import Forward, TrainStep
from keras_gan.networks.layers import activations_kept
from keras_gan.utils import labels as label_specs
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import LabelSpec
from keras_gan.utils.pixels import as_float
from keras_gan.utils.registry import call


@keras.saving.register_keras_serializable("keras_gan")
class GAN(AdversarialModel):
    """Generator and discriminator, and the training step of both.

    Args:
        generator: `latent` (batch, latent_dim) (, `labels`: int (batch,) or float (batch,
            size)) -> images.
        discriminator: `images` (, `labels`) -> logits, or a dict of `logits` and what
            subclasses need: `class_logits` (batch, classes), `features` (batch, ...).
        labels: what G's labels are, with the names of classes; by default ids without names,
            or vectors, as its input has them.
        more: further networks of a subclass, by name.
        gradient_accumulation_steps: parts into which a minibatch is cut, one after the other,
            to need less memory; their gradients are averaged and make one update.
        seed: of latents, noise, augmentation and dropout, which are functions of
            (seed, iteration, stream, use) alone.
        name: of the model.
        **options: the attributes of `Options`.

    Calling the model turns latents (or a dict of `latent` and `labels`) into
    images with the averaged generator. `fit` takes images, float in [-1, 1] or
    uint8, or (images, labels); a batch holds discriminator_steps * m images.

    Raises:
        ConfigError: options that do not exist or do not fit the networks.

    Source: Goodfellow 2014, Algorithm 1; Mirza and Osindero 2014 for labels.
    """

    Options = GANOptions
    Networks = GANNetworks
    #: Whether D predicts classes.
    has_classifier = False

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        labels: LabelSpec | None = None,
        more: Mapping[str, keras.Model] | None = None,
        gradient_accumulation_steps: int = 1,
        seed: int = 0,
        name: str = "gan",
        **options: Any,
    ):
        chosen = call(self.Options, "", options, type(self).__name__)
        networks = {"generator": generator, "discriminator": discriminator, **(more or {})}
        self.check_networks(networks, chosen)
        augmentation.check(chosen.flip, chosen.augment, generator.output_shape[1:])
        super().__init__(
            networks, chosen, accumulation_steps=gradient_accumulation_steps, seed=seed, name=name
        )
        self.inputs_of_discriminator = DiscriminatorInputs(
            chosen.packing, chosen.instance_noise, chosen.instance_noise_steps, chosen.augment
        )
        inputs = players.named_inputs(generator)
        self.latent_dim = inputs["latent"].shape[-1]
        self.labels = players.labels_of(generator, labels)
        self.shows_labels = "labels" in players.named_inputs(discriminator)
        self._has_batch_statistics = players.has_batch_statistics(discriminator)
        # Builds the model: Keras saves no weights of one that was never called.
        self({n: keras.ops.zeros((1, *t.shape[1:]), t.dtype) for n, t in inputs.items()})

    @classmethod
    def check_networks(cls, networks: Mapping[str, keras.Model], options: GANOptions) -> None:
        """Raise ConfigError for networks, by name, that do not fit each other."""
        players.check_pair(**networks, packing=options.packing)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a batch."""
        return ("images", "labels") if self.labels else ("images",)

    def call(self, inputs, training=False):
        if not isinstance(inputs, Mapping):
            inputs = {"latent": inputs}
        if self.labels and "labels" not in inputs:
            raise ConfigError("This GAN is conditional: call it with `latent` and `labels`.")
        return self.averaged("generator")(inputs, training=False)

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | str = "adam",
        discriminator_optimizer: keras.optimizers.Optimizer | str = "adam",
        loss: losses.AdversarialLoss | str = "non_saturating",
        regularizers: Mapping[str, Mapping] | Iterable[regularizers_module.Regularizer] = (),
        jit_compile: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        """Set the losses and both optimizers.

        Args:
            generator_optimizer, discriminator_optimizer: Keras optimizers or
                names. Under `mixed_float16` each is given a loss scale of its own.
            loss: an adversarial loss or its name in `losses.LOSSES`.
            regularizers: `{"r1": {"weight": 0.1, "every": 4}}`, or `Regularizer` objects.
            jit_compile: XLA for plain Keras `fit`: True, False or `auto`.
            **kwargs: Keras' `run_eagerly` and `steps_per_execution`.
        """
        self.adversarial_loss = losses.get(loss)
        self.regularizers = regularizers_module.get(regularizers)
        if self.labels and not self.shows_labels and not self.has_classifier:
            raise ConfigError(
                "G takes labels that D does not take: make an ACGAN, whose D has a classifier."
            )
        given = {"generator": generator_optimizer, "discriminator": discriminator_optimizer}
        self.compile_players(given, jit_compile=jit_compile, **kwargs)

    def get_config(self):
        return {
            **{role: keras.saving.serialize_keras_object(n) for role, n in self.networks().items()},
            **dataclasses.asdict(self.options),
            "labels": self.labels.facts(),
            "gradient_accumulation_steps": self.accumulation_steps,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        config = copy.deepcopy(config)  # Keras empties what it builds from
        for name, value in config.items():
            if isinstance(value, Mapping) and "class_name" in value:
                config[name] = keras.saving.deserialize_keras_object(value)
        return cls(**{**config, "labels": label_specs.from_facts(config["labels"])})

    @property
    def log_names(self) -> list[str]:
        """The names of the compiled game's logs; none before `compile`."""
        if getattr(self, "adversarial_loss", None) is None:
            return []
        return reports.names(self.adversarial_loss, self.regularizers, self.loss_names)

    @property
    def loss_names(self) -> list[str]:
        """The names of what the players minimise, but for regularizers."""
        return ["adversarial/discriminator", "adversarial/generator"]

    @property
    def headline(self) -> tuple[str, ...]:
        return reports.HEADLINE

    @property
    def optima(self) -> dict[str, float]:
        """The optimum of V(D,G), and of the compiled loss's own value."""
        return reports.optima(getattr(self, "adversarial_loss", None))

    def diagnose(self, logs: Mapping[str, float]) -> str | None:
        return reports.diagnose(self.adversarial_loss, logs)

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
        if self.options.updates == "alternating":
            step.apply(discriminator)
        drawn = self.drawn(step, last)
        generator = step.gradients("generator", self.generator_terms, drawn)
        if self.options.updates == "simultaneous":
            step.apply(discriminator)
        step.apply(generator)
        step.log(reports.of_logits(self.adversarial_loss, *discriminator.rows))
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
        if self.adversarial_loss.value_name:
            value[self.adversarial_loss.value_name] = -losses["adversarial/discriminator"]
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
        loss = self.adversarial_loss.discriminator(real["logits"], fake["logits"])
        return {"adversarial/discriminator": loss}

    def generator_losses(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> dict:
        """Return what G minimises; `real` is None where no loss `compares`."""
        real_logits = None if real is None else real["logits"]
        loss = self.adversarial_loss.generator(real_logits, fake["logits"])
        return {"adversarial/generator": loss}

    @property
    def compares(self) -> bool:
        """Whether the generator's losses need D's outputs of real images."""
        return self.adversarial_loss.uses_real_logits

    def endpoints(self, averaged: bool = True) -> dict[str, Endpoint]:
        images = SampleSpec(self.generator.output_shape[1:])
        inputs = {"latent": LatentSpec(self.latent_dim, self.options.latent_distribution)}
        if self.labels:
            inputs["labels"] = self.labels
        generator = self.averaged("generator") if averaged else self.generator
        return {"sample": Endpoint(generator, inputs, "images", images)}

    def preview(self, batch: Mapping[str, np.ndarray]) -> np.ndarray:
        return previews.of_samples(self.endpoints()["sample"], batch, self.seed)

    @property
    def discriminates_single_samples(self) -> bool:
        """Whether D takes a sample alone: no pack, no latent, no label beside it."""
        shape = tuple(players.named_inputs(self.discriminator)["images"].shape[1:])
        return shape == tuple(self.generator.output_shape[1:]) and not self.shows_labels

    def discriminator_images(self, images: Any, latent: Any = None) -> tf.Tensor:
        """Return samples as D takes them outside training, float32; packs have still to be made.

        Args:
            images: (n, ...), float in [-1, 1] or uint8.
            latent: float32 (n, latent_dim) of generated ones; None for real ones.
        """
        return as_float(images)

    # ---------------------------------------------------------------- what is drawn

    def minibatches(self, step: TrainStep, data: Any) -> list[dict[str, Any]]:
        """Split a batch of k * m images into k minibatches {`images`, `labels`}."""
        found = batches.minibatches(
            batches.fields_of(data, self.fields),
            self.options.minibatches,
            self.options.multiple * self.accumulation_steps,
            self.generator.output_shape[1:],
            self.labels,
        )
        return [{**batch, "images": self.flipped(step, batch["images"])} for batch in found]

    def drawn(self, step: TrainStep, minibatch: Mapping[str, Any]) -> dict[str, Any]:
        """Return a minibatch with all that is drawn for its rows in one update."""
        images = minibatch["images"]
        rows, shape = batches.rows_of(images), images.shape[1:]
        return {
            **minibatch,
            "latent": self.latent(step, rows),
            "between": step.uniform("between", rows, 1),
            "real": self.inputs_of_discriminator.draw(step, rows, shape),
            "fake": self.inputs_of_discriminator.draw(step, rows, shape),
        }

    def latent(self, step: TrainStep, rows: Any) -> tf.Tensor:
        """Draw z for each row, float32 (rows, latent_dim)."""

        def sample(count, seed):
            distribution = self.options.latent_distribution
            return latents.sample(distribution, (count, self.latent_dim), seed)

        return step.draw("latent", sample, rows)

    def flipped(self, step: TrainStep, images: tf.Tensor) -> tf.Tensor:
        """Mirror half of the real images, where that is asked for."""
        if not self.options.flip:
            return images
        return augmentation.flipped(images, step.uniform("flip", batches.rows_of(images), 1))

    # ---------------------------------------------------------------- forward passes

    def generate(self, forward: Forward, batch: Mapping[str, Any], detached: bool = False):
        """Return G(z) or G(z | y)."""
        inputs = {"latent": batch["latent"]}
        if self.labels:
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

        def value(regularizer):
            own = forward.within(regularizer.name)  # lazy ones are left out in most steps

            def discriminator(images, labels):
                how = {"draws": batch["real"], "update_state": False}
                return self.discriminate(own, images, labels, **how)["logits"]

            points = batch["labels"], batches.packed(batch["between"], self.options.packing)[:, :1]
            return regularizer(self.iteration, discriminator, real, fake, *points)

        with activations_kept():
            return {f"regularizer/{r.name}": value(r) for r in self.regularizers}
