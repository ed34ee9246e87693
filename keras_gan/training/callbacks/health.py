"""Whether training still makes sense: finite numbers, two players, a place to write to."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

from keras_gan.games.losses import Wasserstein
from keras_gan.runs import checkpoints
from keras_gan.training.callbacks.cadence import Cadence
from keras_gan.utils.errors import DiskError, DivergedError, KerasGanWarning

LONG = 1000  # steps at a stretch
_PINNED = 0.01  # D(x) within this of 1, D(G(z)) of 0
_SHOWN = ("V(D,G)", "D(x)", "D(G(z))", "loss/discriminator", "loss/generator")
_LEAST_SCALE = 2.0**-10  # no float16 gradient is that large and of any use


class Health(Cadence):
    """Looks at the means of every call, which have left the device anyhow.

    Stops the training where one of them is not finite. A round that a loss scale
    skips counts as a gradient of 0; where the scale has become so small that it can't
    be the cause, the gradients themselves are not finite. Warns, once, of a D that has
    won: D(x) near 1 and D(G(z)) near 0 for 1,000 steps. (A Wasserstein critic's scores
    have no scale to tell that by.)

    Args:
        run: the run directory.
    """

    def __init__(self, run: Path):
        super().__init__(every=1)
        self.run = run

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.healthy = self.iteration, {}
        self.pinned_since = None
        self.warned = False

    def act(self, iteration, logs):
        if not (self.run / "run.json").exists():
            # What writes next would make the folders again, around nothing.
            raise DiskError(f"The run directory {self.run} has vanished at step {iteration}.")
        values = {name: float(value) for name, value in logs.items()}
        wrong = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
        wrong += self._collapsed_scales()
        if wrong:
            raise DivergedError(self.told(iteration, wrong))
        self._watch_balance(iteration, values)
        self.healthy = iteration, values

    def _collapsed_scales(self) -> list[str]:
        players = {
            "generator": self.model.generator_optimizer,
            "discriminator": self.model.discriminator_optimizer,
        }
        return [
            f"the {name}'s gradients are not finite at any loss scale"
            for name, optimizer in players.items()
            if float(optimizer.scale_loss(1.0)) < _LEAST_SCALE
        ]

    def told(self, iteration: int, wrong: list[str]) -> str:
        """What has happened, of which checkpoint is whole, and how to go on."""
        before, values = self.healthy
        last = ", ".join(f"{name} {values[name]:.4g}" for name in _SHOWN if name in values)
        there = checkpoints.list_checkpoints(self.run / "checkpoints")
        back = f"The checkpoint to go back to is {there[-1]}. " if there else ""
        return (
            f"Training has diverged between step {before} and {iteration}: {'; '.join(wrong)}. "
            f"{f'At step {before}: {last}. ' if last else ''}{back}The same settings would come "
            "to the same end; with a smaller learning rate, for example, go on from its weights: "
            f"keras-gan fit {self.run / 'config.yaml'} --set training.init_from={self.run} "
            "--set optimizer.generator.learning_rate=..."
        )

    def _watch_balance(self, iteration: int, values: dict[str, float]) -> None:
        won = values["D(x)"] > 1 - _PINNED and values["D(G(z))"] < _PINNED
        if not won or isinstance(self.model.objective, Wasserstein):
            self.pinned_since = None
            return
        if self.pinned_since is None:
            self.pinned_since = self.healthy[0]
        if not self.warned and iteration - self.pinned_since >= LONG:
            self.warned = True
            warnings.warn(
                f"the discriminator has won: from step {self.pinned_since} to {iteration} D(x) "
                "was at 1 and D(G(z)) at 0, where the generator learns little. A penalty (r1), "
                "training.instance_noise or a smaller rate of the discriminator may help.",
                KerasGanWarning,
                stacklevel=2,
            )
