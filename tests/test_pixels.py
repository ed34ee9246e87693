"""Pixels between uint8 and the scale of networks, and inference batch by batch."""

import numpy as np
import pytest
import tensorflow as tf

from keras_gan.utils.batching import in_batches
from keras_gan.utils.pixels import as_float, as_uint8, to_float, to_uint8, to_unit

EVERY = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("value, wanted", [
    (-1.0, 0), (0.0, 128), (1.0, 255), (-0.5, 64), (0.5, 191), (-7.0, 0), (7.0, 255),
    (1 / 127.5 - 1, 1), (np.nan, 0), (np.inf, 255), (-np.inf, 0),
])  # fmt: skip
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.filterwarnings("error")
def test_floats_become_bytes(value, wanted, kind):
    found = to_uint8(np.full((2, 1), value, kind))
    assert (found.dtype, found.tolist()) == (np.uint8, [[wanted], [wanted]])
    if not np.isnan(value):
        tensor = as_uint8(tf.fill([2, 1], tf.constant(value, kind)))
        assert (tensor.dtype, tensor.numpy().tolist()) == (tf.uint8, found.tolist())


def test_bytes_come_back_from_the_networks_scale_unchanged():
    assert np.array_equal(to_uint8(EVERY.astype(np.float32) / 127.5 - 1), EVERY)
    assert np.array_equal(to_uint8(to_float(EVERY)), EVERY)


def test_uint8_images_are_brought_to_the_range_of_the_networks():
    got = as_float(tf.constant([0, 255], tf.uint8))
    np.testing.assert_array_equal(got, [-1.0, 1.0])
    np.testing.assert_array_equal(as_float(tf.constant([0.25])), [0.25])
    np.testing.assert_array_equal(to_float(np.array([0.25])), np.float32([0.25]))


def test_arrays_and_tensors_have_the_same_bits():
    assert to_float(EVERY).dtype == np.float32
    np.testing.assert_array_equal(to_float(EVERY), as_float(EVERY))
    values = np.linspace(-1.1, 1.1, 100_001, dtype=np.float32)
    np.testing.assert_array_equal(to_uint8(values), as_uint8(values))


def test_the_unit_scale():
    np.testing.assert_array_equal(to_unit(EVERY), EVERY.astype(np.float32) / 255)
    values = np.linspace(-1, 1, 100_001)
    for kind in (np.float32, np.float64):
        floats = values.astype(kind)
        assert to_unit(floats).dtype == kind
        np.testing.assert_array_equal(to_unit(floats), (floats + 1) / 2)


def test_batches_are_bounded_and_their_results_in_order():
    traced, called = [], []

    @tf.function
    def compiled(x, y):
        traced.append(x.shape[0])
        return x + 2 * y

    def call(x, y):
        called.append(len(x))
        return compiled(tf.constant(x), tf.constant(y))

    x, y = np.arange(22.0).reshape(11, 2), np.ones((11, 1))
    np.testing.assert_array_equal(in_batches(call, x, y, batch_size=3), x + 2)
    assert called == [3, 3, 3, 2]
    assert len(traced) == 2
