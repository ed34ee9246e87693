"""Data by name: the bundled digits, the toy densities, tensorflow-datasets."""

import os
import subprocess
import time

import numpy as np
import pytest
from conftest import PROGRAM, real_data

from keras_gan.config import DataConfig
from keras_gan.data import Source, load_source, located
from keras_gan.data.densities import DENSITIES, grid_modes, ring_modes
from keras_gan.data.source import part_of
from keras_gan.utils.errors import DataError


def source(name, **settings) -> Source:
    return load_source(DataConfig(name=str(name), **settings))


def error_of(name, **settings) -> str:
    with pytest.raises(DataError) as caught:
        source(name, **settings)
    return str(caught.value)


# ----------------------------------------------------------------------- digits


def test_digits_are_scikit_learns_scaled_to_bytes():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    digits = source("digits", split="all")
    assert digits.images.dtype == np.uint8
    assert digits.images.shape == (1797, 8, 8, 1)
    assert np.array_equal(digits.images[..., 0], np.round(bunch.images * 255 / 16))
    assert np.array_equal(digits.labels, bunch.target)
    assert digits.labels.dtype == np.int32
    assert digits.class_names == tuple("0123456789")
    assert digits.images[0, 0, :, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]


def test_digits_are_cut_into_train_and_test():
    train, test = source("digits"), source("digits", split="test")
    both = source("digits", split="all")
    assert (train.num_samples, test.num_samples) == (1500, 297)
    assert np.array_equal(np.concatenate([train.images, test.images]), both.images)
    assert np.bincount(train.labels).tolist() == [151, 151, 150, 153, 148, 152, 151, 149, 146, 149]
    assert (train.images.sum(), test.images.sum()) == (7470253, 1483548)


def test_digits_take_another_size_and_colour():
    large = source("digits", split="train[:20]", image_size=16, channels=3)
    small = source("digits", split="train[:20]")
    assert large.sample_shape == (16, 16, 3)
    assert np.ptp(large.images, axis=-1).max() == 0  # grey, in three channels
    shrunk = large.images[..., 0].reshape(20, 8, 2, 8, 2).mean((2, 4))
    assert np.abs(shrunk - small.images[..., 0]).mean() < 12


def test_the_mean_image_is_on_the_networks_scale():
    digits = source("digits")
    mean = digits.mean()
    assert (mean.shape, mean.dtype) == ((8, 8, 1), np.float32)
    assert mean.min() == -1.0  # a corner that no digit touches
    assert np.allclose(mean, (digits.images / 127.5 - 1).mean(0), atol=1e-6)


# -------------------------------------------------------------------- densities


@pytest.mark.parametrize("name, modes, dim", [("gaussian_1d", 1, 1), ("ring_8", 8, 2),
                                              ("grid_25", 25, 2)])  # fmt: skip
def test_densities_have_the_means_and_deviations_that_they_name(name, modes, dim):
    density = source(name)
    means, stddev = DENSITIES[name]
    assert density.images.dtype == np.float32
    assert not density.is_image
    assert (density.images.shape, density.num_classes) == ((100_000, dim), modes)
    counts = np.bincount(density.labels, minlength=modes)
    expected = 100_000 / modes
    assert np.abs(counts - expected).max() <= 5 * np.sqrt(expected)
    for mode in range(modes):
        points = density.images[density.labels == mode]
        error = 5 * stddev / np.sqrt(len(points))  # five standard errors
        assert np.abs(points.mean(0) - means[mode]).max() < error
        assert np.abs(points.std(0) / stddev - 1).max() < 5 / np.sqrt(2 * len(points))


def test_the_modes_lie_where_the_paper_has_them():
    assert np.allclose(np.linalg.norm(ring_modes(), axis=1), 1.0)
    assert np.allclose(ring_modes()[1], [np.sqrt(0.5), np.sqrt(0.5)])
    assert sorted(map(tuple, grid_modes())) == [
        (x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)
    ]


def test_densities_are_the_same_at_every_call_and_differ_by_split():
    first, again, test = source("ring_8"), source("ring_8"), source("ring_8", split="test")
    assert np.array_equal(first.images, again.images)
    assert test.num_samples == 10_000
    assert not np.isin(test.images[:, 0], first.images[:10_000, 0]).all()
    assert np.array_equal(source("ring_8", split="train[5:9]").images, first.images[5:9])


def test_densities_are_no_images():
    assert "ring_8 holds points, not images" in error_of("ring_8", image_size=8)


# ----------------------------------------------------------------------- splits


@pytest.mark.parametrize("text, wanted", [
    ("train", slice(0, 10)), ("train[:3]", slice(0, 3)), ("train[3:]", slice(3, 10)),
    ("train[2:5]", slice(2, 5)), ("train[-3:]", slice(7, 10)), ("train[:50%]", slice(0, 5)),
    ("train[80%:]", slice(8, 10)), (" test[:1] ", slice(0, 1)),
])  # fmt: skip
def test_parts_of_splits(text, wanted):
    sizes = {"train": 10, "test": 4}
    name, part = part_of(text, sizes)
    assert name == text.strip()[: len(name)]
    assert np.arange(sizes[name])[part].tolist() == list(range(wanted.start, wanted.stop))


@pytest.mark.parametrize("text", ["", "train[", "train[1]", "train[a:]", "train[:1.5%]", "a b"])
def test_texts_that_are_no_splits(text):
    with pytest.raises(DataError, match=r"should look like train or train\[:50000\]"):
        part_of(text, {"train": 10})


def test_an_unknown_split_and_an_empty_one():
    assert (
        error_of("digits", split="valid")
        == "There is no split `valid`; there are all, test, train."
    )
    assert error_of("digits", split="test[5:5]") == "The data set digits (test[5:5]) is empty."


# ------------------------------------------------------------------------ names


@pytest.fixture
def no_network(monkeypatch):
    """Stands in for a machine without a network, so that this test never downloads."""
    monkeypatch.setattr("keras_gan.data.tfds.online", lambda: False)


@pytest.mark.parametrize("name, message", [
    ("mnits", "no data set `mnits`, and no folder of that name. Did you mean `mnist`?"),
    ("digit", "Did you mean `digits`?"),
    ("photos", "and no folder of that name. Name yours with --data;"),
    ("qqqqqqqq", "and no folder of that name. Name yours with --data; see `keras-gan datasets`."),
    ("./no/folder", "There is no file or folder ./no/folder."),
    ("none.npz", "There is no file or folder none.npz."),
    ("", "`data.name` should be a data set's name or a path."),
    (__file__, "is neither a folder nor an .npz file"),
])  # fmt: skip
def test_data_that_are_not_there(name, message):
    assert message in error_of(name)


def test_paths_become_whole_and_names_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").mkdir()
    np.savez("a.npz", images=np.zeros((2, 4, 4), np.uint8))
    assert located(DataConfig(name="a.npz")).name == str(tmp_path / "a.npz")
    assert located(DataConfig(name="faces")).name == str(tmp_path / "faces")
    assert located(DataConfig(name="ring_8")).name == "ring_8"
    assert located(DataConfig(directory="faces")).directory == str(tmp_path / "faces")
    assert located(DataConfig()).directory is None


@pytest.mark.usefixtures("no_network")
def test_a_name_of_tensorflow_datasets_comes_before_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist").mkdir()
    assert located(DataConfig(name="mnist", directory=prepared())).name == "mnist"
    message = error_of("emnist/letters", directory=prepared())  # known, though not prepared
    assert "emnist/letters is not prepared in" in message
    (tmp_path / "emnist" / "letters").mkdir(parents=True)
    assert "There are no pictures in emnist/letters" in error_of("emnist/letters")


def test_what_would_not_fit_into_memory_is_refused():
    message = error_of("digits", image_size=100_000)
    assert "at 100000x100000 takes 13969.8 GiB of memory. Set a smaller data.image_size" in message


# ---------------------------------------------------------- tensorflow-datasets


def prepared() -> str:
    return str(real_data("tensorflow_datasets"))


def test_mnist_by_name_is_the_same_as_its_idx_files():
    by_name = source("mnist", directory=prepared())
    by_file = source(real_data("idx", "mnist"))
    assert by_name.class_names == by_file.class_names == tuple("0123456789")
    assert by_name.images.shape == by_file.images.shape == (60000, 28, 28, 1)
    assert (by_name.images.dtype, by_name.labels.dtype) == (np.uint8, np.int32)
    rows = [
        sorted(
            image.tobytes() + bytes([label])
            for image, label in zip(s.images, s.labels, strict=True)
        )
        for s in (by_name, by_file)
    ]
    assert rows[0] == rows[1]  # the order is another


def test_parts_of_a_prepared_split_are_tensorflow_datasets_own():
    import tensorflow_datasets as tfds

    wanted = tfds.as_numpy(
        tfds.load(
            "mnist", split="test[100:700]", data_dir=prepared(), download=False, batch_size=-1
        )
    )
    found = source("mnist", directory=prepared(), split="test[100:700]")
    assert np.array_equal(found.images, wanted["image"])
    assert np.array_equal(found.labels, wanted["label"])


def test_fashion_mnist_has_names_and_takes_another_size_and_colour():
    small = source("fashion_mnist", directory=prepared(), split="test[:40]")
    large = source(
        "fashion_mnist", directory=prepared(), split="test[:40]", image_size=32, channels=3
    )
    assert small.class_names[:3] == ("T-shirt/top", "Trouser", "Pullover")
    assert large.class_names == small.class_names
    assert np.array_equal(large.labels, small.labels)
    assert large.images.shape == (40, 32, 32, 3)
    assert np.ptp(large.images, axis=-1).max() == 0
    assert abs(large.images.mean() - small.images.mean()) < 2


@pytest.mark.parametrize("settings, message", [
    ({"split": "valid"}, "mnist has no split valid; it has test, train."),
    ({"split": "train[x]"}, "mnist has no split train[x]; it has test, train."),
    ({"split": "test[:0]"}, "The data set mnist (test[:0]) is empty."),
    ({"split": "train[60:50]"}, "The data set mnist (train[60:50]) is empty."),
    ({"image_size": 5000, "stream": False}, "mnist at 5000x5000 takes 1397.0 GiB of memory."),
    ({"name": "mnist:9.9.9"}, "Dataset mnist cannot be loaded at version 9.9.9, only: 3.0.1."),
    ({"directory": "/no/folder"}, "There is no folder /no/folder (--data-dir)."),
])  # fmt: skip
def test_what_prepared_data_can_not_give(settings, message):
    assert message in error_of(**{"name": "mnist", "directory": prepared(), **settings})


WAYS_OUT = ("connect to the internet", "--data-dir", "keras-gan fit digits")

#: A resolver that does not answer, as behind some firewalls. Stands in for the
#: network, which a test can't switch off.
SILENT = "import socket, threading\nsocket.getaddrinfo = lambda *a, **k: threading.Event().wait()\n"


@pytest.mark.parametrize("resolver", ["this machine's", "silent"])
def test_without_data_and_network_the_ways_out_are_named_within_ten_seconds(resolver, tmp_path):
    from keras_gan.data import tfds

    if resolver == "this machine's" and tfds.online():
        pytest.skip("there is a network")
    site, empty, work = (tmp_path / name for name in ("site", "empty", "work"))
    for folder in (site, empty, work):
        folder.mkdir()
    if resolver == "silent":
        (site / "sitecustomize.py").write_text(SILENT)
    kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    began = time.perf_counter()
    done = subprocess.run(
        [PROGRAM, "fit", "mnist"],
        cwd=work,
        env={**kept, "TFDS_DATA_DIR": str(empty), "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - began
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"Error: mnist is not prepared in {empty}")
    assert all(way in done.stderr for way in WAYS_OUT)
    assert not list(empty.iterdir())
    assert not list(work.iterdir())
    assert seconds < 10


def test_a_proxy_is_asked_where_one_is_set(monkeypatch):
    """The probe goes through HTTPS_PROXY: one that refuses is no network."""
    from keras_gan.data import tfds

    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    began = time.perf_counter()
    assert not tfds.online()
    assert time.perf_counter() - began < tfds.PROBE_SECONDS + 1
