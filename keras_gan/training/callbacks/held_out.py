"""The remaining gap of p_g to p_data, by a discriminator that is trained afresh."""

from __future__ import annotations

import warnings

import numpy as np

from keras_gan.data import Source
from keras_gan.evaluation.held_out import Gap, held_out_gap
from keras_gan.runs import sampling
from keras_gan.runs.logs import MetricsLog
from keras_gan.training.callbacks.cadence import Cadence
from keras_gan.utils.errors import EvaluationError, KerasGanWarning

COUNT = 4200  # samples and training images


class HeldOutDiscriminator(Cadence):
    """Log `held_out/V(D,G)` and `held_out/jensen_shannon` (see `evaluation.held_out`).

    Warn once where the data are too few for that.

    Args:
        log: the run's.
        every: iterations between two; 0 for never.
        source: the training data.
        seed: of the latents, the images and the fresh weights.
    """

    def __init__(self, log: MetricsLog, every: int, source: Source, seed: int):
        super().__init__(every)
        self.log = log
        self.seed = seed
        rows = np.random.default_rng(seed).permutation(source.num_samples)[:COUNT]
        self.rows, self.source = rows, source

    def act(self, iteration, logs):
        labels = self.source.labels[self.rows] if self.model.labels else None
        # Other latents each time: what is estimated is not the gap of one set of samples.
        latent = sampling.draw_latents(self.model, len(self.rows), seed=self.seed + iteration)
        samples = sampling.run_batched(
            self.model.averaged("generator"), sampling.inputs(self.model, latent, labels)
        )
        if not np.isfinite(samples).all():
            return
        try:
            gap = self._gap(samples, latent, labels)
        except EvaluationError as error:
            self.every = 0
            warnings.warn(str(error), KerasGanWarning, stacklevel=2)
            return
        self.log.write(
            iteration,
            {"held_out/V(D,G)": gap.value, "held_out/jensen_shannon": gap.jensen_shannon},
        )

    def _gap(self, samples: np.ndarray, latent: np.ndarray, labels: np.ndarray | None) -> Gap:
        return held_out_gap(
            self.model.discriminator,
            self.model.discriminator_images(self.source.images[self.rows]).numpy(),
            self.model.discriminator_images(samples, latent).numpy(),
            labels if self.model.shows_labels else None,
            packing=self.model.options.packing,
            seed=self.seed,
        )
