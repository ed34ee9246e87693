"""Gradients of a minibatch that is too large for the memory: part by part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


def accumulated(
    parts: int, gradients_of: Callable[..., tuple[Any, Any]], tensors: Sequence[Any]
) -> tuple[Any, Any]:
    """What `gradients_of` returns for a minibatch, from equal parts of it, one after the other.

    A `while` loop, as parts side by side in a graph would run, and take memory, at once.

    Args:
        parts: how many, n.
        gradients_of: (tensors of a part, number of the part, is the last part) -> (means,
            rows), nests of tensors. A mean is over the rows of the part: a gradient, a loss.
            Rows have one entry a row or a pack of rows: logits. The number and whether it
            is the last are tensors where n > 1.
        tensors: a nest of tensors (m, ...), m a multiple of n, cut in order; None stays None.

    Returns:
        (means over the parts, rows of all parts in order). None among the means stays None.
    """
    if parts == 1:
        return gradients_of(tensors, 0, True)
    cut = [t if t is None else tf.reshape(t, [parts, -1, *t.shape[1:]]) for t in _leaves(tensors)]

    def play(part):
        here = [t if t is None else t[part] for t in cut]
        here = tf.nest.pack_sequence_as(tensors, here)
        return gradients_of(here, part, tf.equal(part, parts - 1))

    means, rows = play(tf.constant(0))
    sums = _tensors(means)
    arrays = [
        tf.TensorArray(row.dtype, parts, element_shape=row.shape).write(0, row)
        for row in _tensors(rows)
    ]

    def body(part, sums, arrays):
        means, rows = play(part)
        sums = [a + b for a, b in zip(sums, _tensors(means), strict=True)]
        arrays = [a.write(part, b) for a, b in zip(arrays, _tensors(rows), strict=True)]
        return part + 1, sums, arrays

    _, sums, arrays = tf.while_loop(
        lambda part, *_: part < parts,
        body,
        (tf.constant(1), sums, arrays),
        parallel_iterations=1,
    )
    averages = (total / parts for total in sums)
    joined = (tf.reshape(array.stack(), [-1, *array.element_shape[1:]]) for array in arrays)
    return _like(means, averages), _like(rows, joined)


_leaves = tf.nest.flatten


def _tensors(nest: Any) -> list[tf.Tensor]:
    return [tf.convert_to_tensor(x) for x in tf.nest.flatten(nest) if x is not None]


def _like(nest: Any, values) -> Any:
    """The nest with `values` in place of its tensors; None stays."""
    filled = [None if x is None else next(values) for x in tf.nest.flatten(nest)]
    return tf.nest.pack_sequence_as(nest, filled)
