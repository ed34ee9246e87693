"""stacked_mnist: three digits as the channels of one image, 1,000 classes (Metz 2017)."""

from __future__ import annotations

import dataclasses

import numpy as np

from keras_gan.config import DataConfig
from keras_gan.data import tfds
from keras_gan.data.source import Source
from keras_gan.utils.errors import DataError

OF = "mnist"
ROUNDS = 2  # times that each image is in each channel: about as many stacks as PacGAN had


def of_mnist(config: DataConfig) -> DataConfig:
    """What MNIST itself is loaded by."""
    return dataclasses.replace(config, name=OF)


def load(config: DataConfig) -> Source:
    """Stacks each image of MNIST's split ROUNDS times in each channel, in fixed random orders.

    Class 345 has a 3 in red, a 4 in green, a 5 in blue. tensorflow-datasets brings MNIST.

    Raises:
        DataError: see `tfds.load`; grey images asked for.
    """
    if config.channels not in (None, 3):
        raise DataError("stacked_mnist has 3 channels: leave data.channels out.")
    digits = tfds.load(dataclasses.replace(of_mnist(config), channels=None, stream=False))
    random = np.random.default_rng(digits.num_samples)
    each = np.tile(np.arange(digits.num_samples), ROUNDS)
    orders = [random.permutation(each) for _ in range(3)]
    images = np.concatenate([digits.images[order] for order in orders], axis=-1)
    hundreds, tens, ones = (digits.labels[order] for order in orders)
    names = tuple(f"{n:03d}" for n in range(1000))
    return Source(config.name, images, 100 * hundreds + 10 * tens + ones, names)
