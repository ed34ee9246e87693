"""Sample grids from fixed latents, as training goes."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_gan.runs import sampling
from keras_gan.runs.logs import BOARD, Board
from keras_gan.training.callbacks.cadence import Cadence
from keras_gan.utils import image_grids


class SampleWriter(Cadence):
    """Draws the same latents every time, with the averaged generator.

    Writes `samples/<iteration>.png` and a TensorBoard image; the first is that of
    the untrained generator, the last that of the finished one. Conditional: one row
    a class. Points: a density.

    Args:
        run: the run directory.
        every: iterations between two grids; 0 for none but the first and the last.
        last: the training's last iteration.
        count: samples in a grid.
        num_classes: classes of a conditional GAN, or None.
        conditions: float32 (n, condition_dim), where its labels are vectors.
        bounds: lowest and highest coordinate to draw, for points.
    """

    def __init__(
        self,
        run: Path,
        every: int,
        last: int,
        count: int,
        num_classes: int | None,
        bounds: tuple[float, float] | None = None,
        conditions: np.ndarray | None = None,
    ):
        super().__init__(every, last)
        self.run = run
        self.count = count
        self.num_classes = num_classes
        self.bounds = bounds
        self.conditions = conditions

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.board = self.files.enter_context(contextlib.closing(Board(self.run / BOARD)))
        self.columns = None
        labels = None
        if self.num_classes is not None:
            self.columns = max(1, self.count // self.num_classes)
            self.count = self.columns * self.num_classes
            labels = np.repeat(np.arange(self.num_classes), self.columns)
        elif self.conditions is not None:
            labels = self.conditions[np.arange(self.count) % len(self.conditions)]
        elif self.bounds is not None:
            self.count = max(self.count, 2000)
        latent = sampling.draw_latents(self.model, self.count, seed=self.model.seed)
        self.inputs = sampling.inputs(self.model, latent, labels)
        if self.iteration == 0:
            self.act(0, None)

    def act(self, iteration, logs):
        samples = sampling.run_batched(self.model.averaged("generator"), self.inputs)
        if self.bounds is not None:
            sheet = image_grids.points(samples, self.bounds)
        else:
            sheet = image_grids.grid(image_grids.to_uint8(samples), self.columns)
        image_grids.save_png(self.run / "samples" / f"{iteration:09d}.png", sheet)
        with self.board.at(iteration):
            tf.summary.image("samples", sheet[None])

    def on_train_end(self, logs=None):
        # Not where it was stopped: the uninterrupted training has no picture there.
        drawn = self.run / "samples" / f"{self.iteration:09d}.png"
        if self.iteration == self.last and not drawn.exists():
            self.act(self.iteration, None)
        super().on_train_end(logs)
