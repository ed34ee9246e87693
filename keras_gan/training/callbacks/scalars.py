"""The numbers of training: metrics.jsonl and TensorBoard."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import tensorflow as tf

from keras_gan.config import Config
from keras_gan.engine.programs import RoundsProgram
from keras_gan.games.losses import OPTIMAL_VALUE
from keras_gan.runs.logs import OPTIMUM, Board, RowWriter, write_scalar
from keras_gan.training.callbacks import dashboard
from keras_gan.training.callbacks.cadence import Cadence
from keras_gan.utils.checks import flatten


class ScalarWriter(Cadence):
    """Writes the means over the last call to `metrics.jsonl` and to TensorBoard.

    With them its times: seconds a call and a step, images per second, and the share
    that it has waited for its input.

    The optimum of V(D,G), -log 4, and of the game's own value are a second
    TensorBoard run, `optimum`, so that each is drawn in the same chart.

    Args:
        run: the run directory.
        every: iterations between two rows, at least.
        rows_per_round: real images a round sees, for images per second.
        total: iterations of the whole training; the last one gets a row.
        config: written as text and as hparams.
        program: whose waiting for input is measured.
    """

    def __init__(
        self,
        run: Path,
        every: int,
        rows_per_round: int,
        total: int,
        config: Config,
        program: RoundsProgram,
    ):
        super().__init__(every)
        self.run = run
        self.rows_per_round = rows_per_round
        self.config = config
        self.program = program
        self.total = total
        self.compiled = False

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        closing = contextlib.closing
        self.rows = self.files.enter_context(closing(RowWriter(self.run)))
        self.optimum = self.files.enter_context(closing(Board(self.run / OPTIMUM)))
        if self.iteration == 0:
            self._describe()

    def on_train_batch_begin(self, batch, logs=None):
        self.started, self.waited = time.perf_counter(), self.program.waited

    def on_train_batch_end(self, batch, logs=None):
        rounds = int(self.model.iteration.numpy()) - self.iteration
        # Reading the iteration has waited for the device: the time is the call's.
        seconds = max(time.perf_counter() - self.started, 1e-9)
        self.times = {"time/seconds_per_call": seconds}
        if self.compiled:  # the first call's time is the compiler's
            self.times |= {
                "time/seconds_per_step": seconds / rounds,
                "time/images_per_second": rounds * self.rows_per_round / seconds,
                "time/input_share": (self.program.waited - self.waited) / seconds,
            }
        super().on_train_batch_end(batch, logs)
        self.compiled = True

    def due(self, before):
        return super().due(before) or self.iteration == self.total

    def act(self, iteration, logs):
        values = {name: float(value) for name, value in logs.items()}
        self.rows.write(iteration, {**values, "time/unix": time.time(), **self.times})
        objective = self.model.objective
        with self.optimum.at(iteration):
            write_scalar("V(D,G)", OPTIMAL_VALUE)
            if objective.value_name:
                write_scalar(objective.value_name, objective.optimum)

    def _describe(self):
        from tensorboard.plugins.hparams import api as hparams

        with self.rows.board.at(0):
            tf.summary.text("config", f"```yaml\n{self.config.to_yaml()}```")
            settings = flatten(self.config.to_dict())
            hparams.hparams({k: v for k, v in settings.items() if k != "description"})
            dashboard.write()
