"""Arrays on disk: NumPy's .npz, and folders of IDX files (MNIST's own format)."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from keras_gan.config import DataConfig
from keras_gan.data.source import Source, class_ids, part_of, to_size
from keras_gan.errors import DataError

#: Names under which the images and labels of a split are looked for.
_IMAGES = ("images", "x", "arr_0", "data")
_LABELS = ("labels", "y", "arr_1", "targets")


def load_npz(config: DataConfig) -> Source:
    """Loads an .npz with `images` (and `labels`), or `x_train`, `y_train`, `x_test`, ....

    Images are (n, h, w), (n, h, w, 1) or (n, h, w, 3); whole numbers 0..255 (or
    0 and 1 alone: black and white), or floats in [0, 1] or [-1, 1]. Labels are
    one class a row, whole numbers or texts, (n,) or (n, 1).

    Raises:
        DataError: unreadable, no images in it, or values of another kind.
    """
    path = Path(config.name).expanduser()
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ValueError("it is a single array, as .npy files are")
        with archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        raise DataError(f"Can't read {path} as an .npz of plain arrays: {error}.") from error
    splits = _npz_splits(arrays)
    if not splits:
        raise DataError(
            f"{path} has no array named images, x or x_train. It has: "
            f"{', '.join(sorted(arrays)) or 'nothing'}."
        )
    split, part = part_of(
        config.split, {name: len(np.atleast_1d(x)) for name, (x, _) in splits.items()}
    )
    images, labels = splits[split]
    # Scales and ids follow the whole array, so that every part has the same.
    images = _as_uint8(images, path)
    ids, names = (None, None) if labels is None else _as_ids(labels, len(images), path)
    images = to_size(images[part], config.image_size, config.channels)
    return Source(config.name, images, None if ids is None else ids[part], names)


def _npz_splits(arrays: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    splits = {}
    for split, suffix in (("train", ""), ("train", "_train"), ("test", "_test")):
        images = next((arrays[n + suffix] for n in _IMAGES if n + suffix in arrays), None)
        labels = next((arrays[n + suffix] for n in _LABELS if n + suffix in arrays), None)
        if images is not None:
            splits[split] = (images, labels)
    return splits


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
    scaled = (images + 1.0) * 127.5 if low < 0 else images * 255.0
    return np.round(scaled).astype(np.uint8)


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
    """Reads one IDX file of unsigned bytes: magic 0 0 8 rank, big-endian sizes, values."""
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as file:
            content = file.read()
        zero, kind, rank = struct.unpack(">HBB", content[:4])
        if zero or kind != 8 or not 1 <= rank <= 4:
            raise ValueError("it does not start as a file of unsigned bytes does")
        shape = struct.unpack(f">{rank}I", content[4 : 4 + 4 * rank])
        values = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
        return values.reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise DataError(f"Can't read {path} as an IDX file: {error}.") from error
