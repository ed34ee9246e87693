"""What games with classes minimise beside the adversarial loss."""

from __future__ import annotations

import tensorflow as tf


def cross_entropy(class_logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return -E log P(C = c | x) over the rows with a label, in nats; 0 where there is none.

    Args:
        class_logits: float (batch, classes).
        labels: int (batch,), -1 for a row without a label.

    Source: Odena 2017 (AC-GAN), equation 3.
    """
    labeled = tf.cast(labels >= 0, tf.float32)
    # One-hot rows, of zeros for -1: their gradient has no scatter, which is slow under XLA.
    one_hot = tf.one_hot(labels, class_logits.shape[-1])
    each = tf.nn.softmax_cross_entropy_with_logits(one_hot, tf.cast(class_logits, tf.float32))
    return tf.math.divide_no_nan(tf.reduce_sum(labeled * each), tf.reduce_sum(labeled))


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
