"""The remaining gap, now and then, by a discriminator trained afresh."""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path

import numpy as np

from keras_gan.data import Source
from keras_gan.evaluation.held_out import Gap, held_out_gap
from keras_gan.games import players
from keras_gan.runs import sampling
from keras_gan.runs.logs import RowWriter
from keras_gan.training.callbacks.cadence import Cadence
from keras_gan.utils.errors import EvaluationError, KerasGanWarning
from keras_gan.utils.pixels import as_float

COUNT = 4200  # samples and training images


class HeldOutDiscriminator(Cadence):
    """Logs `held_out/V(D,G)` and `held_out/jensen_shannon` (see `evaluation.held_out`).

    Where the data are too few for that, it says so once.

    Args:
        run: the run directory.
        every: iterations between two; 0 for never.
        source: the training data.
        seed: of the latents, the images and the fresh weights.
    """

    def __init__(self, run: Path, every: int, source: Source, seed: int):
        super().__init__(every)
        self.run = run
        self.seed = seed
        rows = np.random.default_rng(seed).permutation(source.num_samples)[:COUNT]
        self.rows, self.source = rows, source

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.writer = self.files.enter_context(contextlib.closing(RowWriter(self.run)))

    def act(self, iteration, logs):
        labels = self.source.labels[self.rows] if self.model.conditional else None
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
        self.writer.write(
            iteration,
            {"held_out/V(D,G)": gap.value, "held_out/jensen_shannon": gap.jensen_shannon},
        )

    def _gap(self, samples: np.ndarray, latent: np.ndarray, labels: np.ndarray | None) -> Gap:
        real = self.source.images[self.rows]
        if self.model.averaged("encoder") is not None:  # D sees pairs
            real = as_float(real).numpy()
            code = sampling.run_batched(self.model.averaged("encoder"), {"images": real})
            real, samples = (players.paired(*p).numpy() for p in ((real, code), (samples, latent)))
        return held_out_gap(
            self.model.discriminator,
            real,
            samples,
            labels if self.model.shows_labels else None,
            packing=self.model.packing,
            seed=self.seed,
        )
