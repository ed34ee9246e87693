"""Whether training is sound: finite numbers, a game in balance, a place to write to."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

from keras_gan.runs import checkpoints
from keras_gan.training.callbacks.cadence import Cadence
from keras_gan.utils.errors import DiskError, DivergedError, KerasGanWarning

LONG = 1000  # steps at a stretch
_LEAST_SCALE = 2.0**-10  # no float16 gradient is that large and of any use


class Health(Cadence):
    """Check the means of every call, which have left the device anyhow.

    Raise DivergedError where one of them is not finite. A training step that a loss scale
    skips counts as a gradient of 0. Where the scale has become so small that it can't be the
    cause, the gradients themselves are not finite. Warn once where the game's `diagnose`
    finds something wrong for 1,000 training steps.

    Args:
        run: the run directory.
    """

    def __init__(self, run: Path):
        super().__init__(every=1)
        self.run = run

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.healthy = self.iteration, {}
        self.wrong_since = None
        self.warned = False

    def act(self, iteration, logs):
        if not (self.run / "run.json").exists():
            # What writes next would make the folders again, around nothing.
            raise DiskError(f"The run directory {self.run} has vanished at step {iteration}.")
        values = {name: float(value) for name, value in logs.items()}
        wrong = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
        wrong += self._collapsed_scales()
        if wrong:
            raise DivergedError(self.explain(iteration, wrong))
        self._diagnose(iteration, values)
        self.healthy = iteration, values

    def _collapsed_scales(self) -> list[str]:
        return [
            f"the {player}'s gradients are not finite at any loss scale"
            for player in self.model.players
            if float(self.model.optimizer_of(player).scale_loss(1.0)) < _LEAST_SCALE
        ]

    def explain(self, iteration: int, wrong: list[str]) -> str:
        """Return what has happened, which checkpoint is valid, and how to continue."""
        before, values = self.healthy
        names = (*self.model.headline, *(f"loss/{player}" for player in self.model.players))
        last = ", ".join(f"{name} {values[name]:.4g}" for name in names if name in values)
        there = checkpoints.list_checkpoints(self.run / "checkpoints")
        back = f"The checkpoint to go back to is {there[-1]}. " if there else ""
        return (
            f"Training has diverged between step {before} and {iteration}: {'; '.join(wrong)}. "
            f"{f'At step {before}: {last}. ' if last else ''}{back}The same settings would come "
            "to the same end; with a smaller learning rate, for example, go on from its weights: "
            f"keras-gan fit {self.run / 'config.yaml'} --set training.init_from={self.run} "
            "--set optimizer.generator.learning_rate=..."
        )

    def _diagnose(self, iteration: int, values: dict[str, float]) -> None:
        diagnosis = self.model.diagnose(values)
        since = self.healthy[0] if self.wrong_since is None else self.wrong_since
        self.wrong_since = None if diagnosis is None else since
        if diagnosis and not self.warned and iteration - since >= LONG:
            self.warned = True
            message = f"from step {since} to {iteration} {diagnosis}"
            warnings.warn(message, KerasGanWarning, stacklevel=2)
