"""Which labels an image may have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_gan.runs import Run
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import VectorLabels


def choices(run: Run, given: Sequence[str], count: int) -> np.ndarray | None:
    """Labels by their names or ids: one for all images, one an image, or all that there are.

    Args:
        run: the run.
        given: texts of `--label`, several classes as `0..4`; none where a label is to be found.
        count: how many images there are.

    Returns:
        int32 (count, labels that each may have); None for an unconditional run.

    Raises:
        ConfigError: an unconditional run asked for a label, one whose labels are vectors, a
            label that it does not have, or another number of them.
    """
    labels = run.gan.labels
    if isinstance(labels, VectorLabels):
        raise ConfigError(
            f"{run.path} was trained with vectors for labels: only the latents of runs with "
            "classes, or without labels, can be looked for."
        )
    if not labels:
        labels.parse(next(iter(given), None), count)  # there are none to choose
        return None
    ids = [labels.ids(text) for text in given]
    if len(ids) not in (0, 1, count) or len({len(classes) for classes in ids}) > 1:
        raise ConfigError(
            f"--label should be given once, or once for each of {count} images. "
            f"Received: {len(ids)}."
        )
    allowed = ids or [range(labels.size)]
    return np.broadcast_to(np.array(allowed, np.int32), (count, len(allowed[0])))
