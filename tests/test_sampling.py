"""Samples of trained runs: a function of the seed, with the labels asked for."""

import numpy as np
import pytest

from keras_gan import load
from keras_gan.games import latents
from keras_gan.runs import sampling
from keras_gan.utils.batching import BATCH_SIZE
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import ClassLabels


@pytest.fixture(scope="module")
def plain(plain_run):
    return load(plain_run)


@pytest.fixture(scope="module")
def conditional(conditional_run):
    return load(conditional_run)


def test_samples_are_the_averaged_generators_images_of_the_latents(plain):
    drawn = sampling.sample(plain, 7, seed=3)
    assert sorted(drawn) == ["latents", "samples"]
    assert (drawn["samples"].shape, drawn["samples"].dtype) == ((7, 8, 8, 1), np.float32)
    assert (drawn["latents"].shape, drawn["latents"].dtype) == ((7, 32), np.float32)
    assert np.abs(drawn["samples"]).max() <= 1
    by_hand = plain.gan.generator_ema({"latent": drawn["latents"]}, training=False)
    assert np.array_equal(drawn["samples"], by_hand)
    untrained = plain.gan.generator({"latent": drawn["latents"]}, training=False)
    assert not np.allclose(drawn["samples"], untrained)


def test_the_same_seed_gives_the_same_samples_and_another_others(plain, plain_run):
    first = sampling.sample(plain, 5, seed=1)
    again = sampling.sample(load(plain_run), 5, seed=1)  # read anew from the run
    other = sampling.sample(plain, 5, seed=2)
    assert first["samples"].tobytes() == again["samples"].tobytes()
    assert first["latents"].tobytes() == again["latents"].tobytes()
    assert not np.isin(first["latents"], other["latents"]).any()


def test_latents_are_standard_normal(plain):
    latent = sampling.draw_latents(plain.gan, 10_000, seed=0)
    assert abs(latent.mean()) < 5 / np.sqrt(latent.size)
    assert abs(latent.std() - 1) < 5 / np.sqrt(2 * latent.size)
    assert latent.max() > 4  # no truncation


def test_many_samples_come_in_batches_that_do_not_show(plain):
    count = 2 * BATCH_SIZE + 3
    drawn = sampling.sample(plain, count, seed=0)
    assert drawn["samples"].shape == (count, 8, 8, 1)
    at_once = plain.generator({"latent": drawn["latents"]}, training=False)
    assert np.allclose(drawn["samples"], at_once, atol=1e-6)


# ----------------------------------------------------------------------- labels


def test_labels_come_in_turn_or_as_asked_for(conditional):
    drawn = sampling.sample(conditional, 23)
    assert drawn["labels"].dtype == np.int32
    assert drawn["labels"].tolist() == [n % 10 for n in range(23)]
    for label in ("7", 7, np.int64(7)):
        assert sampling.sample(conditional, 4, label=label)["labels"].tolist() == [7] * 4


def test_the_label_changes_the_image_and_the_latent_does_not_change(conditional):
    first, second = (sampling.sample(conditional, 3, seed=5, label=n) for n in "38")
    assert np.array_equal(first["latents"], second["latents"])
    assert not np.allclose(first["samples"], second["samples"])


def test_a_class_is_meant_by_its_name_before_its_number(conditional, monkeypatch):
    monkeypatch.setattr(conditional.gan, "labels", ClassLabels(("cat", "1", "dog")))
    asked = {"cat": 0, "dog": 2, "1": 1, "0": 0, "2": 2}
    for label, wanted in asked.items():
        assert sampling.sample(conditional, 2, label=label)["labels"].tolist() == [wanted] * 2
    with pytest.raises(ConfigError, match=r"an id from 0 to 2\. Did you mean `dog`"):
        sampling.sample(conditional, 2, label="dogs")


@pytest.mark.parametrize("label", ["10", "-1", "x", "1.0", ""])
def test_labels_that_there_are_not(label, conditional):
    with pytest.raises(ConfigError, match=f"There is no label `{label}`: .* from 0 to 9"):
        sampling.sample(conditional, 2, label=label)


def test_a_label_for_a_run_without_labels(plain):
    for draw in (lambda: sampling.sample(plain, 2, label="3"),
                 lambda: sampling.interpolation(plain, 2, 3, label="3")):  # fmt: skip
        with pytest.raises(ConfigError, match="was trained without labels, so that none can"):
            draw()


# ---------------------------------------------------------------- interpolation


def test_paths_lead_from_latent_to_latent_and_keep_their_label(conditional):
    walk = sampling.interpolation(conditional, rows=3, steps=5, seed=2)
    ends = sampling.draw_latents(conditional.gan, 6, seed=2)
    paths = walk["latents"].reshape(3, 5, -1)
    assert np.allclose(paths[:, 0], ends[:3], atol=1e-5)
    assert np.allclose(paths[:, -1], ends[3:], atol=1e-5)
    assert walk["labels"].tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert walk["samples"].shape == (15, 8, 8, 1)


def test_normal_latents_go_along_the_great_circle():
    start, end = np.array([[3.0, 0.0]], np.float32), np.array([[0.0, 3.0]], np.float32)
    path = latents.interpolate("normal", start, end, 3)
    assert path.dtype == np.float32
    assert np.allclose(path, [[[3, 0], [3 / np.sqrt(2)] * 2, [0, 3]]], atol=1e-6)
    same = latents.interpolate("normal", start, start, 4)
    assert np.allclose(same, 3 * np.eye(2)[0], atol=1e-5)


def test_uniform_latents_go_straight_and_stay_in_their_box():
    start, end = np.full((1, 2), -1.5, np.float32), np.array([[1.5, 0.5]], np.float32)
    path = latents.interpolate("uniform", start, end, 5)
    assert np.allclose(path[0], np.linspace(start[0], end[0], 5))


# ----------------------------------------------------------------------- points


def test_toy_densities_give_points(points_run):
    run = load(points_run)
    drawn = sampling.sample(run, 11)
    assert (drawn["samples"].shape, drawn["samples"].dtype) == ((11, 2), np.float32)
    assert run.sample_shape == (2,)
    assert run.labels and not run.gan.labels  # the data have labels, this run does not use them
