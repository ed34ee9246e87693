"""Few labels: which rows keep theirs, and a discriminator that tells classes."""

import json
import shutil

import numpy as np
import pytest
from conftest import QUICK

from keras_gan import load, load_source
from keras_gan.config import DataConfig
from keras_gan.data.few_labels import balanced_rows, with_few_labels
from keras_gan.data.source import Source
from keras_gan.runs import sampling
from keras_gan.utils.errors import DataError

SEMI = (
    *QUICK,
    "--set=network.discriminator.hidden=[64]",
    "--set=optimizer.discriminator.learning_rate=5e-3",
    "--set=output.samples_every_epochs=2",
    "--set=data.labels_per_class=5",
    "--set=game.name=semi_supervised",
    "--set=game.classification_weight=2.0",
    "--set=game.discriminator_ema_decay=0.9",
)


def test_rows_of_all_classes_alike_are_drawn_without_replacement():
    labels = np.array([2] * 30 + [0] * 5 + [1] * 9)
    for count, expected in ((9, [3, 3, 3]), (27, [5, 9, 13]), (44, [5, 9, 30])):
        rows = balanced_rows(labels, count, seed=1)
        assert len(set(rows)) == count
        assert np.bincount(labels[rows]).tolist() == expected
    assert np.bincount(labels[balanced_rows(labels, 4, seed=1)]).max() == 2
    first, again, other = (balanced_rows(labels, 6, seed).tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_other_samples_have_no_label():
    whole = load_source(DataConfig("digits"))
    few = load_source(DataConfig("digits", labels_per_class=3, labels_seed=4))
    known = few.labels >= 0
    assert np.bincount(few.labels[known]).tolist() == [3] * 10
    assert np.array_equal(few.labels[known], whole.labels[known])
    assert set(few.labels[~known]) == {-1}
    assert np.array_equal(few.images, whole.images)
    assert few.notes[-1] == "30 labels are known, 3 a class (data.labels_seed=4)"


def test_labels_that_there_are_not():
    images = np.zeros((4, 4, 4, 1), np.uint8)
    with pytest.raises(DataError, match="needs labels to choose from, but a has no classes"):
        with_few_labels(Source("a", images), 1, 0)
    labelled = Source("a", images, np.array([0, 0, 0, 1], np.int32), ("cat", "dog"))
    with pytest.raises(DataError, match="is 2, but a has 1 samples of the class dog"):
        with_few_labels(labelled, 2, 0)


@pytest.fixture(scope="module")
def semi_run(tmp_path_factory):
    from conftest import invoke

    run = tmp_path_factory.mktemp("semi") / "run"
    done = invoke("fit", "digits", "--run-dir", run, "--epochs", 4, *SEMI)
    assert done.exit_code == 0, done.stderr
    assert "50 labels are known" in done.stderr
    return run


def test_the_test_error_is_logged_and_evaluated(semi_run, cli, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    logged = [r["classifier/test_error"] for r in load(semi_run).metrics()
              if "classifier/test_error" in r]  # fmt: skip
    assert len(logged) == 2  # every second epoch
    assert logged[-1] < 0.5  # chance has 0.9; a linear classifier of 50 labels 0.2
    done = cli("evaluate", semi_run, "--metric=test_error", "--extractor=pixels", "--count=100")
    assert done.exit_code == 0, done.stderr
    figures = json.loads((semi_run / "evaluation/evaluation.json").read_text())["results"]
    (found,) = (f for f in figures if f["name"].startswith("test_error_"))
    assert found["value"] == pytest.approx(logged[-1])
    test = load_source(DataConfig("digits", split="test"))
    told = sampling.predicted_classes(load(semi_run).gan.discriminator_ema, test.images)
    assert found["value"] == pytest.approx(np.mean(told != test.labels))
    assert sorted(found["by_class"]) == list("0123456789")


def test_a_resumed_run_knows_the_same_labels(semi_run, cli):
    """Bit for bit: the labelled images and their draws, D's average, what was logged."""
    assert cli("fit", "digits", "--run-dir=run", "--epochs=2", *SEMI).exit_code == 0
    done = cli("fit", "--resume=run", "--epochs=4")
    assert done.exit_code == 0, done.stderr
    whole, resumed = load(semi_run), load("run")
    for one, other in zip(whole.gan.get_weights(), resumed.gan.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    logged = whole.last_metrics().items()
    trained = {key: value for key, value in logged if not key.startswith("evaluation/")}
    assert trained == resumed.last_metrics()


def test_few_labels_do_not_keep_rows_from_being_inverted(semi_run, cli):
    done = cli("invert", semi_run, "test[:2]", "--steps=2", "--restarts=1")
    assert done.exit_code == 0, done.stderr


def test_a_run_without_a_classifier_says_so(plain_run, cli, tmp_path):
    run = shutil.copytree(plain_run, tmp_path / "run")
    done = cli("evaluate", run, "--metric=test_error", "--extractor=pixels", "--count=50")
    assert done.exit_code == 1
    assert "The discriminator predicts no classes" in done.stderr
