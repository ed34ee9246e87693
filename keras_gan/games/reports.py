"""What a round says of itself: the names and values that are logged."""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow as tf

from keras_gan.games import losses
from keras_gan.games.regularizers import Penalty


def names(
    objective: losses.Objective,
    penalties: Iterable[Penalty],
    loss_names: Iterable[str],
) -> list[str]:
    """The names of a compiled game's metrics, in the order in which they are shown."""
    own = [objective.value_name] if objective.value_name else []
    return [
        "V(D,G)",
        *own,
        "D(x)",
        "D(G(z))",
        "loss/discriminator",
        "loss/generator",
        *loss_names,
        *(f"penalty/{penalty.name}" for penalty in penalties),
        "gradient_norm/discriminator",
        "gradient_norm/generator",
    ]


def of_logits(
    objective: losses.Objective,
    real_logits: tf.Tensor,
    fake_logits: tf.Tensor,
) -> dict[str, tf.Tensor]:
    """V(D,G), D(x) and D(G(z)), float32 scalars.

    Args:
        objective: the game.
        real_logits, fake_logits: D's, of a whole minibatch.
    """
    real, fake = objective.log_odds(real_logits, fake_logits)
    return {
        "V(D,G)": losses.value_function(real, fake),
        "D(x)": tf.reduce_mean(tf.sigmoid(real)),
        "D(G(z))": tf.reduce_mean(tf.sigmoid(fake)),
    }
