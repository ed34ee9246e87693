"""Keras' own format: the generator as a `.keras` file, for more Keras."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from keras_gan.exporters.encoder import Encoder
from keras_gan.exporters.generator import Generator
from keras_gan.exporters.parity import Runner


def write(generator: Generator | Encoder, path: Path) -> None:
    """Writes the float32 network alone: stock Keras layers, no optimizer."""
    generator.network.save(path)


def runner(path: Path) -> Runner:
    """Loads the file anew and calls it in inference mode."""
    network = keras.saving.load_model(path, compile=False)
    return lambda inputs: np.asarray(network(inputs, training=False))
