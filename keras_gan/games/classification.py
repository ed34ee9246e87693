"""What games with classes have in common: options, labels, and losses."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from keras_gan.engine import replicas
from keras_gan.games.options import Algorithm1Options
from keras_gan.networks import DataSpec
from keras_gan.utils.checks import Share, Weight
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import ClassLabels


@dataclasses.dataclass(frozen=True)
class ClassifierOptions(Algorithm1Options):
    """Options of a game whose discriminator predicts classes.

    Attributes:
        augment: as GAN's.
        classification_weight: of the cross entropy.
        discriminator_ema_decay: of a moving average of D, for the classes that it predicts; 0
            for none.
    """

    augment: tuple[str, ...] = ()
    classification_weight: Weight = 1.0
    discriminator_ema_decay: Share = 0.0

    @property
    def ema_decays(self) -> dict[str, float]:
        return {**super().ema_decays, "discriminator": self.discriminator_ema_decay}


def labels_of_classes(data: DataSpec) -> ClassLabels:
    """Return the data's labels, or raise ConfigError where they are not classes."""
    if not isinstance(data.labels, ClassLabels):
        raise ConfigError(
            f"This game needs data with classes, but these have {data.labels}. Set game.name=gan, "
            "or use data with classes (a folder with a subfolder per class, for example)."
        )
    return data.labels


def cross_entropy(
    class_logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | float = 1.0
) -> tf.Tensor:
    """Return -E log P(C = c | x) in nats; a row without a label counts as 0.

    Args:
        class_logits: float (batch, classes).
        labels: int (batch,), -1 for a row without a label.
        weights: float32 (batch,), see `weights_of`.

    Source: Odena 2017 (AC-GAN), equation 3.
    """
    # One-hot rows, of zeros for -1: their gradient has no scatter, which is slow under XLA.
    one_hot = tf.one_hot(labels, class_logits.shape[-1])
    each = tf.nn.softmax_cross_entropy_with_logits(one_hot, tf.cast(class_logits, tf.float32))
    return tf.reduce_mean(weights * each)


def weights_of(labels: tf.Tensor) -> tf.Tensor:
    """Return weights of rows that make a mean over all rows one over those with a label.

    They are those of the whole minibatch of all replicas, so that neither replicas nor
    accumulation change the mean.

    Args:
        labels: int (m,), -1 for a row without a label.

    Returns:
        float32 (m,): m / labeled rows for each; 0 where there are none.
    """
    (share,) = replicas.mean([tf.reduce_mean(tf.cast(labels >= 0, tf.float32))])
    return tf.fill(tf.shape(labels), tf.math.divide_no_nan(1.0, share))


def feature_matching(real_features: tf.Tensor, fake_features: tf.Tensor) -> tf.Tensor:
    """Return |E f(x) - E f(G(z))|^2 / dim f, with f the last hidden layer of D.

    Args:
        real_features, fake_features: float32 (batch, ...).

    Source: Salimans 2016, section 3.1. Departure: the mean of squares over features in place
    of their sum (as in the code published with it), so that a weight serves all widths. Under
    accumulation and on several replicas, means are those of each part.
    """
    means = (tf.reduce_mean(features, axis=0) for features in (real_features, fake_features))
    return tf.reduce_mean(tf.math.squared_difference(*means))
