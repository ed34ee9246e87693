"""scikit-learn's 1,797 real handwritten digits (UCI Optical Recognition), 8x8, 16 greys."""

from __future__ import annotations

import numpy as np

from keras_gan.config import DataConfig
from keras_gan.data.source import Source, part_of, to_size

TRAIN = 1500  # the first 1,500 are `train`, the last 297 are `test`


def load(config: DataConfig) -> Source:
    """Loads `train`, `test` or a part of one; `all` is both."""
    from sklearn.datasets import load_digits  # takes a second to import

    digits = load_digits()
    rows = {"train": slice(0, TRAIN), "test": slice(TRAIN, None), "all": slice(None)}
    labels = digits.target.astype(np.int32)
    split, part = part_of(config.split, {name: len(labels[r]) for name, r in rows.items()})
    images = np.round(digits.images[..., None] * (255.0 / 16.0)).astype(np.uint8)
    images = to_size(images[rows[split]][part], config.image_size, config.channels)
    return Source(config.name, images, labels[rows[split]][part], tuple("0123456789"))
