"""How steps become one compiled program: many rounds of Algorithm 1 a call.

The data stay in memory as they are stored (uint8) and are gathered inside the
program; a call is given row numbers only (see `schedule`), or the images as well
where they are streamed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gan.engine import replicas
from keras_gan.engine.readers import Reader


class RoundsProgram:
    """A Keras train function that plays up to `steps_per_call` rounds a call.

    Streamed images may be too many for one block: then a call plays several.

    Args:
        gan: a compiled GAN.
        images: uint8 or float32 (n, ...), kept on the device, or the reader that brings them.
        labels: int32 (n,), float32 (n, condition_dim), or None.
        jit_compile: whether XLA compiles it.

    A call takes an iterator over `schedule.Schedule.blocks` and returns the metrics' means
    over its rounds.

    Attributes:
        waited: seconds that all calls have waited for their blocks.
    """

    def __init__(
        self,
        gan: keras.Model,
        images: np.ndarray | Reader,
        labels: np.ndarray | None,
        jit_compile: bool,
    ):
        strategy = tf.distribute.get_strategy()
        self.reader = images if isinstance(images, Reader) else None
        self.jit_compile = jit_compile
        self.waited = 0.0
        alone = strategy.num_replicas_in_sync == 1
        gan.jit_gradients = jit_compile and not alone
        arrays = [] if self.reader else [images]
        if gan.uses_labels:
            arrays.append(np.asarray(labels, np.int32 if np.ndim(labels) == 1 else np.float32))
        data = _on_each_device(strategy, lambda _: [tf.constant(array) for array in arrays])

        def play_round(rows, step, streamed, data):
            rows = replicas.part_of_round(rows, gan.discriminator_steps)
            drawn = [block[step] for block in streamed]
            drawn += [tf.gather(array, rows) for array in data]
            gan.train_step(drawn if gan.uses_labels else drawn[0])

        @tf.function(autograph=False)
        def begin():
            strategy.run(gan.reset_metrics)

        # AutoGraph, which would translate all of train_step, takes seconds and changes nothing.
        @tf.function(jit_compile=jit_compile and alone, reduce_retracing=False, autograph=False)
        def play(rows, steps, *blocks):
            # To its device once, whole, where there are several.
            streamed = _on_each_device(
                strategy, lambda own: [tf.identity(block) for block in blocks[own : own + 1]]
            )

            def body(step):
                strategy.run(play_round, args=(rows[step], step, streamed, data))
                return (step + 1,)

            tf.while_loop(lambda step: step < steps, body, (tf.constant(0),), parallel_iterations=1)

        @tf.function(autograph=False)
        def end():
            return strategy.experimental_local_results(strategy.run(_result, args=(gan,)))[0]

        self.begin, self.play, self.end = begin, play, end

    def __call__(self, iterator: Iterator) -> dict[str, tf.Tensor]:
        with graphs_as_written():
            self.begin()
            for _ in range(1 if self.reader is None else self.reader.parts):
                self.play(*self._next(iterator))
            return self.end()

    def _next(self, iterator: Iterator) -> tuple[tf.Tensor, ...]:
        began = time.perf_counter()
        try:
            return next(iterator)
        except tf.errors.OpError as error:
            if self.reader is None or self.reader.failure is None:
                raise
            raise self.reader.failure from error
        finally:
            self.waited += time.perf_counter() - began


def _on_each_device(
    strategy: tf.distribute.Strategy, made: Callable[[int], list[tf.Tensor]]
) -> Any:
    """What `made` returns on each of this process's devices, given the device's number."""
    if strategy.num_replicas_in_sync == 1:
        return made(0)
    devices = strategy.extended.worker_devices

    def on_device(context):
        own = context.replica_id_in_sync_group % len(devices)
        with tf.device(devices[own]):
            return made(own)

    return strategy.experimental_distribute_values_from_function(on_device)


def _result(gan: keras.Model) -> dict[str, tf.Tensor]:
    """The metrics' means over all replicas, which also come to agree on their networks' state.

    Moving statistics are means over what each replica saw, and linear in it: to average
    them once a call is to average them every round.
    """
    result = gan.get_metrics_result()
    state = [] if replicas.count() == 1 else gan.moving_state
    means = replicas.mean([*result.values(), *(variable.value for variable in state)])
    for variable, value in zip(state, means[len(result) :], strict=True):
        variable.assign(value)
    return dict(zip(result, means, strict=False))


@contextlib.contextmanager
def graphs_as_written():
    """Keeps Grappler, TensorFlow's rewriter of plain graphs, away from what is called.

    It regroups sums in an order that varies from one trace to the next, so that two
    runs of one seed differed in their last bits about one time in ten. Without it
    a convolutional step takes as long (measured: within 3 %).
    """
    options, name = tf.config.optimizer, "disable_meta_optimizer"
    before = options.get_experimental_options().get(name, False)
    options.set_experimental_options({name: True})
    try:
        yield
    finally:
        options.set_experimental_options({name: before})


def choose_jit(setting: bool | str, *networks: keras.Model) -> bool:
    """Whether XLA should compile the program.

    `auto`: on a GPU always; on a CPU for dense networks only, because convolutions
    inside an XLA loop are slow there (measured: 30 times slower).
    """
    if setting != "auto":
        return bool(setting)
    if tf.config.list_logical_devices("GPU"):
        return True
    return not any(_convolves(network) for network in networks)


_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)


def _convolves(network: keras.Model) -> bool:
    return any(isinstance(layer, _CONVOLUTIONS) for layer in network._flatten_layers())
