"""From samples to pictures that a person looks at."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gan.files import replaced_file

_SHORTEST_SIDE = 32  # tiles below this are shown enlarged


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Float images in [-1, 1] to uint8 0..255, rounded; what lies outside is clipped."""
    return np.clip(np.round((np.asarray(images) + 1.0) * 127.5), 0, 255).astype(np.uint8)


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


def save_png(path: Path, image: np.ndarray) -> None:
    """Writes uint8 (h, w, 1 or 3) as a PNG, whole or not at all."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    with replaced_file(path) as temporary:
        picture.save(temporary, format="PNG")
