"""`keras-gan edit`: walks in latent space from real images."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import everything
from PIL import Image

from keras_gan import load
from keras_gan.apps.inversion import editing
from keras_gan.apps.inversion.search import Found
from keras_gan.runs import sampling

QUICK = ("--search-steps=10", "--restarts=2")


def edited(cli, run, *args) -> tuple[dict, dict[str, np.ndarray]]:
    """(report, arrays) of a call that succeeds."""
    result = cli("edit", run, *args, *QUICK)
    assert result.exit_code == 0, result.stderr
    files = ["edit.gif", "edit.json", "edit.webp", "latents.npz", "strip.png"]
    assert everything(Path("edited")) == files
    with np.load("edited/latents.npz") as arrays:
        return json.loads(Path("edited/edit.json").read_text()), dict(arrays)


def latents_of(cli, run, *images) -> np.ndarray:
    assert cli("invert", run, *images, "--steps=10", "--restarts=2").exit_code == 0
    with np.load("inverted/latents.npz") as arrays:
        return arrays["latents"]


def test_a_walk_to_an_image_begins_and_ends_at_both_images_latents(plain_run, cli):
    _, found = edited(cli, plain_run, "--image=train[:2]", "--to-image=train[5:6]", "--steps=5")
    assert found["latents"].shape == (2, 5, 32)
    begin, end = latents_of(cli, plain_run, "train[:2]"), latents_of(cli, plain_run, "train[5:6]")
    assert np.allclose(found["latents"][:, 0], begin, atol=1e-4)  # sums of other batches
    assert np.allclose(found["latents"][:, -1], end, atol=1e-4)
    made = load(plain_run).generator(found["latents"].reshape(10, 32))
    assert np.allclose(np.reshape(made, found["images"].shape), found["images"], atol=1e-5)
    assert np.asarray(Image.open("edited/strip.png")).shape == (2 * 33 + 1, 6 * 33 + 1)
    for name in ("edit.gif", "edit.webp"):
        assert Image.open(Path("edited", name)).n_frames == 8  # 5 there, 3 back


def test_latents_are_added_and_taken_away(plain_run, cli):
    _, found = edited(
        cli, plain_run, "--image=train[0:1]", "--plus=train[1:3]", "--minus=train[3:4]", "--steps=3"
    )
    a, b, c, d = latents_of(cli, plain_run, "train[:4]")
    assert np.allclose(found["latents"][0, 0], a, atol=1e-4)
    assert np.allclose(found["latents"][0, -1], a + (b + c) / 2 - d, atol=1e-4)
    assert np.allclose(found["latents"][0, 1], a + ((b + c) / 2 - d) / 2, atol=1e-4)


def test_a_linear_model_s_direction_is_found_where_there_is_one(plain_run, monkeypatch):
    """Class 1 where the first latent is positive: the way there is along that latent."""
    from sklearn.linear_model import LogisticRegression

    latents = np.random.default_rng(0).normal(size=(2000, 32))
    model = LogisticRegression().fit(latents, (latents[:, 0] > 0).astype(int))
    two = LogisticRegression(max_iter=1000).fit(latents, np.digitize(latents[:, 0], [-0.5, 0.5]))
    run = load(plain_run)
    start = sampling.draw_latents(run.gan, 3, 0)
    start[:, 0] = -1.0  # none is there yet
    found = Found(start, None, sampling.run_batched(run.generator, {"latent": start}), np.zeros(3))

    def judge(images):
        return None, np.eye(10)[np.zeros(len(images), int)]  # all are of class 0

    monkeypatch.setattr(editing, "linear_model", lambda run, data_dir: (two, 1.0, judge))
    walk = editing.towards(run, found, 2, 4, None)
    moved = walk.latents[:, -1] - walk.latents[:, 0]
    assert np.allclose(walk.latents[:, 0], start)
    assert (moved[:, 0] > 5 * np.abs(moved[:, 1:]).max(axis=1)).all()
    odds = two.decision_function(walk.latents[:, -1])
    assert np.allclose(odds[:, 2] - odds[:, 0], np.log(99), atol=1e-3)
    assert walk.facts["label"] == "2"
    monkeypatch.setattr(editing, "linear_model", lambda run, data_dir: (model, 1.0, judge))
    walk = editing.towards(run, found, 1, 2, None)  # of two classes
    assert np.allclose(
        model.decision_function(walk.latents[:, -1]).clip(max=4.6), 4.59512, atol=0.01
    )


@pytest.mark.slow
def test_a_classifier_s_labels_lead_there(plain_run, cli, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_CACHE", "cache")
    report, _ = edited(cli, plain_run, "--image=train[:12]", "--towards-label=8", "--steps=3")
    chances = np.array(report["probability_of_label"])
    assert chances.shape == (12, 3)
    assert report["label"] == "8"
    assert 0.1 < report["accuracy_of_linear_model"] <= 1.0
    # The linear model is right of most latents of a generator of two epochs, not of each.
    assert chances[:, -1].mean() > 1.5 * chances[:, 0].mean()


def test_a_conditional_run_mixes_the_labels_of_one_latent(conditional_run, cli):
    arguments = ("--image=train[:2]", "--label=3", "--towards-label=8", "--steps=3")
    _, found = edited(cli, conditional_run, *arguments)
    assert (found["latents"] == found["latents"][:, :1]).all()
    network = load(conditional_run).generator
    for step, label in ((0, 3), (2, 8)):
        inputs = {"latent": found["latents"][:, step], "labels": np.full(2, label, np.int32)}
        assert np.allclose(network(inputs), found["images"][:, step], atol=1e-5)
    assert not np.allclose(found["images"][:, 1], found["images"][:, 0], atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Say where to: --towards-label, --to-image, or --plus and --minus."),
        (["--towards-label=8", "--to-image=train[:1]"], "Say where to"),
        (["--towards-label=eleven"], "There is no label `eleven`: it should be a class name"),
        (["--towards-label=2..4"], "There is no label `2..4`"),
        (["--to-image=train[:3]"], "should be one image, or one for each of 2. Received: 3."),
        (["--to-image=none.png"], "none.png: No such file"),
    ],
)
def test_walks_that_lead_nowhere_are_told_in_a_line(arguments, said, plain_run, cli, monkeypatch):
    monkeypatch.setattr(editing.inverting, "invert", None)  # all are told before a search
    result = cli("edit", plain_run, "--image=train[:2]", *arguments, *QUICK)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert everything(Path()) == []


def test_no_latents_lead_from_one_label_to_another(conditional_run, cli):
    run, images = load(conditional_run), np.zeros((2, 8, 8, 1), np.float32)
    latent = np.zeros((2, 32), np.float32)
    one, other = (Found(latent, np.full(2, n), images, np.zeros(2)) for n in (1, 2))
    with pytest.raises(Exception, match="give --label"):
        editing.between(run, one, other, 3)
