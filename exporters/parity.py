"""Proof, before publication, that a format computes what Keras computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from keras_gan.errors import ExportError
from keras_gan.exporters.generator import PARITY_BATCHES, Generator

#: Runs a format's own runtime: named inputs -> images.
Runner = Callable[[dict[str, np.ndarray]], np.ndarray]


def differences(generator: Generator, run: Runner) -> dict[str, float]:
    """Largest absolute difference from Keras' float32 images, by batch size.

    The images lie in [-1, 1]; 2/255, one step of a grey level, is 0.0078.
    """
    found = {}
    for batch in PARITY_BATCHES:
        inputs = generator.fixed_inputs(batch)
        expected = np.asarray(generator(**inputs))
        received = np.asarray(run(inputs))
        if received.shape != expected.shape:
            raise ExportError(
                f"Images should have the shape {expected.shape}. Received: {received.shape}."
            )
        found[str(batch)] = float(np.max(np.abs(received - expected)))
    return found


def check(what: str, found: dict[str, float], tolerance: float) -> None:
    """Raises ExportError where a difference is above `tolerance`, or not a number."""
    for batch, difference in found.items():
        if not difference <= tolerance:
            raise ExportError(
                f"{what} differs from Keras by {difference:.3g} at batch {batch}; at most "
                f"{tolerance:g} is allowed. Nothing was published."
            )
