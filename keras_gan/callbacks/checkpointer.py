"""Checkpoints by iterations, by minutes and at the end."""

from __future__ import annotations

import time
from pathlib import Path

from keras_gan import checkpoints
from keras_gan.callbacks.cadence import Cadence


class Checkpointer(Cadence):
    """Writes checkpoints: before the first step, at its cadence and at the end.

    Args:
        folder: the run's `checkpoints/`.
        every: iterations between two.
        minutes: and at least so often; 0 for iterations only.
        keep: how many of the newest are kept.
    """

    def __init__(self, folder: Path, every: int, minutes: float, keep: int):
        super().__init__(every)
        self.folder = folder
        self.minutes = minutes
        self.keep = keep
        self.last_iteration = -1
        self.last_time = time.monotonic()

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        if not checkpoints.list_checkpoints(self.folder):
            self.act(self.iteration, None)
        self.last_iteration = self.iteration
        self.last_time = time.monotonic()

    def due(self, before):
        late = self.minutes > 0 and time.monotonic() - self.last_time >= 60 * self.minutes
        return late or super().due(before)

    def act(self, iteration, logs):
        checkpoints.save(self.model, self.folder, self.keep)
        self.last_iteration = iteration
        self.last_time = time.monotonic()

    def on_train_end(self, logs=None):
        if self.last_iteration != self.iteration:
            self.act(self.iteration, logs)
