"""What metrics look at: samples, real images, and features of both, each computed once."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from keras_gan.data import Source
from keras_gan.evaluation.cache import Cache
from keras_gan.evaluation.diversity import flat
from keras_gan.evaluation.extractors import Extractor
from keras_gan.utils.errors import EvaluationError
from keras_gan.utils.pixels import to_unit

_PARZEN_SHARE = 6  # the last sixth of the training images validates, as 10,000 of MNIST's 60,000


def fixed_order(count: int) -> np.ndarray:
    """Rows 0..count-1 shuffled, always alike: the first of them may be sorted by class."""
    return np.random.default_rng(1).permutation(count)


@dataclasses.dataclass(frozen=True)
class Evidence:
    """One run's samples beside the real images.

    Attributes:
        samples: float32 (n, ...), as the generator makes them.
        images: the same as uint8, for images; as they are, for points.
        labels: int32 (n,), those asked for, or None where they are no classes of the data.
        train: all real samples of the training split.
        test: those of the test split, or None where the data have none.
        extractor: what images are compared by; None for points.
        cache: of figures of the real images alone.
        against: `test`, or `train` for figures that are told to be of training images.
        seen: the rows of `train` that the run was trained on.
        classify: images -> ids, as the run's own D tells them; None where it tells none.
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
    def judged(self) -> tuple[np.ndarray, np.ndarray | None]:
        """(features, class probabilities or None) of the samples."""
        return self.extractor.judge(self.images)

    @property
    def features(self) -> np.ndarray:
        return self.judged[0]

    @property
    def probabilities(self) -> np.ndarray:
        return self._with_classes(self.judged[1])

    @property
    def reference_features(self) -> np.ndarray:
        """Of as many real images as there are samples, at most."""
        return self._of_reference["features"]

    @property
    def reference_probabilities(self) -> np.ndarray:
        return self._with_classes(self._of_reference.get("probabilities"))

    @property
    def reference_labels(self) -> np.ndarray:
        """Of the same images, int32 (n,)."""
        if self.reference.labels is None:
            raise EvaluationError("The real images have no labels.")
        return self.reference.labels[self._reference_rows]

    @property
    def _reference_rows(self) -> np.ndarray:
        return fixed_order(self.reference.num_samples)[: self.count]

    @functools.cached_property
    def _of_reference(self) -> dict[str, np.ndarray]:
        rows = self._reference_rows
        return self._judged(f"{self.against}-{self.count}", self.reference, rows)

    @functools.cached_property
    def train_features(self) -> np.ndarray:
        """Of all training images."""
        return self._judged("train", self.train)["features"]

    @functools.cached_property
    def test_features(self) -> np.ndarray:
        """Of all test images."""
        return self._judged("test", self.tested)["features"]

    @property
    def floor_rows(self) -> np.ndarray:
        """Training images that stand for a perfect generator: as many as there are samples.

        Against training images the floor is another part of them.
        """
        start = self.count if self.against == "train" else 0
        rows = fixed_order(self.train.num_samples)[start : start + self.count]
        if len(rows) < 2:
            raise EvaluationError("There are too few training images to take a floor from.")
        return rows

    @property
    def floor_features(self) -> np.ndarray:
        return self._of_floor["features"]

    @property
    def floor_labels(self) -> np.ndarray:
        return self.train.labels[self.floor_rows]

    @property
    def floor_probabilities(self) -> np.ndarray:
        return self._with_classes(self._of_floor.get("probabilities"))

    @functools.cached_property
    def _of_floor(self) -> dict[str, np.ndarray]:
        rows = self.floor_rows
        return self._judged(f"floor-{self.against}-{self.count}", self.train, rows)

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

    def points(self, which: str) -> np.ndarray:
        """Samples, `train` or `test` as float32 (n, d) in the data's own unit."""
        if which == "test":
            return flat(self.tested.images)
        return flat({"samples": self.samples, "train": self.train.images}[which])

    def _judged(
        self, name: str, source: Source, rows: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """`features` of some rows, and their `probabilities` if there are any; of all, features.

        A part has a judgement of its own, because an extractor may be slow or have many
        classes, and few metrics look at all images.
        """

        def compute():
            images = source.images if rows is None else source.images[rows]
            features, probabilities = self.extractor.judge(images)
            if rows is None or probabilities is None:
                return {"features": features}
            return {"features": features, "probabilities": probabilities}

        if self.extractor.name == "pixels":  # as fast to make as to read
            return compute()
        return self.cache.arrays(f"{name}-{self.extractor.name}", compute)

    def _with_classes(self, probabilities: np.ndarray | None) -> np.ndarray:
        if probabilities is None:
            raise EvaluationError(f"The extractor {self.extractor.name} knows no classes.")
        return probabilities
