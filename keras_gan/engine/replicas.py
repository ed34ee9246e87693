"""What several replicas of the networks, on several devices or machines, have to agree on.

All of it is nothing where there is one replica. Each replica plays a round on its own part
of every minibatch; gradients are averaged before they are applied, so that every replica
makes the step that one process would make with the whole minibatch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Share:
    """The part of every minibatch that one process plays: that of its own replicas.

    Attributes:
        replicas: of all processes.
        own: the numbers of this process's among them.
    """

    replicas: int = 1
    own: tuple[int, ...] = (0,)

    def rows(self, rounds: np.ndarray, minibatches: int) -> list[np.ndarray]:
        """What `part_of_step` gives to each own replica, of rounds (steps, k * m)."""
        steps, rows = rounds.shape
        size = rows // minibatches // self.replicas
        parts = rounds.reshape(steps, minibatches, self.replicas, size)
        return [parts[:, :, number].reshape(steps, minibatches * size) for number in self.own]


ALONE = Share()


def count() -> int:
    """Replicas that play in step; 1 outside of `Strategy.run`."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def part_of(whole: tf.Tensor) -> tf.Tensor:
    """This replica's rows of a minibatch (n, ...), n a multiple of the replicas."""
    if count() == 1:
        return whole
    size = (whole.shape[0] or tf.shape(whole)[0]) // count()
    return whole[_number() * size : (_number() + 1) * size]


def part_of_step(rows: tf.Tensor, minibatches: int) -> tf.Tensor:
    """This replica's rows of a round (k * m,): its part of each of the k minibatches."""
    if count() == 1:
        return rows
    return tf.concat([part_of(m) for m in tf.split(rows, minibatches)], axis=0)


def own(seed: tf.Tensor) -> tf.Tensor:
    """A seed (2,) of this replica's own, for what is drawn for its own rows."""
    return seed if count() == 1 else tf.random.experimental.stateless_fold_in(seed, _number())


def mean(tensors: Sequence[tf.Tensor | None]) -> list[tf.Tensor | None]:
    """Means over the replicas, the same on each, in one exchange; None stays."""
    tensors = list(tensors)
    given = [t for t in tensors if t is not None]
    if count() == 1 or not given:
        return tensors
    context = tf.distribute.get_replica_context()
    # A tensor that no operation of this replica has made has no device to exchange it from.
    means = iter(context.all_reduce(tf.distribute.ReduceOp.MEAN, [tf.identity(t) for t in given]))
    return [None if t is None else next(means) for t in tensors]


def _number() -> int | tf.Tensor:
    return tf.distribute.get_replica_context().replica_id_in_sync_group
