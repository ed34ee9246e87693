"""Drawing samples from a trained generator."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_gan.games import building, latents
from keras_gan.games.gan import GAN
from keras_gan.runs.loading import Run
from keras_gan.utils.errors import ConfigError, suggestion
from keras_gan.utils.pixels import as_float

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
    dtype = np.int32 if gan.condition_dim is None else np.float32
    return {"latent": latent, "labels": np.asarray(labels, dtype)}


def run_batched(network: keras.Model, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Runs a network in inference mode, a bounded batch at a time: float32 (n, ...)."""
    count = len(next(iter(arrays.values())))
    outputs = [
        network({k: tf.constant(v[row : row + _BATCH]) for k, v in arrays.items()}, training=False)
        for row in range(0, count, _BATCH)
    ]
    return np.concatenate([np.asarray(o, np.float32) for o in outputs])


def told_classes(discriminator: keras.Model, images: np.ndarray) -> np.ndarray:
    """The classes that a discriminator with `class_logits` tells, int64 (n,), of uint8 images."""
    told = [
        discriminator({"images": as_float(images[row : row + _BATCH])}, training=False)
        for row in range(0, len(images), _BATCH)
    ]
    return np.concatenate([np.argmax(t["class_logits"], axis=-1) for t in told])


def sample(
    run: Run, count: int, seed: int = 0, label: str | int | np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Draws samples from a run.

    Args:
        run: a run with a checkpoint.
        count: how many.
        seed: the same seed gives the same samples.
        label: for conditional runs. A class's name or id; `a..b` for those from a to b, in
            turn; or an array, int (count,) ids, one a sample, or where labels are vectors
            float (n, condition_dim), in turn. By default all classes in turn, or the
            vectors that the run has kept of its data.

    Returns:
        `samples` float32 (count, ...), `latents` float32 (count, latent_dim) and, for
        conditional runs, `labels` int32 (count,) or float32 (count, condition_dim).

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
    run: Run, rows: int, steps: int, seed: int = 0, label: str | int | np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Walks between pairs of latents: `rows` paths of `steps` samples, row after row.

    Returns and raises as `sample`; a path keeps its label.
    """
    labels = labels_of(run, rows, label)
    ends = draw_latents(run.gan, 2 * rows, seed)
    paths = latents.interpolate(run.gan.latent_distribution, ends[:rows], ends[rows:], steps)
    latent = paths.reshape(rows * steps, -1)
    labels = None if labels is None else np.repeat(labels, steps, axis=0)
    arrays = {"latents": latent, **({} if labels is None else {"labels": labels})}
    arrays["samples"] = run_batched(run.generator, inputs(run.gan, latent, labels))
    return arrays


def label_interpolation(
    run: Run, rows: int, steps: int, label: str | int, to_label: str | int, seed: int = 0
) -> dict[str, np.ndarray]:
    """Walks from a class to another one: `rows` latents, each in `steps` mixes of both.

    Returns:
        As `sample`, with `labels` float32 (rows * steps, num_classes): mixes (1 - t) a + t b of
        the classes' one-hot rows, ends included. Of a range of classes, each row has the next.

    Raises:
        ConfigError: as `sample`, or labels that are vectors.
    """
    start, end = (labels_of(run, rows, one) for one in (label, to_label))
    return label_walk(run, draw_latents(run.gan, rows, seed), start, end, steps)


def label_walk(
    run: Run, latent: np.ndarray, start: np.ndarray, end: np.ndarray | int, steps: int
) -> dict[str, np.ndarray]:
    """Walks from class ids (n,) to others, or to one; a path keeps its latent, of (n, dim).

    Returns as `label_interpolation`.
    """
    t = np.linspace(0.0, 1.0, steps, dtype=np.float32)[:, None]
    one_hot = np.eye(run.num_classes, dtype=np.float32)
    mixes = (1 - t) * one_hot[start][:, None] + t * one_hot[end][..., None, :]
    mixes = mixes.reshape(-1, run.num_classes)
    latent = np.repeat(latent, steps, axis=0)
    mixing = building.generator_of_mixes(run.generator, run.config, run.num_classes)
    samples = run_batched(mixing, {"latent": latent, "labels": mixes})
    return {"latents": latent, "labels": mixes, "samples": samples}


def labels_of(run: Run, count: int, label: str | int | np.ndarray | None) -> np.ndarray | None:
    """A label as int32 (count,) ids, or float32 (count, condition_dim) vectors.

    Several (a range of classes, rows of vectors) take turns, and without a label all that there
    are. None for an unconditional run. Raises as `sample`.
    """
    if not run.conditional:
        if label is not None:
            raise ConfigError(
                f"{run.path} was trained without labels, so --label has no meaning. Conditional "
                "recipes have them: mnist_conditional, for example."
            )
        return None
    turn = np.arange(count)
    if run.condition_dim is not None:
        given = run.conditions() if label is None else _checked_vectors(run, label)
        return given[turn % len(given)]
    if isinstance(label, np.ndarray):
        return _checked_ids(run, label, count)
    asked = range(run.num_classes) if label is None else class_ids(str(label), run.class_names)
    return np.array(asked, np.int32)[turn % len(asked)]


def class_ids(text: str, names: Sequence[str]) -> list[int]:
    """The class of that name or id, or those of a range `a..b` of names or ids.

    Raises:
        ConfigError: there is no such class.
    """
    start, dots, end = text.partition("..")
    if text in names or not dots:
        return [class_id(text, names)]
    first, last = class_id(start, names), class_id(end, names)
    if first > last:
        raise ConfigError(f"A range of labels goes upwards: {end}..{start}. Received: {text}.")
    return list(range(first, last + 1))


def class_id(text: str, names: Sequence[str]) -> int:
    """The class of that name or id, or raises ConfigError."""
    if text in names:
        return names.index(text)
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    raise ConfigError(
        f"There is no label `{text}`: it should be a class name or an id from 0 to "
        f"{len(names) - 1}.{suggestion(text, names)}"
    )


def _checked_ids(run: Run, given: np.ndarray, count: int) -> np.ndarray:
    wanted = f"ids from 0 to {run.num_classes - 1}, int ({count},)"
    if given.shape != (count,) or given.dtype.kind not in "iu":
        raise ConfigError(
            f"{run.path} was trained with classes: its labels are {wanted}. "
            f"Received: {given.dtype} {given.shape}."
        )
    if not ((given >= 0) & (given < run.num_classes)).all():
        raise ConfigError(f"Labels should be {wanted}. Received: {given.min()} to {given.max()}.")
    return given.astype(np.int32)


def _checked_vectors(run: Run, given: object) -> np.ndarray:
    wanted = f"vectors, float (n, {run.condition_dim})"
    if not isinstance(given, np.ndarray):
        raise ConfigError(
            f"{run.path} was trained with {wanted}, not with classes: ask for some with "
            "--condition FILE.npy in place of --label."
        )
    if given.ndim != 2 or given.shape[1] != run.condition_dim or not len(given):
        raise ConfigError(f"Conditions should be {wanted}. Received: shape {given.shape}.")
    if given.dtype.kind not in "buif" or not np.isfinite(given).all():
        raise ConfigError(f"Conditions should be {wanted}, all finite.")
    return given.astype(np.float32)
