"""Drawing samples from a trained generator."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from keras_gan import latents
from keras_gan.errors import ConfigError, suggestion
from keras_gan.gan import GAN
from keras_gan.runs import Run

_BATCH = 500


#: What latents are drawn for: those that choose a checkpoint are not those that judge it.
SAMPLING, CHOOSING = 1, 2


def draw_latents(gan: GAN, count: int, seed: int, use: int = SAMPLING) -> np.ndarray:
    """float32 (count, latent_dim), a function of `seed` and `use`."""
    return latents.sample(gan.latent_distribution, (count, gan.latent_dim), (seed, use)).numpy()


def inputs(gan: GAN, latent: np.ndarray, labels: np.ndarray | None) -> dict[str, np.ndarray]:
    """The generator's inputs, by name."""
    if not gan.conditional:
        return {"latent": latent}
    return {"latent": latent, "labels": np.asarray(labels, np.int32)}


def run_batched(network: keras.Model, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Runs a network in inference mode, a bounded batch at a time: float32 (n, ...)."""
    count = len(next(iter(arrays.values())))
    outputs = [
        network({k: tf.constant(v[row : row + _BATCH]) for k, v in arrays.items()}, training=False)
        for row in range(0, count, _BATCH)
    ]
    return np.concatenate([np.asarray(o, np.float32) for o in outputs])


def sample(
    run: Run, count: int, seed: int = 0, label: str | int | np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Draws samples from a run.

    Args:
        run: a run with a checkpoint.
        count: how many.
        seed: the same seed gives the same samples.
        label: a class's name or id, for conditional runs, or int (count,) ids, one a
            sample; by default all classes in turn.

    Returns:
        `samples` float32 (count, ...), `latents` float32 (count, latent_dim) and,
        for conditional runs, `labels` int32 (count,).

    Raises:
        ConfigError: a label for a run without labels, or one that it does not have.
        RunError: the run has no whole checkpoint.
    """
    labels = labels_of(run, count, label)
    latent = draw_latents(run.gan, count, seed)
    arrays = {"latents": latent, **({} if labels is None else {"labels": labels})}
    arrays["samples"] = run_batched(run.generator, inputs(run.gan, latent, labels))
    return arrays


def interpolation(
    run: Run, rows: int, steps: int, seed: int = 0, label: str | int | None = None
) -> dict[str, np.ndarray]:
    """Walks between pairs of latents: `rows` paths of `steps` samples, row after row.

    Returns and raises as `sample`; a path keeps its label.
    """
    labels = labels_of(run, rows, label)
    ends = draw_latents(run.gan, 2 * rows, seed)
    paths = latents.interpolate(run.gan.latent_distribution, ends[:rows], ends[rows:], steps)
    latent = paths.reshape(rows * steps, -1)
    labels = None if labels is None else np.repeat(labels, steps)
    arrays = {"latents": latent, **({} if labels is None else {"labels": labels})}
    arrays["samples"] = run_batched(run.generator, inputs(run.gan, latent, labels))
    return arrays


def labels_of(run: Run, count: int, label: str | int | np.ndarray | None) -> np.ndarray | None:
    """A label by its name or id, as int32 (count,) ids; all in turn without one.

    None for an unconditional run. Raises as `sample`.
    """
    if not run.conditional:
        if label is not None:
            raise ConfigError(
                f"{run.path} was trained without labels, so --label has no meaning. Conditional "
                "recipes have them: mnist_conditional, for example."
            )
        return None
    names = run.class_names or ()
    if label is None:
        return (np.arange(count) % len(names)).astype(np.int32)
    if isinstance(label, np.ndarray):
        return label.astype(np.int32)
    text = str(label)
    if text in names:
        return np.full(count, names.index(text), np.int32)
    if text.isdecimal() and int(text) < len(names):
        return np.full(count, int(text), np.int32)
    raise ConfigError(
        f"There is no label `{label}`: it should be a class name or an id from 0 to "
        f"{len(names) - 1}.{suggestion(text, names)}"
    )
