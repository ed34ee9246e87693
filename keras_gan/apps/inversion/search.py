"""The latents whose samples come nearest to what was seen.

argmin_z |A(G(z)) - y|^2 / (2 s^2) - log p(z), the posterior's maximum, by Adam from several
starts an image: those of many samples that are nearest to what was seen. All starts of all
images are moved together, in one compiled program.

Source: Creswell and Bharath 2016 ("Inverting the generator of a GAN"), Bora 2017 ("Compressed
sensing using generative models"). Departures: starts are chosen among samples, and s is given.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import tensorflow as tf

from keras_gan.apps.inversion.operators import Identity
from keras_gan.apps.inversion.priors import PRIORS
from keras_gan.engine import programs
from keras_gan.games import latents
from keras_gan.games.gan import GAN
from keras_gan.runs import sampling
from keras_gan.utils import random
from keras_gan.utils.errors import RunError

#: What random numbers are drawn for, beside `sampling.SAMPLING` and `sampling.CHOOSING`.
_STARTS, _CENTRES, _ERRORS = 3, 4, 5

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.99, 1e-8
_RATE = 0.1  # of the first step, in standard deviations of z
MOST_ROWS, MOST_VALUES = 4096, 2**22  # samples that are moved at once, and values of their images
_RESTARTS_SHARE = 4  # a sample of the posterior has so many times fewer starts than its maximum
_CANDIDATES, _MOST_CANDIDATE_VALUES = 4096, 2**26


@dataclasses.dataclass(frozen=True)
class Settings:
    """How latents are looked for.

    Attributes:
        steps: of Adam; its rate falls along half a cosine.
        restarts: starts an image; where its label is not known, at least one a label.
        seed: of all that is drawn.
        misfit: standard deviation s of a pixel that G misses although z is right, on the
            images' scale of [-1, 1]: how much a pixel counts beside p(z).
    """

    steps: int = 200
    restarts: int = 8
    seed: int = 0
    misfit: float = 0.3


@dataclasses.dataclass(frozen=True)
class Found:
    """The best start of each image.

    Attributes:
        latents: float32 (images, latent_dim).
        labels: int32 (images,), or None.
        images: float32 (images, height, width, channels), G's.
        energies: float32 (images,): minus the log posterior but for a constant.
    """

    latents: np.ndarray
    labels: np.ndarray | None
    images: np.ndarray
    energies: np.ndarray


def search(
    gan: GAN,
    observed: np.ndarray,
    operator: Identity,
    labels: np.ndarray | None = None,
    settings: Settings = Settings(),
    start: np.ndarray | None = None,
    centre: np.ndarray | None = None,
    groups: int = 1,
) -> Found:
    """Looks for the latents of images.

    Args:
        gan: whose averaged generator makes images.
        observed: float32 (images, *observed shape), what was seen.
        operator: what became of the images before.
        labels: int32 (images, choices), those that each image may have; None for an
            unconditional `gan`.
        settings: how.
        start: float32 (images, latent_dim), one of the starts, or None; of unconditional ones.
        centre: float32 (images, latent_dim), of a normal prior; by default 0.
        groups: of as many images in turn, each of which has starts of its own.

    Raises:
        RunError: what G makes is not finite.
    """
    restarts = settings.restarts - (start is not None)
    group = np.arange(len(observed)) * groups // len(observed)
    starts = _Starts(gan, operator, labels, settings, restarts, group)
    program = _Program(gan, operator, settings)
    if centre is None:
        centre = np.zeros((len(observed), gan.latent_dim), np.float32)
    most = min(MOST_ROWS, MOST_VALUES // math.prod(gan.averaged("generator").output_shape[1:]))
    size = max(1, min(len(observed), most // (starts.per_image + (start is not None))))
    parts = []
    for first in range(0, len(observed), size):
        # The last block is filled up: all have one shape, for which the program is compiled once.
        rows = np.minimum(np.arange(first, first + size), len(observed) - 1)
        latent, chosen = starts.nearest(observed[rows], rows)
        if start is not None:
            latent = np.concatenate([start[rows, None], latent], axis=1)
            chosen = np.concatenate([np.zeros((len(rows), 1), np.int32), chosen], axis=1)
        parts.append(program(latent, chosen, observed[rows], centre[rows], operator.of(rows)))
    found = [np.concatenate(arrays)[: len(observed)] for arrays in zip(*parts, strict=True)]
    if not np.isfinite(found[3]).all():
        raise RunError(
            "What this run's generator makes holds NaNs or infinities: its training has diverged. "
            "--checkpoint best may still be whole."
        )
    return Found(found[0], found[1] if gan.labels else None, *found[2:])


def posterior(
    gan: GAN,
    observed: np.ndarray,
    operator: Identity,
    labels: np.ndarray | None = None,
    settings: Settings = Settings(),
    samples: int = 0,
) -> tuple[Found, np.ndarray]:
    """The posterior's maximum, and samples that come near to samples of the posterior.

    Sample k is the maximum of another problem: noise of the likelihood's own variance is
    added to what was seen, a normal prior is put around a z that is drawn from it, and a quarter
    of the starts are chosen from candidates that no other sample has: where nothing pulls z, it
    stays at its start. That is exact where G is linear and z normal, an approximation else.

    Args:
        gan, observed, operator, labels, settings: see `search`.
        samples: how many an image.

    Returns:
        (the maximum, float32 (images, samples, height, width, channels)).

    Source: Oliver 1996 (randomized maximum likelihood); Papandreou and Yuille 2010.
    """
    best = search(gan, observed, operator, labels, settings)
    if not samples:
        return best, np.empty((len(observed), 0, *best.images.shape[1:]), np.float32)
    count = len(observed)
    errors = random.normal((samples, *observed.shape), (settings.seed, _ERRORS))
    changed = observed + math.sqrt(_variance(operator, settings)) * errors.numpy()
    shape = (samples * count, gan.latent_dim)
    centres = latents.sample(
        gan.options.latent_distribution, shape, (settings.seed, _CENTRES)
    ).numpy()
    drawn = search(
        gan,
        changed.reshape(-1, *observed.shape[1:]),
        operator.of(np.tile(np.arange(count), samples)),
        None if labels is None else np.tile(labels, (samples, 1)),
        dataclasses.replace(settings, restarts=math.ceil(settings.restarts / _RESTARTS_SHARE)),
        centre=centres,
        groups=samples,
    )
    return best, drawn.images.reshape(samples, count, *drawn.images.shape[1:]).swapaxes(0, 1)


def _variance(operator: Identity, settings: Settings) -> float:
    return settings.misfit**2 + operator.noise**2


class _Starts:
    """Samples that starts are chosen from, the same ones for all images of a label and group."""

    def __init__(
        self,
        gan: GAN,
        operator: Identity,
        labels: np.ndarray | None,
        settings: Settings,
        restarts: int,
        group: np.ndarray,
    ):
        self.operator = operator
        self.labels = labels
        self.group = group  # int (images,), of each
        groups = 1 + group[-1]
        choices = 1 if labels is None else labels.shape[1]
        self.count = math.ceil(restarts / choices)  # of each label that an image may have
        self.per_image = self.count * choices
        size = min(
            _CANDIDATES,
            _MOST_CANDIDATE_VALUES // math.prod(gan.averaged("generator").output_shape[1:]),
        )
        size = max(size // choices, self.count * groups)
        self.group_of_sample = np.arange(size) % groups
        drawn = (size, gan.latent_dim), (settings.seed, _STARTS)
        self.latents = latents.sample(gan.options.latent_distribution, *drawn).numpy()
        self.observed = {}
        if not restarts:
            return
        for label in [0] if labels is None else np.unique(labels):
            given = sampling.inputs(gan, self.latents, np.full(size, label))
            images = sampling.run_batched(gan.averaged("generator"), given)
            self.observed[label] = _flat(operator.transform(images))

    def nearest(self, observed: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(latents (images, starts, dim), int32 labels (images, starts), 0 without labels)."""
        labels = np.zeros((len(rows), 1), np.int32) if self.labels is None else self.labels[rows]
        chosen = np.empty((*labels.shape, self.count, self.latents.shape[1]), np.float32)
        for label in self.observed:
            images, column = np.nonzero(labels == label)
            chosen[images, column] = self._of_label(label, observed[images], rows[images])
        chosen = chosen.reshape(len(rows), self.per_image, self.latents.shape[1])  # or none
        return chosen, np.repeat(labels, self.count, axis=1).astype(np.int32)

    def _of_label(self, label: int, observed: np.ndarray, rows: np.ndarray) -> np.ndarray:
        weights = np.broadcast_to(self.operator.of(rows).weights, observed.shape)
        samples = self.observed[label]
        # sum_i w_i (s_i - y_i)^2, but for what is the same for all samples.
        distances = _flat(weights) @ np.square(samples).T
        distances -= 2 * _flat(weights * observed) @ samples.T
        distances[self.group[rows, None] != self.group_of_sample] = np.inf
        return self.latents[np.argsort(distances, axis=1, kind="stable")[:, : self.count]]


class _Program:
    """Adam on the latents of all starts of all images at once, compiled."""

    def __init__(self, gan: GAN, operator: Identity, settings: Settings):
        self.gan = gan
        self.operator = operator
        self.steps = settings.steps
        self.variance = _variance(operator, settings)
        self.prior = PRIORS[gan.options.latent_distribution]
        jit = programs.choose_jit("auto", gan.averaged("generator"))
        self.compiled = tf.function(self._descend, jit_compile=jit, reduce_retracing=False)

    def __call__(self, latent, labels, observed, centre, operator: Identity) -> tuple:
        """(latents, labels, images, energies) of each image's best start."""
        weights = np.broadcast_to(np.float32(operator.weights), observed.shape)
        arrays = (latent, labels, observed, weights, centre)
        with programs.graphs_as_written():
            latent, images, energies = self.compiled(*(tf.constant(a) for a in arrays))
        energies = np.where(np.isfinite(energies), energies, np.inf)
        best = np.arange(len(observed)), energies.argmin(axis=1)
        return latent.numpy()[best], labels[best], images.numpy()[best], energies[best]

    def _descend(self, latent, labels, observed, weights, centre):
        mean, square = tf.zeros_like(latent), tf.zeros_like(latent)
        steps, step = tf.constant(float(self.steps)), tf.constant(0.0)
        while step < steps:
            with tf.GradientTape() as tape:
                tape.watch(latent)
                energies, _ = self._energies(latent, labels, observed, weights, centre)
            gradient = tape.gradient(energies, latent)
            rate = _RATE * (1.0 + tf.cos(math.pi * step / steps)) / 2.0
            step += 1.0
            mean = _BETA_1 * mean + (1.0 - _BETA_1) * gradient
            square = _BETA_2 * square + (1.0 - _BETA_2) * tf.square(gradient)
            size = tf.sqrt(square / (1.0 - _BETA_2**step)) + _EPSILON
            latent = self.prior.confined(latent - rate * mean / (1.0 - _BETA_1**step) / size)
        latent = self.prior.settled(latent)
        energies, images = self._energies(latent, labels, observed, weights, centre)
        return latent, images, energies

    def _energies(self, latent, labels, observed, weights, centre):
        """(minus the log posterior float32 (images, starts), G's images)."""
        images, starts, dim = latent.shape
        inputs = {"latent": tf.reshape(latent, (images * starts, dim))}
        if self.gan.labels:
            inputs["labels"] = tf.reshape(labels, (images * starts,))
        made = tf.cast(self.gan.averaged("generator")(inputs, training=False), tf.float32)
        made = tf.reshape(made, (images, starts, *made.shape[1:]))
        errors = self.operator.transform(made) - observed[:, None]
        squares = tf.reduce_sum(weights[:, None] * tf.square(errors), axis=(2, 3, 4))
        return squares / (2.0 * self.variance) + self.prior.energy(latent, centre[:, None]), made


def _flat(values: np.ndarray | tf.Tensor) -> np.ndarray:
    return np.asarray(values, np.float32).reshape(len(values), -1)
