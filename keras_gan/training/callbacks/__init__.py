"""What happens between the calls of a training: logs, pictures, checkpoints, progress."""

from keras_gan.training.callbacks.checkpointer import Checkpointer
from keras_gan.training.callbacks.diversity import DiversityWriter
from keras_gan.training.callbacks.health import Health
from keras_gan.training.callbacks.held_out import HeldOutDiscriminator
from keras_gan.training.callbacks.of_run import of_run
from keras_gan.training.callbacks.progress import Progress

__all__ = [
    "Checkpointer",
    "DiversityWriter",
    "Health",
    "HeldOutDiscriminator",
    "Progress",
    "of_run",
]
