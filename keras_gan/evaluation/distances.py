"""Squared distances of all pairs, a block of rows at a time so that memory stays bounded."""

from __future__ import annotations

import tensorflow as tf

#: For all blocks that a metric holds at once.
BLOCK_BYTES = 160 * 2**20


def blocks(count: int, width: int, bytes_each: int) -> list[slice]:
    """Cuts `count` rows so that blocks of (rows, width) fit into BLOCK_BYTES together.

    Args:
        count: of all rows.
        width: of a row: how many others each is compared with.
        bytes_each: what a pair takes: the size of a number times the blocks held at once.

    Returns:
        Slices of rows, in order.
    """
    rows = max(1, BLOCK_BYTES // (bytes_each * width))
    return [slice(start, min(start + rows, count)) for start in range(0, count, rows)]


def squared_distances(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """|a_i|^2 - 2 a_i.b_j + |b_j|^2 as one matrix product, never below 0.

    Args:
        a: floating (n, d).
        b: the same type (m, d).

    Returns:
        (n, m). The rounding error is about that of |a_i|^2 + |b_j|^2, so points far
        from the origin should be centred first.
    """
    norms_a = tf.reduce_sum(tf.square(a), axis=1, keepdims=True)
    norms_b = tf.reduce_sum(tf.square(b), axis=1)
    products = tf.matmul(-2.0 * a, b, transpose_b=True)
    return tf.maximum(products + norms_a + norms_b, 0.0)
