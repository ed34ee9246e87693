"""The numbers of training: metrics.jsonl and TensorBoard."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import tensorflow as tf

from keras_gan.runs.logs import MetricsLog
from keras_gan.training.callbacks import dashboard
from keras_gan.training.callbacks.cadence import Cadence
from keras_gan.utils.checks import flatten

if TYPE_CHECKING:
    from keras_gan.training.plan import Training


class ScalarWriter(Cadence):
    """Log the means over the last call and its times, with the game's optima.

    The times are seconds per call and per training step, images per second, and the share of
    waiting for input.

    Args:
        log: the run's.
        training: its configuration is written as text and as hparams, its program is timed.
    """

    def __init__(self, log: MetricsLog, training: Training):
        super().__init__(training.config.output.scalars_every_steps, training.schedule.total_steps)
        self.log = log
        self.config, self.program = training.config, training.program
        self.rows_per_step = training.schedule.rows_per_step
        self.compiled = False

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        if self.iteration == 0:
            self._describe()

    def on_train_batch_begin(self, batch, logs=None):
        self.started, self.waited = time.perf_counter(), self.program.waited

    def on_train_batch_end(self, batch, logs=None):
        steps = int(self.model.iteration.numpy()) - self.iteration
        # Reading the iteration has waited for the device: the time is the call's.
        seconds = max(time.perf_counter() - self.started, 1e-9)
        self.times = {"time/seconds_per_call": seconds}
        if self.compiled:  # the first call's time is the compiler's
            self.times |= {
                "time/seconds_per_step": seconds / steps,
                "time/images_per_second": steps * self.rows_per_step / seconds,
                "time/input_share": (self.program.waited - self.waited) / seconds,
            }
        super().on_train_batch_end(batch, logs)
        self.compiled = True

    def act(self, iteration, logs):
        values = {name: float(value) for name, value in logs.items()}
        self.log.write(iteration, {**values, "time/unix": time.time(), **self.times})
        self.log.write_optima(iteration, self.model.optima)

    def _describe(self):
        from tensorboard.plugins.hparams import api as hparams

        with self.log.at(0):
            tf.summary.text("config", f"```yaml\n{self.config.to_yaml()}```")
            settings = flatten(self.config.to_dict())
            hparams.hparams({k: v for k, v in settings.items() if k != "description"})
            dashboard.write(self.model)
