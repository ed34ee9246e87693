"""How training steps become one compiled program, many of them per call.

The data stay in memory as they are stored (uint8) and are gathered inside the
program; a call is given row numbers only (see `schedule`), or the images as well
where they are streamed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gan.engine import replicas
from keras_gan.engine.readers import Reader
from keras_gan.networks import private_keras


class StepsProgram:
    """A compiled function of up to `steps_per_execution` training steps.

    Streamed images may be too many for one block: then a call takes several.

    Args:
        model: a compiled game.
        fields: arrays (n, ...) by the names of the model's `fields`, kept on the device; or the
            reader that brings them, of the first field. Others are left out.
        jit_compile: whether XLA compiles it.

    A call takes an iterator over `schedule.Schedule.blocks` and returns the metrics' means
    over its steps.

    Attributes:
        waited: seconds that all calls have waited for their blocks.
    """

    def __init__(
        self,
        model: keras.Model,
        fields: Mapping[str, np.ndarray | Reader],
        jit_compile: bool,
    ):
        strategy = tf.distribute.get_strategy()
        arrays = [fields[name] for name in model.fields]
        self.reader = arrays.pop(0) if isinstance(arrays[0], Reader) else None
        self.jit_compile = jit_compile
        self.waited = 0.0
        alone = strategy.num_replicas_in_sync == 1
        model.jit_gradients = jit_compile and not alone
        data = _on_each_device(strategy, lambda _: [tf.constant(array) for array in arrays])

        def train_step(rows, step, streamed, data):
            rows = replicas.part_of_step(rows, model.options.minibatches)
            drawn = [block[step] for block in streamed]
            drawn += [tf.gather(array, rows) for array in data]
            model.train_step(dict(zip(model.fields, drawn, strict=True)))

        @tf.function(autograph=False)
        def begin():
            strategy.run(model.reset_metrics)

        # AutoGraph, which would translate all of train_step, takes seconds and changes nothing.
        @tf.function(jit_compile=jit_compile and alone, reduce_retracing=False, autograph=False)
        def run(rows, steps, *blocks):
            # To its device once, whole, where there are several.
            streamed = _on_each_device(
                strategy, lambda own: [tf.identity(block) for block in blocks[own : own + 1]]
            )

            def body(step):
                strategy.run(train_step, args=(rows[step], step, streamed, data))
                return (step + 1,)

            tf.while_loop(lambda step: step < steps, body, (tf.constant(0),), parallel_iterations=1)

        @tf.function(autograph=False)
        def end():
            return strategy.experimental_local_results(strategy.run(_result, args=(model,)))[0]

        self.begin, self.run, self.end = begin, run, end

    def __call__(self, iterator: Iterator) -> dict[str, tf.Tensor]:
        with graphs_as_written():
            self.begin()
            for _ in range(1 if self.reader is None else self.reader.parts):
                self.run(*self._next(iterator))
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


def _result(model: keras.Model) -> dict[str, tf.Tensor]:
    """The metrics' means over all replicas, which also come to agree on their networks' state.

    Moving statistics are means over each replica's rows, and linear in it: to average
    them once a call is to average them every step.
    """
    result = model.get_metrics_result()
    state = [] if replicas.count() == 1 else model.moving_state
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
    return any(isinstance(layer, _CONVOLUTIONS) for layer in private_keras.all_layers(network))
