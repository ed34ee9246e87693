"""Nearest neighbours against scikit-learn's, and what copies and fresh samples score."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from keras_gan.evaluation import distances
from keras_gan.evaluation.metrics.neighbours import distance_ratio, memorisation, nearest

RANDOM = np.random.default_rng(0)


def images(count, dim=16):
    return RANDOM.random((count, dim)).astype(np.float32)


def exact(queries, references, count):
    tree = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(references.astype(np.float64))
    return tree.kneighbors(queries.astype(np.float64))


@pytest.mark.parametrize("shift", [0.0, 1000.0])
@pytest.mark.parametrize("count", [1, 4])
def test_agrees_with_scikit_learn(count, shift):
    queries, references = images(60) + np.float32(shift), images(500) + np.float32(shift)
    expected = exact(queries - np.float32(shift), references - np.float32(shift), count)
    found, rows = nearest(queries, references, count)
    np.testing.assert_allclose(found, expected[0], rtol=1e-9)
    np.testing.assert_array_equal(rows, expected[1])


def test_blocks_do_not_change_the_result(monkeypatch):
    queries, references = images(60), images(500)
    whole = nearest(queries, references, 3)
    monkeypatch.setattr(distances, "BLOCK_BYTES", 7 * 500 * 4)
    blocked = nearest(queries, references, 3)
    np.testing.assert_array_equal(blocked[0], whole[0])
    np.testing.assert_array_equal(blocked[1], whole[1])


def test_copies_are_found_at_distance_0():
    references = images(300).reshape(300, 4, 4, 1)
    chosen = RANDOM.permutation(300)[:50]
    found, rows = nearest(references[chosen], references)
    assert not found.any()
    np.testing.assert_array_equal(rows[:, 0], chosen)


def test_near_ties_below_float32_are_ordered_exactly():
    """Distances near 1000 that differ by 1e-7 have equal squares in float32."""
    query = np.zeros((1, 2), np.float32)
    far = np.float32(1000)
    references = np.array([[far, 0.02], [0.01, far], [far, 0.03], [-far, 5.0]], np.float32)
    assert nearest(query, references, 3)[1].tolist() == [[1, 0, 2]]


def test_memorisation_of_copies_and_of_fresh_samples():
    train, test, fresh = images(2000, 4), images(1000, 4), images(1000, 4)
    to_train = nearest(test, train)[0]
    assert memorisation(nearest(train[:500], train)[0], to_train) == 1.0
    assert memorisation(nearest(test + 5, train)[0], to_train) == 0.0
    # Mann and Whitney's U over n m has a standard error of sqrt((n + m + 1) / (12 n m)).
    assert abs(memorisation(nearest(fresh, train)[0], to_train) - 0.5) < 4.5 * np.sqrt(2001 / 12e6)


def test_ties_count_half():
    assert memorisation(np.array([1.0, 2.0]), np.array([1.0, 1.0, 3.0])) == (0.5 * 2 + 2) / 6


def test_a_share_of_copies_is_that_share():
    """Half copies, half as far as test images: 1/2 + 1/4."""
    to_train = np.arange(1.0, 101.0)
    samples = np.concatenate([np.zeros(100), to_train])
    assert memorisation(samples, to_train) == 0.75


@pytest.mark.parametrize("blocks", [1, 5])
def test_the_ratio_of_copies_and_of_fresh_samples(blocks):
    """In any number of blocks of the training images, sorted as classes are."""
    train, test, fresh = images(400 * blocks, 3), images(400, 3), images(1000, 3)
    train = train[train[:, 0].argsort()]
    assert distance_ratio(train[:300], train, test) == 0.0
    # Nearest distances vary by about half their mean, and 1,000 samples share 400 test
    # images: a standard error near 0.05.
    assert distance_ratio(fresh, train, test) == pytest.approx(1.0, abs=0.2)


def test_a_smaller_training_set_is_matched_by_fewer_test_images():
    train, test, fresh = images(100, 3), images(3000, 3), images(1000, 3)
    assert distance_ratio(fresh, train, test) == pytest.approx(1.0, abs=0.3)  # 30 times as dense
