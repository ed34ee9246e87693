"""The least time of a step: its matrix products alone, at this machine's best speed.

Each dense or convolutional layer is, forward and backward, matrix products (of the
unrolled patches, for a convolution). They are timed one by one, as PyTorch's `mm` and
TensorFlow's `matmul` compute them, into memory that is there already where that can be;
the quicker of the two counts.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
import torch

Shape = tuple[int, int, int]  # (rows, inner, columns): 2 * their product are the operations


def of_a_step(generator: keras.Model, discriminator: keras.Model, batch: int) -> Counter[Shape]:
    """The products of one round with k = 1: how often each shape is needed.

    D's update: G forward; D forward and its kernels' gradients on 2 m samples, and its
    layers' inputs' but for the first. G's update: both forward on m, all of D's inputs'
    gradients, G's kernels' and its inputs' but for the first.
    """
    shapes: Counter[Shape] = Counter()
    g, d = _layers(generator), _layers(discriminator)
    for size, layers, kernels, first in ((batch, g, False, None), (2 * batch, d, True, False)):
        _add(shapes, layers, size, kernels, first)
    _add(shapes, g, batch, True, False)
    _add(shapes, d, batch, False, True)
    return shapes


def _add(shapes, layers: list[Shape], batch: int, kernels: bool, inputs: bool | None) -> None:
    """`inputs`: whether the first layer's input needs a gradient, too; None: no layer's does."""
    for number, (positions, inner, outputs) in enumerate(layers):
        rows = batch * positions
        shapes[rows, inner, outputs] += 1
        if kernels:
            shapes[inner, rows, outputs] += 1
        if inputs is not None and (number or inputs):
            shapes[rows, outputs, inner] += 1


def _layers(network: keras.Model) -> list[Shape]:
    """(positions a sample, inner size, outputs) of each layer with a kernel."""
    found = []
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dense):
            found.append((1, *layer.kernel.shape))
        elif isinstance(layer, keras.layers.Conv2DTranspose):
            *size, outputs, inputs = layer.kernel.shape
            # The gradient of a convolution: each position of the input makes a patch.
            positions = math.prod(layer.input.shape[1:3])
            found.append((positions, inputs, math.prod(size) * outputs))
        elif isinstance(layer, keras.layers.Conv2D):
            *size, inputs, outputs = layer.kernel.shape
            positions = math.prod(layer.output.shape[1:3])
            found.append((positions, math.prod(size) * inputs, outputs))
    return found


def operations(shapes: Counter[Shape]) -> int:
    """Floating point operations of all products."""
    return sum(2 * math.prod(shape) * count for shape, count in shapes.items())


def seconds(shapes: Counter[Shape], repeats: int = 30) -> float:
    """Time of all products one after the other, each at its best."""
    return sum(_best(shape, repeats) * count for shape, count in shapes.items())


def _best(shape: Shape, repeats: int) -> float:
    m, k, n = shape
    random = np.random.default_rng(0)
    a, b = (random.normal(size=s).astype(np.float32) for s in ((m, k), (k, n)))
    left, right, out = torch.from_numpy(a), torch.from_numpy(b), torch.empty(m, n)
    first, second = tf.constant(a), tf.constant(b)
    ways: list[Callable[[], object]] = [
        lambda: torch.mm(left, right, out=out),
        lambda: tf.linalg.matmul(first, second),
    ]
    return min(_median(way, repeats) for way in ways)


def _median(call: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats + 3):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times[3:]))
