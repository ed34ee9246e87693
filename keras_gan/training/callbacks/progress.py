"""How far training is: a bar on a terminal, plain lines elsewhere; on stderr."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

from keras_gan.training.callbacks.cadence import Cadence

_SECONDS_BETWEEN_LINES = 10.0


class Progress(Cadence):
    """Show the epoch, the game's headline and the time left.

    Args:
        total: iterations of the whole training.
        steps_per_epoch: iterations of one epoch.
    """

    def __init__(self, total: int, steps_per_epoch: int):
        super().__init__(every=1)
        self.total = total
        self.steps_per_epoch = steps_per_epoch
        self.bar = None

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.last_line = time.monotonic()
        self.first_call = None
        if sys.stderr.isatty():
            self.bar = tqdm(total=self.total, initial=self.iteration, unit="step", leave=False)

    def act(self, iteration, logs):
        # The first call compiles, so that the time left is told from its end on.
        self.first_call = self.first_call or (time.monotonic(), iteration)
        if self.bar is not None:
            self.bar.update(iteration - self.bar.n)
            self.bar.set_postfix_str(self._values(logs), refresh=False)
        elif time.monotonic() - self.last_line >= _SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            epoch, epochs = iteration / self.steps_per_epoch, self.total // self.steps_per_epoch
            line = f"epoch {epoch:.1f}/{epochs}  step {iteration}/{self.total}"
            print(
                f"{line}  {self._values(logs)}{self._left(iteration)}", file=sys.stderr, flush=True
            )

    def close(self) -> None:
        """Remove the bar, however training has ended."""
        if self.bar is not None:
            self.bar.close()

    def _values(self, logs) -> str:
        return "  ".join(f"{name} {float(logs[name]):.3f}" for name in self.model.headline)

    def _left(self, iteration: int) -> str:
        start, first = self.first_call
        if iteration == first:
            return ""
        seconds = (time.monotonic() - start) * (self.total - iteration) / (iteration - first)
        return f"  {seconds:.0f} s left"
