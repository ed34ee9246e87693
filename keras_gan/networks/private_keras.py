"""All that touches private parts of Keras; tried with Keras 3.15.1."""

from __future__ import annotations

from typing import Any

import keras


def all_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """Return a network's layers, those within wrappers and nested models included."""
    return list(network._flatten_layers())


def first_output(layer: keras.layers.Layer) -> keras.KerasTensor:
    """Return a layer's output where it was called first.

    The public `output` of a nested model is the tensor within it.
    """
    return layer._inbound_nodes[0].outputs[0]


def without_sum_over_replicas(optimizer: keras.optimizers.Optimizer) -> None:
    """Let `apply` take gradients as they are; by default Keras sums them over the replicas."""
    getattr(optimizer, "inner_optimizer", optimizer)._all_reduce_sum_gradients = list


def index_of(optimizer: keras.optimizers.Optimizer, variable: Any) -> int:
    """Return the place of a variable's slots in an optimizer's lists of them."""
    return optimizer._get_variable_index(variable)
