"""Layers whose inside is computed twice, in place of being kept for the gradient."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

import keras
from keras import ops

_RECOMPUTING = contextvars.ContextVar("recomputing", default=True)


@contextlib.contextmanager
def activations_kept() -> Iterator[None]:
    """Within it `Recomputed` layers are called as their inner layers are.

    For what is differentiated twice, as penalties on D's gradient are:
    `keras.remat` has no second derivative.
    """
    token = _RECOMPUTING.set(False)
    try:
        yield
    finally:
        _RECOMPUTING.reset(token)


@keras.saving.register_keras_serializable("keras_gan")
class Recomputed(keras.layers.Layer):
    """Calls a layer, and in training keeps its inputs alone for the backward pass.

    The backward pass computes the inside again: one more forward pass of time for the
    memory of all activations between inputs and outputs. State that the inner layer
    would move (moving statistics, u of spectral norm) is the same in both passes and
    moves once.

    Args:
        layer: any layer of one output without dropout; its inputs are handed on.

    Source: Chen 2016 (Training deep nets with sublinear memory cost), section 4.
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)
        super().build(input_shape)

    def call(self, inputs, training=False):
        if not training or not _RECOMPUTING.get():
            return self.layer(inputs, training=training)
        state = self.layer.non_trainable_variables
        # Copies, as the variables will have moved by the second time.
        before = [(variable, ops.copy(variable.value)) for variable in state]
        one_input = not isinstance(inputs, list | tuple)

        def compute(*inputs):
            # The second time is outside of whatever scope the first was in.
            with keras.StatelessScope(state_mapping=before) as scope:
                outputs = self.layer(inputs[0] if one_input else list(inputs), training=True)
            return outputs, *(scope.get_current_value(variable) for variable in state)

        arguments = [inputs] if one_input else inputs
        outputs, *after = keras.remat(compute)(*arguments)
        for variable, value in zip(state, after, strict=True):
            variable.assign(value)
        return outputs

    def get_config(self):
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config.pop("layer"))
        return cls(layer, **config)
