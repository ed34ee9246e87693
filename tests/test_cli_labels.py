"""Labels from the command line: ranges, mixes, vectors, and what can't be asked for."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import QUICK, invoke, npz

from keras_gan import load
from keras_gan.runs import sampling
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import VectorLabels
from keras_gan.utils.pixels import to_uint8

VECTORS = np.random.default_rng(1).normal(size=(40, 3)).astype("float32")


def arrays(path) -> dict[str, np.ndarray]:
    with np.load(path) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def vector_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    data = npz(folder / "a.npz", labels=VECTORS)
    run = folder / "run"
    done = invoke(
        "fit", "digits", "--data", data, "--run-dir", run, "--epochs=1", "--batch-size=20",
        "--set=network.conditioning=projection", *QUICK,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "labels of 3 numbers" in done.stderr
    return run


def test_a_range_is_all_of_its_classes_in_turn(conditional_run, cli):
    assert cli("sample", conditional_run, "--label=3..5", "--count=7", "--out=a.npz").exit_code == 0
    assert arrays("a.npz")["labels"].tolist() == [3, 4, 5, 3, 4, 5, 3]


def test_a_walk_between_labels_mixes_them_and_keeps_its_latent(conditional_run, cli):
    walk = ("--label=3", "--to-label=8", "--interpolate=5", "--count=2", "--seed=7")
    assert cli("sample", conditional_run, *walk, "--out=a.npz").exit_code == 0
    found = arrays("a.npz")
    assert found["images"].shape == (10, 8, 8, 1)
    np.testing.assert_allclose(found["labels"][:5, 3], [1, 0.75, 0.5, 0.25, 0])
    np.testing.assert_allclose(found["labels"][5:, 8], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(found["labels"].sum(axis=1), 1)
    latents = found["latents"].reshape(2, 5, -1)
    assert (latents == latents[:, :1]).all()
    # Of a range each row has the next class.
    several = ("--label=3..4", "--to-label=8..9", "--interpolate=2", "--count=3")
    assert cli("sample", conditional_run, *several, "--out=b.npz").exit_code == 0
    assert arrays("b.npz")["labels"].argmax(axis=1).tolist() == [3, 8, 4, 9, 3, 8]
    # Its ends are the samples of these classes.
    run = load(conditional_run)
    for place, label in ((0, 3), (4, 8)):
        inputs = {"latent": latents[:, 0], "labels": np.full(2, label, np.int32)}
        samples = run.generator(inputs, training=False)
        mixed = sampling.label_interpolation(run, 2, 5, 3, 8, seed=7)["samples"]
        np.testing.assert_allclose(mixed[place::5], samples, atol=1e-6)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--label=5..3"], "A range of labels goes upwards: 3..5. Received: 5..3."),
        (["--label=3..12"], "There is no label `12`: it should be a class name or an id from 0"),
        (["--to-label=3"], "--to-label needs --label, to come from, and --interpolate STEPS."),
        (["--label=1", "--to-label=x", "--interpolate=3"], "There is no label `x`"),
    ],
)
def test_labels_that_there_are_not(options, message, conditional_run, cli):
    done = cli("sample", conditional_run, *options)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {message}")


def test_an_unconditional_run_has_no_labels(plain_run, cli):
    np.save("c.npy", VECTORS)
    for options in (["--label=1..2"], ["--condition=c.npy"],
                    ["--label=1", "--to-label=2", "--interpolate=3"]):  # fmt: skip
        done = cli("sample", plain_run, *options)
        assert done.exit_code == 2
        assert "was trained without labels" in done.stderr


def test_all_classes_alike_need_a_class_for_every_image(cli):
    balanced = "--set=training.label_sampling=balanced"
    for labels, said in (
        ({}, "needs a class for every sample"),
        ({"labels": VECTORS}, "needs a class for every sample"),
        ({"labels": np.arange(40) % 3}, "dry run"),
    ):
        data = npz(Path("a.npz"), **labels)
        done = cli("fit", "digits", "--data", data, "--batch-size=20", "--dry-run", balanced)
        assert said in done.stderr


def test_conditions_are_not_for_runs_with_classes(conditional_run, cli):
    np.save("c.npy", VECTORS)
    done = cli("sample", conditional_run, "--condition=c.npy")
    assert done.exit_code == 2
    assert "--condition is for runs whose labels are vectors" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("ids", [[0, 10, 1], [0, -1, 1], [0, 1], [0.0, 1.0, 2.0], [[0], [1], [2]]])
def test_arrays_that_are_no_ids_of_the_run(ids, conditional_run):
    with pytest.raises(ConfigError, match=r"ids from 0 to 9, int \(3,\)"):
        sampling.sample(load(conditional_run), 3, label=np.array(ids))


# ------------------------------------------------------------------ vectors


def test_a_run_keeps_some_vectors_to_sample_with(vector_run, cli):
    run = load(vector_run)
    assert run.labels == run.gan.labels == VectorLabels(3)
    np.testing.assert_array_equal(run.conditions(), VECTORS)
    assert cli("sample", vector_run, "--count=50", "--out=a.npz").exit_code == 0
    found = arrays("a.npz")
    np.testing.assert_array_equal(found["labels"], np.concatenate([VECTORS, VECTORS[:10]]))
    np.save("c.npy", 2 * VECTORS[:2].astype("float64"))
    done = cli("sample", vector_run, "--condition=c.npy", "--count=3", "--out=b.npz")
    assert done.exit_code == 0, done.stderr
    asked = arrays("b.npz")
    np.testing.assert_array_equal(asked["labels"], 2 * VECTORS[[0, 1, 0]])
    assert not np.array_equal(asked["images"], found["images"][:3])


@pytest.mark.parametrize(
    "array, message",
    [
        (np.zeros((2, 4)), "Conditions should be vectors, float (n, 3). Received: shape (2, 4)."),
        (np.zeros(3), "Conditions should be vectors, float (n, 3). Received: shape (3,)."),
        (np.zeros((0, 3)), "Conditions should be vectors, float (n, 3). Received: shape (0, 3)."),
        (np.full((1, 3), np.nan), "Conditions should be vectors, float (n, 3), all finite."),
    ],
)
def test_conditions_of_another_form(array, message, vector_run, cli):
    np.save("c.npy", array)
    done = cli("sample", vector_run, "--condition=c.npy")
    assert (done.exit_code, done.stderr) == (2, f"Error: {message}\n")


def test_what_is_no_condition(vector_run, cli):
    Path("c.npy").write_text("hello")
    done = cli("sample", vector_run, "--condition=c.npy")
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: Can't read c.npy as an .npy of numbers: ")
    done = cli("sample", vector_run, "--label=3")
    assert "not classes: give some with --condition FILE.npy" in done.stderr


def test_latents_are_not_looked_for_where_labels_are_vectors(vector_run, cli):
    result = cli("invert", vector_run, "train[:2]")
    assert result.exit_code == 2
    assert "only the latents of runs with classes, or without labels" in result.stderr


def test_where_nobody_sees_the_vectors_latents_are_looked_for(cli):
    data = npz(Path("a.npz"), labels=VECTORS)
    assert cli("fit", "digits", "--data", data, "--run-dir=run", "--epochs=1", "--batch-size=20",
               *QUICK).exit_code == 0  # fmt: skip
    done = cli("invert", "run", "train[:2]", "--steps=2", "--restarts=1")
    assert done.exit_code == 0, done.stderr
    assert cli("sample", "run", "--count=2", "--out=a.npz").exit_code == 0
    assert "labels" not in arrays("a.npz")


def test_evaluation_and_export_of_vectors(vector_run, cli, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    metrics = ("--metric=diversity", "--metric=classes")
    done = cli("evaluate", vector_run, "--count=40", "--against=train", *metrics)
    assert done.exit_code == 0, done.stderr
    assert "have no target classes" in done.stderr
    formats = [f"--format={kind}" for kind in ("onnx", "litert", "keras", "saved_model")]
    done = cli("export", vector_run, *formats, "--out=e")  # each compared with Keras
    assert done.exit_code == 0, done.stderr
    inputs = json.loads(Path("e/export.json").read_text())["inputs"]
    assert inputs["labels"] == {"shape": [None, 3], "dtype": "float32"}


@pytest.mark.parametrize(
    "networks",
    [
        ["network.generator.conditional_batch_norm=true", *(s[6:] for s in QUICK[:2])],
        pytest.param(
            ["network.family=resnet", "network.generator.width=2", "network.discriminator.width=2"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_batch_norm_takes_vectors_from_fit_to_export(networks, cli):
    data = npz(Path("a.npz"), labels=VECTORS)
    settings = ["network.conditioning=projection", *networks]
    done = cli("fit", "digits", "--data", data, "--run-dir=run", "--epochs=1", "--batch-size=20",
               *(f"--set={one}" for one in settings), *QUICK[2:])  # fmt: skip
    assert done.exit_code == 0, done.stderr
    np.save("c.npy", np.stack([VECTORS[0], 3 * VECTORS[1]]))
    assert cli("sample", "run", "--condition=c.npy", "--count=2", "--out=a.npz").exit_code == 0
    made = arrays("a.npz")
    network = load("run").generator
    inputs = {"latent": made["latents"], "labels": made["labels"]}
    wanted = to_uint8(np.asarray(network(inputs, training=False)))
    np.testing.assert_array_equal(made["images"], wanted)
    swapped = network({**inputs, "labels": made["labels"][::-1]}, training=False)
    assert not np.allclose(swapped, network(inputs, training=False), atol=1e-4)
    done = cli("export", "run", "--format=onnx", "--out=e")
    assert done.exit_code == 0, done.stderr
