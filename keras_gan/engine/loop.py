"""Calls of a compiled program, with Keras' callbacks between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import keras

from keras_gan.engine.programs import StepsProgram
from keras_gan.engine.schedule import Schedule


class StopOnSignal(keras.callbacks.Callback):
    """End training at the end of a call once a signal was received.

    Args:
        received: the numbers of signals received.
        agree: returns whether to end, from `received`: processes that train together have to
            end after the same call.
    """

    def __init__(self, received: list[int], agree: Callable[[list[int]], bool]):
        super().__init__()
        self.received, self.agree = received, agree

    def on_train_batch_end(self, batch, logs=None):
        if self.agree(self.received):
            self.model.stop_training = True


def run(
    program: StepsProgram,
    schedule: Schedule,
    model: keras.Model,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> None:
    """Run the calls that are left of a schedule, from the model's iteration.

    A batch is a call to callbacks, and its logs are means over the call's training steps. A
    callback ends the training by `model.stop_training = True`.

    Args:
        program: runs a call.
        schedule: its blocks.
        model: whose `iteration` counts training steps.
        callbacks: Keras' own or others.

    Raises:
        RunError: the iteration does not lie between two calls.
    """
    iteration = int(model.iteration.numpy())
    first, done = iteration // schedule.steps_per_epoch, schedule.calls_from(iteration)
    if first >= schedule.epochs:
        return
    blocks = iter(schedule.blocks(first, done))
    params = {"verbose": 0, "epochs": schedule.epochs, "steps": schedule.calls_per_epoch}
    between = keras.callbacks.CallbackList(list(callbacks), model=model, **params)
    model.stop_training = False
    between.on_train_begin()
    for epoch in range(first, schedule.epochs):
        between.on_epoch_begin(epoch)
        for call in range(done, schedule.calls_per_epoch):
            between.on_train_batch_begin(call)
            logs = program(blocks)
            between.on_train_batch_end(call, logs)
            if model.stop_training:
                break
        done = 0
        between.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    between.on_train_end(logs)
