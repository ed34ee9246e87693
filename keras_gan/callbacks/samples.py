"""Sample grids from fixed latents, as training goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_gan import pictures, sampling
from keras_gan.callbacks.cadence import Cadence


class SampleWriter(Cadence):
    """Draws the same latents every time, with the averaged generator.

    Writes `samples/<iteration>.png` and a TensorBoard image; the first is that of
    the untrained generator. Conditional: one row a class. Points: a density.

    Args:
        run: the run directory.
        every: iterations between two grids.
        count: samples in a grid.
        num_classes: classes of a conditional GAN, or None.
        bounds: lowest and highest coordinate to draw, for points.
    """

    def __init__(
        self,
        run: Path,
        every: int,
        count: int,
        num_classes: int | None,
        bounds: tuple[float, float] | None = None,
    ):
        super().__init__(every)
        self.run = run
        self.count = count
        self.num_classes = num_classes
        self.bounds = bounds

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.writer = tf.summary.create_file_writer(str(self.run / "tensorboard"))
        self.columns = None
        labels = None
        if self.num_classes is not None:
            self.columns = max(1, self.count // self.num_classes)
            self.count = self.columns * self.num_classes
            labels = np.repeat(np.arange(self.num_classes), self.columns)
        elif self.bounds is not None:
            self.count = max(self.count, 2000)
        latent = sampling.draw_latents(self.model, self.count, seed=self.model.seed)
        self.inputs = sampling.inputs(self.model, latent, labels)
        if self.iteration == 0:
            self.act(0, None)

    def act(self, iteration, logs):
        samples = sampling.run_batched(self.model.sampler, self.inputs)
        if self.bounds is not None:
            sheet = pictures.points(samples, self.bounds)
        else:
            sheet = pictures.grid(pictures.to_uint8(samples), self.columns)
        pictures.save_png(self.run / "samples" / f"{iteration:09d}.png", sheet)
        with self.writer.as_default(step=iteration):
            tf.summary.image("samples", sheet[None])

    def on_train_end(self, logs=None):
        if not (self.run / "samples" / f"{self.iteration:09d}.png").exists():
            self.act(self.iteration, None)
        self.writer.close()
