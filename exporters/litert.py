"""LiteRT (formerly TensorFlow Lite), built-in operators only."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from keras_gan.exporters.parity import Runner
from keras_gan.games.endpoints import Endpoint
from keras_gan.utils.errors import ExportError

_SIGNATURE = "serving_default"


def write(endpoint: Endpoint, path: Path) -> None:
    """Write a .tflite with one signature of any batch: named inputs -> the output.

    Raises:
        ExportError: a layer needs an operator that LiteRT does not have.
    """
    module = tf.Module()
    module.weights = [weight.value for weight in endpoint.network.weights]
    function = endpoint.function().get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        model = converter.convert()
    except Exception as error:  # the converter's own errors have no common base
        reason = " ".join(str(error).split())[:300]
        raise ExportError(f"LiteRT can't hold this network: {reason}") from error
    path.write_bytes(model)


def runner(path: Path) -> Runner:
    """Run a .tflite with ai-edge-litert."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    signature = interpreter.get_signature_runner(_SIGNATURE)  # fits itself to any batch
    return lambda inputs: next(iter(signature(**inputs).values()))
