"""Pixels as files hold them, uint8 0..255, and as networks use them, float32 in [-1, 1].

`to_...` functions are for numpy arrays and need no TensorFlow; `as_...` return tensors of the
same values, in a graph too. Both round to the nearest grey level, halves to the even one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


def scaled(levels: Any) -> Any:
    """Return grey levels 0..255 of any float type, array or tensor, in [-1, 1]."""
    return levels / 127.5 - 1.0


def to_float(images: np.ndarray) -> np.ndarray:
    """Return float32 images: uint8 0..255 becomes [-1, 1], floats stay as they are."""
    floats = images.astype(np.float32)
    return scaled(floats) if images.dtype == np.uint8 else floats


def flat(images: np.ndarray) -> np.ndarray:
    """Return `to_float(images)` as float32 (n, d)."""
    return to_float(images.reshape(len(images), -1))


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Return float images in [-1, 1] as uint8; values outside are clipped, NaN becomes 0."""
    within = np.nan_to_num(np.clip(images, -1.0, 1.0), nan=-1.0)
    return np.round((within + 1.0) * 127.5).astype(np.uint8)


def to_unit(images: np.ndarray) -> np.ndarray:
    """Return images in [0, 1]: uint8 0..255 as float32, floats in [-1, 1] in their own type."""
    return images.astype(np.float32) / 255.0 if images.dtype == np.uint8 else images * 0.5 + 0.5


def as_float(images: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Return the tensor of what `to_float` returns."""
    import tensorflow as tf

    images = tf.convert_to_tensor(images)
    floats = tf.cast(images, tf.float32)
    return scaled(floats) if images.dtype == tf.uint8 else floats


def as_uint8(images: tf.Tensor) -> tf.Tensor:
    """Return the tensor of what `to_uint8` returns for finite values."""
    import tensorflow as tf

    within = tf.clip_by_value(images, -1.0, 1.0)
    return tf.cast(tf.round((within + 1.0) * 127.5), tf.uint8)
