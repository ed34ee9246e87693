"""The layers against NumPy, and recomputation against what it stands for."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan.networks.layers import (
    ConditionalBatchNormalization,
    Dropout,
    FourierFeatures,
    GaussianNoise,
    Maxout,
    Recomputed,
    SpectralNormalization,
    activations_kept,
)


def test_maxout_is_the_maximum_of_its_pieces():
    layer = Maxout(3, pieces=4)
    x = np.random.default_rng(0).normal(size=(5, 7)).astype("float32")
    got = keras.ops.convert_to_numpy(layer(x))
    kernel, bias = layer.get_weights()
    affine = (x @ kernel + bias).reshape(5, 3, 4)
    np.testing.assert_allclose(got, affine.max(-1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: (keras.layers.Dense(6, use_bias=False), (4, 9)),
        lambda: (keras.layers.Conv2D(6, 3, padding="same", use_bias=False), (2, 8, 8, 3)),
    ],
)
def test_spectral_norm_tends_to_a_layer_of_norm_one(make):
    keras.utils.set_random_seed(0)
    inner, shape = make()
    layer = SpectralNormalization(inner)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer(x)
    before = inner.get_weights()[0].copy()
    for _ in range(100):
        layer(x, training=True)
    kernel = inner.get_weights()[0]
    np.testing.assert_array_equal(kernel, before)  # it is never overwritten
    sigma = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
    np.testing.assert_allclose(layer(x), inner(x) / sigma, rtol=1e-3, atol=1e-5)


def test_spectral_norm_moves_only_in_training():
    layer = SpectralNormalization(keras.layers.Dense(6, use_bias=False))
    x = np.ones((2, 5), "float32")
    layer(x)
    u = layer.u.numpy()
    layer(x, training=False)
    np.testing.assert_array_equal(layer.u.numpy(), u)
    layer(x, training=True)
    assert not np.array_equal(layer.u.numpy(), u)


def test_spectral_norm_refuses_a_layer_whose_output_is_not_linear():
    with pytest.raises(ValueError, match="use_bias=False"):
        SpectralNormalization(keras.layers.Dense(6))
    with pytest.raises(ValueError, match="activation"):
        SpectralNormalization(keras.layers.Dense(6, use_bias=False, activation="relu"))


def test_fourier_features_are_sines_and_cosines_beside_the_input():
    x = np.array([[0.1, -0.5], [1.7, 3.0]], np.float32)
    layer = FourierFeatures(3)
    got = keras.ops.convert_to_numpy(layer(x))
    waves = [f(k * x.astype(np.float64)) for k in (1, 2, 4) for f in (np.sin, np.cos)]
    np.testing.assert_allclose(got, np.concatenate([x, *waves], axis=1), atol=1e-6)
    assert layer.compute_output_shape((None, 2)) == (None, 14)


def test_fourier_features_have_at_least_one_octave():
    with pytest.raises(ValueError, match="at least 1"):
        FourierFeatures(0)


def test_conditional_batch_norm_has_a_scale_and_a_shift_for_each_class():
    rng = np.random.default_rng(0)
    x = rng.normal(2.0, 3.0, size=(6, 4, 5, 2)).astype("float32")
    labels = np.array([0, 1, 2, 2, 1, 0])
    layer = ConditionalBatchNormalization()
    layer([x, np.eye(3, dtype="float32")[labels]])
    gamma, beta = rng.normal(size=(2, 3, 2)).astype("float32")
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    got = layer([x, np.eye(3, dtype="float32")[labels]], training=True)
    normalised = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-3)
    expected = gamma[labels][:, None, None] * normalised + beta[labels][:, None, None]
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.normalization.moving_mean, 0.01 * x.mean((0, 1, 2)), rtol=1e-4)
    # Of vectors both are affine: nothing asked for, nothing but normalised.
    vectors = np.zeros((6, 3), "float32")
    vectors[1:] = [0.5, 0.0, 2.0]
    got = layer([x, vectors], training=True)
    np.testing.assert_allclose(got[0], normalised[0], rtol=1e-4, atol=1e-5)
    scale = 1 + 0.5 * (gamma[0] - 1) + 2 * (gamma[2] - 1)
    expected = scale * normalised[1:] + 0.5 * beta[0] + 2 * beta[2]
    np.testing.assert_allclose(got[1:], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("make", [Dropout, GaussianNoise])
def test_noise_is_keras_own_by_an_algorithm_that_is_named(make, policy):
    x = np.random.default_rng(0).uniform(1.0, 2.0, size=(40, 50)).astype("float32")
    layer = make(0.25, seed=3, dtype=policy)
    keras_one = getattr(keras.layers, make.__name__)(0.25, seed=3, dtype=policy)
    got, expected = layer(x, training=True), keras_one(x, training=True)
    assert got.dtype == expected.dtype
    if policy == "float32":  # a plain graph's default is the same algorithm
        np.testing.assert_allclose(got, expected, rtol=1e-6)
    got = got.numpy().astype("float32")
    if make is Dropout:
        assert 0.2 < (got == 0).mean() < 0.3  # 5 deviations of 2,000 coins
        np.testing.assert_allclose(got[got != 0], x[got != 0] / 0.75, rtol=2e-3)
    else:
        assert 0.23 < np.std(got - x) < 0.27
    np.testing.assert_array_equal(layer(x, training=False), keras_one(x, training=False))
    np.testing.assert_array_equal(make(0.0)(x, training=True), x)
    assert not np.array_equal(layer(x, training=True), layer(x, training=True))


@pytest.mark.parametrize("make", [Dropout, GaussianNoise])
def test_no_compiler_chooses_the_algorithm_of_noise(make):
    def chosen(layer):
        graph = tf.function(lambda x: layer(x, training=True)).get_concrete_function(
            tf.TensorSpec((2, 3))
        )
        return {op.type for op in graph.graph.get_operations()} & {
            "StatelessRandomGetKeyCounter",
            "StatelessRandomGetAlg",
        }

    assert not chosen(make(0.5))
    assert chosen(getattr(keras.layers, make.__name__)(0.5))  # how it would show


def normalised_block():
    """Spectral norm and batch norm: both kinds of state that a call in training moves."""
    keras.utils.set_random_seed(0)
    x = keras.Input((6, 6, 2))
    y = SpectralNormalization(keras.layers.Conv2D(3, 3, use_bias=False))(x)
    return keras.Model(x, keras.layers.ReLU()(keras.layers.BatchNormalization()(y)))


def gradients(layer, weights, how):
    x = tf.constant(np.random.default_rng(0).normal(size=(5, 6, 6, 2)), tf.float32)

    def compute():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(tf.cast(y, tf.float32) * tf.range(3.0))
        return y, tape.gradient(loss, [x, *[w.value for w in weights]])

    return {"eager": compute, "graph": tf.function(compute)}[how]()


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("how", ["eager", "graph"])
def test_a_recomputed_block_has_the_outputs_gradients_and_state_of_the_block(how, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        plain, inner = normalised_block(), normalised_block()
        recomputed = Recomputed(inner)
    finally:
        keras.config.set_dtype_policy(before)
    first = gradients(plain, plain.trainable_weights, how)
    second = gradients(recomputed, inner.trainable_weights, how)
    for a, b in zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    for a, b in zip(plain.weights, inner.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


def test_a_recomputed_block_is_computed_again_and_only_in_training():
    calls = []

    class Counted(keras.layers.Dense):
        def call(self, inputs, training=None):
            calls.append(training)
            return super().call(inputs)

    layer = Recomputed(Counted(2))
    x = tf.ones((3, 2))
    layer(x)
    for training, in_call, in_gradient in ((True, 1, 1), (False, 1, 0)):
        with tf.GradientTape() as tape:
            calls.clear()
            y = layer(x, training=training)
            assert len(calls) == in_call
        calls.clear()
        tape.gradient(y, layer.layer.kernel.value)
        assert len(calls) == in_gradient


def test_what_is_differentiated_twice_is_kept():
    block = normalised_block()
    layer = Recomputed(block)
    x = tf.constant(np.random.default_rng(0).normal(size=(5, 6, 6, 2)), tf.float32)

    def squared_gradient(layer):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.reduce_sum(tf.square(layer(x, training=True)))
            penalty = tf.reduce_sum(tf.square(tape.gradient(y, x)))
        return outer.gradient(penalty, block.trainable_weights[0].value)

    with pytest.raises(NotImplementedError):
        squared_gradient(layer)
    with keras.StatelessScope():  # no state moves, so that both see the same
        expected = squared_gradient(block)
    with keras.StatelessScope(), activations_kept():
        got = squared_gradient(layer)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [
        Recomputed(keras.layers.Dense(3)),
        FourierFeatures(4, dtype="float32"),
        Maxout(3, 2, keras.initializers.RandomUniform(-0.1, 0.1)),
        Dropout(0.5, seed=1),
        GaussianNoise(0.5, seed=1),
        SpectralNormalization(keras.layers.Conv2D(4, 3, use_bias=False)),
    ],
)
def test_layers_come_back_from_their_config(layer, tmp_path):
    shape = (8, 8, 2) if isinstance(layer, SpectralNormalization) else (6,)
    model = keras.Sequential([keras.Input(shape), layer])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype("float32")
    np.testing.assert_array_equal(model(x), again(x))
