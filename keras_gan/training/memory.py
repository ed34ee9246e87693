"""How much memory a training will take: an estimate, from the networks' shapes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import keras
import tensorflow as tf

from keras_gan.games.gan import GAN
from keras_gan.networks.layers import Recomputed


@dataclasses.dataclass(frozen=True)
class Memory:
    """Bytes that a process takes, by what they hold; all but `data` for each of its replicas.

    Attributes:
        weights: the networks, the averaged ones too.
        optimizers: both optimizers' slots.
        gradients: those of the larger network; twice where they are summed over parts.
        activations: what the larger of the two updates keeps for its backward pass.
        data: the samples: those that stay in memory, with each device's copy, or blocks of them.
        replicas: in this process, where there are several in all; else None.
    """

    weights: int
    optimizers: int
    gradients: int
    activations: int
    data: int = 0
    replicas: int | None = None

    @property
    def total(self) -> int:
        return (self.replicas or 1) * sum(getattr(self, name) for name in _OF_A_REPLICA) + self.data

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {_megabytes(getattr(self, name))}" for name in _OF_A_REPLICA)
        of, each = "", ""
        if self.replicas is not None:
            of, each = " a process", f" a replica ({self.replicas} a process)"
        total, data = _megabytes(self.total), _megabytes(self.data)
        return f"about {total} MB{of} as an estimate: {parts}{each}, data {data}"


_OF_A_REPLICA = ("weights", "optimizers", "gradients", "activations")


def estimate(gan: GAN, batch_size: int, data: int = 0, replicas: int | None = None) -> Memory:
    """What a compiled GAN needs to train.

    Activations are the outputs of the networks' layers in the update that has most: D's
    sees real and generated samples and keeps, for each penalty, a forward and a backward
    pass of D on half of them; G's goes through both networks. What the machine's own
    kernels use on the way, and what TensorFlow takes for itself, is not counted.

    Args:
        gan: a compiled GAN.
        batch_size: samples of an update, the paper's m; a replica's, where there are several.
        data: bytes of samples in memory.
        replicas: in this process, where there are several in all.
    """
    samples = batch_size // gan.accumulate
    seen = samples // gan.packing
    generator, discriminator = _activations(gan.generator), _activations(gan.discriminator)
    penalised = _activations(gan.discriminator, recomputed=False)
    updates = (
        2 * seen * (discriminator + len(gan.penalties) * penalised),
        samples * generator + seen * discriminator,
    )
    networks = [gan.generator, gan.discriminator]
    averaged = [gan.generator_ema, gan.discriminator_ema]
    if gan.encoder is not None:  # E and D on real pairs beside G and D on generated ones
        networks.append(gan.encoder)
        averaged.append(gan.encoder_ema)
        made = samples * _activations(gan.encoder) + seen * discriminator
        updates = (updates[0], updates[1] + made)
    average = [w for network in averaged if network is not None for w in network.weights]
    slots = [*gan.generator_optimizer.variables, *gan.discriminator_optimizer.variables]
    return Memory(
        weights=_size([w for n in networks for w in n.weights]) + _size(average),
        optimizers=_size(slots),
        gradients=max(_size(n.trainable_weights) for n in networks) * min(gan.accumulate, 2),
        activations=max(updates),
        data=data,
        replicas=replicas,
    )


#: Layers whose output is their input in another shape.
_VIEWS = (keras.layers.Reshape, keras.layers.Flatten)


def _activations(network: keras.Model, recomputed: bool = True) -> int:
    """Bytes a sample of all layers' outputs; of a recomputed block its outputs, and one inside.

    `recomputed`: whether `Recomputed` layers do so, and do not keep their insides.
    """
    kept, inside = 0, [0]
    for operation in network.operations:
        if isinstance(operation, Recomputed) and recomputed:
            inside.append(_activations(operation.layer))
        elif isinstance(operation, Recomputed):
            kept += _activations(operation.layer)
            continue
        elif isinstance(operation, keras.Model):
            kept += _activations(operation, recomputed)
            continue
        if isinstance(operation, _VIEWS):
            continue
        outputs = keras.tree.flatten([node.outputs for node in operation._inbound_nodes])
        kept += sum(math.prod(t.shape[1:]) * tf.as_dtype(t.dtype).size for t in outputs)
    return kept + max(inside)


def _size(variables: Iterable[keras.Variable]) -> int:
    return sum(math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in variables)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.3g}" if size < 1e9 else f"{size / 1e6:,.0f}"
