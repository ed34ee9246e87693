"""What a two-player game logs, and what its logs tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import tensorflow as tf

from keras_gan.games import losses
from keras_gan.games.base import AdversarialModel
from keras_gan.games.regularizers import Regularizer

HEADLINE = ("V(D,G)", "D(x)", "D(G(z))")
_CERTAIN = 0.99  # D(x) above it and D(G(z)) below 1 minus it: D makes no mistakes


def names(
    loss: losses.AdversarialLoss,
    regularizers: Iterable[Regularizer],
    loss_names: Iterable[str],
) -> list[str]:
    """Return the names of a compiled game's logs, in the order in which they are shown."""
    return [
        *optima(loss),
        "D(x)",
        "D(G(z))",
        "loss/discriminator",
        "loss/generator",
        *loss_names,
        *(f"regularizer/{regularizer.name}" for regularizer in regularizers),
        "gradient_norm/discriminator",
        "gradient_norm/generator",
    ]


def of_logits(
    loss: losses.AdversarialLoss,
    real_logits: tf.Tensor,
    fake_logits: tf.Tensor,
) -> dict[str, tf.Tensor]:
    """Return V(D,G), D(x) and D(G(z)), float32 scalars.

    Args:
        loss: the adversarial loss.
        real_logits, fake_logits: D's, of a whole minibatch.
    """
    real, fake = loss.log_odds(real_logits, fake_logits)
    return {
        "V(D,G)": losses.value_function(real, fake),
        "D(x)": tf.reduce_mean(tf.sigmoid(real)),
        "D(G(z))": tf.reduce_mean(tf.sigmoid(fake)),
    }


def optima(loss: losses.AdversarialLoss | None) -> dict[str, float]:
    """Return V(D,G)'s optimum, -log 4, and that of the loss's own value, by their names."""
    found = {"V(D,G)": losses.OPTIMAL_VALUE}
    if loss is not None and loss.value_name:
        found[loss.value_name] = loss.optimum
    return found


def diagnose(loss: losses.AdversarialLoss, logs: Mapping[str, float]) -> str | None:
    """Return that D has won, where D(x) is near 1 and D(G(z)) near 0; else None.

    A Wasserstein critic's scores have no scale to tell that by.
    """
    won = logs["D(x)"] > _CERTAIN and logs["D(G(z))"] < 1 - _CERTAIN
    if not won or isinstance(loss, losses.Wasserstein):
        return None
    return (
        "the discriminator has won: D(x) was at 1 and D(G(z)) at 0, where the generator learns "
        "little. A regularizer (r1), game.instance_noise or a smaller rate of the discriminator "
        "may help."
    )


def charts(model: AdversarialModel) -> dict[str, tuple[str, ...]]:
    """Return the names of the logs that share a chart, by its title.

    A log with an optimum has a chart with the held-out discriminator's estimate of it. All
    others of the headline share one.
    """
    found = {f"{name} and its optimum": (name, f"held_out/{name}") for name in model.optima}
    others = tuple(name for name in model.headline if name not in model.optima)
    return found | ({" and ".join(others): others} if others else {})
