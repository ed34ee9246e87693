"""Scores of class probabilities that are known."""

import numpy as np
import pytest

from keras_gan.evaluation.metrics.classifier_score import (
    classifier_score,
    confident_share,
    label_accuracy,
)


def test_sure_and_even_classes_have_the_greatest_score():
    """KL of a sure class to an even marginal is log 4; each part is even by its size."""
    sure = np.eye(4)[np.zeros(1000, int)]
    assert classifier_score(sure) == (1.0, 0.0)  # one class for all: the least
    score, spread = classifier_score(np.eye(4)[np.arange(1000) % 4], splits=1)
    assert (score, spread) == (pytest.approx(4.0, rel=1e-12), 0.0)


def test_unsure_samples_have_the_least_score():
    assert classifier_score(np.full((100, 5), 0.2)) == (pytest.approx(1.0, rel=1e-12), 0.0)


def test_a_known_score():
    """Two kinds of samples, (a, 1-a) and (1-a, a): E KL = log 2 - H(a)."""
    a = 0.9
    rows = np.tile([[a, 1 - a], [1 - a, a]], (50, 1))
    expected = 2 * np.exp(a * np.log(a) + (1 - a) * np.log(1 - a))
    assert classifier_score(rows, splits=1)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("labels", [np.arange(10_000) % 10, np.arange(10_000) // 1000])
def test_neither_labels_in_turn_nor_sorted_ones_spoil_the_parts(labels):
    score, spread = classifier_score(np.eye(10)[labels])
    # A part of 1,000 loses about exp(-9 / 2000), half a percent, to uneven classes.
    assert score == pytest.approx(10.0, rel=0.01)
    assert 0 < spread < 0.05


def test_confident_share_is_above_the_threshold():
    rows = np.array([[0.95, 0.05], [0.9, 0.1], [0.5, 0.5], [0.05, 0.95]])
    assert confident_share(rows) == 0.5
    assert confident_share(rows, threshold=0.5) == 0.75


def test_label_accuracy():
    rows = np.array([[0.6, 0.4, 0.0], [0.1, 0.2, 0.7], [0.1, 0.2, 0.7], [0.0, 1.0, 0.0]])
    assert label_accuracy(rows, np.array([0, 2, 1, 1])) == 0.75


def test_half_precision_is_enough():
    rows = np.full((100, 1000), 1e-3, np.float16)
    assert classifier_score(rows)[0] == pytest.approx(1.0, rel=1e-9)
