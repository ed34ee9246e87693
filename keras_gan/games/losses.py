"""Adversarial losses: what the discriminator and the generator minimise.

A loss takes raw logits. `real_logits` are D's logits of real images, `fake_logits` those of
generated ones; real is the positive class, so that D(x) = sigmoid(real_logits) for the losses
that estimate a density ratio. Shapes are free ((batch, 1), (batch,), patch maps); results are
float32 scalars.

To add a loss: one class here, one row in LOSSES, one row in the table of
`tests/test_losses.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from keras_gan.utils.errors import ConfigError
from keras_gan.utils.registry import Registry

#: V(D*, G) when p_g = p_data: -log 4 (Goodfellow 2014, theorem 1).
OPTIMAL_VALUE = -math.log(4.0)


def value_function(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """V(D, G) = E[log D(x)] + E[log(1 - D(G(z)))].

    Args:
        real_logits: log-odds that D gives to real images, any float, any shape.
        fake_logits: log-odds that D gives to generated images.

    Returns:
        float32 scalar in nats, at most 0.

    Source: Goodfellow 2014, equation 1, with log D = -softplus(-logit).
    """
    real_logits, fake_logits = _float32(real_logits, fake_logits)
    return -_mean(tf.nn.softplus(-real_logits)) - _mean(tf.nn.softplus(fake_logits))


class AdversarialLoss:
    """Base of the losses; also says how their progress is reported.

    Attributes:
        value_name: name under which minus D's loss is logged, for losses whose
            logits are not log-odds; None where V(D,G) is minus the loss.
        optimum: that value at p_g = p_data with the best D.
        neutral_logit: D's logit where real and generated are equally likely: to swap the two
            mirrors logits about it.
        uses_real_logits: whether `generator` needs `real_logits`; else they may be None.
    """

    value_name: str | None = None
    optimum: float = OPTIMAL_VALUE
    uses_real_logits: bool = False
    neutral_logit: float = 0.0

    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError

    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError

    def log_odds(
        self, real_logits: tf.Tensor, fake_logits: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the logits as log-odds, for V(D,G), D(x) and D(G(z))."""
        return _float32(real_logits, fake_logits)


class Minimax(AdversarialLoss):
    """The saturating loss: G minimises E[log(1 - D(G(z)))].

    Args:
        label_smoothing: one-sided label smoothing (Salimans 2016, section 3.4):
            D's target for real images is 1 - label_smoothing. In [0, 1); the
            paper's own game has 0.

    Source: Goodfellow 2014, equation 1 and Algorithm 1.
    """

    def __init__(self, *, label_smoothing: float = 0.0):
        if not 0.0 <= label_smoothing < 1.0:
            raise ConfigError(
                f"`label_smoothing` should lie in [0, 1). Received: {label_smoothing}."
            )
        self.label_smoothing = label_smoothing

    def discriminator(self, real_logits, fake_logits):
        real_logits, fake_logits = _float32(real_logits, fake_logits)
        loss = _mean(tf.nn.softplus(-real_logits)) + _mean(tf.nn.softplus(fake_logits))
        if self.label_smoothing:
            # (1-s) softplus(-l) + s softplus(l) = softplus(-l) + s l
            loss += self.label_smoothing * _mean(real_logits)
        return loss

    def generator(self, real_logits, fake_logits):
        (fake_logits,) = _float32(fake_logits)
        return -_mean(tf.nn.softplus(fake_logits))


class NonSaturating(Minimax):
    """G maximises E[log D(G(z))]: same fixed point, gradients that do not vanish.

    Source: Goodfellow 2014, section 3, below equation 1.
    """

    def generator(self, real_logits, fake_logits):
        (fake_logits,) = _float32(fake_logits)
        return _mean(tf.nn.softplus(-fake_logits))


class LeastSquares(AdversarialLoss):
    """D regresses b on real and a on generated images, G pulls towards c.

    Source: Mao 2017, equation 2, with a = 0, b = c = 1 (equation 9).
    """

    value_name = "value/least_squares"
    optimum = -0.25  # at D = 1/2: -(1/4 + 1/4) / 2
    neutral_logit = 0.5

    def discriminator(self, real_logits, fake_logits):
        real_logits, fake_logits = _float32(real_logits, fake_logits)
        return 0.5 * (_mean(tf.square(real_logits - 1.0)) + _mean(tf.square(fake_logits)))

    def generator(self, real_logits, fake_logits):
        (fake_logits,) = _float32(fake_logits)
        return 0.5 * _mean(tf.square(fake_logits - 1.0))


class Wasserstein(AdversarialLoss):
    """The critic's mean difference; needs a penalty or spectral norm to be 1-Lipschitz.

    Source: Arjovsky 2017, equations 2 and 3; with `gradient_penalty`, Gulrajani 2017.
    """

    value_name = "value/wasserstein"
    optimum = 0.0

    def discriminator(self, real_logits, fake_logits):
        real_logits, fake_logits = _float32(real_logits, fake_logits)
        return _mean(fake_logits) - _mean(real_logits)

    def generator(self, real_logits, fake_logits):
        (fake_logits,) = _float32(fake_logits)
        return -_mean(fake_logits)


class Hinge(AdversarialLoss):
    """Hinge loss for D, the critic's mean for G.

    Source: Lim and Ye 2017; Miyato 2018 (SNGAN), equations 16 and 17.
    """

    value_name = "value/hinge"
    optimum = -2.0

    def discriminator(self, real_logits, fake_logits):
        real_logits, fake_logits = _float32(real_logits, fake_logits)
        return _mean(tf.nn.relu(1.0 - real_logits)) + _mean(tf.nn.relu(1.0 + fake_logits))

    def generator(self, real_logits, fake_logits):
        (fake_logits,) = _float32(fake_logits)
        return -_mean(fake_logits)


class Relativistic(AdversarialLoss):
    """Relativistic pairing: D compares a real with a generated image.

    D's logits are defined only up to a common constant, so the midpoint of both
    means is taken away before they are read as log-odds.

    Source: Jolicoeur-Martineau 2019 (RpGAN); Huang 2024 (R3GAN), equation 2.
    """

    value_name = "value/relativistic"
    optimum = -math.log(2.0)
    uses_real_logits = True

    def discriminator(self, real_logits, fake_logits):
        real_logits, fake_logits = _float32(real_logits, fake_logits)
        return _mean(tf.nn.softplus(fake_logits - real_logits))

    def generator(self, real_logits, fake_logits):
        real_logits, fake_logits = _float32(real_logits, fake_logits)
        return _mean(tf.nn.softplus(real_logits - fake_logits))

    def log_odds(self, real_logits, fake_logits):
        real_logits, fake_logits = _float32(real_logits, fake_logits)
        midpoint = 0.5 * (_mean(real_logits) + _mean(fake_logits))
        return real_logits - midpoint, fake_logits - midpoint


LOSSES: Registry[type[AdversarialLoss]] = Registry(
    "loss",
    {
        "minimax": Minimax,
        "non_saturating": NonSaturating,
        "least_squares": LeastSquares,
        "wasserstein": Wasserstein,
        "hinge": Hinge,
        "relativistic": Relativistic,
    },
)


def get(loss: str | Mapping[str, Any] | AdversarialLoss) -> AdversarialLoss:
    """Return a loss by its name, by a table `{name: ..., option: value}`, or as it is.

    Raises:
        ConfigError: no such loss or option.
    """
    if isinstance(loss, AdversarialLoss):
        return loss
    return LOSSES.build("loss", {"name": loss} if isinstance(loss, str) else loss)


def _float32(*logits: tf.Tensor) -> tuple[tf.Tensor, ...]:
    return tuple(tf.cast(x, tf.float32) for x in logits)


_mean = tf.reduce_mean
