"""Proof, before publication, that a format computes what Keras computes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from keras_gan.exporters.encoder import Encoder
from keras_gan.exporters.generator import PARITY_BATCHES, Generator
from keras_gan.utils.errors import ExportError

#: Runs a format's own runtime: named inputs -> images, or latents of an encoder.
Runner = Callable[[dict[str, np.ndarray]], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Differences:
    """Absolute differences from Keras' float32 images, by batch size.

    The images lie in [-1, 1]; 2/255, one step of a grey level, is 0.0078.
    """

    largest: dict[str, float]
    mean: dict[str, float]


def differences(generator: Generator | Encoder, run: Runner) -> Differences:
    """Compares a format with Keras at batches of PARITY_BATCHES.

    Raises:
        ExportError: the format's images have another shape.
    """
    largest, mean = {}, {}
    for batch in PARITY_BATCHES:
        inputs = generator.fixed_inputs(batch)
        expected = np.asarray(generator(**inputs))
        received = np.asarray(run(inputs))
        if received.shape != expected.shape:
            raise ExportError(
                f"Images should have the shape {expected.shape}. Received: {received.shape}."
            )
        difference = np.abs(received - expected)
        largest[str(batch)] = float(np.max(difference))
        mean[str(batch)] = float(np.mean(difference))
    return Differences(largest, mean)


def check(what: str, found: Differences, largest: float, mean: float | None = None) -> None:
    """Raises ExportError where a difference is above its limit, or not a number."""
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
