"""What images are compared by: features of a classifier, of InceptionV3, or the pixels.

To add one: a function here that returns an Extractor, and a row in EXTRACTORS.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import socket
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
from keras import layers

from keras_gan.data import Source
from keras_gan.data.source import to_size
from keras_gan.evaluation.cache import Cache, kept_or_not
from keras_gan.utils.batching import BATCH_SIZE, in_batches
from keras_gan.utils.errors import EvaluationError
from keras_gan.utils.files import replaced_file, write_text
from keras_gan.utils.pixels import to_float, to_unit
from keras_gan.utils.registry import Registry

_INCEPTION_SIZE = 299
_INCEPTION_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"


@dataclasses.dataclass(frozen=True)
class Extractor:
    """Turns images into what metrics look at.

    Attributes:
        name: stands in the metrics' names.
        extract: uint8 (n, h, w, c) -> (features float32 (n, d), class probabilities
            float32 (n, classes) or None).
        accuracy: of the classifier, on images that it was not trained on; None for
            extractors without classes.
    """

    name: str
    extract: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
    accuracy: float | None = None


def pixels(name: str, train: Source, test: Source | None, cache: Cache, weights) -> Extractor:
    """The pixels themselves, in [0, 1]."""
    return Extractor("pixels", lambda images: (to_unit(images.reshape(len(images), -1)), None))


def classifier(name: str, train: Source, test: Source | None, cache: Cache, weights) -> Extractor:
    """A small convolutional network, trained once on the data's own labels and kept.

    Features are the 64 activations before the class scores.

    Raises:
        EvaluationError: data without labels.
    """
    if train.num_classes is None:
        raise EvaluationError(
            f"{name} has no classes to train a classifier on: use --extractor pixels or inception."
        )
    if train.sample_shape[-1] == 3 and train.num_classes == 1000 and name == "stacked_mnist":
        return _stacked(train, test, cache)
    network, accuracy = _trained(train, test, cache)

    def extract(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return tuple(network.predict(images, batch_size=BATCH_SIZE, verbose=0))

    return Extractor(f"{_short(name)}_cnn", extract, accuracy)


def inception(name: str, train: Source, test: Source | None, cache: Cache, weights) -> Extractor:
    """InceptionV3's 2,048 pooled features (ImageNet), through keras.applications.

    Departure from the FID of the literature: Keras' weights and Lanczos resizing after a centre
    crop, so
    figures compare among themselves only.

    Raises:
        EvaluationError: its weights are not at hand and can't be downloaded.
    """
    shape = (_INCEPTION_SIZE, _INCEPTION_SIZE, 3)
    try:
        with _patience(seconds=20):
            network = keras.applications.InceptionV3(
                include_top=False, pooling="avg", input_shape=shape, weights=weights or "imagenet"
            )
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:150]
        raise EvaluationError(
            f"InceptionV3's weights can't be had ({reason}): connect, or name the file "
            f"{_INCEPTION_FILE} with --inception-weights."
        ) from error

    def features(images: np.ndarray) -> np.ndarray:
        return network(to_float(to_size(images, _INCEPTION_SIZE, 3)), training=False).numpy()

    def extract(images: np.ndarray) -> tuple[np.ndarray, None]:
        return in_batches(features, images, batch_size=50), None

    return Extractor("inception", extract)


EXTRACTORS: Registry[Callable[..., Extractor]] = Registry(
    "extractor", {"classifier": classifier, "inception": inception, "pixels": pixels}
)


def get(
    kind: str,
    name: str,
    train: Source,
    test: Source | None,
    cache: Cache,
    inception_weights: str | None = None,
) -> Extractor:
    """Makes or loads an extractor.

    Args:
        kind: a key of EXTRACTORS.
        name: of the data set.
        train, test: its splits; `test` only tells the classifier's accuracy.
        cache: where a trained classifier is kept.
        inception_weights: a file of InceptionV3's weights without its top.

    Raises:
        ConfigError: no such extractor.
        EvaluationError: one that can't be had.
    """
    return EXTRACTORS[kind](name, train, test, cache, inception_weights)


# ---------------------------------------------------------------- the classifier


def _trained(train: Source, test: Source | None, cache: Cache) -> tuple[keras.Model, float]:
    path, facts = cache.folder / "classifier.keras", cache.folder / "classifier.json"
    with contextlib.suppress(
        OSError, ValueError, KeyError, zipfile.BadZipFile
    ):  # not there, or damaged
        accuracy = json.loads(facts.read_text("utf-8"))["accuracy"]
        return keras.models.load_model(path), accuracy
    images, labels = train.images, train.labels
    if test is None or test.labels is None:  # a tenth is kept apart to tell the accuracy
        order = np.random.default_rng(0).permutation(len(images))
        kept, used = np.split(order, [max(1, len(order) // 10)])
        held_out = images[kept], labels[kept]
        images, labels = images[used], labels[used]
    else:
        held_out = test.images, test.labels
    network, features = _network(train.sample_shape, train.num_classes)
    network.fit(images, labels, batch_size=128, epochs=_epochs(len(images)), verbose=0)
    accuracy = float(network.evaluate(*held_out, batch_size=BATCH_SIZE, verbose=0)[1])
    both = keras.Model(network.input, [features, network.output])
    with kept_or_not(path):
        with replaced_file(path) as temporary:
            both.save(temporary)
        write_text(facts, json.dumps({"accuracy": accuracy, "tested_on": len(held_out[0])}))
    return both, accuracy


def _network(shape: tuple[int, ...], num_classes: int) -> tuple[keras.Model, keras.KerasTensor]:
    keras.utils.set_random_seed(1)
    inputs = keras.Input(shape, dtype="uint8")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    for width in (16, 32):
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = layers.MaxPool2D()(x)
    while max(x.shape[1:3]) > 8:
        x = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    features = layers.Dense(64, activation="relu")(x)
    probabilities = layers.Dense(num_classes, activation="softmax")(features)
    network = keras.Model(inputs, probabilities)
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network, features


def _epochs(count: int) -> int:
    """6 passes over 60,000 images, and more over fewer."""
    return int(np.clip(360_000 // count, 6, 60))


def _stacked(train: Source, test: Source | None, cache: Cache) -> Extractor:
    """MNIST's classifier on each channel: features side by side, products of probabilities."""
    digits = [
        None
        if source is None
        else Source(
            "mnist",
            source.images[..., :1],
            (source.labels // 100).astype(np.int32),
            tuple("0123456789"),
        )
        for source in (train, test)
    ]
    network, accuracy = _trained(*digits, cache)

    def extract(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        channels = (images[..., c : c + 1] for c in range(3))
        parts = [network.predict(c, batch_size=BATCH_SIZE, verbose=0) for c in channels]
        (f, p), (g, q), (h, r) = parts
        products = np.einsum("ni,nj,nk->nijk", p, q, r).reshape(len(images), -1)
        return np.concatenate([f, g, h], axis=1), products

    return Extractor("stacked_mnist_cnn", extract, accuracy**3)


def _short(name: str) -> str:
    """A data set's name as a part of a metric's name."""
    return re.sub(r"\W+", "_", Path(name).stem.lower()).strip("_") or "data"


@contextlib.contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """How long a download may keep silent."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
