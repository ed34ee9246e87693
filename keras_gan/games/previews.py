"""Sheets of samples, as training goes."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from keras_gan.games.endpoints import Endpoint
from keras_gan.utils import image_grids
from keras_gan.utils.batching import in_batches
from keras_gan.utils.labels import ClassLabels
from keras_gan.utils.pixels import to_uint8

#: Latents of previews are those that `keras-gan sample` draws with the same seed.
SAMPLING = 1
_MARGIN = 0.25  # around points, as a share of their range


def of_samples(sample: Endpoint, batch: Mapping[str, np.ndarray], seed: int) -> np.ndarray:
    """Return a sheet of samples of fixed latents, uint8 (height, width, channels).

    Images make a grid, with one row per class where there are classes. Points are drawn as a
    density, in a frame around those of the batch.

    Args:
        sample: from latents (and labels) to samples.
        batch: `images` of the data, as many as samples.
        seed: of the latents.
    """
    count, columns = len(batch["images"]), None
    if isinstance(sample.labels, ClassLabels):
        columns = max(1, count // sample.labels.size)
        count = columns * sample.labels.size
        labels = np.repeat(np.arange(sample.labels.size, dtype=np.int32), columns)
    else:
        labels = sample.labels.draw(count)
    arrays = [sample.latent.draw(count, (seed, SAMPLING)), *([] if labels is None else [labels])]

    def call(*rows):
        tensors = map(keras.ops.convert_to_tensor, rows)
        return sample(**dict(zip(sample.inputs, tensors, strict=True)))

    samples = in_batches(call, *arrays)
    if sample.produces.is_image:
        return image_grids.grid(to_uint8(samples), columns)
    low, high = float(batch["images"].min()), float(batch["images"].max())
    margin = _MARGIN * (high - low)
    return image_grids.points(samples, (low - margin, high + margin))
