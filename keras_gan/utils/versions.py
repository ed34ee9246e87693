"""What a run was made with."""

from __future__ import annotations

import platform

from keras_gan import __version__


def versions() -> dict[str, str]:
    """The versions of what the numbers of a training depend on."""
    import keras
    import numpy
    import tensorflow

    return {
        "keras_gan": __version__,
        "keras": keras.__version__,
        "tensorflow": tensorflow.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
    }
