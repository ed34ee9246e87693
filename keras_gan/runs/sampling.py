"""Drawing samples from a trained generator."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from keras_gan.games import latents, previews, recipes
from keras_gan.games.gan import GAN
from keras_gan.runs.loading import Run
from keras_gan.utils.batching import in_batches
from keras_gan.utils.pixels import as_float

#: What latents are drawn for: those that choose a checkpoint are not those that judge it.
SAMPLING, CHOOSING = previews.SAMPLING, 2


def draw_latents(model: GAN, count: int, seed: int, use: int = SAMPLING) -> np.ndarray:
    """Return float32 (count, latent_dim), a function of `seed` and `use`."""
    shape = (count, model.latent_dim)
    return latents.sample(model.options.latent_distribution, shape, (seed, use)).numpy()


def inputs(model: GAN, latent: np.ndarray, labels: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return the generator's inputs by name."""
    if not model.labels:
        return {"latent": latent}
    return {"latent": latent, "labels": np.asarray(labels, model.labels.dtype)}


def run_batched(network: keras.Model, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Run a network in inference mode, a bounded batch at a time: float32 (n, ...)."""

    def call(*rows: np.ndarray) -> tf.Tensor:
        named = dict(zip(arrays, map(tf.constant, rows), strict=True))
        return tf.cast(network(named, training=False), tf.float32)

    return in_batches(call, *arrays.values())


def predicted_classes(discriminator: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the classes that a discriminator predicts, int64 (n,), of uint8 images.

    Args:
        discriminator: with an output `class_logits`.
        images: uint8 (n, ...).
    """

    def call(rows: np.ndarray) -> np.ndarray:
        outputs = discriminator({"images": as_float(rows)}, training=False)
        return np.argmax(outputs["class_logits"], axis=-1)

    return in_batches(call, images)


def sample(
    run: Run, count: int, seed: int = 0, label: str | int | np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Draw samples from a run.

    Args:
        run: a run with a checkpoint.
        count: how many.
        seed: the same seed gives the same samples.
        label: for conditional runs. A class's name or id; `a..b` for those from a to b, in
            turn; or an array, int (count,) ids, one a sample, or where labels are vectors
            float (n, size), in turn. By default all classes in turn, or the
            vectors that the run has kept of its data.

    Returns:
        `samples` float32 (count, ...), `latents` float32 (count, latent_dim) and, for
        conditional runs, `labels` int32 (count,) or float32 (count, size).

    Raises:
        ConfigError: a label for a run without labels, or one that it does not have.
        RunError: the run has no whole checkpoint.
    """
    labels = run.gan.labels.parse(label, count)
    latent = draw_latents(run.gan, count, seed)
    arrays = {"latents": latent, **({} if labels is None else {"labels": labels})}
    arrays["samples"] = run_batched(run.generator, inputs(run.gan, latent, labels))
    return arrays


def interpolation(
    run: Run, rows: int, steps: int, seed: int = 0, label: str | int | np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Walk between pairs of latents: `rows` paths of `steps` samples, row after row.

    Returns and raises as `sample`; a path keeps its label.
    """
    labels = run.gan.labels.parse(label, rows)
    ends = draw_latents(run.gan, 2 * rows, seed)
    paths = latents.interpolate(
        run.gan.options.latent_distribution, ends[:rows], ends[rows:], steps
    )
    latent = paths.reshape(rows * steps, -1)
    labels = None if labels is None else np.repeat(labels, steps, axis=0)
    arrays = {"latents": latent, **({} if labels is None else {"labels": labels})}
    arrays["samples"] = run_batched(run.generator, inputs(run.gan, latent, labels))
    return arrays


def label_interpolation(
    run: Run, rows: int, steps: int, label: str | int, to_label: str | int, seed: int = 0
) -> dict[str, np.ndarray]:
    """Walk from a class to another one: `rows` latents, each in `steps` mixes of both.

    Returns:
        As `sample`, with `labels` float32 (rows * steps, num_classes): mixes (1 - t) a + t b of
        the classes' one-hot rows, ends included. Of a range of classes, each row has the next.

    Raises:
        ConfigError: as `sample`, or labels that are vectors.
    """
    start, end = (run.gan.labels.parse(one, rows) for one in (label, to_label))
    return label_walk(run, draw_latents(run.gan, rows, seed), start, end, steps)


def label_walk(
    run: Run, latent: np.ndarray, start: np.ndarray, end: np.ndarray | int, steps: int
) -> dict[str, np.ndarray]:
    """Walk from class ids (n,) to others, or to one; a path keeps its latent, of (n, dim).

    Returns as `label_interpolation`.
    """
    t = np.linspace(0.0, 1.0, steps, dtype=np.float32)[:, None]
    one_hot = np.eye(run.labels.size, dtype=np.float32)
    mixes = (1 - t) * one_hot[start][:, None] + t * one_hot[end][..., None, :]
    mixes = mixes.reshape(-1, run.labels.size)
    latent = np.repeat(latent, steps, axis=0)
    mixing = recipes.generator_of_mixes(run.generator, run.config, run.labels.size)
    samples = run_batched(mixing, {"latent": latent, "labels": mixes})
    return {"latents": latent, "labels": mixes, "samples": samples}
