"""Training: from a configuration to a run."""

from keras_gan.training.loop import fit, play, start
from keras_gan.training.plan import Training, prepare, prepare_resume, start_from

__all__ = ["Training", "fit", "play", "prepare", "prepare_resume", "start", "start_from"]
