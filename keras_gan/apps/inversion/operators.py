"""What became of an image before it was seen: a linear map A, and which of its values count.

An operator stands between G and the loss, sum_i w_i (A(G(z)) - y)_i^2. A new one is a class
here and a row of `keras_gan.apps.inversion.restoring.TASKS`.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from keras_gan.utils.errors import ConfigError


class Identity:
    """The image itself was seen. Base of the other operators.

    Attributes:
        noise: standard deviation of the Gaussian noise on each value that was seen, on the
            images' scale of [-1, 1].
        weights: 1.0 where all values were seen; else float32 (images or 1, *observed shape),
            0 or 1.
    """

    noise: float = 0.0
    weights: np.ndarray | float = 1.0

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """What would be seen of float32 images (..., height, width, channels)."""
        return images

    def of(self, rows: np.ndarray) -> Identity:
        """The operator of some images, by their numbers."""
        return self


class Mask(Identity):
    """Some pixels were not seen.

    Args:
        known: bool (height, width), or one an image (images, height, width); false in the hole.
    """

    def __init__(self, known: np.ndarray):
        self.known = np.asarray(known, bool)
        self.weights = np.float32(self.known.reshape(-1, *self.known.shape[-2:], 1))

    def of(self, rows):
        return self if self.known.ndim == 2 else Mask(self.known[rows])


class Downsample(Identity):
    """Each pixel that was seen is the mean of factor x factor pixels of the image.

    Args:
        factor: 2 or more.
        sides: (height, width) of the images.

    Raises:
        ConfigError: `factor` does not divide both.
    """

    def __init__(self, factor: int, sides: tuple[int, int]):
        if any(side % factor for side in sides):
            raise ConfigError(
                f"--factor should divide the images' height and width, {sides[0]}x{sides[1]}. "
                f"Received: {factor}."
            )
        self.factor = factor

    def transform(self, images):
        *rows, height, width, channels = images.shape
        factor = self.factor
        small = (height // factor, width // factor)
        blocks = (math.prod(rows), small[0], factor, small[1], factor, channels)
        return tf.reshape(
            tf.reduce_mean(tf.reshape(images, blocks), axis=(2, 4)), (*rows, *small, channels)
        )


class Noise(Identity):
    """Gaussian noise was added.

    Args:
        sigma: its standard deviation, on the images' scale of [-1, 1].
    """

    def __init__(self, sigma: float):
        self.noise = sigma
