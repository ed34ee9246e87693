"""What the processes of one training do together; nothing where there is but one.

One of them, the chief, writes the run; the others need no disk but for the data. All make
the same calls of the program. What one of them alone knows, a signal or the weights of a
checkpoint, goes around between calls.
"""

from __future__ import annotations

import contextlib
import re
import signal
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gan.engine import cluster, strategies
from keras_gan.utils.errors import ConfigError, WorkerLostError


class Workers:
    """The processes of a strategy.

    Args:
        strategy: see `strategies`.

    Attributes:
        is_chief: whether this process is the one that writes.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self.strategy = strategy
        self.alone = not strategies.is_multi_worker(strategy)
        self.is_chief = self.alone or cluster.from_environment().is_chief
        self._exchange = _sum_over_replicas(strategy)

    def share(self, variables: Sequence) -> None:
        """Gives all workers the chief's values of `variables`."""
        if self.alone:
            return
        values = self._summed([np.asarray(v) if self.is_chief else _zeros(v) for v in variables])
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value.astype(_zeros(variable).dtype))

    def check_same(self, what: str, text: str) -> None:
        """Checks that all workers have the same `text`.

        Raises:
            ConfigError: on all of them, where one has another.
        """
        if self.alone:
            return
        own = float(zlib.crc32(text.encode()))
        (chiefs,) = self._summed([np.float64(own if self.is_chief else 0.0)])
        (others,) = self._summed([np.float64(own != chiefs)])
        if others:
            whose = "Another worker's" if self.is_chief or own == chiefs else "This worker's"
            raise ConfigError(
                f"{whose} {what} differ from the chief's: start all workers with the same "
                "command, the same version and the same data."
            )

    def agree(self, received: list[int]) -> bool:
        """Whether any worker had received a signal when it came here: all get the same answer.

        Args:
            received: the numbers of those received here; added to where another worker's is
                the reason.
        """
        if self.alone:
            return bool(received)
        (count,) = self._summed([np.float64(bool(received))])
        if count and not received:
            received.append(signal.SIGTERM)
        return count > 0

    @contextlib.contextmanager
    def watched(self, way_on: str) -> Iterator[None]:
        """Tells in one line of a worker that has been lost.

        A process that ends is noticed at once; a machine that no longer answers after the
        10 s in which TensorFlow's coordination service waits for a heartbeat.

        Args:
            way_on: how to begin again, the last part of the error.
        """
        try:
            yield
        except tf.errors.OpError as error:
            if self.alone or not _tells_of_a_loss(error):
                raise
            raise WorkerLostError(
                f"Training has ended because {self._named(str(error.message))} has, or can't be "
                f"reached. {way_on}"
            ) from error

    def _named(self, message: str) -> str:
        """The worker that an error is about, as TF_CONFIG has it."""
        tasks = re.findall(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)", message)
        resolver = self.strategy.cluster_resolver
        mine = resolver.task_type, str(resolver.task_id)
        others = [" ".join(task) for task in tasks if task != mine]
        return others[0] if others else "another worker"

    def _summed(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Sums over the workers. Exact for float32 and whole numbers below 2^50, by float64."""
        values = [np.asarray(value, np.float64) for value in values]
        flat = np.concatenate([value.ravel() for value in values])
        # All replicas of a worker give the same.
        total = self._exchange(tf.constant(flat)).numpy() / len(
            self.strategy.extended.worker_devices
        )
        parts = np.split(total, np.cumsum([value.size for value in values])[:-1])
        return [part.reshape(value.shape) for part, value in zip(parts, values, strict=True)]


def _sum_over_replicas(strategy: tf.distribute.Strategy) -> Callable[[tf.Tensor], tf.Tensor]:
    def own(values):
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(values))

    @tf.function
    def exchange(values):
        return strategy.experimental_local_results(strategy.run(own, args=(values,)))[0]

    return exchange


def _tells_of_a_loss(error: tf.errors.OpError) -> bool:
    """Whether it is what TensorFlow raises where a worker has gone, or NCCL does."""
    lost = (
        tf.errors.UnavailableError,
        tf.errors.DeadlineExceededError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.FailedPreconditionError,
    )
    return isinstance(error, lost) or "nccl" in str(error.message).lower()


def _zeros(variable: Any) -> np.ndarray:
    return np.zeros(variable.shape, tf.as_dtype(variable.dtype).as_numpy_dtype)
