"""The Parzen-window log-likelihood, as the 2014 paper's authors computed it.

It is known to mislead in high dimensions (Theis 2016): real images in small
number score lower than their k-means centroids. It belongs beside other metrics.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from keras_gan.evaluation.arrays import check_widths, matrix
from keras_gan.evaluation.distances import blocks, squared_distances
from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.metrics.registry import MetricResult, metric
from keras_gan.utils.errors import EvaluationError
from keras_gan.utils.pixels import flat, to_unit

#: The authors' grid of kernel widths, and how many validation images choose among them.
SIGMAS = tuple(np.logspace(-1, 0, 10).tolist())
VALIDATION_IMAGES = 1_000

_MOST_KERNELS, _FEW_KERNELS = 10_000, 1_000

_BYTES_A_PAIR = 4 * 8  # float64 blocks: distances, exponents, these less their maximum, kernels


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A Parzen-window estimate.

    Attributes:
        mean: of the test images' log-likelihood, nats.
        standard_error: of that mean over the test images, nats.
        sigma: the kernels' standard deviation, in pixel values of [0, 1].
        at_edge: sigma is the grid's first or last, so a better one may lie beyond.
    """

    mean: float
    standard_error: float
    sigma: float
    at_edge: bool


@tf.function(
    input_signature=(
        tf.TensorSpec([None, None], tf.float64),
        tf.TensorSpec([None, None], tf.float64),
        tf.TensorSpec([None], tf.float64),
    )
)
def _log_sum_kernels(samples: tf.Tensor, points: tf.Tensor, sigmas: tf.Tensor) -> tf.Tensor:
    """log sum_i exp(-|x - s_i|^2 / (2 sigma^2)) for each sigma and point: (sigmas, points)."""
    squared = squared_distances(points, samples)
    return tf.map_fn(
        lambda sigma: tf.reduce_logsumexp(squared * (-0.5 / sigma**2), axis=1),
        sigmas,
        parallel_iterations=1,  # each holds a block of its own
    )


def _log_likelihoods(
    samples: np.ndarray,
    points: np.ndarray,
    sigmas: Sequence[float],
) -> np.ndarray:
    """`log_likelihood` for several sigmas from distances computed once: (sigmas, m)."""
    samples, points = matrix(samples, "samples"), matrix(points, "points")
    check_widths(samples=samples, points=points)
    widths = np.asarray(sigmas, np.float64)
    if not (widths.size and (widths > 0).all() and np.isfinite(widths).all()):
        raise EvaluationError(
            f"`sigma` should be positive. Received: {', '.join(map(str, sigmas))}."
        )
    kernels = tf.constant(samples)
    found = []
    for rows in blocks(len(points), len(samples), _BYTES_A_PAIR):
        found.append(_log_sum_kernels(kernels, points[rows], widths).numpy())
    count, dim = samples.shape
    normaliser = np.log(count) + dim * np.log(widths * np.sqrt(2 * np.pi))
    return np.concatenate(found, axis=1) - normaliser[:, None]


def log_likelihood(
    samples: np.ndarray,
    points: np.ndarray,
    sigma: float,
) -> np.ndarray:
    """log p(x) = log mean_i exp(-|x - s_i|^2 / (2 sigma^2)) - d log(sigma sqrt(2 pi)).

    Args:
        samples: numbers (n, ...): the kernels' centres.
        points: numbers (m, ...), equally wide.
        sigma: the kernels' standard deviation, > 0.

    Returns:
        float64 (m,), nats.

    Raises:
        EvaluationError: nothing to compute from, NaNs, unequal widths, sigma not positive.

    Source: Goodfellow 2014, section 5; Breuleux 2011.
    """
    return _log_likelihoods(samples, points, (sigma,))[0]


def choose_sigma(
    samples: np.ndarray, validation: np.ndarray, sigmas: Sequence[float] = SIGMAS
) -> float:
    """The sigma of the highest mean log-likelihood of the first 1,000 validation images.

    Args:
        samples: numbers (n, ...).
        validation: numbers (m, ...), equally wide; disjoint from what is tested on.
        sigmas: the grid, each > 0.

    Raises:
        EvaluationError: as `log_likelihood`.
    """
    means = _log_likelihoods(samples, validation[:VALIDATION_IMAGES], sigmas).mean(axis=1)
    return float(sigmas[int(means.argmax())])


def parzen(
    samples: np.ndarray,
    validation: np.ndarray,
    test: np.ndarray,
    sigmas: Sequence[float] = SIGMAS,
) -> Estimate:
    """The paper's figure: sigma from validation images, then the mean over test images.

    Args:
        samples: float (n, ...) in [0, 1]; the paper has n = 10,000.
        validation: float (m, ...) in [0, 1].
        test: float (t, ...) in [0, 1], at least 2.
        sigmas: the grid to choose from.

    Returns:
        An Estimate; its standard error is std / sqrt(t).

    Raises:
        EvaluationError: as `log_likelihood`, or pixels outside [0, 1].

    Source: Goodfellow 2014, section 5 and table 1.
    """
    test = matrix(test, "test", least=2, reason="a standard error is over images")
    for name, pixels in (("samples", samples), ("validation", validation), ("test", test)):
        _check_pixels(pixels, name)
    sigma = choose_sigma(samples, validation, sigmas)
    found = log_likelihood(samples, test, sigma)
    error = found.std() / np.sqrt(len(found))
    return Estimate(
        float(found.mean()), float(error), sigma, at_edge=sigma in (min(sigmas), max(sigmas))
    )


def _check_pixels(pixels: np.ndarray, name: str) -> None:
    pixels = matrix(pixels, name)
    if pixels.min() < 0 or pixels.max() > 1:
        raise EvaluationError(
            f"`{name}` should be pixels in [0, 1]. Received: values from {pixels.min():g} to "
            f"{pixels.max():g}."
        )


@metric("parzen", inputs="images")
def likelihood(e: Evidence) -> Iterator[MetricResult]:
    """Parzen-window log-likelihood of the test images, as in the 2014 paper, and its references."""
    train, validation, test = e.parzen_sets()
    # In [0, 1], not rounded to grey levels.
    samples = np.clip(to_unit(flat(e.samples)), 0.0, 1.0)[:_MOST_KERNELS]
    found = parzen(samples, validation, test)
    kept = e.cache.arrays("parzen-kernels", lambda: _references(train, validation, test))
    edge = "sigma lies at the edge of its grid: a better one may lie beyond"
    yield MetricResult(
        "parzen",
        found.mean,
        found.standard_error,
        float(kept["training_images"][0]),
        note=f"nats; sigma {found.sigma:.3f}; known to mislead: compare with what follows",
        warning=f"parzen: {edge}" if found.at_edge else "",
        count=len(samples),
    )
    note = "nats; real images in place of samples"
    for name, (mean, error, count) in kept.items():
        metric_name = f"parzen_{name.removesuffix('_few')}"
        yield MetricResult(metric_name, float(mean), float(error), note=note, count=int(count))


def _references(
    train: np.ndarray, validation: np.ndarray, test: np.ndarray
) -> dict[str, np.ndarray]:
    """Return (mean, error, kernels) with real images, their centroids and their mean.

    Random images: the first 1,000 of MNIST differ from others by several standard errors.
    """
    from sklearn.cluster import KMeans

    count = min(_MOST_KERNELS, len(train))
    order = np.random.default_rng(0).permutation(len(train))
    kernels = {"training_images": train[order[:count]]}
    if len(train) > _FEW_KERNELS:
        kernels["training_images_few"] = train[order[:_FEW_KERNELS]]
    if len(train) > count:
        means = KMeans(count, init="random", n_init=1, max_iter=10, random_state=0).fit(train)
        kernels["kmeans_centroids"] = np.clip(means.cluster_centers_, 0.0, 1.0)  # rounding
    kernels["mean_image"] = train.mean(axis=0, keepdims=True)
    found = {n: (parzen(c, validation, test), len(c)) for n, c in kernels.items()}
    return {n: np.array([one.mean, one.standard_error, c]) for n, (one, c) in found.items()}
