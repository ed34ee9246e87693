"""Sample grids from fixed latents, in the course of training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_gan.runs.logs import MetricsLog
from keras_gan.training.callbacks.cadence import Cadence
from keras_gan.utils import image_grids


class Drawing(Cadence):
    """Draw `samples/<iteration>.png` and a TensorBoard image.

    The first is that of the untrained game, the last that of the finished one.

    Args:
        run: the run directory.
        log: the run's.
        every: iterations between two; 0 for none but the first and the last.
        last: the training's last iteration.
    """

    def __init__(self, run: Path, log: MetricsLog, every: int, last: int):
        super().__init__(every, last)
        self.run = run
        self.log = log

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.prepare()
        if self.iteration == 0:
            self.act(0, None)

    def prepare(self) -> None:
        """Make what all drawings of the model need."""

    def path(self, iteration: int) -> Path:
        """Return where the drawing of an iteration is."""
        return self.run / "samples" / f"{iteration:09d}.png"

    def on_train_end(self, logs=None):
        # Not where it was stopped: the uninterrupted training has no drawing there.
        if self.iteration == self.last and not self.path(self.iteration).exists():
            self.act(self.iteration, None)


class SampleWriter(Drawing):
    """Draw the model's `preview` of the same rows of the data every time.

    Args:
        run, log, every, last: as Drawing's.
        batch: the rows, by field.
    """

    def __init__(
        self, run: Path, log: MetricsLog, every: int, last: int, batch: Mapping[str, np.ndarray]
    ):
        super().__init__(run, log, every, last)
        self.batch = batch

    def act(self, iteration, logs):
        sheet = self.model.preview(self.batch)
        image_grids.save_png(self.path(iteration), sheet)
        with self.log.at(iteration):
            tf.summary.image("samples", sheet[None])
