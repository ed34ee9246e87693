"""Spectral normalisation that leaves the kernel alone."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_gan")
class SpectralNormalization(keras.layers.Layer):
    """Divides a linear layer by an estimate of its kernel's largest singular value.

    y = layer(x) / sigma + bias, sigma = u^T W v after one power iteration, W the
    kernel as a (everything else) x (outputs) matrix. Keras' own wrapper overwrites
    the kernel at every training call, so that a step of G would move D; here the
    kernel stays, sigma is differentiated through, and only `u` is state (moved by
    training calls; GAN keeps it in D's step and drops it in G's).

    Args:
        layer: a Dense or Conv layer without bias and without activation, so that
            dividing its output is dividing its kernel.
        use_bias: whether to add a bias after the division.

    Raises:
        ValueError: `layer` has a bias or an activation of its own.

    Source: Miyato 2018, equation 8 and Algorithm 1.
    """

    def __init__(self, layer: keras.layers.Layer, use_bias: bool = True, **kwargs):
        super().__init__(**kwargs)
        if layer.use_bias or layer.activation is not keras.activations.linear:
            raise ValueError(
                "`layer` should have use_bias=False and no activation. "
                f"Received: use_bias={layer.use_bias}, activation={layer.activation}."
            )
        self.layer = layer
        self.use_bias = use_bias

    def build(self, input_shape):
        if not self.layer.built:  # it is, when it comes back from a saved config
            self.layer.build(input_shape)
        outputs = self.layer.kernel.shape[-1]
        self.u = self.add_weight(
            name="u",
            shape=(1, outputs),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
            dtype="float32",
            autocast=False,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(outputs,), initializer="zeros")
        super().build(input_shape)

    def call(self, inputs, training=False):
        outputs = self.layer(inputs)
        outputs = outputs / ops.cast(self._sigma(training), outputs.dtype)
        if self.bias is not None:
            outputs = outputs + ops.cast(self.bias, outputs.dtype)
        return outputs

    def _sigma(self, training):
        kernel = ops.cast(self.layer.kernel, "float32")
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        fixed = ops.stop_gradient(matrix)
        v = _unit(ops.matmul(self.u, ops.transpose(fixed)))
        u = _unit(ops.matmul(v, fixed)) if training else _unit(ops.convert_to_tensor(self.u))
        if training:
            self.u.assign(u)
        return ops.sum(ops.matmul(v, matrix) * u)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer, "use_bias": self.use_bias}

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config.pop("layer"))
        return cls(layer, **config)


def _unit(vector):
    return vector / (ops.norm(vector) + 1e-12)
