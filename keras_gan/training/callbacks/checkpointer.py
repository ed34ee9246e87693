"""Checkpoints by iterations, by minutes and at the end."""

from __future__ import annotations

import time

from keras_gan.runs import checkpoints
from keras_gan.runs.logs import MetricsLog
from keras_gan.training.callbacks.cadence import Cadence


class Checkpointer(Cadence):
    """Write checkpoints: before the first step, at its cadence and at the end.

    Args:
        log: the run's.
        writer: of the run's checkpoints.
        every: iterations between two.
        minutes: at most between two; 0 for iterations only.
    """

    def __init__(self, log: MetricsLog, writer: checkpoints.Writer, every: int, minutes: float):
        super().__init__(every)
        self.log = log
        self.writer = writer
        self.minutes = minutes

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
        self.log.sync()  # a resume never writes again what was logged before its checkpoint
        self.writer.save(self.model)
        self.last_iteration = iteration
        self.last_time = time.monotonic()

    def on_train_end(self, logs=None):
        if self.last_iteration != self.iteration:
            self.act(self.iteration, logs)
