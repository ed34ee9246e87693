"""From samples to pictures that a person looks at, and to files."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gan.utils.errors import ConfigError, KerasGanError
from keras_gan.utils.files import replaced_file, replaced_folder
from keras_gan.utils.pixels import to_uint8

_PICTURE, _ARRAYS = ".png", ".npz"
_SHORTEST_SIDE = 32  # tiles below this are shown enlarged


def grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Tiles uint8 (n, h, w, c) row by row; small images are enlarged by whole factors.

    Returns:
        uint8 (height, width, c), with thin lines between the tiles and a square
        shape unless `columns` is given.
    """
    count, height, width, channels = images.shape
    factor = max(1, math.ceil(_SHORTEST_SIDE / min(height, width)))
    images = images.repeat(factor, axis=1).repeat(factor, axis=2)
    height, width = height * factor, width * factor
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + 1) + 1, columns * (width + 1) + 1, channels), 128, np.uint8)
    for n, image in enumerate(images):
        top, left = (n // columns) * (height + 1) + 1, (n % columns) * (width + 1) + 1
        sheet[top : top + height, left : left + width] = image
    return sheet


def points(samples: np.ndarray, bounds: tuple[float, float], size: int = 256) -> np.ndarray:
    """Draws float (n, 1) or (n, 2) points as a density: uint8 (size, size, 1), dark on white."""
    edges = np.linspace(*bounds, size + 1)
    if samples.shape[1] == 1:
        counts, _ = np.histogram(samples[:, 0], edges)
        heights = np.round(counts / max(counts.max(), 1) * (size - 1)).astype(int)
        ink = (np.arange(size)[::-1, None] < heights[None, :]).astype(float)
    else:
        counts, _, _ = np.histogram2d(samples[:, 1], samples[:, 0], [edges, edges])
        ink = np.minimum(counts[::-1] / 2.0, 1.0)
    return (255 - 255 * ink).astype(np.uint8)[..., None]


def as_png(image: np.ndarray) -> bytes:
    """uint8 (h, w, 1 or 3) as a PNG's bytes."""
    file = io.BytesIO()
    _picture(image).save(file, format="PNG")
    return file.getvalue()


def save_png(path: Path, image: np.ndarray) -> None:
    """Writes uint8 (h, w, 1 or 3) as a PNG, whole or not at all."""
    with replaced_file(path) as temporary:
        _picture(image).save(temporary, format="PNG")


def save_animation(path: Path, frames: Sequence[np.ndarray], milliseconds: int = 120) -> None:
    """Writes uint8 (h, w, 1 or 3) frames as a GIF or WebP that runs forth and back for ever."""
    there_and_back = [_picture(frame) for frame in (*frames, *frames[-2:0:-1])]
    with replaced_file(path) as temporary:
        there_and_back[0].save(
            temporary,
            format=path.suffix[1:].upper(),
            save_all=True,
            append_images=there_and_back[1:],
            duration=milliseconds,
            loop=0,
            **({"lossless": True} if path.suffix == ".webp" else {}),
        )


def _picture(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def check_path(path: Path) -> None:
    """Raises ConfigError where `write_samples` would not write to `path`."""
    if path.suffix and path.suffix.lower() not in (_PICTURE, _ARRAYS):
        raise ConfigError(f"--out should end in .png or .npz, or be a folder. Received: {path}.")
    if not path.suffix and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(f"--out: {path} already exists and is not an empty folder.")


def write_samples(
    path: Path, samples: np.ndarray, others: dict[str, np.ndarray], columns: int | None = None
) -> None:
    """Writes samples as the path's ending says.

    Args:
        path: `x.png`, a grid (or, of points, a drawing); `x.npz`, arrays; else a
            new folder of single PNGs.
        samples: float32 (n, h, w, c) in [-1, 1], or (n, dim) points.
        others: arrays that an .npz holds beside `images`.
        columns: of the grid; by default it is square.

    Raises:
        ConfigError: points can't be a folder of pictures.
        KerasGanError: it can't be written.
    """
    is_image, ending = samples.ndim == 4, path.suffix.lower()
    images = to_uint8(samples) if is_image else samples
    if not is_image and ending not in (_PICTURE, _ARRAYS):
        raise ConfigError("Points can be written as .npz or drawn as one .png.")
    try:
        if ending == _ARRAYS:
            with replaced_file(path) as temporary, open(temporary, "wb") as file:
                np.savez_compressed(file, images=images, **others)
        elif ending == _PICTURE and is_image:
            save_png(path, grid(images, columns))
        elif ending == _PICTURE:
            save_png(path, points(samples, (float(samples.min()), float(samples.max()))))
        else:
            with replaced_folder(path) as temporary:
                for number, image in enumerate(images):
                    _picture(image).save(temporary / f"{number:06d}.png")
    except OSError as error:
        raise KerasGanError(f"Can't write {path}: {error.strerror or error}.") from error
