"""What D has learnt without labels: a linear classifier on its features, from few labels.

Source: Radford 2016 (DCGAN), section 5.1, with logistic regression in place of an SVM.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers
from matplotlib.figure import Figure

from keras_gan.data import Source
from keras_gan.data.few_labels import balanced_rows
from keras_gan.evaluation.protocol import FOLDER
from keras_gan.games import players, recipes
from keras_gan.networks import private_keras
from keras_gan.networks.layers import Maxout, Recomputed
from keras_gan.runs import Run
from keras_gan.utils.batching import in_batches
from keras_gan.utils.errors import ConfigError, EvaluationError, RunError
from keras_gan.utils.files import write_text
from keras_gan.utils.pixels import as_float, to_float

ALL = 0  # of the labels
COUNTS = (10, 100, 1000, ALL)
FEATURES = ("pixels", "untrained", "discriminator")

_GRID = 4  # places a side to which maps are pooled
STRENGTHS = 10.0 ** np.arange(-5, 1)  # scikit-learn's C, for `_CHOSEN_ON` labels at most
_FOLDS, _CHOSEN_ON = 3, 5_000
FEW_STRENGTH = 1e-2  # where a fold would have no label of some class

#: Layers whose outputs are what D has made of an image by then.
_HIDDEN = (layers.Activation, layers.ReLU, layers.LeakyReLU, Maxout, Recomputed, keras.Model)


@dataclasses.dataclass(frozen=True)
class Result:
    """Test accuracy of one kind of features with so many labels.

    Attributes:
        features: a name of FEATURES.
        labels: how many, ALL for all.
        accuracies: a share of the test images for each draw of the labels.
        strengths: the regularisation that was chosen each time, scikit-learn's C.
    """

    features: str
    labels: int
    accuracies: tuple[float, ...]
    strengths: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.accuracies))

    @property
    def spread(self) -> float | None:
        """The standard deviation over draws; None of a single one."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else None


def extractor(discriminator: keras.Model) -> keras.Model:
    """`images` -> float32 (batch, d): all hidden layers side by side, maps as 4x4 maxima.

    Raises:
        ConfigError: a discriminator whose hidden layers see the label.
    """
    images = players.named_inputs(discriminator)["images"]
    hidden = [
        private_keras.first_output(layer)
        for layer in discriminator.layers
        if isinstance(layer, _HIDDEN)
    ]
    flat = [layers.Flatten(dtype="float32")(_pooled(tensor)) for tensor in hidden]
    try:
        return keras.Model(images, layers.Concatenate()(flat) if len(flat) > 1 else flat[0])
    except ValueError as error:  # Keras: they can't be reached from the images alone
        raise ConfigError(
            "The hidden layers of this run's discriminator see the label, so their features "
            "would tell it: probe a run without labels, of the game acgan, or with "
            "network.conditioning=projection."
        ) from error


def _pooled(tensor):
    if len(tensor.shape) != 4:
        return tensor
    sizes = tuple(math.ceil(side / _GRID) for side in tensor.shape[1:3])
    return layers.MaxPooling2D(sizes, padding="same")(tensor)


def probe(
    run: Run,
    train: Source,
    test: Source | None,
    counts: Sequence[int] = COUNTS,
    draws: int = 5,
    seed: int = 0,
    progress: Callable[[str], None] = lambda what: None,
) -> list[Result]:
    """Logistic regression on D's features, on those of D before training, and on pixels.

    Args:
        run: a run with a checkpoint.
        train: images and labels, of which some are used.
        test: all of it tells the accuracy.
        counts: numbers of labels, ALL for all; each of all classes alike.
        draws: times that so many labels are drawn; all are all, once.
        seed: of the first draw.
        progress: is told what comes next.

    Raises:
        ConfigError: more labels than there are, fewer than classes, a D that does not see
            single images, or see `extractor`.
        EvaluationError: data without classes, or without test images.
    """
    _check(train, test, counts)
    results = []
    for name, network in networks_of(run).items():
        progress(f"features: {name}")
        arrays = _standardised(*(features_of(network, s.images) for s in (train, test)))
        for count in counts:
            progress(f"{name}, {count or 'all'} labels")
            found = [
                accuracy_of(*arrays, train.labels, test.labels, rows)
                for rows in _draws(train.labels, count, draws, seed)
            ]
            results.append(Result(name, count, *zip(*found, strict=True)))
    return results


def _check(train: Source, test: Source | None, counts: Sequence[int]) -> None:
    if train.num_classes is None:
        raise EvaluationError(f"{train.name} has no classes to learn.")
    if test is None or test.labels is None:
        raise EvaluationError(
            "These data have no test images with labels. `fit --set 'data.split=train[:90%]'` "
            "keeps some back."
        )
    for count in counts:
        if count != ALL and not train.num_classes <= count <= train.num_samples:
            raise ConfigError(
                f"--labels should be from {train.num_classes}, one a class, to "
                f"{train.num_samples}, or all. Received: {count}."
            )


def networks_of(run: Run) -> dict[str, keras.Model | None]:
    """Return {kind of features: the network that makes them, None for pixels}."""
    taken = tuple(players.named_inputs(run.gan.discriminator)["images"].shape[1:])
    if taken != run.sample_shape:
        raise ConfigError(
            f"The discriminator of {run.path} takes several images at once, or a latent beside "
            "them. Probe a run of another game than bigan, with game.packing=1."
        )
    trained = extractor(run.gan.discriminator)
    keras.utils.set_random_seed(run.config.seed)  # the very weights that training began with
    fresh = recipes.build(run.config, run.data_spec(), precision="float32").discriminator
    return dict(zip(FEATURES, (None, extractor(fresh), trained), strict=True))


def features_of(network: keras.Model | None, images: np.ndarray) -> np.ndarray:
    """Return the features of uint8 or float images (n, ...), float32 (n, d)."""
    if network is None:
        return to_float(images.reshape(len(images), -1))
    made = in_batches(lambda rows: network(as_float(rows), training=False), images)
    return made.astype(np.float32, copy=False).reshape(len(images), -1)


def _standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both by the mean and deviation of all training images, which takes no labels; in place."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation[deviation < 1e-6] = 1.0  # a pixel or a unit that is always alike
    for array in (train, test):
        array -= mean
        array /= deviation
    return train, test


def _draws(labels: np.ndarray, count: int, draws: int, seed: int) -> list[np.ndarray]:
    if count in (ALL, len(labels)):
        return [np.arange(len(labels))]
    return [balanced_rows(labels, count, seed + draw) for draw in range(draws)]


def accuracy_of(train, test, train_labels, test_labels, rows) -> tuple[float, float]:
    """Return (the share of test images that are classified correctly, the strength chosen)."""
    features, labels = train[rows], train_labels[rows]
    strength = _strength(features, labels)
    return float(_fitted(features, labels, strength).score(test, test_labels)), strength


def _strength(features: np.ndarray, labels: np.ndarray) -> float:
    """C by cross-validation: of many labels on some of them, at the same strength a row."""
    from sklearn.model_selection import StratifiedKFold

    if np.unique(labels, return_counts=True)[1].min() < _FOLDS:
        return FEW_STRENGTH
    rows = balanced_rows(labels, min(len(labels), _CHOSEN_ON), seed=0)
    folds = list(StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(rows, labels[rows]))

    def score(strength: float) -> float:
        parts = ((rows[fitted], rows[held]) for fitted, held in folds)
        return np.mean(
            [
                _fitted(features[fitted], labels[fitted], strength).score(
                    features[held], labels[held]
                )
                for fitted, held in parts
            ]
        )

    best = max(STRENGTHS, key=score)
    # scikit-learn sums the losses over rows, so that C per row is what was chosen.
    return float(best * len(rows) / len(labels))


def _fitted(features: np.ndarray, labels: np.ndarray, strength: float):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=300, tol=1e-3).fit(features, labels)


# ---------------------------------------------------------------------- what is told


def table(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """(labels, accuracy of each kind of features in percent) rows, with a heading."""
    by_key = {(r.labels, r.features): r for r in results}
    counts = list(dict.fromkeys(r.labels for r in results))
    rows = [("labels", *FEATURES)]
    for count in counts:
        cells = (by_key[count, name] for name in FEATURES)
        rows.append(("all" if count == ALL else f"{count:,}", *map(_percent, cells)))
    return rows


def _percent(result: Result) -> str:
    spread = "" if result.spread is None else f" ± {100 * result.spread:.1f}"
    return f"{100 * result.mean:.1f} %{spread}"


def write(run: Run, results: Sequence[Result], seed: int) -> Path:
    """Writes `evaluation/probe.json` and `probe.png`; returns the picture's path.

    Raises:
        RunError: they can't be written.
    """
    from keras_gan.evaluation import report

    facts = {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "checkpoint": run.checkpoint,
        "iteration": int(run.gan.iteration.numpy()),
        "seed": seed,
        "results": [{**dataclasses.asdict(r), "mean": r.mean, "spread": r.spread} for r in results],
    }
    folder = run.path / FOLDER
    try:
        write_text(folder / "probe.json", json.dumps(facts, indent=1))
    except OSError as error:
        raise RunError(f"Can't write {folder}: {error.strerror or error}.") from error
    report.save(folder / "probe.png", plot(results))
    return folder / "probe.png"


def plot(results: Sequence[Result]) -> Figure:
    """Test accuracy over the number of labels, a line a kind of features, with its spread."""
    figure = Figure(figsize=(6, 3.6), dpi=90, layout="constrained")
    ax = figure.subplots()
    counts = list(dict.fromkeys(r.labels for r in results))
    for name in dict.fromkeys(r.features for r in results):
        line = [r for r in results if r.features == name]
        places = [counts.index(r.labels) for r in line]
        means, spreads = [100 * r.mean for r in line], [100 * (r.spread or 0.0) for r in line]
        ax.errorbar(places, means, spreads, marker="o", capsize=3, label=name)
    ax.set_xticks(range(len(counts)), [f"{n:,}" if n else "all" for n in counts])
    ax.set_xlabel("labels")
    ax.set_ylabel("test accuracy, %")
    ax.legend()
    return figure
