"""Keras' own format: the network as a `.keras` file, for more Keras."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from keras_gan.exporters.parity import Runner
from keras_gan.games.endpoints import Endpoint


def write(endpoint: Endpoint, path: Path) -> None:
    """Write the float32 network alone: stock Keras layers, no optimizer."""
    endpoint.network.save(path)


def runner(path: Path) -> Runner:
    """Load the file anew and calls it in inference mode."""
    network = keras.saving.load_model(path, compile=False)
    return lambda inputs: np.asarray(network(inputs, training=False))
