"""How far training is: a bar on a terminal, plain lines elsewhere; on stderr."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

from keras_gan.callbacks.cadence import Cadence

_SECONDS_BETWEEN_LINES = 10.0


class Progress(Cadence):
    """Shows epoch, V(D,G), D(x), D(G(z)) and the time left.

    Args:
        total: iterations of the whole training.
        steps_per_epoch: iterations of one epoch.
    """

    def __init__(self, total: int, steps_per_epoch: int):
        super().__init__(every=1)
        self.total = total
        self.steps_per_epoch = steps_per_epoch

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.began = self.last_line = time.monotonic()
        self.first = self.iteration
        self.bar = None
        if sys.stderr.isatty():
            self.bar = tqdm(total=self.total, initial=self.iteration, unit="step", leave=False)

    def act(self, iteration, logs):
        if self.bar is not None:
            self.bar.update(iteration - self.bar.n)
            self.bar.set_postfix_str(self._values(logs), refresh=False)
        elif time.monotonic() - self.last_line >= _SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            epoch = iteration / self.steps_per_epoch
            epochs = self.total // self.steps_per_epoch
            left = (
                (self.last_line - self.began)
                * (self.total - iteration)
                / max(iteration - self.first, 1)
            )
            print(
                f"epoch {epoch:.1f}/{epochs}  step {iteration}/{self.total}  "
                f"{self._values(logs)}  {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )

    def on_train_end(self, logs=None):
        if self.bar is not None:
            self.bar.close()

    def _values(self, logs) -> str:
        names = ("V(D,G)", "D(x)", "D(G(z))")
        return "  ".join(f"{name} {float(logs[name]):.3f}" for name in names)
