"""Salimans 2016: a discriminator that learns classes from few labels, and feature matching."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_gan.games import batches, players
from keras_gan.games.classification import (
    ClassifierOptions,
    cross_entropy,
    feature_matching,
    labels_of_classes,
    weights_of,
)
from keras_gan.games.gan import GAN
from keras_gan.games.options import LatentNetworks
from keras_gan.games.step import Forward, TrainStep
from keras_gan.networks import heads
from keras_gan.utils import random
from keras_gan.utils.checks import Weight
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.pixels import as_float


@dataclasses.dataclass(frozen=True)
class SemiSupervisedOptions(ClassifierOptions):
    """Options of a semi-supervised GAN.

    Attributes:
        feature_matching_weight: of feature matching in G's loss; 0 for none.
        adversarial: whether G minimises the adversarial loss too. In the paper it does not.
    """

    feature_matching_weight: Weight = 1.0
    adversarial: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.adversarial and not self.feature_matching_weight:
            raise ConfigError(
                "G has nothing to minimise: set `adversarial` to true, or "
                "`feature_matching_weight` above 0 (in a recipe under `game`)."
            )


@dataclasses.dataclass(frozen=True)
class SemiSupervisedNetworks(LatentNetworks):
    """Networks of a semi-supervised GAN.

    Attributes:
        k_plus_one: D's logit is log sum exp of its class logits (see `heads.with_heads`), as in
            the paper.
    """

    k_plus_one: bool = True

    def build(self, data, options):
        built, classes = super().build(data, options), labels_of_classes(data)
        discriminator = heads.with_heads(
            built["discriminator"],
            num_classes=classes.size,
            k_plus_one=self.k_plus_one,
            features=True,
        )
        return {**built, "discriminator": discriminator}


@keras.saving.register_keras_serializable("keras_gan")
class SemiSupervisedGAN(GAN):
    """An unconditional GAN whose discriminator is the classifier.

    Labels come with the batch, (images, labels) with -1 for none, or from the few labeled
    images of `set_labeled_images`, some of which join each minibatch.

    Args:
        generator: `latent` -> images.
        discriminator: `images` -> `logits`, `class_logits` (batch, classes) and, for feature
            matching, `features`. `networks.heads` builds the paper's K + 1 classes.
        **settings: as GAN's, with the options of `Options`.

    Raises:
        ConfigError: a discriminator without an output that is needed, a G that takes labels.

    Source: Salimans 2016, sections 3.1 and 5.
    """

    Options = SemiSupervisedOptions
    Networks = SemiSupervisedNetworks
    has_classifier = True

    def __init__(self, generator: keras.Model, discriminator: keras.Model, **settings: Any):
        super().__init__(generator, discriminator, **settings)
        if self.labels:
            raise ConfigError("Where G takes labels, every image of a batch needs its own: ACGAN.")
        players.check_output(discriminator, "class_logits")
        if self.options.feature_matching_weight:
            players.check_output(discriminator, "features")
        self._labeled: tuple[tf.Tensor, tf.Tensor] | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        return ("images", "labels") if self._labeled is None else ("images",)

    @property
    def compares(self) -> bool:
        return self.options.feature_matching_weight > 0 or super().compares

    @property
    def loss_names(self) -> list[str]:
        names = ["adversarial/discriminator"]
        names += ["adversarial/generator"] if self.options.adversarial else []
        names += ["classification/discriminator"]
        return names + (["feature_matching"] if self.options.feature_matching_weight else [])

    def set_labeled_images(self, images: Any, labels: Any) -> None:
        """Give D labeled images, of which each minibatch has as many as others.

        They are drawn with replacement. The other images need no labels then. A `StepsProgram`
        keeps those of when it was made.

        Args:
            images: (n, *sample_shape), float in [-1, 1] or uint8.
            labels: int (n,), of the classes of D's `class_logits`.

        Raises:
            ConfigError: images or labels of another form.
        """
        shape = self.generator.output_shape[1:]
        players.check_labeled(self.discriminator, shape, images, labels)
        self._labeled = tf.constant(images), tf.constant(labels, tf.int32)
        self.train_function = None  # Keras' fit has others in its compiled function

    def discriminator_losses(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> dict:
        labeled = batch["labeled"]
        if labeled is None:
            loss = cross_entropy(real["class_logits"], batch["labels"], batch["label_weights"])
        else:
            loss = cross_entropy(real["labeled_class_logits"], labeled["labels"])
        loss *= self.options.classification_weight
        losses = super().discriminator_losses(real, fake, batch)
        return {**losses, "classification/discriminator": loss}

    def generator_losses(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> dict:
        losses = super().generator_losses(real, fake, batch) if self.options.adversarial else {}
        if self.options.feature_matching_weight:
            loss = feature_matching(real["features"], fake["features"])
            losses["feature_matching"] = self.options.feature_matching_weight * loss
        return losses

    def drawn(self, step: TrainStep, minibatch: Mapping[str, Any]) -> dict[str, Any]:
        drawn = super().drawn(step, minibatch)
        rows = batches.rows_of(minibatch["images"])
        if self._labeled is None:
            weights = weights_of(minibatch["labels"])
            return {**drawn, "labeled": None, "label_weights": weights}
        return {**drawn, "labeled": self.labeled_rows(step, rows)}

    def labeled_rows(self, step: TrainStep, rows: Any) -> dict[str, Any]:
        """Draw labeled images with replacement, and what D's inputs of them need."""
        images, labels = self._labeled

        def sample(count, seed):
            return random.uniform([count], seed, maxval=len(images), dtype=tf.int32)

        chosen = step.draw("labeled", sample, rows)
        drawn = self.flipped(step, as_float(tf.gather(images, chosen)))
        draws = self.inputs_of_discriminator.draw(step, rows, drawn.shape[1:])
        return {"images": drawn, "labels": tf.gather(labels, chosen), "draws": draws}

    def discriminate_both(
        self, forward: Forward, real: tf.Tensor, fake: tf.Tensor, batch: Mapping[str, Any]
    ) -> tuple[dict, dict]:
        """As GAN's, with the class logits of the labeled images among the real outputs."""
        labeled = batch["labeled"]
        if labeled is None:
            return super().discriminate_both(forward, real, fake, batch)
        images = self.inputs_of_discriminator(labeled["images"], labeled["draws"])
        draws = batches.joined(batch["real"], labeled["draws"])
        joined = tf.concat([real, images], axis=0)
        both, fake = super().discriminate_both(forward, joined, fake, {**batch, "real": draws})
        found, of_labeled = batches.cut(both, batches.rows_of(real))
        return {**found, "labeled_class_logits": of_labeled["class_logits"]}, fake
