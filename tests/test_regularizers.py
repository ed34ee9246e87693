"""Regularizers against closed forms: linear and quadratic critics."""

import numpy as np
import pytest
import tensorflow as tf

from keras_gan.games import regularizers
from keras_gan.games.regularizers import REGULARIZERS, Regularizer
from keras_gan.utils.errors import ConfigError

DRAWS = tf.constant([[0.3], [0.7], [0.2]])  # of the points between
WEIGHTS = tf.constant([[3.0], [4.0]])  # norm 5
REAL = tf.constant([[1.0, 2.0], [-1.0, 0.5], [0.0, 0.0]])
FAKE = tf.constant([[0.3, -2.0], [1.0, 1.0], [2.0, 0.0]])


def linear(images, labels):
    return tf.matmul(images, WEIGHTS)


def quadratic(images, labels):
    """Gradient 2x, so its squared norm is 4 |x|^2."""
    return tf.reduce_sum(tf.square(images), axis=1, keepdims=True)


def test_gradient_penalty_of_a_linear_critic():
    got = regularizers.gradient_penalty(linear, REAL, FAKE, None, DRAWS)
    np.testing.assert_allclose(got, (5.0 - 1.0) ** 2, rtol=1e-6)


def test_gradient_penalty_looks_between_real_and_fake():
    """Real at -r, fake at +r on one axis: |grad| = 2|x^| with x^ uniform on [-r, r]."""
    r, n = 2.0, 20_000
    real, fake = tf.fill((n, 1), -r), tf.fill((n, 1), r)
    draws = tf.random.stateless_uniform((n, 1), [1, 2])
    got = regularizers.gradient_penalty(quadratic, real, fake, None, draws)
    expected = 4 * r**2 / 3 - 2 * r + 1  # E[(2|x|-1)^2] for |x| uniform on [0, r]
    np.testing.assert_allclose(got, expected, rtol=0.03)  # 4 standard errors at n = 20,000


def test_gradient_penalty_draws_one_epsilon_an_image():
    """With one epsilon an image, points stay on the segment; with one a pixel they don't."""
    seen = []

    def spy(images, labels):
        seen.append(images)
        return quadratic(images, labels)

    regularizers.gradient_penalty(spy, REAL, FAKE, None, DRAWS)
    np.testing.assert_allclose(seen[0], FAKE + DRAWS * (REAL - FAKE), rtol=1e-6)


def test_gradient_penalty_has_a_finite_gradient_where_the_critic_is_flat():
    slope = tf.Variable([[0.0], [0.0]])
    with tf.GradientTape() as tape:
        loss = regularizers.gradient_penalty(lambda x, y: x @ slope, REAL, FAKE, None, DRAWS)
    assert np.isfinite(tape.gradient(loss, slope).numpy()).all()


@pytest.mark.parametrize(("name", "images"), [("r1", REAL), ("r2", FAKE)])
def test_r1_and_r2_of_known_critics(name, images):
    function = REGULARIZERS[name]
    np.testing.assert_allclose(function(linear, REAL, FAKE, None, DRAWS), 25.0 / 2, rtol=1e-6)
    expected = 0.5 * np.mean(4 * np.sum(images.numpy() ** 2, axis=1))
    np.testing.assert_allclose(function(quadratic, REAL, FAKE, None, DRAWS), expected, rtol=1e-6)


@pytest.mark.parametrize("name", REGULARIZERS)
def test_half_precision_images_give_a_float32_penalty(name):
    real, fake = tf.cast(REAL, tf.float16), tf.cast(FAKE, tf.float16)
    assert REGULARIZERS[name](linear, real, fake, None, DRAWS).dtype == tf.float32


@pytest.mark.parametrize("compiled", [False, True])
def test_a_lazy_regularizer_acts_in_every_nth_step_with_n_times_the_weight(compiled):
    penalty = Regularizer("r1", weight=2.0, every=4)

    def at(iteration):
        return penalty(iteration, linear, REAL, FAKE, None, DRAWS)

    if compiled:
        at = tf.function(at, jit_compile=True)
    values = [float(at(tf.constant(t, tf.int64))) for t in range(9)]
    assert values == [100.0, 0, 0, 0, 100.0, 0, 0, 0, 100.0]


def test_the_gradient_of_a_lazy_regularizer_reaches_the_weights():
    slope = tf.Variable(WEIGHTS)

    @tf.function
    def gradient(iteration):
        with tf.GradientTape() as tape:
            loss = Regularizer("r1", 1.0, every=2)(
                iteration, lambda x, y: x @ slope, REAL, FAKE, None, DRAWS
            )
        return tape.gradient(loss, slope)

    np.testing.assert_allclose(gradient(tf.constant(0)), 2 * WEIGHTS, rtol=1e-6)  # d |w|^2 / dw
    np.testing.assert_array_equal(gradient(tf.constant(1)), np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"r3": {"weight": 1.0}}, "no regularizer `r3`"),
        ({"r1": {"weight": -1.0}}, "weight"),
        ({"r1": {"weight": float("nan")}}, "weight"),
        ({"r1": {"weight": 1.0, "every": 0}}, "every"),
        ({"r1": {"wieght": 1.0}}, "Did you mean `weight`"),
        ({"r1": {"every": 2}}, "the regularizer r1 needs regularizers.r1.weight"),
    ],
)
def test_wrong_regularizers_are_named(table, said):
    with pytest.raises(ConfigError, match=said):
        regularizers.get(table)
