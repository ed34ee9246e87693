"""What every metric asks of its arrays: enough rows, finite numbers, one width."""

from __future__ import annotations

import numpy as np

from keras_gan.utils.errors import EvaluationError


def matrix(
    values: np.ndarray, name: str, least: int = 1, reason: str = "", dtype: type = np.float64
) -> np.ndarray:
    """One row a sample: `values` flattened to (n, d).

    Args:
        values: numbers (n, ...), finite.
        name: what the error calls them.
        least: how many rows the metric needs.
        reason: why it needs them, if that is not plain.
        dtype: of the result.

    Returns:
        `dtype` (n, d).

    Raises:
        EvaluationError: too few rows, NaNs or infinities.
    """
    values = np.asarray(values)
    count = len(values) if values.ndim else 0
    if count < least:
        reason = f" ({reason})" if reason else ""
        raise EvaluationError(
            f"`{name}` should have at least {least:,} rows{reason}. Received: {count:,}."
        )
    values = values.reshape(count, -1).astype(dtype, copy=False)
    unfit = count - int(np.isfinite(values).all(axis=1).sum())
    if unfit:
        raise EvaluationError(
            f"`{name}` should be finite. Received: NaNs or infinities in {unfit:,} of its "
            f"{count:,} rows."
        )
    return values


def check_widths(**named: np.ndarray) -> None:
    """Raises EvaluationError unless all matrices, given by name, are equally wide."""
    widths = [values.shape[1] for values in named.values()]
    if len(set(widths)) > 1:
        names = " and ".join(f"`{name}`" for name in named)
        raise EvaluationError(
            f"{names} should have rows of one width. Received: "
            f"{' and '.join(f'{width:,}' for width in widths)}."
        )


def parts(count: int, size: int) -> list[np.ndarray]:
    """Row numbers 0..count-1 in random disjoint parts of `size`; the rest is left out.

    Rows often come sorted by class or with classes in turn, so that neither
    neighbours nor every n-th row are a fair part. The order is the same at
    every call, and so are the metrics.
    """
    order = np.random.default_rng(0).permutation(count)
    return [order[start : start + size] for start in range(0, count - size + 1, size)]
