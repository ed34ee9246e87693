"""Metrics of each class: label accuracy and Frechet distance, with known answers."""

import dataclasses

import numpy as np
import pytest

from keras_gan.data import Source
from keras_gan.evaluation import report
from keras_gan.evaluation.cache import Cache
from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.extractors import Extractor
from keras_gan.evaluation.metrics import METRICS
from keras_gan.utils.errors import EvaluationError

RNG = np.random.default_rng(0)
NAMES = ("cat", "dog")


def extract(images):
    """Two pixels are the features, the third one is the predicted class."""
    rows = images.reshape(len(images), 3).astype(np.float32)
    return rows[:, :2], np.eye(2, dtype=np.float32)[rows[:, 2].astype(int)]


def source(seed):
    labels = (np.arange(400) % 2).astype(np.int32)
    pixels = np.random.default_rng(seed).integers(100, 150, size=(400, 1, 3, 1)).astype(np.uint8)
    pixels[:, 0, 2, 0] = labels
    return Source("toy", pixels, labels, NAMES)


@pytest.fixture
def evidence(tmp_path):
    """Test images for samples; those of dogs shifted by 4, a quarter of them seen as cats."""
    train, test = source(1), source(2)
    images = test.images.copy()
    dogs = np.flatnonzero(test.labels == 1)
    images[dogs, 0, 0] += 4
    images[dogs[:50], 0, 2] = 0
    return Evidence(
        samples=images / np.float32(127.5) - 1.0,
        images=images,
        labels=test.labels,
        train=train,
        test=test,
        extractor=Extractor("toy", extract, accuracy=0.99),
        cache=Cache(train, test, root=tmp_path),
    )


def test_the_share_of_samples_that_are_the_target_label(evidence):
    found = {f.name: f for f in METRICS["score"](evidence)}["label_accuracy_toy_400"]
    assert found.value == 1 - 50 / 400
    assert found.error == pytest.approx(np.sqrt(0.875 * 0.125 / 400))
    assert found.reference == 0.99
    assert found.by_class == {"cat": (1.0, 1.0), "dog": (0.75, 1.0)}


def test_the_frechet_distance_of_each_class_and_their_mean(evidence):
    (found,) = METRICS["classes"](evidence)
    assert found.name == "intra_fd_toy_400"
    (cat, cat_reference), (dog, dog_reference) = (found.by_class[name] for name in NAMES)
    assert cat == pytest.approx(0.0, abs=1e-6)
    assert dog == pytest.approx(16.0)  # equal covariances, means 4 apart
    assert found.value == pytest.approx(8.0)
    assert found.reference == pytest.approx((cat_reference + dog_reference) / 2)
    assert 0 < found.reference < 8


def test_the_report_has_a_row_a_class(evidence):
    page = report.class_table([*METRICS["score"](evidence), *METRICS["classes"](evidence)])
    assert page.count("<tr>") == 3
    assert "<td>dog</td><td class=number>0.75</td><td class=number>1</td>" in page
    assert report.class_table([]) == ""


def test_a_class_with_too_few_real_images_is_named(evidence):
    few = evidence.test.part(np.r_[0:400:2, 1:5:2])  # all cats, two dogs
    with pytest.raises(EvaluationError, match=r"^The class dog: .* Received: 2"):
        METRICS["classes"](dataclasses.replace(evidence, test=few))


def test_a_class_is_wrong_where_the_discriminator_says_so(evidence):
    """It says what the third pixel is; of ten dogs it takes one for a cat."""
    test = evidence.test.part(np.arange(20))
    said = test.labels.copy()
    said[1] = 0
    (found,) = METRICS["test_error"](
        dataclasses.replace(evidence, test=test, classify=lambda images: said)
    )
    assert (found.name, found.value) == ("test_error_20", 0.05)
    assert found.by_class == {"cat": (0.0, None), "dog": (0.1, None)}
    with pytest.raises(EvaluationError, match="predicts no classes of these data"):
        METRICS["test_error"](evidence)
    others = dataclasses.replace(test, class_names=("dog", "cat"))
    with pytest.raises(EvaluationError, match="other classes than the training images"):
        METRICS["test_error"](dataclasses.replace(evidence, test=others, classify=lambda i: said))


def test_samples_without_target_labels(evidence):
    with pytest.raises(EvaluationError, match="have no target classes"):
        METRICS["classes"](dataclasses.replace(evidence, labels=None))
