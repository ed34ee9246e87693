"""Runs with their trained networks."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from keras_gan.runs.directory import RunDirectory, at_least_one
from keras_gan.utils.errors import KerasGanWarning

if TYPE_CHECKING:
    import keras

    from keras_gan.games.gan import GAN
    from keras_gan.networks import DataSpec


class Run(RunDirectory):
    """A run directory, and the networks in its checkpoints.

    Args:
        path: the directory.
        checkpoint: the one that `gan` and `generator` come from, `newest` or `best`.

    Raises:
        RunError: it is not a run.
    """

    def __init__(self, path: str | Path, checkpoint: Literal["newest", "best"] = "newest"):
        super().__init__(path)
        self.checkpoint = checkpoint

    @functools.cached_property
    def gan(self) -> GAN:
        """The GAN in float32 with the checkpoint's weights, not compiled.

        Raises:
            RunError: no whole checkpoint, or no best one.
        """
        from keras_gan.games import recipes
        from keras_gan.runs import checkpoints

        data = self.data_spec()
        recipes.check_size(self.config, data)
        gan = recipes.build(self.config, data, precision="float32")
        if self.checkpoint == "best":
            checkpoints.load_best(gan, self.checkpoints)
            return gan
        for problem in checkpoints.load_newest(gan, self.checkpoints)[1]:
            warnings.warn(problem, KerasGanWarning, stacklevel=2)
        return gan

    def data_spec(self) -> DataSpec:
        """Return what its networks are for."""
        from keras_gan.networks import DataSpec

        return DataSpec(self.sample_shape, self.labels)

    @property
    def generator(self) -> keras.Model:
        """The trained generator (the averaged one where the run keeps one), float32."""
        return self.gan.averaged("generator")


def load(path: str | Path | None = None, checkpoint: Literal["newest", "best"] = "newest") -> Run:
    """Opens a run; without a path the newest, by creation, under `runs_root()`.

    A run that was stopped before its first checkpoint gives way to an older one.

    `load(run).generator` is the trained network.

    Raises:
        RunError: there is no such run, or none at all.
    """
    if path is not None:
        return Run(path, checkpoint)
    runs = at_least_one()
    begun = [run for run in runs if any(run.checkpoints.glob("[0-9]*"))]
    return Run((begun or runs)[-1].path, checkpoint)
