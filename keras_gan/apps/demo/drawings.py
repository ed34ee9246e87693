"""A drawing, moved and scaled to where a generator has what it makes.

Digits of MNIST lie around the middle, in 20 of 28 pixels: one that fills its board is none that
a generator knows, and the nearest image to it is another digit.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from keras_gan.utils.pixels import to_unit

_DARK = 0.05  # of a border: 0 is black, 1 is white


def on_black(images: np.ndarray) -> bool:
    """Whether images, float (n, h, w, c) in [-1, 1], show bright things on a dark ground."""
    bright = _brightness(images).mean(0)
    edges = [bright[0], bright[-1], bright[:, 0], bright[:, -1]]
    return float(np.mean(np.concatenate(edges))) < _DARK


def like(drawing: Image.Image, images: np.ndarray) -> Image.Image:
    """`drawing` around the same centre, and spread as far, as what is bright in images is.

    Args:
        drawing: bright on black.
        images: float (n, h, w, c) in [-1, 1].

    Returns:
        A picture of the same size and mode; what is black all over stays as it is.
    """
    place = _place(np.asarray(drawing.convert("L"), np.float64) / 255.0)
    wanted = [found for one in _brightness(images) if (found := _place(one))]
    if place is None or not wanted:
        return drawing
    width, height = drawing.size
    (x, y, spread), (to_x, to_y, to_spread) = place, np.mean(wanted, axis=0)
    back = spread / to_spread  # from the result to the drawing, as Pillow wants it
    matrix = (back, 0, (x - to_x * back) * width, 0, back, (y - to_y * back) * height)
    return drawing.transform(drawing.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def _brightness(images: np.ndarray) -> np.ndarray:
    """(n, h, w), from 0 to 1."""
    return np.clip(to_unit(np.mean(images, axis=-1, dtype=np.float64)), 0.0, 1.0)


def _place(bright: np.ndarray) -> tuple[float, float, float] | None:
    """The centre (x, y) of what is bright and its spread around it, in shares of the sides.

    None where there is nothing, or a single dot. Squares keep a faint ground out of it.
    """
    weights = bright**2
    if not weights.any():
        return None
    weights /= weights.sum()
    height, width = weights.shape
    xs, ys = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    across, down = weights.sum(0), weights.sum(1)
    x, y = float(across @ xs), float(down @ ys)
    spread = float(across @ (xs - x) ** 2 + down @ (ys - y) ** 2) ** 0.5
    return (x, y, spread) if spread > 0 else None
