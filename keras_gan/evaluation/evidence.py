"""What metrics look at: samples, real images, and features of both, each computed once."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from keras_gan.data import Source
from keras_gan.evaluation.cache import Cache
from keras_gan.evaluation.extractors import Extractor
from keras_gan.utils.errors import EvaluationError
from keras_gan.utils.pixels import flat, to_unit

_PARZEN_SHARE = 6  # the last sixth of the training images validates, as 10,000 of MNIST's 60,000


def fixed_order(count: int) -> np.ndarray:
    """Rows 0..count-1 shuffled, always alike: the first of them may be sorted by class."""
    return np.random.default_rng(1).permutation(count)


@dataclasses.dataclass(frozen=True)
class Extracted:
    """What an extractor finds in n images.

    Attributes:
        features: float32 (n, d).
        class_probabilities: float32 (n, classes); None where it predicts no classes.
        labels: int32 (n,), of the images, where they are known.
    """

    features: np.ndarray
    class_probabilities: np.ndarray | None
    labels: np.ndarray | None

    @property
    def count(self) -> int:
        return len(self.features)

    @property
    def probabilities(self) -> np.ndarray:
        """The class probabilities, or EvaluationError where there are none."""
        if self.class_probabilities is None:
            raise EvaluationError("The extractor predicts no classes.")
        return self.class_probabilities


@dataclasses.dataclass(frozen=True)
class Evidence:
    """One run's samples beside the real images.

    Attributes:
        samples: float32 (n, ...), as the generator makes them.
        images: the same as uint8, for images; as they are, for points.
        labels: int32 (n,), the target labels; None where they are no classes of the data.
        train: all real samples of the training split.
        test: those of the test split, or None where the data have none.
        extractor: what images are compared by; None for points.
        cache: of what depends on the real images alone.
        against: `test`, or `train` for results that say that they are of training images.
        seen: the rows of `train` that the run was trained on.
        classify: images -> ids that the run's own D predicts; None where it predicts none.
    """

    samples: np.ndarray
    images: np.ndarray
    labels: np.ndarray | None
    train: Source
    test: Source | None
    extractor: Extractor | None
    cache: Cache
    against: str = "test"
    seen: slice = dataclasses.field(default_factory=lambda: slice(None))
    classify: Callable[[np.ndarray], np.ndarray] | None = None

    @property
    def count(self) -> int:
        return len(self.samples)

    @property
    def reference(self) -> Source:
        """The real images that samples are compared with.

        Raises:
            EvaluationError: there are no test images.
        """
        return self.train if self.against == "train" else self.tested

    @property
    def tested(self) -> Source:
        if self.test is None:
            raise EvaluationError(
                "These data have no test images. `fit --set 'data.split=train[:90%]'` keeps some "
                "back; `--against train` compares with training images and says so in the names."
            )
        return self.test

    @functools.cached_property
    def of_samples(self) -> Extracted:
        """What the extractor finds in the samples."""
        return Extracted(*self.extractor.extract(self.images), self.labels)

    @functools.cached_property
    def of_real(self) -> Extracted:
        """The same of as many of the real images that samples are compared with, at most."""
        rows = fixed_order(self.reference.num_samples)[: self.count]
        return self._extracted(f"{self.against}-{self.count}", self.reference, rows)

    @functools.cached_property
    def of_training(self) -> Extracted:
        """The same of `training_rows`."""
        name = f"training-{self.against}-{self.count}"
        return self._extracted(name, self.train, self.training_rows)

    @property
    def training_rows(self) -> np.ndarray:
        """Training images that stand for a perfect generator: as many as there are samples.

        Beside training images they are others of these.

        Raises:
            EvaluationError: there are too few.
        """
        start = self.count if self.against == "train" else 0
        rows = fixed_order(self.train.num_samples)[start : start + self.count]
        if len(rows) < 2:
            raise EvaluationError("There are too few training images for a reference value.")
        return rows

    @functools.cached_property
    def train_features(self) -> np.ndarray:
        """Of all training images."""
        return self._extracted("train", self.train).features

    @functools.cached_property
    def test_features(self) -> np.ndarray:
        """Of all test images."""
        return self._extracted("test", self.tested).features

    def parzen_sets(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(training, validation, test) images in [0, 1], float32 (n, d)."""
        rows = self.train.num_samples
        validation = rows - max(1, rows // _PARZEN_SHARE)
        images, test = (
            to_unit(s.images.reshape(s.num_samples, -1)) for s in (self.train, self.tested)
        )
        if self.train.name != "mnist":  # its published order is the protocol
            images = images[fixed_order(rows)]
        return images[:validation], images[validation:], test

    def rows(self, which: str) -> np.ndarray:
        """Samples, `train` or `test` as float32 (n, d) in the data's own unit."""
        if which == "test":
            return flat(self.tested.images)
        return flat({"samples": self.samples, "train": self.train.images}[which])

    def _extracted(self, name: str, source: Source, rows: np.ndarray | None = None) -> Extracted:
        """Return what the extractor finds in some rows; of all rows, features alone.

        A part has a file of its own in the cache, because an extractor may be slow or have
        many classes, and few metrics look at all images.
        """

        def compute():
            images = source.images if rows is None else source.images[rows]
            features, probabilities = self.extractor.extract(images)
            if rows is None or probabilities is None:
                return {"features": features}
            return {"features": features, "probabilities": probabilities}

        if self.extractor.name == "pixels":  # as fast to make as to read
            found = compute()
        else:
            found = self.cache.arrays(f"{name}-{self.extractor.name}", compute)
        labels = None if rows is None or source.labels is None else source.labels[rows]
        return Extracted(found["features"], found.get("probabilities"), labels)
