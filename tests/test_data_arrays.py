"""Arrays on disk: .npz files and folders of IDX files, whole and damaged."""

import gzip
import struct

import numpy as np
import pytest
from conftest import real_data

from keras_gan.config import DataConfig
from keras_gan.data import Source, load_source
from keras_gan.utils.errors import DataError
from keras_gan.utils.labels import ClassLabels, VectorLabels

IMAGES = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
IMAGES[0, 0, :2] = 0, 255


def source(path, **settings) -> Source:
    return load_source(DataConfig(name=str(path), **settings))


def error_of(path, **settings) -> str:
    with pytest.raises(DataError) as caught:
        source(path, **settings)
    return str(caught.value)


@pytest.fixture
def npz(tmp_path):
    """Writes arrays to an .npz and returns its path."""

    def write(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return tmp_path / "data.npz"

    return write


# ------------------------------------------------------------------------- .npz


@pytest.mark.parametrize(
    "stored",
    [
        IMAGES,
        IMAGES[..., None],
        IMAGES.astype(np.int64),
        (IMAGES / 255).astype(np.float32),
        IMAGES / 127.5 - 1,
        (IMAGES / 127.5 - 1).astype(np.float16),
    ],
    ids=["uint8", "channel", "int64", "unit", "signed", "half"],
)
def test_images_on_every_scale_become_the_same_bytes(stored, npz):
    found = source(npz(images=stored))
    assert found.images.dtype == np.uint8
    tolerance = 1 if stored.dtype == np.float16 else 0
    assert np.abs(found.images[..., 0].astype(int) - IMAGES).max() <= tolerance
    assert (found.labels, found.class_names, found.num_classes) == (None, None, None)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64])
def test_noughts_and_ones_are_black_and_white(kind, npz):
    found = source(npz(images=(IMAGES > 40).astype(kind)))
    assert np.array_equal(found.images[..., 0], np.where(IMAGES > 40, 255, 0))


def test_the_scale_is_that_of_all_images_not_of_a_part(npz):
    signed = np.full((4, 4, 4), 0.5)
    signed[3] = -1.0
    assert source(npz(images=signed), split="train[:2]").images.max() == 191


@pytest.mark.parametrize(
    "names",
    [("images", "labels"), ("x", "y"), ("x_train", "y_train"), ("arr_0", "arr_1"),
     ("data", "targets")],
)  # fmt: skip
def test_the_usual_names_are_found(names, npz):
    found = source(npz(**{names[0]: IMAGES, names[1]: np.arange(6)}))
    assert np.array_equal(found.images[..., 0], IMAGES)
    assert found.labels.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_test_split_may_lie_beside(npz):
    path = npz(x_train=IMAGES[:4], y_train=[5, 6, 5, 7], x_test=IMAGES[4:], y_test=[7, 5])
    assert source(path).num_samples == 4
    assert np.array_equal(source(path, split="test").images[..., 0], IMAGES[4:])
    assert np.array_equal(source(path, split="train[1:3]").images[..., 0], IMAGES[1:3])
    assert "no split `valid`; there are test, train." in error_of(path, split="valid")


def test_labels_may_be_vectors(npz):
    vectors = np.linspace(-1, 1, 18).reshape(6, 3)
    found = source(npz(images=IMAGES, labels=vectors), split="train[1:3]")
    assert (found.labels.dtype, found.label_spec) == (np.float32, VectorLabels(3))
    assert np.array_equal(found.labels, vectors[1:3].astype(np.float32))
    column = source(npz(images=IMAGES, labels=vectors[:, :1]))  # a class would be a whole number
    assert (column.label_spec, column.num_classes) == (VectorLabels(1), None)
    whole = source(npz(images=IMAGES, labels=np.arange(6.0)[:, None]))
    assert whole.label_spec == ClassLabels(tuple("012345"))
    assert (found.class_names, found.num_classes) == (None, None)


@pytest.mark.parametrize(
    "labels, names, ids",
    [
        (list("cabbac"), ("a", "b", "c"), [2, 0, 1, 1, 0, 2]),
        ([30, 10, 20, 20, 10, 30], ("10", "20", "30"), [2, 0, 1, 1, 0, 2]),
        ([[1], [0], [0], [0], [1], [1]], ("0", "1"), [1, 0, 0, 0, 1, 1]),
        ([1.0, 0.0, 0.0, 2.0, 0.0, 0.0], ("0", "1", "2"), [1, 0, 0, 2, 0, 0]),
        ([True, False] * 3, ("False", "True"), [1, 0] * 3),
    ],
)
def test_any_values_name_classes(labels, names, ids, npz):
    found = source(npz(images=IMAGES, labels=np.array(labels)))
    assert found.class_names == names
    assert (found.labels.tolist(), found.labels.dtype) == (ids, np.int32)


def test_a_part_has_the_classes_of_the_whole(npz):
    found = source(npz(images=IMAGES, labels=[2, 2, 1, 1, 0, 0]), split="train[:2]")
    assert (found.class_names, found.labels.tolist()) == (("0", "1", "2"), [2, 2])


def test_colour_and_size_are_brought_to_what_is_asked_for(npz):
    colour = np.zeros((2, 4, 8, 3), np.uint8)
    colour[:, :, 2:6] = 200, 100, 50  # the middle square
    path = npz(images=colour)
    assert np.array_equal(source(path).images, colour)
    cropped = source(path, image_size=4).images
    assert cropped.shape == (2, 4, 4, 3)
    assert (cropped == [200, 100, 50]).all()
    grey = source(path, image_size=4, channels=1).images
    assert grey.shape == (2, 4, 4, 1)
    assert (grey == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)).all()


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"images": np.full((2, 4, 4), np.nan)}, "Received: float64 from nan to nan."),
        ({"images": np.where(IMAGES == 7, np.nan, 0.5)}, "floats in [0, 1] or [-1, 1]"),
        ({"images": np.full((2, 4, 4), np.inf)}, "to inf."),
        ({"images": IMAGES.astype(float)}, "Received: float64 from 0 to 255."),
        ({"images": IMAGES.astype(int) - 5}, "Received: int64 from -5 to 250."),
        ({"images": IMAGES.astype(complex)}, "images should be numbers. Received: complex128."),
        ({"images": np.full((2, 4, 4), "a")}, "images should be numbers. Received: <U1."),
        ({"images": np.array([None, 1])}, "holds Python objects, which could run code"),
        ({"images": np.zeros((5, 3, 8, 8), np.uint8)}, "Received: shape (5, 3, 8, 8)."),
        ({"images": np.zeros((5, 8, 8, 4), np.uint8)}, "(n, height, width, 1 or 3)"),
        ({"images": np.zeros((5, 3), np.uint8)}, "Received: shape (5, 3)."),
        ({"images": np.uint8(3)}, "Received: shape ()."),
        ({"images": np.zeros((0, 8, 8), np.uint8)}, "is empty."),
        ({"images": np.zeros((5, 0, 8), np.uint8)}, "is empty."),
        ({"pictures": IMAGES}, "no array named images, x or x_train. It has: pictures."),
        ({}, "no array named images, x or x_train. It has: nothing."),
        (
            {"images": IMAGES, "labels": np.arange(5)},
            "for each of the 6 images. Received: shape (5,)",
        ),
        ({"images": IMAGES, "labels": np.eye(5)}, "n = 6, one for each image"),
        ({"images": IMAGES, "labels": np.full((6, 2), np.inf)}, "should be finite numbers."),
        ({"images": IMAGES, "labels": np.full((6, 2), "a")}, "Received: shape (6, 2)."),
        (
            {"images": IMAGES, "labels": np.full(6, np.nan)},
            "labels should be whole numbers or texts.",
        ),
        (
            {"images": IMAGES, "labels": np.full((6, 1), np.nan)},
            "labels that are vectors should be finite numbers.",
        ),
        (
            {"images": IMAGES, "labels": np.arange(6) + 0.5},
            "labels should be whole numbers or texts.",
        ),
        (
            {"images": IMAGES, "labels": np.array([None] * 6)},
            "holds Python objects, which could run code",
        ),
    ],
)
def test_arrays_of_another_kind_are_refused_with_what_they_are(arrays, message, npz):
    assert message in error_of(npz(**arrays))


def damaged(content: bytes) -> dict[str, bytes]:
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 255
    return {"cut": content[: len(content) // 2], "flipped": bytes(flipped), "nothing": b"",
            "text": b"PK\3\4 and then no zip at all"}  # fmt: skip


@pytest.mark.parametrize("kind", ["cut", "flipped", "nothing", "text", "npy"])
def test_damaged_files_are_named(kind, npz, tmp_path):
    images = np.random.default_rng(0).integers(256, size=(50, 8, 8)).astype(np.uint8)
    path = npz(images=images)
    if kind == "npy":
        np.save(tmp_path / "one.npy", images)
        path.write_bytes((tmp_path / "one.npy").read_bytes())
    else:
        path.write_bytes(damaged(path.read_bytes())[kind])
    assert error_of(path).startswith(f"Can't read {path} as an .npz of plain arrays: ")


# -------------------------------------------------------------------------- IDX


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    """An IDX file as Y. LeCun's page has it: 0, 0, type, rank, sizes, values."""
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images.idx3-ubyte"])
@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read_packed_or_not_under_both_spellings(name, packed, tmp_path):
    content = idx(IMAGES)
    name, content = (f"{name}.gz", gzip.compress(content)) if packed else (name, content)
    (tmp_path / name).write_bytes(content)
    found = source(tmp_path)
    assert np.array_equal(found.images[..., 0], IMAGES)
    assert found.labels is None
    labels = np.array([3, 0, 1, 1, 0, 2], np.uint8)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    found = source(tmp_path, split="train[:4]", image_size=8)
    assert (found.labels.tolist(), found.class_names) == ([3, 0, 1, 1], tuple("0123"))
    assert found.sample_shape == (8, 8, 1)


def broken(whole: bytes) -> dict[str, tuple[bytes, str]]:
    packed = gzip.compress(whole)
    return {
        "cut": (packed[:-12], "Compressed file ended before the end-of-stream marker"),
        "no gzip": (whole, "Not a gzipped file"),
        "flipped": (packed[:-6] + b"\0" + packed[-5:], "CRC check failed"),
        "short": (gzip.compress(whole[:-1]), "its header says 96 values, and there are 95"),
        "long": (gzip.compress(whole + b"\0"), "its header says 96 values, and there are more"),
        "header": (gzip.compress(whole[:7]), "unpack requires a buffer of 12 bytes"),
        "nothing": (gzip.compress(b""), "unpack requires a buffer of 4 bytes"),
        "floats": (gzip.compress(idx(IMAGES, kind=13)), "it does not start as a file of unsigned"),
    }


@pytest.mark.parametrize("kind", list(broken(b"")))
def test_damaged_idx_files_are_named(kind, tmp_path):
    content, message = broken(idx(IMAGES))[kind]
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    assert error_of(tmp_path).startswith(f"Can't read {path} as an IDX file: {message}")


def test_idx_files_that_do_not_fit_each_other(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(5, np.uint8)))
    assert "should hold one label for each of 6 images. Received: shape (5,)" in error_of(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(np.zeros(6, np.uint8)))
    assert "should hold images. Received: shape (6,)" in error_of(tmp_path)
    assert error_of(tmp_path, split="test") == "There is no split `test`; there are train."


@pytest.mark.parametrize(
    "split, count, first_sum, total, histogram, first_labels",
    [
        ("train", 60000, 27525, 1567298545,
         [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949], [5, 0, 4, 1, 9]),
        ("test", 10000, 18454, 264923200,
         [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009], [7, 2, 1, 0, 4]),
    ],
)  # fmt: skip
def test_the_real_mnist(split, count, first_sum, total, histogram, first_labels):
    path = real_data("idx", "mnist")
    mnist = source(path, split=split)
    assert mnist.images.shape == (count, 28, 28, 1)
    assert mnist.images.dtype == np.uint8
    assert mnist.images[0].sum() == first_sum
    assert mnist.images.sum(dtype=np.int64) == total
    assert np.bincount(mnist.labels).tolist() == histogram
    assert mnist.labels[:5].tolist() == first_labels
    part = source(path, split=f"{split}[-10:]")
    assert np.array_equal(part.images, mnist.images[-10:])
    assert np.array_equal(part.labels, mnist.labels[-10:])
