"""What happens between the calls of a training: logs, pictures, checkpoints, progress."""

from keras_gan.training.callbacks.checkpointer import Checkpointer
from keras_gan.training.callbacks.classes import TestError
from keras_gan.training.callbacks.density import DensityWriter
from keras_gan.training.callbacks.diversity import DiversityWriter
from keras_gan.training.callbacks.health import Health
from keras_gan.training.callbacks.held_out import HeldOutDiscriminator
from keras_gan.training.callbacks.of_run import of_run
from keras_gan.training.callbacks.profiler import Profiler
from keras_gan.training.callbacks.progress import Progress
from keras_gan.training.callbacks.samples import SampleWriter
from keras_gan.training.callbacks.scalars import ScalarWriter

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
