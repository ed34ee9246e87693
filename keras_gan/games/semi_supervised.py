"""Salimans 2016: a discriminator that learns classes from few labels, and feature matching."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_gan.games import batches, players
from keras_gan.games.classification import cross_entropy, feature_matching
from keras_gan.games.gan import GAN
from keras_gan.games.step import Forward, TrainStep
from keras_gan.utils import random
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.pixels import as_float


@keras.saving.register_keras_serializable("keras_gan")
class SemiSupervisedGAN(GAN):
    """An unconditional GAN whose discriminator is the classifier.

    Labels come with the batch, (images, labels) with -1 for none, or from the few labeled
    images of `set_labeled_images`, some of which join each minibatch.

    Args:
        generator: `latent` -> images.
        discriminator: `images` -> `logits`, and `class_logits` (batch, classes) and `features`
            where they are needed. `networks.heads` builds the paper's K + 1 classes.
        classification_weight: of the cross entropy of real images; None for no classes.
        feature_matching_weight: of feature matching in G's loss; None for none.
        adversarial: whether G minimises the adversarial loss too. In the paper it does not.
        **options: as GAN's.

    Raises:
        ConfigError: a discriminator without an output that is needed, a G that takes labels.

    Source: Salimans 2016, sections 3.1 and 5.
    """

    settings = (
        *GAN.settings,
        "classification_weight",
        "feature_matching_weight",
        "adversarial",
    )

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        classification_weight: float | None = 1.0,
        feature_matching_weight: float | None = None,
        adversarial: bool = True,
        **options: Any,
    ):
        super().__init__(generator, discriminator, **options)
        if self.conditional:
            raise ConfigError("Where G takes labels, every image of a batch needs its own: ACGAN.")
        if classification_weight is not None:
            players.check_output(discriminator, "class_logits")
        if feature_matching_weight is not None:
            players.check_output(discriminator, "features")
        self.classification_weight = classification_weight
        self.feature_matching_weight = feature_matching_weight
        self.adversarial = adversarial
        self._labeled: tuple[tf.Tensor, tf.Tensor] | None = None

    @property
    def has_classifier(self) -> bool:
        return self.classification_weight is not None

    @property
    def uses_labels(self) -> bool:
        return self.has_classifier and self._labeled is None

    @property
    def compares(self) -> bool:
        return self.feature_matching_weight is not None or super().compares

    @property
    def loss_names(self) -> list[str]:
        names = ["adversarial/discriminator"]
        names += ["adversarial/generator"] if self.adversarial else []
        names += ["classification/discriminator"] if self.has_classifier else []
        return names + (["feature_matching"] if self.feature_matching_weight is not None else [])

    def set_labeled_images(self, images: Any, labels: Any) -> None:
        """Give D labeled images, of which each minibatch has as many as others.

        They are drawn with replacement. The other images need no labels then.

        Args:
            images: (n, *sample_shape), float in [-1, 1] or uint8.
            labels: int (n,), of the classes of D's `class_logits`.

        Raises:
            ConfigError: images or labels of another form.
        """
        shape = self.generator.output_shape[1:]
        players.check_labeled(self.discriminator, shape, images, labels)
        self._labeled = tf.constant(images), tf.constant(labels, tf.int32)

    def discriminator_losses(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> dict:
        losses = super().discriminator_losses(real, fake, batch)
        if self.has_classifier:
            labeled = batch["labeled"]
            labels = batch["labels"] if labeled is None else labeled["labels"]
            logits = real["class_logits"] if labeled is None else real["labeled_class_logits"]
            loss = self.classification_weight * cross_entropy(logits, labels)
            losses["classification/discriminator"] = loss
        return losses

    def generator_losses(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> dict:
        losses = super().generator_losses(real, fake, batch) if self.adversarial else {}
        if self.feature_matching_weight is not None:
            loss = feature_matching(real["features"], fake["features"])
            losses["feature_matching"] = self.feature_matching_weight * loss
        return losses

    def drawn(self, step: TrainStep, minibatch: tuple[tf.Tensor, Any]) -> dict[str, Any]:
        drawn = super().drawn(step, minibatch)
        rows = batches.rows_of(minibatch[0])
        labeled = None if self._labeled is None else self.labeled_rows(step, rows)
        return {**drawn, "labeled": labeled}

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
