"""What training needs to know of a data set, and how images are brought to size."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
from PIL import Image, ImageOps

from keras_gan.config import DataConfig
from keras_gan.data import limits
from keras_gan.data.stored import StoredImages, batch_of
from keras_gan.utils.errors import DataError, SplitError
from keras_gan.utils.labels import LabelSpec, VectorLabels, of_classes
from keras_gan.utils.pixels import scaled

EXAMPLES = 100  # labels that are kept to sample with, where they are vectors


@dataclasses.dataclass(frozen=True)
class Source:
    """All samples of one split.

    Attributes:
        name: as the user named it.
        images: uint8 (n, height, width, channels), or float32 (n, dim) points of
            a toy density. Images become float32 in [-1, 1] when they are drawn.
            `StoredImages` stay on the disk, and can be indexed as an array.
        labels: int32 (n,) in 0..num_classes-1, float32 (n, size) vectors, or None.
        class_names: a name a class, or None without labels.
        notes: what a person should know of how it was read, a line each.
    """

    name: str
    images: np.ndarray | StoredImages
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def num_samples(self) -> int:
        return len(self.images)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return tuple(self.images.shape[1:])

    @property
    def num_classes(self) -> int | None:
        return None if self.class_names is None else len(self.class_names)

    @property
    def label_spec(self) -> LabelSpec:
        """What the labels are."""
        if self.labels is not None and self.labels.ndim == 2:
            return VectorLabels(self.labels.shape[1], lambda: self.labels[:EXAMPLES])
        return of_classes(self.class_names)

    @property
    def is_image(self) -> bool:
        return self.images.dtype == np.uint8

    @property
    def is_stored(self) -> bool:
        return isinstance(self.images, StoredImages)

    def mean(self, most: int = 60_000) -> np.ndarray:
        """Return the mean sample on the networks' scale, float32 `sample_shape`.

        Args:
            most: images. Of more it is the mean of so many, chosen at random.
        """
        if not self.is_image:
            return self.images.mean(axis=0, dtype=np.float64).astype(np.float32)
        rows = _some(self.num_samples, most)
        total = np.zeros(self.sample_shape, np.int64)
        batch = batch_of(self.sample_shape)
        for start in range(0, len(rows), batch):
            total += self.images[rows[start : start + batch]].sum(axis=0, dtype=np.int64)
        return scaled(total / len(rows)).astype(np.float32)

    def part(self, rows: slice | np.ndarray) -> Source:
        """The samples of some rows, given as a slice or by their numbers."""
        images = self.images.part(rows) if self.is_stored else self.images[rows]
        labels = None if self.labels is None else self.labels[rows]
        return dataclasses.replace(self, images=images, labels=labels)

    def in_memory(self, most: int | None = None) -> Source:
        """The same with its images in memory.

        Args:
            most: bytes. Where that is too little, it is a random part of the images.
        """
        if not self.is_stored:
            return self
        size = math.prod(self.sample_shape)
        rows = _some(self.num_samples, self.num_samples if most is None else max(1, most // size))
        labels = None if self.labels is None else self.labels[rows]
        images = self.images[:] if len(rows) == self.num_samples else self.images[rows]
        return dataclasses.replace(self, images=images, labels=labels)


def _some(count: int, most: int) -> np.ndarray:
    """At most so many of the rows 0 to count - 1, in order, the same at every call."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def part_of(split: str, parts: dict[str, int]) -> tuple[str, slice]:
    """Reads `name`, `name[a:b]` or `name[:50%]` as tensorflow-datasets does.

    Args:
        split: the text.
        parts: the splits that there are, with their sizes.

    Returns:
        (name, slice of rows).

    Raises:
        DataError: no such split, or a text of another form.
    """
    match = re.fullmatch(r"(\w+)(?:\[(-?\d{1,18}%?)?:(-?\d{1,18}%?)?\])?", split.strip())
    if match is None:
        raise DataError(f"data.split should look like train or train[:50000]. Received: {split!r}.")
    name, start, stop = match.groups()
    if name not in parts:
        raise SplitError(f"There is no split `{name}`; there are {', '.join(sorted(parts))}.")

    def row(text: str | None) -> int | None:
        if text is None:
            return None
        return round(int(text[:-1]) * parts[name] / 100) if text.endswith("%") else int(text)

    return name, slice(row(start), row(stop))


def is_streamed(config: DataConfig, count: int, shape: tuple[int, ...]) -> bool:
    """Whether images should stay on the disk until they are drawn.

    Args:
        config: whose `stream` is true, false or auto: where they take more than
            `memory_limits().resident`.
        count: images.
        shape: of one.

    Raises:
        DataError: they are to stay in memory and do not fit, or one is too large already.
    """
    if config.stream == "auto":
        streamed = count * math.prod(shape) > limits.memory_limits().resident
    else:
        streamed = config.stream
    check_memory(config.name, 1 if streamed else count, shape)
    return streamed


def check_memory(name: str, count: int, shape: tuple[int, ...]) -> None:
    """Raises DataError where `count` uint8 images of `shape` would not fit into memory."""
    size = count * math.prod(shape)
    if size > limits.memory_limits().largest:
        raise DataError(
            f"{name} at {shape[0]}x{shape[1]} takes {size / 2**30:.1f} GiB of memory. Set a "
            "smaller data.image_size, or a part of it: --set 'data.split=train[:10000]'."
        )


def to_size(images: np.ndarray, image_size: int | None, channels: int | None) -> np.ndarray:
    """Brings uint8 (n, h, w, c) to `image_size` squares of `channels`; None keeps what is."""
    height, width, depth = images.shape[1:]
    size = (image_size or height, image_size or width)
    channels = channels or depth
    if (height, width, depth) == (*size, channels):
        return images
    check_memory("The data set", len(images), (*size, channels))
    resized = np.empty((len(images), *size, channels), np.uint8)
    for row, image in enumerate(images):
        picture = Image.fromarray(image[..., 0] if depth == 1 else image[..., :3])
        resized[row] = fit_picture(picture, size, channels)
    return resized


def fit_picture(picture: Image.Image, size: tuple[int, int], channels: int) -> np.ndarray:
    """Resizes and centre-crops one picture to uint8 (height, width, channels).

    The shorter side is fitted and the longer cut on both ends. What is
    transparent is laid on white.
    """
    picture = as_mode(picture, "L" if channels == 1 else "RGB")
    if picture.size != (size[1], size[0]):
        picture = ImageOps.fit(picture, (size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(picture, np.uint8).reshape(*size, channels)


def as_mode(picture: Image.Image, mode: str) -> Image.Image:
    """Converts any picture, upright as its EXIF orientation has it, to `L` or `RGB`.

    16-bit grey becomes 8-bit. Modes I and F do not say what white is: 1, 255 or
    65535, the least that no value exceeds.
    """
    picture.load()  # some of what a PNG says of itself stands at its end
    if picture.info or picture.format != "PNG":  # looking for an orientation takes its time
        ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.nan_to_num(np.asarray(picture, np.float32))
        white = 65535.0
        if picture.mode in ("I", "F"):
            white = next((w for w in (1.0, 255.0) if values.max(initial=0.0) <= w), white)
        np.clip(values, 0.0, white, out=values)  # in place: pictures may be large
        values *= 255.0 / white
        picture = Image.fromarray(np.round(values, out=values).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, picture)
    return picture if picture.mode == mode else picture.convert(mode)


def class_ids(labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns (int32 ids 0..k-1, class names) for any values that name classes."""
    names, ids = np.unique(labels, return_inverse=True)
    return ids.astype(np.int32).reshape(-1), tuple(str(name) for name in names)
