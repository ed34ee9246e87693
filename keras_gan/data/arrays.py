"""Arrays on disk: NumPy's .npz, and folders of IDX files (MNIST's own format)."""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from keras_gan.config import DataConfig
from keras_gan.data import limits
from keras_gan.data.source import Source, class_ids, part_of, to_size
from keras_gan.utils import untrusted
from keras_gan.utils.errors import DataError
from keras_gan.utils.pixels import to_uint8

#: Names under which the images and labels of a split are looked for.
_IMAGES = ("images", "x", "arr_0", "data")
_LARGEST_VECTOR = 2**16
_LABELS = ("labels", "y", "arr_1", "targets")


def load_npz(config: DataConfig) -> Source:
    """Loads an .npz with `images` (and `labels`), or `x_train`, `y_train`, `x_test`, ....

    Images are (n, h, w), (n, h, w, 1) or (n, h, w, 3); whole numbers 0..255 (or
    0 and 1 alone: black and white), or floats in [0, 1] or [-1, 1]. Labels are
    one class a row, whole numbers or texts, (n,) or (n, 1), or vectors of numbers (n, d),
    (n, 1) where they are not whole: attributes, or captions that something else has embedded.

    Raises:
        DataError: unreadable, no images in it, or values of another kind.
    """
    path = Path(config.name).expanduser()
    try:
        with untrusted.opened(path) as file, zipfile.ZipFile(file) as archive:
            arrays = {name: _member(archive, entry) for name, entry in _wanted(archive).items()}
            names = [entry.filename.removesuffix(".npy") for entry in archive.infolist()]
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        raise DataError(
            f"Can't read {path} as an .npz of plain arrays: {_reason(error)}."
        ) from error
    splits = _npz_splits(arrays)
    if not splits:
        raise DataError(
            f"{path} has no array named images, x or x_train. It has: "
            f"{', '.join(sorted(names)[:20]) or 'nothing'}."
        )
    split, part = part_of(
        config.split, {name: len(np.atleast_1d(x)) for name, (x, _) in splits.items()}
    )
    images, labels = splits[split]
    # Scales and ids follow the whole array, so that every part has the same.
    images = _as_uint8(images, path)
    ids, names = (None, None) if labels is None else _as_labels(labels, len(images), path)
    images = to_size(images[part], config.image_size, config.channels)
    return Source(config.name, images, None if ids is None else ids[part], names)


def _wanted(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members that may be images or labels, by their arrays' names."""
    known = {name + suffix for name in (*_IMAGES, *_LABELS) for suffix in ("", "_train", "_test")}
    entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
    wanted = {name: entry for name, entry in entries.items() if name in known}
    size = sum(_declared(archive, entry) for entry in wanted.values())
    largest = limits.memory_limits().largest
    if size > largest:
        raise ValueError(
            f"its arrays take {size / 2**30:.1f} GiB, of {largest / 2**30:.1f} allowed"
        )
    return wanted


def _declared(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> int:
    """Bytes that an array will take, by its header; nothing else is unpacked."""
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{entry.filename} is packed in a way that NumPy does not use")
    with archive.open(entry) as file:
        shape, _, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
    if dtype.hasobject:
        raise ValueError(f"{entry.filename} holds Python objects, which could run code")
    return max(math.prod(shape) * dtype.itemsize, entry.file_size)


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(entry) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


#: How a header is read, by the version of the format.
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _npz_splits(arrays: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    splits = {}
    for split, suffix in (("train", ""), ("train", "_train"), ("test", "_test")):
        images = next((arrays[n + suffix] for n in _IMAGES if n + suffix in arrays), None)
        labels = next((arrays[n + suffix] for n in _LABELS if n + suffix in arrays), None)
        if images is not None:
            splits[split] = (images, labels)
    return splits


def _as_labels(
    labels: np.ndarray, count: int, path: Path
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """(int32 ids, class names), or (float32 vectors, None).

    A column is a class a row if its numbers are whole, a vector of one number else.
    """
    is_matrix = labels.ndim == 2 and labels.dtype.kind in "buif"
    if not is_matrix or (labels.shape[1] == 1 and (labels == np.round(labels)).all()):
        return _as_ids(labels, count, path)
    if len(labels) != count or not 1 <= labels.shape[1] <= _LARGEST_VECTOR:
        raise DataError(
            f"{path}: labels that are vectors should be (n, d) with n = {count}, one for each "
            f"image, and d up to {_LARGEST_VECTOR:,}. Received: shape {labels.shape}."
        )
    vectors = labels.astype(np.float32)
    if not np.isfinite(vectors).all():
        raise DataError(f"{path}: labels that are vectors should be finite numbers.")
    return vectors, None


def _as_ids(labels: np.ndarray, count: int, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    if labels.shape not in ((count,), (count, 1)):
        raise DataError(
            f"{path}: labels should be one class for each of the {count} images. "
            f"Received: shape {labels.shape}."
        )
    if labels.dtype.kind == "f":
        if not (np.isfinite(labels) & (labels == np.round(labels))).all():
            raise DataError(f"{path}: labels should be whole numbers or texts.")
        labels = labels.astype(np.int64)
    return class_ids(labels)


def _as_uint8(images: np.ndarray, path: Path) -> np.ndarray:
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise DataError(
            f"{path}: images should be (n, height, width) or (n, height, width, 1 or 3). "
            f"Received: shape {images.shape}."
        )
    if images.dtype.kind not in "buif":
        raise DataError(f"{path}: images should be numbers. Received: {images.dtype}.")
    low, high = float(images.min(initial=255)), float(images.max(initial=0))
    if images.dtype.kind in "bui" and 0 <= low and high <= 1:
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype.kind in "ui" and 0 <= low and high <= 255:
        return images.astype(np.uint8, copy=False)
    if not (-1.0 <= low and high <= 1.0):  # also where there are NaNs
        raise DataError(
            f"{path}: images should be uint8, or floats in [0, 1] or [-1, 1]. "
            f"Received: {images.dtype} from {low:g} to {high:g}."
        )
    return to_uint8(images) if low < 0 else np.round(images * 255.0).astype(np.uint8)


def _reason(error: Exception) -> str:
    """One line: the libraries' own texts may quote a whole header."""
    text = "there is not enough memory" if isinstance(error, MemoryError) else str(error)
    text = " ".join(text.split()).rstrip(".") or type(error).__name__
    return text if len(text) <= 200 else f"{text[:197]}..."


# -------------------------------------------------------------------------- IDX

_PREFIXES = {"train": "train", "test": "t10k"}


def has_idx(path: Path) -> bool:
    """Whether the folder holds IDX image files under MNIST's names."""
    return any(_idx_file(path, prefix, "images") for prefix in _PREFIXES.values())


def load_idx(config: DataConfig) -> Source:
    """Loads `train-images-idx3-ubyte(.gz)`, its labels, and the `t10k` pair as `test`.

    Raises:
        DataError: a file that is damaged or of another type.
    """
    folder = Path(config.name).expanduser()
    found = {s: f for s, p in _PREFIXES.items() if (f := _idx_file(folder, p, "images"))}
    name, _ = part_of(config.split, dict.fromkeys(found, 0))
    images = _read_idx(found[name])
    split, part = part_of(config.split, {name: len(images)})
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4:
        raise DataError(f"{found[name]} should hold images. Received: shape {images.shape}.")
    labels_file = _idx_file(folder, _PREFIXES[split], "labels")
    labels = None if labels_file is None else _read_idx(labels_file)
    if labels is not None and labels.shape != (len(images),):
        raise DataError(
            f"{labels_file} should hold one label for each of {len(images)} images. "
            f"Received: shape {labels.shape}."
        )
    images = to_size(images[part], config.image_size, config.channels)
    if labels is None:
        return Source(config.name, images)
    names = tuple(str(n) for n in range(int(labels.max(initial=0)) + 1))
    return Source(config.name, images, labels[part].astype(np.int32), names)


def _idx_file(folder: Path, prefix: str, what: str) -> Path | None:
    for middle in ("-", "."):
        for file in sorted(folder.glob(f"{prefix}-{what}{middle}idx?-ubyte*")):
            if file.suffix == ".gz" or not file.suffix or file.name.endswith("ubyte"):
                return file
    return None


def _read_idx(path: Path) -> np.ndarray:
    """Reads one IDX file of unsigned bytes: magic 0 0 8 rank, big-endian sizes, values.

    No more is unpacked than the sizes say, and nothing if they are absurd.
    """
    try:
        with untrusted.opened(path) as packed:
            file = gzip.GzipFile(fileobj=packed) if path.suffix == ".gz" else packed
            zero, kind, rank = struct.unpack(">HBB", file.read(4))
            if zero or kind != 8 or not 1 <= rank <= 4:
                raise ValueError("it does not start as a file of unsigned bytes does")
            shape = struct.unpack(f">{rank}I", file.read(4 * rank))
            size = math.prod(shape)
            if size > limits.memory_limits().largest:
                raise ValueError(f"its header says {size / 2**30:.1f} GiB")
            values = file.read(size + 1)
        if len(values) != size:
            has = "more" if len(values) > size else len(values)
            raise ValueError(f"its header says {size} values, and there are {has}")
        return np.frombuffer(values, np.uint8).reshape(shape)
    except (OSError, EOFError, ValueError, MemoryError, struct.error, zlib.error) as error:
        raise DataError(f"Can't read {path} as an IDX file: {_reason(error)}.") from error
