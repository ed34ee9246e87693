"""`keras-gan evaluate`: results, reports, comparisons, and what it says of bad input."""

import json
import re
import shutil

import keras
import numpy as np
import pytest
from conftest import npz, real_data

from keras_gan import load, load_config, training
from keras_gan.config import DataConfig, override
from keras_gan.data import Source, load_source
from keras_gan.evaluation import extractors, metrics, protocol
from keras_gan.evaluation.cache import Cache
from keras_gan.evaluation.evidence import Evidence, fixed_order
from keras_gan.utils.errors import EvaluationError

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module", autouse=True)
def kept(tmp_path_factory):
    """One cache for the module, so that the classifier is trained once."""
    patch = pytest.MonkeyPatch()
    patch.setenv("KERAS_GAN_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture
def copy(conditional_run, tmp_path):
    return shutil.copytree(conditional_run, tmp_path / "copy")


def values(path):
    return {f["name"]: f for f in json.loads(path.read_text())["results"]}


def test_one_command_writes_results_rows_pictures_and_a_page(copy, cli):
    result = cli("evaluate", copy, "--count", 400)
    assert result.exit_code == 0, result.stderr
    # Two epochs of a tiny network are far from all there is.
    warned = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
    assert {line.split(":")[1] for line in warned} <= {
        " COLLAPSED",
        " parzen",
        " classes (classifier)",
    }
    assert any(line.startswith("Warning: COLLAPSED: ") for line in warned)
    found = values(copy / "evaluation" / "evaluation.json")
    expected = {"fd", "kd", "precision", "recall", "density", "coverage", "score"}
    expected |= {"confident", "label_accuracy", "modes", "class_kl", "class_tv"}
    assert {f"{name}_digits_cnn_400" for name in expected} <= set(found)
    assert {"parzen_400", "spread_400", "memorisation_pixels_400"} <= set(found)
    # Two epochs of a tiny network: far worse than real images by every metric.
    fd = found["fd_digits_cnn_400"]
    assert fd["value"] > 2 * fd["reference"] > 0
    assert found["confident_digits_cnn_400"]["reference"] > 0.8
    for name in found:
        assert f"{name} " in result.stdout
    (row,) = [r for r in load(copy).metrics() if "evaluation/parzen_400" in r]
    assert row["iteration"] == load(copy).iteration
    assert row["evaluation/parzen_400"] == found["parzen_400"]["value"]
    page = (copy / "evaluation" / "report.html").read_text()
    assert len(re.findall(r'src="data:image/png;base64,', page)) == 4
    assert "http" not in page.replace("http-equiv", "")  # self-contained
    for picture in ("samples", "curves", "histogram", "neighbours"):
        assert (copy / "evaluation" / f"{picture}.png").stat().st_size > 1000


def test_training_can_go_on_after_an_evaluation_and_lists_show_both(copy, cli, monkeypatch):
    assert cli("evaluate", copy, "--count", 50, "--metric", "diversity").exit_code == 0
    assert cli("fit", "--resume", copy, "--epochs", 3).exit_code == 0
    monkeypatch.setenv("KERAS_GAN_RUNS", str(copy.parent))
    (row,) = [json.loads(line) for line in cli("runs", "--json").stdout.splitlines()]
    assert {"V(D,G)", "evaluation/spread_50"} <= set(row["metrics"])


@pytest.mark.slow
def test_several_runs_make_a_table_and_a_page(plain_run, copy, cli, tmp_path):
    plain = shutil.copytree(plain_run, tmp_path / "plain")
    result = cli("evaluate", plain, copy, "--count", 200, "--metric", "score", "--out", "both.html")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split() == [str(plain), str(copy), "real", "images"]
    labels = next(line for line in lines if line.startswith("label_accuracy_digits_cnn_200"))
    assert labels.split()[1] == "-"  # the plain run has no labels
    page = (tmp_path / "both.html").read_text()
    assert page.count("<figure>") == 2 and "td class='number best'" in page


def test_points_are_held_against_their_density(points_run, cli, tmp_path):
    copy = shutil.copytree(points_run, tmp_path / "copy")
    result = cli("evaluate", copy, "--count", 2500)
    assert result.exit_code == 0, result.stderr
    found = values(copy / "evaluation" / "evaluation.json")
    assert found["quality_2500"]["reference"] == pytest.approx(1 - np.exp(-4.5))
    assert found["quality_2500"]["value"] < 0.5
    trained = cli("evaluate", copy, "--count=200", "--against=train", "--metric=energy", "--json")
    assert json.loads(trained.stdout)["results"][0]["name"] == "energy_200_to_train"
    assert "Warning: divergence" not in result.stderr


def test_the_same_seed_gives_the_same_results(copy, cli):
    found = []
    for seed in (0, 0, 1):
        chosen = ["--metric", "frechet", "--metric", "diversity"]
        assert cli("evaluate", copy, "--count", 200, "--seed", seed, *chosen).exit_code == 0
        found.append(values(copy / "evaluation" / "evaluation.json"))
    assert found[0] == found[1] != found[2]


# ------------------------------------------------------------------------ known answers


def evidence(samples, name="digits"):
    train, test = (load_source(DataConfig(split=split)) for split in ("train", "test"))
    cache = Cache(train, test)
    extractor = extractors.get("classifier", name, train, test, cache)
    samples = samples(train)
    as_floats = samples.astype(np.float32) / 127.5 - 1
    return Evidence(as_floats, samples, None, train, test, extractor, cache)


def results(metric, e):
    return {f.name.partition("_digits")[0]: f for f in metrics.METRICS[metric](e)}


def test_training_images_are_called_memorised_and_as_good_as_the_reference():
    e = evidence(lambda train: train.images[fixed_order(train.num_samples)[:400]])
    for result in metrics.METRICS["neighbours"](e):
        if result.name.startswith("memorisation"):
            assert result.value > 0.99 and result.warning.startswith("MEMORISED")
        else:
            assert result.value < 0.03  # 1,500 are no multiple of 297: 1% are in no block
    (fd,) = metrics.METRICS["frechet"](e)
    assert fd.value == fd.reference
    assert "COLLAPSED" not in "".join(f.warning for f in metrics.METRICS["diversity"](e))


def test_one_image_is_called_collapsed():
    e = evidence(lambda train: np.repeat(train.images[:1], 400, axis=0))
    assert any(f.warning.startswith("COLLAPSED") for f in metrics.METRICS["diversity"](e))
    found = results("modes", e)
    assert found["modes"].value == 1
    assert found["class_tv"].value > 0.8
    assert results("fidelity", e)["recall"].value < 0.01


def test_the_classifier_is_trained_once_and_tells_its_accuracy(monkeypatch):
    e = evidence(lambda train: train.images[:10])
    assert e.extractor.accuracy > 0.9
    monkeypatch.setattr(keras.Model, "fit", None)  # would have to be called
    assert evidence(lambda train: train.images[:10]).extractor.accuracy == e.extractor.accuracy


def test_a_cache_belongs_to_its_images(tmp_path):
    images = RNG.integers(256, size=(4, 2, 2, 1)).astype(np.uint8)
    first = Cache(Source("a", images), None, root=tmp_path)
    assert first.arrays("x", lambda: {"v": np.ones(1)})["v"] == 1
    same = Cache(Source("b", images.copy()), None, root=tmp_path)
    assert same.arrays("x", lambda: {"v": np.zeros(1)})["v"] == 1
    other = Cache(Source("a", images + 1), None, root=tmp_path)
    assert other.arrays("x", lambda: {"v": np.zeros(1)})["v"] == 0


def test_a_damaged_cache_is_made_anew(tmp_path):
    cache = Cache(None, root=tmp_path)
    cache.arrays("x", lambda: {"v": np.ones(1)})
    (cache.folder / "x.npz").write_bytes(b"damage")
    assert cache.arrays("x", lambda: {"v": np.zeros(1)})["v"] == 0


def test_stacked_digits_are_classified_by_channel():
    directory = real_data("tensorflow_datasets")
    config = DataConfig("stacked_mnist", str(directory), "test[:50]")
    source = load_source(config)
    assert source.sample_shape == (28, 28, 3) and source.num_classes == 1000
    digits = load_source(DataConfig("mnist", str(directory), "test[:50]"))
    for channel, unit in enumerate((100, 10, 1)):
        for image, label in zip(source.images, source.labels, strict=True):
            same = (digits.images[..., 0] == image[..., channel]).all(axis=(1, 2))
            assert (digits.labels[same] == label // unit % 10).any()


# ------------------------------------------------------------------------------ bad input


def test_a_metric_that_can_not_be_computed_leaves_the_others(cli, tmp_path):
    config = override(
        load_config("digits"),
        {
            "data.name": npz(tmp_path / "x.npz", 64),  # no labels, no test split
            "network.generator.hidden": [16],
            "network.discriminator.hidden": [16],
            "training.jit_compile": False,
            "training.epochs": 1,
            "output.held_out_every_epochs": 0,
        },
    )
    run = training.fit(config, tmp_path / "run")
    result = cli("evaluate", run.path, "--count", 64)
    assert result.exit_code == 0, result.stderr
    assert "Warning: parzen: These data have no test images." in result.stderr
    assert "spread_64" in result.stdout
    against = cli("evaluate", run.path, "--count", 64, "--against", "train", "--metric", "kernel")
    assert "kd_pixels_64_to_train" in against.stdout
    none = cli("evaluate", run.path, "--count", 64, "--metric", "parzen")
    assert (none.exit_code, none.stdout) == (1, "")


def test_images_that_training_left_out_stand_for_a_missing_test_split(tmp_path):
    config = override(
        load_config("digits"),
        {
            "data.name": npz(tmp_path / "x.npz", 80),
            "data.split": "train[:75%]",
            "training.batch_size": 20,
            "network.generator.hidden": [16],
            "network.discriminator.hidden": [16],
            "training.jit_compile": False,
            "training.epochs": 1,
            "output.held_out_every_epochs": 0,
        },
    )
    run = training.fit(config, tmp_path / "run")
    found = protocol.evaluate(run, protocol.Protocol(count=40, metrics=("neighbours",)))
    assert not found.problems
    images = np.load(tmp_path / "x.npz")["images"]
    np.testing.assert_array_equal(found.evidence.train.images[..., 0], images[:60])
    np.testing.assert_array_equal(found.evidence.test.images[..., 0], images[60:])


def test_where_nothing_can_be_computed_the_exit_code_is_one(copy, cli):
    result = cli("evaluate", copy, "--count", 20, "--metric", "frechet", "--extractor", "pixels")
    assert result.exit_code == 1
    assert "should have at least 65 rows" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metric", "frechett"], "no metric `frechett`. Did you mean `frechet`?"),
        (["--extractor", "pixel"], "no extractor `pixel`. Did you mean `pixels`?"),
        (["--data", "nowhere.npz"], "no file or folder nowhere.npz"),
        (["--count", "3"], "3 is not in the range"),
    ],
)
def test_bad_input_is_one_line(options, message, copy, cli):
    result = cli("evaluate", copy, *options)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert not (copy / "evaluation").exists()


def test_data_of_another_shape_are_named(copy, cli, tmp_path):
    result = cli("evaluate", copy, "--data", npz(tmp_path / "x.npz", side=12))
    assert result.exit_code == 2
    assert "have the shape (8, 8, 1), the data" in result.stderr


def test_samples_that_are_not_numbers_are_named(copy, monkeypatch, cli):
    from keras_gan.runs import sampling

    real = sampling.sample
    monkeypatch.setattr(
        sampling, "sample", lambda *a: {**real(*a), "samples": np.full((20, 8, 8, 1), np.nan)}
    )
    result = cli("evaluate", copy, "--count", 20)
    assert result.exit_code == 1
    assert "training has diverged" in result.stderr


def test_inception_without_its_weights_names_the_file(copy, cli, tmp_path):
    broken = tmp_path / "weights.h5"
    broken.write_bytes(b"no weights")
    result = cli(
        *("evaluate", copy, "--count", 50, "--extractor", "inception", "--extractor", "pixels"),
        *("--inception-weights", broken, "--metric", "frechet", "--metric", "kernel"),
    )
    assert result.exit_code == 0 and "kd_pixels_50" in result.stdout
    assert "name the file inception_v3_weights" in result.stderr


def test_features_without_classes_say_so():
    train = load_source(DataConfig())
    with pytest.raises(EvaluationError, match="has no classes to train a classifier on"):
        extractors.get("classifier", "x", Source("x", train.images), None, Cache(None))
    pixels = extractors.get("pixels", "x", train, None, Cache(None))
    floats = np.zeros((20, 8, 8, 1), np.float32)
    e = Evidence(floats, train.images[:20], None, train, train, pixels, Cache(None))
    with pytest.raises(EvaluationError, match="predicts no classes"):
        metrics.METRICS["score"](e)


def test_a_protocol_checks_its_names():
    protocol.Protocol(metrics=("parzen",), extractor_kinds=("pixels",)).check()


def test_points_without_a_good_sample_have_null_results(points_run, cli, tmp_path, monkeypatch):
    from keras_gan.runs import sampling

    far = {"samples": np.full((50, 2), 99.0, np.float32)}
    monkeypatch.setattr(sampling, "sample", lambda *a: far)
    copy = shutil.copytree(points_run, tmp_path / "copy")
    result = cli("evaluate", copy, "--count", 50, "--metric", "mixture")
    assert result.exit_code == 0, result.stderr
    assert values(copy / "evaluation" / "evaluation.json")["least_stddev_50"]["value"] is None
    assert "NaN" not in (copy / "evaluation" / "evaluation.json").read_text()


@pytest.mark.slow
def test_a_bad_run_leaves_the_others(plain_run, copy, cli, tmp_path):
    (tmp_path / "bad").mkdir()
    chosen = ("--count", 50, "--metric", "diversity", "--out", tmp_path / "c.html")
    result = cli("evaluate", copy, tmp_path / "bad", copy, *chosen)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].split()[:2] == [str(copy), str(copy)]
    assert (tmp_path / "c.html").exists() and "bad" in result.stderr


def test_what_does_not_fit_the_data_is_named(points_run, copy, cli, tmp_path):
    points = shutil.copytree(points_run, tmp_path / "points")
    result = cli(
        *("evaluate", points, "--count", 50, "--metric", "frechet", "--extractor", "inception")
    )
    assert result.exit_code == 1
    assert "Warning: frechet: It is no metric of points." in result.stderr
    assert "Warning: extractor inception: It has no use for points." in result.stderr
    images = cli(*("evaluate", copy, "--count", 50, "--metric", "diversity", "--metric", "mixture"))
    assert "Warning: mixture: It is no metric of images." in images.stderr


def test_classes_in_order_do_not_change_the_reference():
    shuffled = evidence(lambda train: train.images[:300])
    by_class = np.argsort(shuffled.train.labels, kind="stable")
    sorted_train = Source(
        "digits", shuffled.train.images[by_class], shuffled.train.labels[by_class]
    )
    e = Evidence(
        *(shuffled.samples, shuffled.images, None, sorted_train, shuffled.test),
        *(shuffled.extractor, Cache(sorted_train, shuffled.test)),
    )
    (found,), (known,) = metrics.METRICS["frechet"](e), metrics.METRICS["frechet"](shuffled)
    assert found.reference < 2 * known.reference  # the first 300 of sorted classes: ten times


@pytest.mark.slow
def test_stacked_digits_are_judged_by_the_product_of_their_channels(tmp_path):
    def stacks(source):
        rows = np.random.default_rng(0).integers(source.num_samples, size=(source.num_samples, 3))
        images = np.moveaxis(source.images[rows][..., 0], 1, -1)
        names = tuple(f"{label:03d}" for label in range(1000))
        labels = (source.labels[rows] @ [100, 10, 1]).astype(np.int32)
        return Source("stacked_mnist", images, labels, names)

    train, test = (stacks(load_source(DataConfig(split=split))) for split in ("train", "test"))
    found = extractors.get("classifier", "stacked_mnist", train, test, Cache(None, root=tmp_path))
    _, probabilities = found.extract(test.images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    right = (probabilities.argmax(axis=1) == test.labels).mean()
    # A share of 297 stacks, whose digits are drawn with replacement: 4 standard errors.
    margin = 4 * np.sqrt(found.accuracy * (1 - found.accuracy) / len(test.labels))
    assert right == pytest.approx(found.accuracy, abs=margin)


@pytest.mark.slow
def test_a_damaged_classifier_is_trained_anew(tmp_path):
    train = load_source(DataConfig())
    cache = Cache(None, root=tmp_path)
    cache.folder.mkdir(parents=True)
    (cache.folder / "classifier.keras").write_bytes(b"damage")
    (cache.folder / "classifier.json").write_text('{"accuracy": 0.5}')
    assert extractors.get("classifier", "digits", train, None, cache).accuracy > 0.9
