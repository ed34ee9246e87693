"""Checkpoints by iterations, by minutes and at the end."""

from __future__ import annotations

import time
from pathlib import Path

from keras_gan.runs import METRICS, checkpoints
from keras_gan.runs.logs import BOARD
from keras_gan.training.callbacks.cadence import Cadence
from keras_gan.utils.files import flush


class Checkpointer(Cadence):
    """Writes checkpoints: before the first step, at its cadence and at the end.

    Args:
        run: the run directory.
        writer: of the run's checkpoints.
        every: iterations between two.
        minutes: and at least so often; 0 for iterations only.
    """

    def __init__(self, run: Path, writer: checkpoints.Writer, every: int, minutes: float):
        super().__init__(every)
        self.run = run
        self.writer = writer
        self.minutes = minutes
        self.last_iteration = -1
        self.last_time = time.monotonic()

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        if not checkpoints.list_checkpoints(self.writer.folder):
            self.act(self.iteration, None)
        self.last_iteration = self.iteration
        self.last_time = time.monotonic()

    def due(self, before):
        late = self.minutes > 0 and time.monotonic() - self.last_time >= 60 * self.minutes
        return late or super().due(before)

    def act(self, iteration, logs):
        # First the logs: those of before a checkpoint are never written again.
        for log in (self.run / METRICS, *(self.run / BOARD).rglob("*tfevents*")):
            flush(log)
        self.writer.save(self.model)
        self.last_iteration = iteration
        self.last_time = time.monotonic()

    def on_train_end(self, logs=None):
        if self.last_iteration != self.iteration:
            self.act(self.iteration, logs)
        super().on_train_end(logs)
