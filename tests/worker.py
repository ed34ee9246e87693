"""A worker of tests/test_distribution.py: `keras-gan fit`, whose weights are kept at the end.

    python tests/worker.py FOLDER DEATH fit ...

FOLDER gets `weights-NUMBER.npy`. DEATH is NUMBER:ITERATION:SIGNAL, a signal that this worker
sends itself at that iteration, or `none`.
"""

import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np

from keras_gan import training
from keras_gan.cli import main
from keras_gan.engine import cluster
from keras_gan.runs import checkpoints


class Death(keras.callbacks.Callback):
    def __init__(self, iteration: int, number: int):
        super().__init__()
        self.iteration, self.number = iteration, number

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.iteration.numpy()) == self.iteration:
            os.kill(os.getpid(), self.number)


def play(prepared, run, callbacks):
    """`training.play`, with a death and a will."""
    death = [Death(int(iteration), signal.Signals[name])] if number == dying else []
    finished = original(prepared, run, [*callbacks, *death])
    state = checkpoints.state(prepared.gan)
    np.save(folder / f"weights-{number}.npy", np.concatenate([np.ravel(v) for v in state]))
    return finished


if __name__ == "__main__":
    folder, number = Path(sys.argv[1]), str(cluster.from_environment().number)
    dying, iteration, name = (f"{sys.argv[2]}:::").split(":")[:3]
    original, training.play = training.play, play
    main(sys.argv[3:], prog_name="keras-gan")
