"""Inference on a bounded number of rows at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np

BATCH_SIZE = 500


def in_batches(
    call: Callable[..., Any], *arrays: np.ndarray, batch_size: int = BATCH_SIZE
) -> np.ndarray:
    """Call a function with at most `batch_size` rows at a time, and concatenate its results.

    Only the last batch may have fewer rows, so that a `tf.function` is traced at most twice. It
    is not padded: the bits of a row may depend on the number of rows.

    Args:
        call: takes the same rows of each array; returns an array or a tensor of as many rows.
        *arrays: (n, ...) each, n > 0.
    """
    starts = range(0, len(arrays[0]), batch_size)
    batches = ([array[start : start + batch_size] for array in arrays] for start in starts)
    return np.concatenate([np.asarray(call(*batch)) for batch in batches])
