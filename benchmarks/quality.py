"""How good a run's samples are, by a small classifier trained on the data's own labels.

    python benchmarks/quality.py RUN --idx FOLDER [--cache classifier.keras]

FOLDER holds MNIST's four IDX files. The classifier (a small convolutional network)
is trained on the 60,000 training images and checked on the 10,000 test images.
Printed for 10,000 samples of the run (default sampling): the class histogram, the
share classified with p > 0.9, the Frechet distance of the classifier's features to
those of the 10,000 test images and, beside it, that of 10,000 training images (the
floor); for a conditional run also the share classified as the label asked for, and
recall (Kynkaanniemi 2019, k = 3).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras
import numpy as np
import scipy.linalg
from keras import layers
from sklearn.neighbors import NearestNeighbors

from keras_gan import load
from keras_gan.config import DataConfig
from keras_gan.data import load_source
from keras_gan.pictures import to_uint8
from keras_gan.sampling import sample

COUNT = 10_000


def classifier(train, test, cache: Path | None) -> keras.Model:
    """A classifier with outputs (features, probabilities), trained or taken from `cache`."""
    if cache is not None and cache.exists():
        return keras.models.load_model(cache)
    keras.utils.set_random_seed(1)
    inputs = keras.Input(train.sample_shape)
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    for width in (16, 32):
        x = layers.MaxPool2D()(layers.Conv2D(width, 3, activation="relu")(x))
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    features = layers.Dense(64, activation="relu")(x)
    probabilities = layers.Dense(train.num_classes, activation="softmax")(features)
    trained = keras.Model(inputs, probabilities)
    trained.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    trained.fit(train.images, train.labels, batch_size=128, epochs=6, verbose=2)
    print(
        "classifier's accuracy on test images:",
        trained.evaluate(test.images, test.labels, verbose=0)[1],
    )
    model = keras.Model(inputs, [features, probabilities])
    if cache is not None:
        model.save(cache)
    return model


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Heusel 2017)."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    return float(
        ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    )


def recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> float:
    """Share of real features within a generated one's k-th neighbour radius."""
    radii = NearestNeighbors(n_neighbors=k + 1).fit(fake).kneighbors(fake)[0][:, k]
    inside = 0
    for rows in np.array_split(real, 20):
        distances = np.sqrt(
            np.maximum((rows**2).sum(1)[:, None] + (fake**2).sum(1)[None] - 2 * rows @ fake.T, 0)
        )
        inside += int((distances <= radii[None]).any(1).sum())
    return inside / len(real)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--idx", required=True, help="folder of MNIST's IDX files")
    parser.add_argument("--cache", type=Path, help="where the classifier is kept")
    arguments = parser.parse_args()
    train = load_source(DataConfig(name=arguments.idx))
    test = load_source(DataConfig(name=arguments.idx, split="test"))
    model = classifier(train, test, arguments.cache)
    run = load(arguments.run)
    drawn = sample(run, COUNT)

    def judged(images):
        features, probabilities = model.predict(images, batch_size=500, verbose=0)
        return features, probabilities

    real, real_probabilities = judged(test.images)
    floor, _ = judged(train.images[:COUNT])
    features, probabilities = judged(to_uint8(drawn["samples"]))
    found = probabilities.argmax(1)
    histogram = np.bincount(found, minlength=train.num_classes) / COUNT
    print("run:", run.path)
    print("class histogram (%):", " ".join(f"{100 * share:.1f}" for share in histogram))
    print(
        f"share with p > 0.9: {(probabilities.max(1) > 0.9).mean():.4f} "
        f"(test images: {(real_probabilities.max(1) > 0.9).mean():.4f})"
    )
    print(
        f"Frechet distance to {len(test.images)} test images: {frechet(features, real):.2f} "
        f"({COUNT} training images: {frechet(floor, real):.2f})"
    )
    print(f"recall: {recall(real, features):.3f} (training images: {recall(real, floor):.3f})")
    if "labels" in drawn:
        print(f"classified as the label asked for: {(found == drawn['labels']).mean():.4f}")


if __name__ == "__main__":
    main()
