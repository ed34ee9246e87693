"""Callbacks that act every so many iterations, at the end of a call."""

from __future__ import annotations

import contextlib

import keras


class Cadence(keras.callbacks.Callback):
    """Calls `act(iteration, logs)` at the first call's end at or after each multiple of `every`.

    Args:
        every: iterations between two acts; 0 for never.
        last: an iteration at which to act as well, however near to another act.

    Attributes:
        iteration: rounds played so far.
        files: what is open while training runs; `close` lets go of it, however that ends.
    """

    def __init__(self, every: int, last: int | None = None):
        super().__init__()
        self.every = every
        self.last = last
        self.iteration = 0
        self.files = contextlib.ExitStack()

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

    def on_train_end(self, logs=None):
        self.close()

    def close(self) -> None:
        """Keras calls `on_train_end` only where nothing was raised."""
        self.files.close()

    def act(self, iteration: int, logs: dict) -> None:
        raise NotImplementedError
