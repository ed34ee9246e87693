"""A trace of a call of the program, for TensorBoard's profiler."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path

import keras
import tensorflow as tf

from keras_gan.runs.logs import BOARD

CALL = 3  # the first compiles, the second may still warm up
PACKAGE = "tensorboard-plugin-profile"  # the viewer
EVENT = "rounds"


class Profiler(keras.callbacks.Callback):
    """Write `tensorboard/plugins/profile/<time>/<host>.xplane.pb`.

    What is traced is the third call, or the last one of a training that has fewer: what
    the device computes, and what the host does beside it.

    Args:
        run: the run directory.
        calls: that this training will make.

    Attributes:
        written: the trace's folder, once it is there.
    """

    def __init__(self, run: Path, calls: int):
        super().__init__()
        self.run = run
        self.left = min(CALL, calls)
        self.written: Path | None = None
        self._tracing = contextlib.ExitStack()

    def on_train_batch_begin(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            tf.profiler.experimental.start(str(self.run / BOARD))
            self._tracing.callback(tf.profiler.experimental.stop)
            # What the viewer takes for a step.
            step = int(self.model.iteration.numpy())
            self._tracing.enter_context(tf.profiler.experimental.Trace(EVENT, step_num=step, _r=1))

    def on_train_batch_end(self, batch, logs=None):
        if self.left == 0:
            self.model.iteration.numpy()  # waits for the device
            self._tracing.close()
            self.written = max((self.run / BOARD / "plugins" / "profile").iterdir(), default=None)

    def close(self) -> None:
        """Ends a trace that an error has broken off."""
        self._tracing.close()


def viewer_is_installed() -> bool:
    """Whether TensorBoard can show a trace."""
    return importlib.util.find_spec(PACKAGE.replace("-", "_")) is not None
