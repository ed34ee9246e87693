"""How well D tells classes, as training goes."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from keras_gan.data import Source
from keras_gan.runs import sampling
from keras_gan.runs.logs import RowWriter
from keras_gan.training.callbacks.cadence import Cadence


class TestError(Cadence):
    """Logs `classifier/test_error`: the share of test images whose class D does not tell.

    It is only looked at: nothing in the training depends on it.

    Args:
        run: the run directory.
        every: iterations between two; 0 for none but the last.
        last: the training's last iteration.
        test: images and their classes.
    """

    __test__ = False  # of pytest's, by its name

    def __init__(self, run: Path, every: int, last: int, test: Source):
        super().__init__(every, last)
        self.run = run
        self.test = test

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.rows = self.files.enter_context(contextlib.closing(RowWriter(self.run)))

    def act(self, iteration, logs):
        told = sampling.told_classes(self.model.averaged("discriminator"), self.test.images)
        error = float(np.mean(told != self.test.labels))
        self.rows.write(iteration, {"classifier/test_error": error})
