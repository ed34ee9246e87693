"""What happens between the calls of a training: logs, pictures, checkpoints, progress."""

from keras_gan.callbacks.checkpointer import Checkpointer
from keras_gan.callbacks.classes import TestError
from keras_gan.callbacks.density import DensityWriter
from keras_gan.callbacks.diversity import DiversityWriter
from keras_gan.callbacks.health import Health
from keras_gan.callbacks.held_out import HeldOutDiscriminator
from keras_gan.callbacks.of_run import of_run
from keras_gan.callbacks.profiler import Profiler
from keras_gan.callbacks.progress import Progress
from keras_gan.callbacks.samples import SampleWriter
from keras_gan.callbacks.scalars import ScalarWriter

__all__ = [
    "Checkpointer",
    "DensityWriter",
    "DiversityWriter",
    "Health",
    "HeldOutDiscriminator",
    "Profiler",
    "Progress",
    "SampleWriter",
    "ScalarWriter",
    "TestError",
    "of_run",
]
