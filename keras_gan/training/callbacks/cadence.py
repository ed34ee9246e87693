"""Callbacks that act every so many iterations, at the end of a call."""

from __future__ import annotations

import keras


class Cadence(keras.callbacks.Callback):
    """Call `act(iteration, logs)` at the first call's end at or after each multiple of `every`.

    Args:
        every: iterations between two acts; 0 for never.
        last: an iteration at which to act as well, however near to another act.

    Attributes:
        iteration: training steps done so far.
    """

    def __init__(self, every: int, last: int | None = None):
        super().__init__()
        self.every = every
        self.last = last
        self.iteration = 0

    def on_train_begin(self, logs=None):
        self.iteration = int(self.model.iteration.numpy())

    def on_train_batch_end(self, batch, logs=None):
        before, self.iteration = self.iteration, int(self.model.iteration.numpy())
        if self.due(before):
            self.act(self.iteration, logs)

    def due(self, before: int) -> bool:
        """Whether a multiple of `every`, or `last`, lies in (before, iteration]."""
        if self.every == 0:
            return False
        return self.iteration // self.every > before // self.every or self.iteration == self.last

    def act(self, iteration: int, logs: dict) -> None:
        raise NotImplementedError
