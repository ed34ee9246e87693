"""The callbacks that write a run."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_gan.data import Source, load_source
from keras_gan.data.densities import DENSITIES
from keras_gan.evaluation.densities import mixtures
from keras_gan.runs import checkpoints
from keras_gan.runs.logs import MetricsLog
from keras_gan.training.callbacks.cadence import Cadence
from keras_gan.training.callbacks.checkpointer import Checkpointer
from keras_gan.training.callbacks.classes import TestError
from keras_gan.training.callbacks.density import DensityWriter
from keras_gan.training.callbacks.diversity import DiversityWriter
from keras_gan.training.callbacks.health import Health
from keras_gan.training.callbacks.held_out import HeldOutDiscriminator
from keras_gan.training.callbacks.samples import SampleWriter
from keras_gan.training.callbacks.scalars import ScalarWriter
from keras_gan.utils.errors import SplitError

if TYPE_CHECKING:
    from keras_gan.training.plan import Training


_POINTS = 2000  # that make a density in a picture
_MOST = 2**28  # bytes of test images


def of_run(training: Training, run: Path, log: MetricsLog) -> list[Cadence]:
    """Return the callbacks of a training that write to `run`, in the order in which they act."""
    config, source, schedule = training.config, training.source, training.schedule
    output, total = config.output, schedule.total_steps

    def steps(epochs: float) -> int:
        return max(1, math.ceil(epochs * schedule.steps_per_epoch)) if epochs else 0

    drawn = steps(output.samples_every_epochs)
    saved = steps(output.checkpoint_every_epochs)
    held_out = steps(output.held_out_every_epochs)
    health = Health(run)
    writer = checkpoints.Writer(
        run / "checkpoints", config, output.keep_checkpoints, health.explain
    )
    return [
        # The first in the list is called first at the end of a call: it takes the time.
        ScalarWriter(log, training),
        # Before all that would keep what has diverged.
        health,
        _drawing(training, run, log, drawn),
        DiversityWriter(log, drawn, total, source, config.seed, writer),
        HeldOutDiscriminator(log, held_out, source, config.seed),
        *(TestError(log, drawn, total, test) for test in _test_images(training)),
        # After all that log: what is logged up to a checkpoint is on the disk before it.
        Checkpointer(log, writer, saved, output.checkpoint_every_minutes),
    ]


def _test_images(training: Training) -> list[Source]:
    """Return the test images in memory, where D predicts classes and the split has the same."""
    source = training.source
    if not training.gan.has_classifier:
        return []
    data = dataclasses.replace(training.config.data, split="test", labels_per_class=None)
    try:
        test = load_source(data)
    except SplitError:
        return []
    alike = (test.label_spec, test.sample_shape) == (source.label_spec, source.sample_shape)
    return [test.in_memory(_MOST)] if alike else []


def _drawing(training: Training, run: Path, log: MetricsLog, every: int) -> Cadence:
    """Return what draws samples: a grid of images, points, or a known density beside p_g."""
    gan, source, last = training.gan, training.source, training.schedule.total_steps
    if source.name in DENSITIES and gan.discriminates_single_samples:
        return DensityWriter(run, log, every, last, mixtures.of_data(source.name))
    count = training.config.output.sample_count
    if not source.is_image:
        count = max(count, _POINTS)
    rows = np.arange(count) % source.num_samples
    fields = {"images": source.images[rows]}
    if source.labels is not None:
        fields["labels"] = source.labels[rows]
    return SampleWriter(run, log, every, last, fields)
