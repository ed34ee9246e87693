"""Proof, before publication, that a format computes what Keras computes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from keras_gan.games.endpoints import Endpoint
from keras_gan.utils.errors import ExportError

#: Batches at which a format is compared with Keras before it is published.
PARITY_BATCHES = (1, 3, 17)

#: Runs a format's own runtime: named inputs -> the output.
Runner = Callable[[dict[str, np.ndarray]], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Differences:
    """Absolute differences from Keras' float32 outputs, by batch size.

    Images lie in [-1, 1]; 2/255, one step of a grey level, is 0.0078.
    """

    largest: dict[str, float]
    mean: dict[str, float]


def differences(endpoint: Endpoint, run: Runner) -> Differences:
    """Compare a format with Keras at batches of PARITY_BATCHES.

    Raises:
        ExportError: the format's output has another shape.
    """
    largest, mean = {}, {}
    for batch in PARITY_BATCHES:
        inputs = endpoint.examples(batch)
        expected = np.asarray(endpoint(**inputs))
        received = np.asarray(run(inputs))
        if received.shape != expected.shape:
            raise ExportError(
                f"The output should have the shape {expected.shape}. Received: {received.shape}."
            )
        difference = np.abs(received - expected)
        largest[str(batch)] = float(np.max(difference))
        mean[str(batch)] = float(np.mean(difference))
    return Differences(largest, mean)


def check(what: str, found: Differences, largest: float, mean: float | None = None) -> None:
    """Raise ExportError where a difference is above its limit, or not a number."""
    limits = [(found.largest, largest, "")]
    if mean is not None:
        limits.append((found.mean, mean, " on average"))
    for values, limit, how in limits:
        for batch, difference in values.items():
            if not difference <= limit:
                raise ExportError(
                    f"{what} differs from Keras by {difference:.3g}{how} at batch {batch}; at "
                    f"most {limit:g} is allowed. Nothing was published."
                )
