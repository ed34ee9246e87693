"""How near a picture is to another one: MSE, PSNR and SSIM on the scale of [0, 1]."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from keras_gan.utils.pixels import to_unit

_LEAST_MSE = 1e-10  # 100 dB: what is equal has no PSNR
_FILTER = 11  # pixels that SSIM's window is wide, at most


def mse(images: np.ndarray, originals: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean squared error of each image, float64 (n,), of pixels from 0 (black) to 1 (white).

    Args:
        images, originals: float32 (n, h, w, c) in [-1, 1].
        weights: (n or 1, h, w, 1), 1 where pixels count and 0 elsewhere; by default all do.
    """
    squares = np.square((np.clip(images, -1, 1) - originals) / 2.0, dtype=np.float64)
    weights = np.broadcast_to(1.0 if weights is None else weights, squares.shape)
    return (squares * weights).sum(axis=(1, 2, 3)) / weights.sum(axis=(1, 2, 3))


def psnr(mean_squared_error: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB, at most 100: -10 log10(MSE)."""
    return -10.0 * np.log10(np.maximum(mean_squared_error, _LEAST_MSE))


def ssim(images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Structural similarity of each image, float (n,), at most 1.

    Source: Wang 2004, with TensorFlow's window of 11 pixels; as wide as the image is in
    smaller ones.
    """
    size = min(_FILTER, *images.shape[1:3])
    both = (tf.constant(to_unit(np.clip(a, -1, 1)), tf.float32) for a in (images, originals))
    return tf.image.ssim(*both, max_val=1.0, filter_size=size).numpy()
