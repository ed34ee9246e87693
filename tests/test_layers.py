"""Maxout, spectral normalisation and Fourier features against NumPy."""

import keras
import numpy as np
import pytest

from keras_gan.layers import FourierFeatures, Maxout, SpectralNormalization


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


@pytest.mark.parametrize(
    "layer",
    [
        FourierFeatures(4, dtype="float32"),
        Maxout(3, 2, keras.initializers.RandomUniform(-0.1, 0.1)),
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
