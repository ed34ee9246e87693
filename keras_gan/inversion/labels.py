"""Which labels an image may have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_gan import sampling
from keras_gan.errors import ConfigError
from keras_gan.runs import Run


def choices(run: Run, given: Sequence[str], count: int) -> np.ndarray | None:
    """Labels by their names or ids: one for all images, one an image, or all that there are.

    Args:
        run: the run.
        given: texts of `--label`; none where a label is to be found.
        count: how many images there are.

    Returns:
        int32 (count, labels that each may have); None for an unconditional run.

    Raises:
        ConfigError: an unconditional run asked for a label, a label that it does not have,
            or another number of them.
    """
    ids = [sampling.labels_of(run, 1, text) for text in given]
    if not run.conditional:
        return None
    if len(ids) not in (0, 1, count):
        raise ConfigError(
            f"--label should be given once, or once for each of {count} images. "
            f"Received: {len(ids)}."
        )
    if not ids:
        return np.tile(np.arange(run.num_classes, dtype=np.int32), (count, 1))
    return np.broadcast_to(np.stack(ids), (count, 1))
