"""Callbacks that act every so many iterations, at the end of a call."""

from __future__ import annotations

import keras


class Cadence(keras.callbacks.Callback):
    """Calls `act(iteration, logs)` at the first call's end at or after each multiple of `every`.

    Args:
        every: iterations between two acts; 0 for never.

    Attributes:
        iteration: rounds played so far.
    """

    def __init__(self, every: int):
        super().__init__()
        self.every = every
        self.iteration = 0

    def on_train_begin(self, logs=None):
        self.iteration = int(self.model.iteration.numpy())

    def on_train_batch_end(self, batch, logs=None):
        before, self.iteration = self.iteration, int(self.model.iteration.numpy())
        if self.due(before):
            self.act(self.iteration, logs)

    def due(self, before: int) -> bool:
        """Whether a multiple of `every` lies in (before, iteration]."""
        return self.every > 0 and self.iteration // self.every > before // self.every

    def act(self, iteration: int, logs: dict) -> None:
        raise NotImplementedError
