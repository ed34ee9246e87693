"""Every metric tells in one line what it can't be computed from."""

import numpy as np
import pytest

from keras_gan.evaluation.metrics.classifier_score import (
    classifier_score,
    confident_share,
    label_accuracy,
)
from keras_gan.evaluation.metrics.energy import energy_distance, median_nearest
from keras_gan.evaluation.metrics.frechet import Moments, frechet_distance, moments_distance
from keras_gan.evaluation.metrics.kernel import kernel_distance
from keras_gan.evaluation.metrics.modes import class_coverage, class_shares, mixture_coverage
from keras_gan.evaluation.metrics.neighbours import distance_ratio, memorisation, nearest
from keras_gan.evaluation.metrics.parzen import log_likelihood, parzen
from keras_gan.evaluation.metrics.prdc import prdc
from keras_gan.utils.errors import EvaluationError, KerasGanError

GOOD = np.random.default_rng(0).random((40, 3))
PAIRS = {
    "parzen": lambda a, b: parzen(a, b, b),
    "log_likelihood": lambda a, b: log_likelihood(a, b, 0.2),
    "frechet": frechet_distance,
    "kernel": kernel_distance,
    "prdc": prdc,
    "mixture": lambda a, b: mixture_coverage(a, b, 0.1),
    "nearest": nearest,
    "distance_ratio": lambda a, b: distance_ratio(a, b, b),
    "energy": energy_distance,
}


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", PAIRS)
def test_values_that_are_not_finite(name, value):
    bad = GOOD.copy()
    bad[[3, 5], 1] = value
    for a, b in ((bad, GOOD), (GOOD, bad)):
        with pytest.raises(EvaluationError, match=r"finite.* 2 of its 40 rows"):
            PAIRS[name](a, b)


@pytest.mark.parametrize("name", PAIRS)
def test_unequal_widths(name):
    with pytest.raises(EvaluationError, match=r"one width\. Received: (3 and 2|2 and 3)\."):
        PAIRS[name](GOOD, GOOD[:, :2])


@pytest.mark.parametrize("name", PAIRS)
def test_no_rows(name):
    for a, b in ((GOOD[:0], GOOD), (GOOD, GOOD[:0])):
        with pytest.raises(EvaluationError, match=r"should have at least .* Received: 0"):
            PAIRS[name](a, b)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: frechet_distance(GOOD[:3], GOOD), r"`a` .* at least 4 rows .*Received: 3"),
        (lambda: frechet_distance(GOOD, GOOD[:3]), r"`b` .* at least 4 rows"),
        (lambda: moments_distance(*(Moments(np.ones(d), np.eye(d)) for d in (2, 3))), "width"),
        (lambda: kernel_distance(GOOD[:3], GOOD), r"`a` .* 4 rows \(two blocks of two\)"),
        (lambda: prdc(GOOD, GOOD[:5]), r"`fake` .* 6 rows"),
        (lambda: energy_distance(GOOD[:1], GOOD), r"`a` .* 2 rows"),
        (lambda: median_nearest(GOOD[:1]), "at least 2 rows"),
        (lambda: nearest(GOOD, GOOD[:2], 3), r"`references` .* 3 rows"),
        (lambda: parzen(GOOD, GOOD, GOOD[:1]), r"`test` .* 2 rows"),
        (lambda: parzen(2 * GOOD - 1, GOOD, GOOD), r"`samples` .*\[0, 1\]"),
        (lambda: log_likelihood(GOOD, GOOD, 0.0), r"`sigma` .* positive\. Received: 0\.0"),
        (lambda: classifier_score(GOOD[:19]), "at least 20 rows"),
        (lambda: confident_share(5 * GOOD), "softmax"),
        (lambda: label_accuracy(np.eye(3), np.zeros(2, int)), r"`labels` .*\(3,\)"),
        (lambda: memorisation(np.zeros(0), np.ones(3)), "at least 1 row"),
        (lambda: memorisation(np.ones(3), np.array([np.nan])), "finite"),
        (lambda: distance_ratio(GOOD, GOOD + 1, GOOD), "all be test images"),
        (lambda: class_shares(np.array([], int), 3), "at least 1 row"),
        (lambda: class_shares(np.array([0, 3]), 3), "from 0 to 2"),
        (lambda: class_coverage(np.array([-1]), np.ones(1)), "from 0 to 0"),
        (lambda: mixture_coverage(GOOD, GOOD, 0.0), "`stddev` should be positive"),
    ],
)
def test_other_input_that_will_not_do(call, said):
    with pytest.raises(EvaluationError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, KerasGanError)
