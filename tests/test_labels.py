"""LabelSpec: none, classes, vectors; what is drawn, parsed and written down of each."""

import json

import numpy as np
import pytest

from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import NO_LABELS, ClassLabels, VectorLabels, from_facts, of_classes

NAMES = ClassLabels(("a", "b", "c", "1..2"))
VECTORS = VectorLabels(2, lambda: np.array([[1, 2], [3, 4], [5, 6]], np.float32))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        *(("b", [1]), ("2", [2]), ("b..2", [1, 2]), ("0..3", [0, 1, 2, 3])),
        ("1..2", [3]),  # a name comes first
    ],
)
def test_texts_mean_classes(text, ids):
    assert NAMES.ids(text) == ids
    assert NAMES.parse(text, 5).tolist() == (5 * ids)[:5]


def test_samples_have_all_classes_in_turn():
    drawn = NAMES.draw(6)
    assert (drawn.dtype, drawn.tolist()) == (np.int32, [0, 1, 2, 3, 0, 1])
    assert NAMES.parse(None, 2).tolist() == [0, 1]


def test_given_ids_are_taken_as_they_are():
    given = NAMES.parse(np.array([3, 0], np.uint8), 2)
    assert (given.dtype, given.tolist()) == (np.int32, [3, 0])


def test_vectors_come_in_turn():
    np.testing.assert_array_equal(VECTORS.draw(4), [[1, 2], [3, 4], [5, 6], [1, 2]])
    given = VECTORS.parse(np.array([[7, 8]]), 2)
    assert given.dtype == np.float32
    np.testing.assert_array_equal(given, [[7, 8], [7, 8]])


def test_no_labels_are_nothing():
    assert not NO_LABELS
    assert NO_LABELS.draw(3) is NO_LABELS.parse(None, 3) is None
    assert NAMES and VECTORS


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: NAMES.ids("2..a"), "goes upwards: a..2. Received: 2..a"),
        (lambda: NAMES.ids("4"), "no label `4`: it should be a class name or an id from 0 to 3"),
        (lambda: NAMES.parse(np.array([0.0, 1.0]), 2), r"int \(2,\). Received: float64"),
        (lambda: NAMES.parse(np.array([0, 4]), 2), "Received: 0 to 4"),
        (lambda: ClassLabels(()).draw(1), "no names"),
        (lambda: ClassLabels(()).parse("0", 1), "no names"),
        (lambda: NO_LABELS.parse("a", 1), "trained without labels"),
        (lambda: VECTORS.parse("a", 1), "not classes"),
        (lambda: VECTORS.parse(np.zeros((2, 3)), 2), r"shape \(2, 3\)"),
        (lambda: VECTORS.parse(np.full((1, 2), np.nan), 1), "all finite"),
        (lambda: VectorLabels(2).draw(1), "no labels to sample with"),
    ],
)
def test_what_no_label_is(call, said):
    with pytest.raises(ConfigError, match=said):
        call()


@pytest.mark.parametrize("labels", [NO_LABELS, NAMES, VECTORS])
def test_a_file_keeps_what_labels_are(labels):
    assert from_facts(json.loads(json.dumps(labels.facts()))) == labels


def test_names_make_classes():
    assert of_classes(("a", "b")) == ClassLabels(("a", "b"))
    assert of_classes(None) == NO_LABELS
