"""What lies between images and D: packs, instance noise and augmentation, one pipeline.

All random numbers of the pipeline are drawn in advance for every row of the minibatch, so
that they depend neither on replicas nor on accumulation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from keras_gan.games import augmentation, batches
from keras_gan.games.step import TrainStep

#: What a minibatch needs: `noise` (m, *image shape), `augment` {policy: (m, n)}; or nothing.
Draws = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class DiscriminatorInputs:
    """The pipeline: images -> packs -> with noise (what regularizers see) -> augmented (D's).

    Args:
        packing: images that D has at once, stacked along the channels (PacGAN, Lin 2018).
        noise: stddev of Gaussian noise on all of D's inputs (Sonderby 2017), at the start.
        noise_steps: training steps over which it falls linearly to 0; None for never.
        policies: names in `augmentation.POLICIES` (DiffAugment, Zhao 2020).
    """

    packing: int
    noise: float
    noise_steps: int | None
    policies: tuple[str, ...]

    def draw(self, step: TrainStep, rows: Any, shape: tuple[int, ...]) -> Draws:
        """Draw the pipeline's random numbers for `rows` images of `shape`."""
        draws: dict[str, Any] = {}
        if self.noise:
            draws["noise"] = self._stddev(step) * step.normal("noise", rows, *shape)
        if self.policies:
            draws["augment"] = {
                name: step.uniform(f"augment/{name}", rows, augmentation.draws_of(name))
                for name in self.policies
            }
        return draws

    def __call__(self, images: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Return packs with noise, float32 (m / packing, height, width, packing * channels)."""
        if self.noise:
            images = images + draws["noise"]
        return batches.packed(images, self.packing)

    def augmented(self, packs: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Return T(x) of packs, each of its images by its own random numbers."""
        if not self.policies:
            return packs
        images = batches.unpacked(packs, self.packing)
        images = augmentation.augmented(images, draws["augment"])
        return batches.packed(images, self.packing)

    def _stddev(self, step: TrainStep) -> tf.Tensor:
        stddev = tf.constant(self.noise, tf.float32)
        if self.noise_steps is None:
            return stddev
        progress = tf.cast(step.model.iteration.value, tf.float32) / self.noise_steps
        return stddev * tf.maximum(0.0, 1.0 - progress)
