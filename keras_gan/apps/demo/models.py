"""What a page plays with: a run, by Keras, or an exported file, by ONNX Runtime."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from keras_gan import exporters, runs
from keras_gan.apps.inversion import inverting
from keras_gan.apps.inversion.images import Given
from keras_gan.apps.inversion.search import Settings
from keras_gan.games import players
from keras_gan.games.gan import GAN
from keras_gan.games.latents import DISTRIBUTIONS
from keras_gan.runs import Run, sampling
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import ClassLabels, VectorLabels


@dataclasses.dataclass(frozen=True)
class Model:
    """A generator, and what is known of it.

    Attributes:
        title: a line for people.
        latent_dim, latent_distribution: of its latents.
        image_shape: (height, width, channels).
        class_names: None where it takes no labels; where these are vectors, the numbers of
            those that the run keeps.
        generate: (latents (n, dim), labels (n,) or None) -> float32 images in [-1, 1].
        logits: (images in [-1, 1], labels or None) -> float32 (n,) logits; None where there
            is no discriminator.
        invert: (images in [-1, 1], a class's name or None for any) -> (latents (n, dim),
            labels (n,) or None); None where latents can't be looked for.
        run: None of a file.
        file: the ONNX file; None of a run.
    """

    title: str
    latent_dim: int
    latent_distribution: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...] | None
    generate: Callable[[np.ndarray, np.ndarray | None], np.ndarray]
    logits: Callable[[np.ndarray, np.ndarray | None], np.ndarray] | None = None
    invert: Callable[[np.ndarray, str | None], tuple] | None = None
    run: Run | None = None
    file: Path | None = None

    def onnx(self, out: Path) -> Path:
        """An ONNX file of the generator; of a run written below `out` and compared with Keras."""
        if self.run is None:
            return self.file
        published = exporters.export(self.run, ("onnx",), out)
        return out / next(iter(published.files))  # the main endpoint's


def of_run(path: Path | None, checkpoint: Literal["newest", "best"] = "newest") -> Model:
    """Opens a run, as it is now: one that still trains is opened again for newer weights.

    Raises:
        ConfigError: it makes points, which are no pictures.
        RunError: no run, no whole checkpoint.
    """
    run = runs.load(path, checkpoint)
    if len(run.sample_shape) != 3:
        raise ConfigError(f"{run.path} makes points, not images: `keras-gan demo` shows images.")
    gan = run.gan
    network = tf.function(
        lambda inputs: gan.averaged("generator")(inputs, training=False), reduce_retracing=True
    )

    # Vectors are chosen by the numbers of those that the run has kept.
    vectors = run.labels.kept() if isinstance(gan.labels, VectorLabels) else None
    names = gan.labels.names if isinstance(gan.labels, ClassLabels) else None
    if vectors is not None:
        names = tuple(str(n) for n in range(len(vectors)))

    def generate(latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        inputs = sampling.inputs(gan, latents, labels if vectors is None else vectors[labels])
        return network({k: tf.constant(v) for k, v in inputs.items()}).numpy()

    return Model(
        title=f"{run.config.name}, step {int(gan.iteration.numpy()):,} ({run.path})",
        latent_dim=gan.latent_dim,
        latent_distribution=gan.options.latent_distribution,
        image_shape=run.sample_shape,
        class_names=names,
        generate=generate,
        logits=_discriminator(gan, vectors),
        invert=_inverter(run) if vectors is None else None,
        run=run,
    )


def _discriminator(gan: GAN, vectors: np.ndarray | None):
    """Return D as in training, but for what is random there, and without gradients."""

    def logits(images: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        # A packed D takes several images at once: here the same one several times.
        single = gan.discriminator_images(images)
        inputs = {"images": tf.concat([single] * gan.options.packing, axis=-1)}
        if gan.shows_labels:
            inputs["labels"] = tf.constant(labels if vectors is None else vectors[labels])
        outputs = players.named_outputs(gan.discriminator(inputs, training=False))
        return np.asarray(outputs["logits"], np.float32).reshape(len(images), -1).mean(axis=1)

    return logits


def _inverter(run: Run):
    """The search of `keras-gan invert`, as it is without options."""

    def invert(images: np.ndarray, label: str | None) -> tuple[np.ndarray, np.ndarray | None]:
        given = Given(("a drawing",) * len(images), images)
        found = inverting.invert(run, given, [] if label is None else [label], Settings())
        return found.latents, found.labels

    return invert


def of_onnx(path: Path) -> Model:
    """Opens a generator that `keras-gan export --format onnx` has written.

    Raises:
        ConfigError: there is none, or another ONNX file.
    """
    import onnxruntime

    if not path.is_file():
        raise ConfigError(f"There is no file {path}.")
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        facts = session.get_modelmeta().custom_metadata_map
        shape = tuple(json.loads(facts["output_shape"]))
        names = tuple(json.loads(facts["class_names"])) or None
        distribution = facts["latent_distribution"].partition(",")[0]
        inputs = {one.name: one for one in session.get_inputs()}
        dim = inputs["latent"].shape[1]
        if len(shape) != 3 or distribution not in DISTRIBUTIONS:
            raise KeyError(distribution)
    except Exception as error:  # ONNX Runtime's errors have no common class
        raise ConfigError(
            f"{path} is no generator of images that `keras-gan export --format onnx` has written."
        ) from error

    if "labels" in inputs and names is None:
        raise ConfigError(
            f"The labels of {path} are vectors, and the file has none to show: "
            "`keras-gan demo RUN` has some of the data's."
        )

    def generate(latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        inputs = {"latent": latents.astype(np.float32)}
        if names is not None:
            inputs["labels"] = labels.astype(np.int32)
        return session.run(["images"], inputs)[0]

    title = f"{path.name}, step {int(facts['iteration']):,}"
    return Model(title, dim, distribution, shape, names, generate, file=path)
