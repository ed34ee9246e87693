"""keras-gan: train, measure and ship generative adversarial networks.

The names below are imported on first use, so that `import keras_gan` (and with
it `keras-gan --help`) does not wait for TensorFlow.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

# TensorFlow reads this when it is imported, and by itself takes oneDNN's convolutions only
# on CPUs with AVX-512 VNNI. With AVX2 a convolutional step takes 0.55 times as long with them.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Since 1.29 ONNX Runtime's packages for Linux tell Microsoft what models they open.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

_HOMES = {
    "GAN": "keras_gan.games.gan",
    "Config": "keras_gan.config",
    "KerasGanError": "keras_gan.utils.errors",
    "Run": "keras_gan.runs",
    "fit": "keras_gan.training",
    "load": "keras_gan.runs",
    "load_config": "keras_gan.config",
    "load_source": "keras_gan.data",
    "losses": "keras_gan.games.losses",
    "networks": "keras_gan.networks",
    "regularizers": "keras_gan.games.regularizers",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'keras_gan' has no attribute {name!r}")
    module = importlib.import_module(_HOMES[name])
    is_module = _HOMES[name].rpartition(".")[2] == name
    return module if is_module else getattr(module, name)


def __dir__() -> list[str]:
    return __all__
