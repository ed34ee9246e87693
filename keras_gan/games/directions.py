"""Directions of latent space along which images change most."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

COUNT = 8  # directions, a slider each
BASES = 8  # latents at which the generator's Jacobian is taken

#: Half the distance of the two latents of a difference: wide enough that float32's rounding is
#: lost in it, narrow beside the unit variance of latents.
_STEP = 0.1
_BATCH = 512


def principal(
    images: Callable[[np.ndarray, np.ndarray | None], np.ndarray],
    latents: np.ndarray,
    labels: np.ndarray | None = None,
    count: int = COUNT,
) -> tuple[np.ndarray, np.ndarray]:
    """The leading eigenvectors of E_z[J^T J], J being the generator's Jacobian at z.

    Along the first one an image changes most for a step of given length, on average
    over the latents; along the next, most of all that is orthogonal to it. J is
    taken by central differences, so that any generator will do, Keras' or ONNX Runtime's.

    Args:
        images: (latents (n, dim), labels (n,) or None) -> (n, ...) images.
        latents: float32 (n, dim), where J is taken: 2 * dim images each.
        labels: int32 (n,), for a conditional generator.
        count: of directions, at most dim.

    Returns:
        (float32 (count, dim), unit rows, the largest component of each positive;
        float64 (count,), root mean square changes of an image for a step of length 1).

    Source: Ramesh 2018, "A spectral regularizer for unsupervised disentanglement" (right
    singular vectors of J); here their average over z, as a slider has one direction for
    all z. For a linear generator it is the SVD of its weights (Shen 2021, SeFa).
    """
    dim = latents.shape[1]
    total = np.zeros((dim, dim))
    for row, latent in enumerate(latents):
        jacobian = _jacobian(images, latent, None if labels is None else labels[row])
        total += jacobian @ jacobian.T
    values, vectors = np.linalg.eigh(total / len(latents))
    leading = np.argsort(values)[::-1][: min(count, dim)]
    rows = vectors[:, leading].T
    signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)])
    changes = np.sqrt(np.maximum(values[leading], 0.0))
    return (rows * signs[:, None]).astype(np.float32), changes


def _jacobian(images, latent: np.ndarray, label: int | None) -> np.ndarray:
    """Float64 (dim, pixels): what each component of the latent changes."""
    steps = _STEP * np.eye(len(latent), dtype=np.float32)
    points = np.concatenate([latent + steps, latent - steps])
    labels = None if label is None else np.full(len(points), label, np.int32)
    made = np.concatenate(
        [
            images(points[i : i + _BATCH], None if labels is None else labels[i : i + _BATCH])
            for i in range(0, len(points), _BATCH)
        ]
    )
    plus, minus = np.split(made.reshape(len(points), -1).astype(np.float64), 2)
    return (plus - minus) / (2 * _STEP)
