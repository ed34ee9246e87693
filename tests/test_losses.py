"""The contract of the games: golden values, extremes, dtypes, patches, optima."""

import math

import numpy as np
import pytest
import tensorflow as tf

from keras_gan.games import losses
from keras_gan.utils.errors import ConfigError

REAL = [-5.0, 1.4, 12.5, 2.7]
FAKE = [10.0, 4.4, -5.5, 3.6]

#: name -> (generator loss, discriminator loss) on REAL and FAKE, computed by hand.
GOLDEN = {
    "minimax": (-4.51082, 5.83387),
    "non_saturating": (1.38582, 5.83387),
    "least_squares": (17.69625, 41.73375),
    "wasserstein": (-3.125, 0.225),
    "hinge": (-3.125, 6.75),
    "relativistic": (4.59744, 4.82244),
}


def both(loss, real, fake):
    return loss.generator(real, fake), loss.discriminator(real, fake)


def test_every_loss_has_golden_values():
    assert set(GOLDEN) == set(losses.LOSSES)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values(name):
    got = both(losses.get(name), tf.constant(REAL), tf.constant(FAKE))
    np.testing.assert_allclose(got, GOLDEN[name], rtol=2e-6)


@pytest.mark.parametrize("name", GOLDEN)
def test_patch_logits_give_the_same_as_flat_ones(name):
    real, fake = (tf.reshape(tf.constant(x), (1, 2, 2, 1)) for x in (REAL, FAKE))
    np.testing.assert_allclose(both(losses.get(name), real, fake), GOLDEN[name], rtol=2e-6)


@pytest.mark.parametrize("name", GOLDEN)
def test_float16_logits_give_float32_losses(name):
    real, fake = (tf.constant(x, tf.float16) for x in (REAL, FAKE))
    got = both(losses.get(name), real, fake)
    assert {loss.dtype for loss in got} == {tf.float32}
    # The inputs are rounded to 11 bits; the arithmetic is not.
    np.testing.assert_allclose(got, GOLDEN[name], rtol=2e-3)


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("value", [50.0, -50.0])
def test_finite_with_finite_gradients_at_the_extremes(name, value):
    loss = losses.get(name)
    real, fake = tf.fill((4, 1), value), tf.fill((4, 1), -value)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        generator_loss, discriminator_loss = both(loss, real, fake)
    gradients = [
        tape.gradient(generator_loss, fake),
        tape.gradient(discriminator_loss, real),
        tape.gradient(discriminator_loss, fake),
    ]
    for tensor in (generator_loss, discriminator_loss, *gradients):
        assert np.isfinite(tensor.numpy()).all()


@pytest.mark.parametrize("name", [n for n in GOLDEN if not losses.get(n).uses_real_logits])
def test_generator_loss_takes_none_where_it_needs_no_real_logits(name):
    got = losses.get(name).generator(None, tf.constant(FAKE))
    np.testing.assert_allclose(got, GOLDEN[name][0], rtol=2e-6)


@pytest.mark.parametrize(
    ("name", "logit"),
    [
        ("minimax", 0.0),
        ("non_saturating", 0.0),
        ("least_squares", 0.5),
        ("wasserstein", 3.0),
        ("hinge", 0.0),
        ("relativistic", -2.0),
    ],
)
def test_the_optimum_is_the_value_at_equal_distributions(name, logit):
    loss = losses.get(name)
    logits = tf.fill((3, 1), logit)  # the best D against p_g = p_data is constant
    np.testing.assert_allclose(
        -loss.discriminator(logits, logits), loss.optimum, rtol=1e-6, atol=1e-7
    )


def test_value_function_is_minus_the_discriminator_loss_of_the_2014_games():
    real, fake = tf.constant(REAL), tf.constant(FAKE)
    for name in ("minimax", "non_saturating"):
        loss = losses.get(name).discriminator(real, fake)
        np.testing.assert_allclose(losses.value_function(real, fake), -loss, rtol=1e-6)


def test_value_function_at_zero_logits_is_minus_log_4():
    zeros = tf.zeros((5, 1))
    np.testing.assert_allclose(losses.value_function(zeros, zeros), -math.log(4), rtol=1e-6)


def test_one_sided_label_smoothing_against_cross_entropy():
    real, fake = tf.constant(REAL), tf.constant(FAKE)
    target = tf.constant(0.9)
    expected = tf.reduce_mean(
        tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(real.shape, target), real)
    ) + tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.zeros_like(fake), fake))
    smoothed = losses.NonSaturating(label_smoothing=0.1)
    np.testing.assert_allclose(smoothed.discriminator(real, fake), expected, rtol=1e-6)
    plain = losses.get("non_saturating")
    assert smoothed.generator(None, fake) == plain.generator(None, fake)


def test_relativistic_log_odds_ignore_a_common_constant():
    loss = losses.get("relativistic")
    real, fake = tf.constant(REAL), tf.constant(FAKE)
    shifted = loss.log_odds(real + 7.0, fake + 7.0)
    np.testing.assert_allclose(shifted, loss.log_odds(real, fake), atol=1e-5)
    np.testing.assert_allclose(np.mean(shifted), 0.0, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: losses.get("hing"), "Did you mean `hinge`"),
        (lambda: losses.LOSSES.build("loss", {"name": "hinge", "margin": 2.0}), "loss.margin"),
        (lambda: losses.get({"name": "hinge", "margin": 2.0}), "loss.margin"),
        (lambda: losses.get(3), "`loss` should be a table with a `name`. Received: 3"),
        (lambda: losses.Minimax(label_smoothing=1.0), r"\[0, 1\)"),
    ],
)
def test_wrong_names_and_options_are_named(call, said):
    with pytest.raises(ConfigError, match=said):
        call()
