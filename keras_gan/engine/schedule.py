"""Which rows of the data each training step has: a function of (seed, iteration).

A resumed run draws what the uninterrupted one would have drawn.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import tensorflow as tf

from keras_gan.engine.readers import Reader
from keras_gan.utils.errors import DataError, RunError

#: AutoGraph takes tenths of a second to find nothing to translate.
_as_written = tf.autograph.experimental.do_not_convert
SHUFFLE = 0x5EED  # keeps the order of the data apart from other uses of the seed


class Schedule:
    """How many rounds there are, and which rows each of them sees.

    Args:
        num_samples: rows in the data set.
        rows_per_step: k * m.
        epochs: passes over the data; rows that do not fill a round are left out
            of a pass (another shuffle brings others).
        steps_per_execution: most rounds in one call; an epoch is cut evenly.
        seed: of the shuffles, one an epoch.
        reader: of the images, where they are streamed.
        balanced: int (n,) labels, where each class is to be drawn as often as any other.

    Raises:
        DataError: a round needs more rows than there are.
    """

    def __init__(
        self,
        num_samples: int,
        rows_per_step: int,
        epochs: int,
        steps_per_execution: int,
        seed: int,
        reader: Reader | None = None,
        balanced: np.ndarray | None = None,
    ):
        if rows_per_step > num_samples:
            raise DataError(
                f"One step takes {rows_per_step} images, but the data set has {num_samples}. "
                f"Make batch_size x discriminator_steps {num_samples} or less (--batch-size), "
                "or use more data."
            )
        self.num_samples = num_samples
        self.rows_per_step = rows_per_step
        self.epochs = epochs
        self.steps_per_epoch = num_samples // rows_per_step
        self.calls_per_epoch = math.ceil(self.steps_per_epoch / steps_per_execution)
        self.steps_per_execution = math.ceil(self.steps_per_epoch / self.calls_per_epoch)
        self.total_steps = epochs * self.steps_per_epoch
        self.seed = seed
        self.reader = reader
        self.balanced = balanced

    def calls_from(self, iteration: int) -> int:
        """Number of calls between the start of `iteration`'s epoch and `iteration`.

        Raises:
            RunError: `iteration` does not lie between two calls.
        """
        within = iteration % self.steps_per_epoch
        if within % self.steps_per_execution:
            raise RunError(
                f"Step {iteration} does not lie between two calls of {self.steps_per_execution} "
                "steps: the run was made with other data or settings."
            )
        return within // self.steps_per_execution

    def calls_left(self, iteration: int) -> int:
        """Number of calls from `iteration` to the end of the training."""
        epoch = iteration // self.steps_per_epoch
        return (self.epochs - epoch) * self.calls_per_epoch - self.calls_from(iteration)

    def blocks(self, epoch: int, first_call: int = 0) -> tf.data.Dataset:
        """The calls' arguments from `epoch` to the last one: (rows, steps).

        `rows` is int32 (steps_per_execution, rows_per_step); only the first `steps`
        of them count, the last call of an epoch being the shorter one. Where images
        are streamed, it is their reader's blocks (see `Reader.follow`).
        """
        epochs = tf.data.Dataset.range(epoch, self.epochs)
        options = tf.data.Options()
        # There is nothing to tune, and an iterator has hung at its end waiting for the tuner.
        options.autotune.enabled = False
        blocks = epochs.flat_map(self._calls).skip(first_call).with_options(options)
        return blocks.prefetch(2) if self.reader is None else self.reader.follow(blocks)

    @_as_written
    def _calls(self, epoch: tf.Tensor) -> tf.data.Dataset:
        """The calls of an epoch, whose order is drawn once."""
        seed = tf.stack([tf.constant(self.seed ^ SHUFFLE, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(self.num_samples), seed)
        if self.balanced is not None:
            order = balanced_order(order, self.balanced, seed + 1)
        calls = tf.data.Dataset.range(self.calls_per_epoch)
        return calls.map(functools.partial(self._call, order))

    @_as_written
    def _call(self, order: tf.Tensor, call: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        size = self.steps_per_execution * self.rows_per_step
        rows = order[call * size : (call + 1) * size]
        rows = tf.pad(rows, [[0, size - tf.shape(rows)[0]]])
        left = self.steps_per_epoch - call * self.steps_per_execution
        steps = tf.minimum(tf.cast(left, tf.int32), self.steps_per_execution)
        return tf.reshape(rows, [self.steps_per_execution, self.rows_per_step]), steps


def balanced_order(order: tf.Tensor, labels: np.ndarray, seed: tf.Tensor) -> tf.Tensor:
    """Rows of all classes alike, as many as there are: place i has class `order[i] % classes`.

    Rows of a class come in a shuffled order, again and again where they are few, and a part
    of them where they are many.

    Args:
        order: int32 (n,), a permutation of 0 to n - 1.
        labels: int (n,), of the rows.
        seed: (2,), of the order within classes.
    """
    _, kinds, counts = np.unique(labels, return_inverse=True, return_counts=True)
    starts = np.cumsum(counts) - counts
    mixed = tf.random.experimental.stateless_shuffle(tf.range(len(labels)), seed)
    by_class = tf.gather(mixed, tf.argsort(tf.gather(kinds.astype(np.int32), mixed), stable=True))
    kind, turn = order % len(counts), order // len(counts)
    within = turn % tf.gather(counts.astype(np.int32), kind)
    return tf.gather(by_class, tf.gather(starts.astype(np.int32), kind) + within)
