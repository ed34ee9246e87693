"""How much memory a training's weights, optimizers, gradients and data take."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import keras
import tensorflow as tf

from keras_gan.games.base import AdversarialModel


@dataclasses.dataclass(frozen=True)
class Memory:
    """Bytes that a process keeps, by what they hold; all but `data` for each of its replicas.

    Attributes:
        weights: the networks, the averaged ones too.
        optimizers: the optimizers' slots.
        gradients: those of the largest player; twice where they are summed over parts.
        data: the samples: those that stay in memory, with each device's copy, or blocks of them.
        replicas: in this process, where there are several in all; else None.
    """

    weights: int
    optimizers: int
    gradients: int
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
        return f"{total} MB{of} beside activations: {parts}{each}, data {data}"


_OF_A_REPLICA = ("weights", "optimizers", "gradients")


def estimate(model: AdversarialModel, data: int = 0, replicas: int | None = None) -> Memory:
    """Return what a compiled model keeps in memory.

    Activations, and what kernels and TensorFlow itself take, are not counted: they depend on
    the compiler.

    Args:
        model: a compiled game.
        data: bytes of samples in memory.
        replicas: in this process, where there are several in all.
    """
    networks = model.networks()
    averages = [getattr(model, f"{name}_ema") for name, _ in model.averages]
    slots = [v for player in model.players for v in model.optimizer_of(player).variables]
    largest = max(_size(model.trainable_of(player)) for player in model.players)
    return Memory(
        weights=_size(w for n in [*networks.values(), *averages] for w in n.weights),
        optimizers=_size(slots),
        gradients=largest * min(model.accumulation_steps, 2),
        data=data,
        replicas=replicas,
    )


def _size(variables: Iterable[keras.Variable]) -> int:
    return sum(math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in variables)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.3g}" if size < 1e9 else f"{size / 1e6:,.0f}"
