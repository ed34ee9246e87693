"""The callbacks that every run has."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gan.data import Source, load_source
from keras_gan.data.densities import DENSITIES
from keras_gan.evaluation.densities import mixtures
from keras_gan.runs import checkpoints
from keras_gan.training.callbacks.cadence import Cadence
from keras_gan.training.callbacks.checkpointer import Checkpointer
from keras_gan.training.callbacks.classes import TestError
from keras_gan.training.callbacks.density import DensityWriter
from keras_gan.training.callbacks.diversity import DiversityWriter
from keras_gan.training.callbacks.health import Health
from keras_gan.training.callbacks.held_out import HeldOutDiscriminator
from keras_gan.training.callbacks.progress import Progress
from keras_gan.training.callbacks.samples import SampleWriter
from keras_gan.training.callbacks.scalars import ScalarWriter
from keras_gan.utils.errors import SplitError

if TYPE_CHECKING:
    from keras_gan.training.plan import Training


_MOST = 2**28  # bytes of test images


def of_run(training: Training, run: Path) -> list[Cadence]:
    """All callbacks of a training that writes to `run`, in the order in which they act."""
    config, source, schedule = training.config, training.source, training.schedule
    output, total = config.output, schedule.total_steps

    def steps(epochs: float) -> int:
        return max(1, math.ceil(epochs * schedule.steps_per_epoch)) if epochs else 0

    drawn = steps(output.samples_every_epochs)
    saved = steps(output.checkpoint_every_epochs)
    held_out = steps(output.held_out_every_epochs)
    health = Health(run)
    writer = checkpoints.Writer(run / "checkpoints", config, output.keep_checkpoints)
    writer.told = health.told
    return [
        # The first in the list sees the end of a call first: it takes the time.
        ScalarWriter(
            run,
            output.scalars_every_steps,
            schedule.rows_per_round,
            total,
            config,
            training.program,
        ),
        # Before all that would keep what is no longer sound.
        health,
        _drawing(training, run, drawn),
        DiversityWriter(run, drawn, total, source, config.seed, writer),
        HeldOutDiscriminator(run, held_out, source, config.seed),
        *(TestError(run, drawn, total, test) for test in _test_images(training)),
        # After all that writes logs: what is logged up to a checkpoint is there with it.
        Checkpointer(run, writer, saved, output.checkpoint_every_minutes),
        Progress(total, schedule.steps_per_epoch),
    ]


def _test_images(training: Training) -> list[Source]:
    """The test images, where D tells classes and there are some of the same; in memory."""
    source = training.source
    if not training.gan.has_classifier:
        return []
    data = dataclasses.replace(training.config.data, split="test", labels_per_class=None)
    try:
        test = load_source(data)
    except SplitError:
        return []
    alike = (test.class_names, test.sample_shape) == (source.class_names, source.sample_shape)
    return [test.in_memory(_MOST)] if alike else []


def _drawing(training: Training, run: Path, every: int) -> Cadence:
    """What draws the samples: a grid of images, points, or a known density beside p_g."""
    gan, source, last = training.gan, training.source, training.schedule.total_steps
    if (
        source.name in DENSITIES
        and not gan.conditional
        and gan.packing == 1
        and gan.encoder is None
    ):
        return DensityWriter(run, every, last, mixtures.of_data(source.name))
    bounds = None
    if not source.is_image:
        low, high = float(source.images.min()), float(source.images.max())
        margin = 0.25 * (high - low)
        bounds = (low - margin, high + margin)
    count = training.config.output.sample_count
    num_classes = source.num_classes if gan.conditional else None
    vectors = source.labels[:count] if gan.condition_dim is not None else None
    return SampleWriter(run, every, last, count, num_classes, bounds, vectors)
