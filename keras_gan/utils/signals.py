"""Ctrl-C and `kill` end a training between two calls."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras

from keras_gan.utils.errors import RunError


class Interrupted(RunError):
    """Training was ended by a signal, after a checkpoint."""

    def __init__(self, number: int):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class StopOnSignal(keras.callbacks.Callback):
    """Ends training at the end of a call once a signal was received.

    Keras clears `stop_training` at the start of a fit, so the handler can't set it.

    Args:
        received: the numbers of signals received.
        agree: whether to end, asked with `received` at the end of every call. Processes that
            train together have to end after the same one.
    """

    def __init__(self, received: list[int], agree: Callable[[list[int]], bool]):
        super().__init__()
        self.received = received
        self.agree = agree

    def on_train_batch_end(self, batch, logs=None):
        if self.agree(self.received):
            self.model.stop_training = True


@contextmanager
def noted() -> Iterator[list[int]]:
    """Notes SIGINT and SIGTERM in place of dying of them; yields the list of those received."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def note(number, frame):
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    before = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def second_ends_process() -> Iterator[None]:
    """A second SIGINT ends the process at once, for the command line.

    Python's handlers wait for a compiled call to return, which may take seconds; a
    thread that is told of signals by their numbers in a pipe does not.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_end_at_second, args=(reading,), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)
        watcher.join()
        os.close(reading)


def _end_at_second(reading: int) -> None:
    asked = False
    while number := os.read(reading, 1):
        if number[0] == signal.SIGINT and asked:
            print("Interrupted.", file=sys.stderr, flush=True)
            os._exit(128 + signal.SIGINT)
        asked = asked or number[0] in (signal.SIGINT, signal.SIGTERM)
