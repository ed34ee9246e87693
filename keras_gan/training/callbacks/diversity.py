"""The spread of samples beside that of the data, in the course of training."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np

from keras_gan.data import Source
from keras_gan.evaluation.metrics.diversity import COUNT, Diversity, Reference, diversity
from keras_gan.runs import checkpoints, sampling
from keras_gan.runs.logs import MetricsLog
from keras_gan.training.callbacks.cadence import Cadence
from keras_gan.utils.errors import KerasGanWarning
from keras_gan.utils.pixels import flat


class DiversityWriter(Cadence):
    """Compare samples of the averaged generator with training images.

    Log `online/...`, the fields of a `Diversity`. Keep the checkpoint of the least energy
    distance as `checkpoints/best`. Warn when mode collapse begins. It needs
    neither labels nor test images.

    Args:
        log: the run's.
        every: iterations between two comparisons; 0 for none.
        last: the training's last iteration, which is compared too.
        source: the training data.
        seed: of the latents and of the choice of training images.
        writer: of the run's checkpoints.
    """

    def __init__(
        self,
        log: MetricsLog,
        every: int,
        last: int,
        source: Source,
        seed: int,
        writer: checkpoints.Writer,
    ):
        super().__init__(every, last)
        self.log = log
        self.seed = seed
        self.writer = writer
        rows = np.random.default_rng(seed).permutation(source.num_samples)[:COUNT]
        self.real = flat(source.images[rows])
        self.reference = None  # made at the first comparison, which may never come
        self.labels = None if source.labels is None else source.labels[rows]

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.collapsed = False
        self.best = checkpoints.best_distance(self.model, self.writer.folder)
        latent = sampling.draw_latents(
            self.model, len(self.real), seed=self.seed, use=sampling.CHOOSING
        )
        self.inputs = sampling.inputs(self.model, latent, self.labels)

    def act(self, iteration, logs):
        samples = sampling.run_batched(self.model.averaged("generator"), self.inputs)
        if not np.isfinite(samples).all():
            return  # training has diverged, which the scalars show
        self.reference = self.reference or Reference(self.real)
        found = diversity(flat(samples), self.reference)
        values = dataclasses.asdict(found)
        self.log.write(iteration, {f"online/{name}": value for name, value in values.items()})
        self._keep_best(found.energy_distance)
        self._warn(found, iteration)

    def _keep_best(self, distance: float) -> None:
        if distance < self.best:
            self.best = distance
            self.writer.save_best(self.model, distance)

    def _warn(self, found: Diversity, iteration: int) -> None:
        before, self.collapsed = self.collapsed, found.collapsed
        if found.collapsed and not before:
            warnings.warn(
                f"mode collapse at step {iteration}, unless training has only begun: {found}. "
                "A regularizer (r1) or a smaller rate of the generator may help; in a game without "
                "labels, game.packing=2.",
                KerasGanWarning,
                stacklevel=2,
            )
