"""The test error of D as a classifier, in the course of training."""

from __future__ import annotations

import numpy as np

from keras_gan.data import Source
from keras_gan.runs import sampling
from keras_gan.runs.logs import MetricsLog
from keras_gan.training.callbacks.cadence import Cadence


class TestError(Cadence):
    """Log `classifier/test_error`: the share of test images whose class D predicts wrongly.

    Nothing in the training depends on it.

    Args:
        log: the run's.
        every: iterations between two; 0 for none.
        last: the training's last iteration.
        test: images and their classes.
    """

    __test__ = False  # of pytest's, by its name

    def __init__(self, log: MetricsLog, every: int, last: int, test: Source):
        super().__init__(every, last)
        self.log = log
        self.test = test

    def act(self, iteration, logs):
        predicted = sampling.predicted_classes(
            self.model.averaged("discriminator"), self.test.images
        )
        error = float(np.mean(predicted != self.test.labels))
        self.log.write(iteration, {"classifier/test_error": error})
