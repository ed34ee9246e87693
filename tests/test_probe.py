"""`keras-gan probe`: classes from D's features."""

import json

import keras
import numpy as np
import pytest
from PIL import Image
from test_networks import built

from keras_gan import load, load_source, training
from keras_gan.config import DataConfig
from keras_gan.data.source import Source
from keras_gan.evaluation import probe
from keras_gan.utils.errors import ConfigError, EvaluationError

RNG = np.random.default_rng(0)


def test_all_hidden_layers_are_looked_at_maps_as_maxima_of_4_by_4_places():
    _, dense = built("mlp")
    assert probe.extractor(dense).output_shape == (None, 32)
    _, convolutional = built("dcgan")  # 28 -> 14 -> 7 pixels, of 4 and 8 channels
    found = probe.extractor(convolutional)
    assert found.output_shape == (None, 16 * (4 + 8))
    images = RNG.uniform(-1, 1, size=(2, 28, 28, 1)).astype("float32")
    first = keras.Model(convolutional.input, convolutional.layers[2].output)({"images": images})
    # Padding to 16 pixels, one before and one after: a place is 4x4 pixels, 3 at the border.
    padded = np.pad(np.asarray(first), ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    pooled = padded.reshape(2, 4, 4, 4, 4, 4).max(axis=(2, 4))
    np.testing.assert_allclose(found(images)[:, : 16 * 4], pooled.reshape(2, -1), rtol=1e-6)
    for family in ("maxout", "resnet"):
        assert probe.extractor(built(family)[1]).output_shape[1] > 0


def test_features_that_would_tell_the_label():
    _, seen = built("mlp", num_classes=10, conditioning="concat")
    with pytest.raises(ConfigError, match="see the label"):
        probe.extractor(seen)
    _, projected = built("mlp", num_classes=10, conditioning="projection")
    assert probe.extractor(projected).output_shape == (None, 32)


def test_an_untrained_discriminator_is_the_one_that_training_began_with(plain_run):
    run = load(plain_run)
    began = probe.extractor(training.prepare(run.config).gan.discriminator)
    pixels, untrained, trained = probe.networks_of(run).values()
    images = load_source(run.config.data).images[:5]
    assert pixels is None
    found = probe.features_of(untrained, images)
    np.testing.assert_array_equal(found, probe.features_of(began, images))
    assert not np.allclose(found, probe.features_of(trained, images), atol=1e-3)


def test_a_linear_classifier_finds_classes_that_lie_apart():
    labels = np.arange(300) % 3
    features = (4.0 * np.eye(5)[labels] + RNG.normal(size=(300, 5))).astype("float32")
    halves = features[:150], features[150:], labels[:150], labels[150:]
    accuracy, strength = probe.accuracy_of(*halves, np.arange(150))
    assert accuracy > 0.97  # the best classifier of these Gaussians has 0.995
    assert strength in probe.STRENGTHS
    shuffled, _ = probe.accuracy_of(
        *halves[:2], RNG.permutation(halves[2]), halves[3], np.arange(150)
    )
    assert shuffled < 0.6
    assert probe.accuracy_of(*halves, np.arange(3))[1] == probe.FEW_STRENGTH


def test_a_table_a_picture_and_numbers(plain_run, cli, tmp_path):
    import shutil

    run = shutil.copytree(plain_run, tmp_path / "run")
    done = cli("probe", run, "--labels=10", "--labels=60", "--labels=all", "--draws=2")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["labels", "pixels", "untrained", "discriminator"]
    assert [line.split()[0] for line in lines[1:]] == ["10", "60", "all"]
    told = json.loads((run / "evaluation/probe.json").read_text())
    pixels = {r["labels"]: r for r in told["results"] if r["features"] == "pixels"}
    assert [len(pixels[n]["accuracies"]) for n in (10, 60, 0)] == [2, 2, 1]
    # 297 test images: a standard error of 0.02 about the 0.9 that a linear classifier comes to.
    assert pixels[0]["mean"] > 0.85 > pixels[60]["mean"] > pixels[10]["mean"] > 0.3
    assert Image.open(run / "evaluation/probe.png").size == (540, 324)


def test_what_can_not_be_probed(plain_run, cli):
    for labels, message in (
        ("3", "--labels should be from 10, one a class, to 1500, or all. Received: 3."),
        ("2000", "--labels should be from 10, one a class, to 1500, or all. Received: 2000."),
        ("few", "--labels should be a number, or all. Received: few."),
    ):
        done = cli("probe", plain_run, f"--labels={labels}")
        assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, f"Error: {message}")
    source = load_source(DataConfig("digits"))
    with pytest.raises(EvaluationError, match="no test images with labels"):
        probe.probe(load(plain_run), source, None)
    with pytest.raises(EvaluationError, match="has no classes to learn"):
        probe.probe(load(plain_run), Source("a", source.images), source)
