"""Where rounds are played: on one device, on all of a machine's, or on many machines'."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from keras_gan.engine import cluster, replicas
from keras_gan.utils.errors import ConfigError, RunError
from keras_gan.utils.registry import Registry


def one() -> tf.distribute.Strategy:
    """One replica, on the first GPU or on the CPU."""
    tf.config.list_logical_devices()
    return tf.distribute.get_strategy()


@functools.cache  # collective operations of a second one would meet those of the first
def mirrored() -> tf.distribute.Strategy:
    """Return one replica per GPU of this machine, or per logical CPU if there are several.

    Raises:
        ConfigError: there is one device only.
    """
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        raise ConfigError(
            "--strategy mirrored is for several GPUs, and TensorFlow sees one device: "
            f"{devices[0].name}. Use --strategy one, or `keras-gan launch` for several processes."
        )
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def multi_worker() -> tf.distribute.Strategy:
    """A replica on each device of every worker that TF_CONFIG names.

    Waits for the other workers, whenever they come. Gradients go by NCCL among GPUs, by
    gRPC among CPUs.

    Raises:
        ConfigError: no TF_CONFIG, or a wrong one; TensorFlow has computed something already.
        RunError: the workers do not come together.
    """
    mine = cluster.from_environment()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ConfigError(
            "The strategy multi-worker should be made before TensorFlow computes anything: "
            f"{str(error).splitlines()[0]}"
        ) from error
    except (tf.errors.OpError, ValueError) as error:
        reason = (getattr(error, "message", "") or str(error)).splitlines()[0]
        raise RunError(
            f"The workers {', '.join(mine.workers)} do not come together: {reason}. Start all of "
            "them again, each at its own address."
        ) from error


STRATEGIES: Registry[Callable[[], tf.distribute.Strategy]] = Registry(
    "strategy", {"one": one, "mirrored": mirrored, "multi-worker": multi_worker}
)


def make(name: str) -> tf.distribute.Strategy:
    """The strategy of a name in STRATEGIES.

    Raises:
        ConfigError: no such strategy, or one that can't be had here.
        RunError: see `multi_worker`.
    """
    return STRATEGIES[name]()


def described(strategy: tf.distribute.Strategy) -> str:
    """For example: 4 replicas on GPU:0, GPU:1 of each of 2 workers."""
    count = strategy.num_replicas_in_sync
    if count == 1 and not is_multi_worker(strategy):
        return "1 replica"
    names = [":".join(d.split(":")[-2:]) for d in strategy.extended.worker_devices]
    where = f" of each of {count // len(names)} workers" if is_multi_worker(strategy) else ""
    return f"{count} replicas on {', '.join(names)}{where}"


def share_of(strategy: tf.distribute.Strategy) -> replicas.Share:
    """What this process plays of every minibatch."""
    own: list[int] = []

    def note(context: tf.distribute.experimental.ValueContext) -> int:
        own.append(context.replica_id_in_sync_group)
        return own[-1]

    strategy.experimental_distribute_values_from_function(note)
    return replicas.Share(strategy.num_replicas_in_sync, tuple(own))


def is_multi_worker(strategy: tf.distribute.Strategy) -> bool:
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def check_batch(strategy: tf.distribute.Strategy, batch_size: int, parts: int) -> None:
    """Checks that every replica gets as many images of a minibatch.

    Args:
        batch_size: m, over all replicas.
        parts: what a replica's share has to be a multiple of: packing x accumulate.

    Raises:
        ConfigError: they do not.
    """
    count = strategy.num_replicas_in_sync
    if batch_size % (count * parts):
        multiple = count * parts
        below = batch_size // multiple * multiple
        near = " or ".join(str(n) for n in (below, below + multiple) if n)
        by = " x training.packing x training.accumulate" if parts > 1 else ""
        raise ConfigError(
            f"`training.batch_size` is that of all {count} replicas, and should be a multiple of "
            f"{multiple} (replicas{by}): {near}, for example. Received: {batch_size}."
        )
