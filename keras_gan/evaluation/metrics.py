"""The metrics by name: each turns Evidence into figures, or says why it can't.

To add one: a function here that returns a list of `Figure`, and a row in one of the
tables at the end. A figure is named with its extractor and
the number of samples: `fd_mnist_cnn_10k`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_gan.data.densities import DENSITIES
from keras_gan.evaluation import diversity as diversity_module
from keras_gan.evaluation import neighbours as neighbours_module
from keras_gan.evaluation import parzen as parzen_module
from keras_gan.evaluation.classifier_score import classifier_score, label_accuracy, sure_share
from keras_gan.evaluation.energy import energy_distance
from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.frechet import frechet_distance, frechet_distance_error
from keras_gan.evaluation.kernel import kernel_distance
from keras_gan.evaluation.modes import (
    class_coverage,
    class_shares,
    exact_kl,
    exact_quality,
    exact_total_variation,
    mixture_coverage,
)
from keras_gan.evaluation.prdc import prdc
from keras_gan.utils.errors import EvaluationError

_PARZEN_KERNELS, _FEW_KERNELS = 10_000, 1_000
_DIVERSITY = 1_000  # as `fit` takes
_MEMORISED = 0.95


@dataclasses.dataclass(frozen=True)
class Figure:
    """One number and what to hold it against.

    Attributes:
        name: with extractor and count.
        value: the number.
        error: its standard error (of `score_`: the standard deviation over splits).
        floor: the same figure of real training images in place of samples.
        better: `higher`, `lower` or nothing, of two generators.
        note: what a reader has to know.
        warning: what nobody may overlook, or nothing.
        by_class: {class: (value, floor or None)}, where it is known for each.
    """

    name: str
    value: float
    error: float | None = None
    floor: float | None = None
    better: str = ""
    note: str = ""
    warning: str = ""
    by_class: dict[str, tuple[float, float | None]] = dataclasses.field(default_factory=dict)


def frechet(e: Evidence) -> list[Figure]:
    """Frechet distance to the real images."""
    value = frechet_distance(e.features, e.reference_features)
    floor = _or_none(lambda: frechet_distance(e.floor_features, e.reference_features))
    error = _or_none(lambda: frechet_distance_error(e.features, e.reference_features))
    return [Figure(f"fd_{_suffix(e)}", value, error, floor, "lower")]


def kernel(e: Evidence) -> list[Figure]:
    """Kernel distance (KID), unbiased, with its standard error."""
    value, error = kernel_distance(e.features, e.reference_features)
    floor = _or_none(lambda: kernel_distance(e.floor_features, e.reference_features)[0])
    return [Figure(f"kd_{_suffix(e)}", value, error, floor, "lower")]


def fidelity(e: Evidence) -> list[Figure]:
    """Precision, recall, density and coverage."""
    found = prdc(e.reference_features, e.features)

    def compute():
        return dataclasses.asdict(prdc(e.reference_features, e.floor_features))

    name = f"prdc-{e.against}-{e.extractor.name}-{e.count}"
    floor = _or_none(lambda: e.cache.arrays(name, compute)) or {}
    counts = dict.fromkeys(("recall", "coverage"), len(e.reference_features))  # of real images
    return [
        Figure(
            f"{name}_{_suffix(e)}",
            value,
            # Density is no share.
            None if name == "density" else _share_error(value, counts.get(name, e.count)),
            _number(floor.get(name)),
            "higher",
        )
        for name, value in dataclasses.asdict(found).items()
    ]


def score(e: Evidence) -> list[Figure]:
    """Classifier score, share of samples that it is sure of, and that are the label asked for."""
    value, spread = classifier_score(e.probabilities)
    sure = sure_share(e.probabilities)
    floor = _or_none(lambda: classifier_score(e.floor_probabilities)[0])
    figures = [
        Figure(f"score_{_suffix(e)}", value, spread, floor, "higher", "error: std over 10 splits"),
        Figure(
            f"sure_{_suffix(e)}",
            sure,
            _share_error(sure, e.count),
            _or_none(lambda: sure_share(e.floor_probabilities)),
            "higher",
            "share with p > 0.9",
        ),
    ]
    if e.labels is not None:
        figures.append(_right_labels(e))
    return figures


def _right_labels(e: Evidence) -> Figure:
    """The share of samples that are the label asked for, beside the classifier's on real images."""
    count = e.train.num_classes
    asked = _by_class(e.probabilities, e.labels, count)
    real = _or_none(lambda: _by_class(e.reference_probabilities, e.reference_labels, count)) or {}
    by_class = {
        name: (asked[number], real.get(number))
        for number, name in enumerate(e.train.class_names)
        if number in asked
    }
    right = label_accuracy(e.probabilities, e.labels)
    return Figure(
        f"labels_{_suffix(e)}",
        right,
        _share_error(right, e.count),
        e.extractor.accuracy,
        "higher",
        by_class=by_class,
    )


def _by_class(probabilities: np.ndarray, labels: np.ndarray, count: int) -> dict[int, float]:
    """{class: its label accuracy}, of those that there are."""
    rows = {number: labels == number for number in range(count) if (labels == number).any()}
    return {n: label_accuracy(probabilities[here], labels[here]) for n, here in rows.items()}


def classes(e: Evidence) -> list[Figure]:
    """Intra-class Frechet distance: of each class, samples asked for to its real images."""
    if e.labels is None:
        raise EvaluationError("The samples were not asked for by classes of these data.")

    def distances(features: np.ndarray, labels: np.ndarray) -> list[float]:
        real, of_real = e.reference_features, e.reference_labels
        return [
            _of_class(name, features[labels == number], real[of_real == number])
            for number, name in enumerate(e.train.class_names)
        ]

    found = distances(e.features, e.labels)
    floors = _or_none(lambda: distances(e.floor_features, e.floor_labels))
    pairs = zip(found, floors or [None] * len(found), strict=True)
    return [
        Figure(
            f"intra_fd_{_suffix(e)}",
            float(np.mean(found)),
            floor=floors and float(np.mean(floors)),
            better="lower",
            note="the mean over classes",
            by_class=dict(zip(e.train.class_names, pairs, strict=True)),
        )
    ]


def _of_class(name: str, features: np.ndarray, real: np.ndarray) -> float:
    try:
        return frechet_distance(features, real)
    except EvaluationError as error:
        raise EvaluationError(f"The class {name}: {error}") from error


def test_error(e: Evidence) -> list[Figure]:
    """The share of all test images whose class the run's own discriminator does not tell."""
    if e.classify is None:
        raise EvaluationError(
            "The discriminator tells no classes of these data: auxiliary.classifier teaches it."
        )
    if e.tested.class_names != e.train.class_names:
        raise EvaluationError("The test images have other classes than the training images.")
    wrong = e.classify(e.tested.images) != e.tested.labels
    rows = {n: e.tested.labels == i for i, n in enumerate(e.tested.class_names)}
    error = float(wrong.mean())
    return [
        Figure(
            f"test_error_{_short(len(wrong))}",
            error,
            _share_error(error, len(wrong)),
            better="lower",
            note="of the discriminator as a classifier",
            by_class={n: (float(wrong[here].mean()), None) for n, here in rows.items()},
        )
    ]


def modes(e: Evidence) -> list[Figure]:
    """How samples spread over the classes."""
    found = e.probabilities.argmax(axis=1)
    num_classes = e.probabilities.shape[1]
    data = class_shares(e.reference_probabilities.argmax(axis=1), num_classes)
    known = num_classes >= 100  # too many for a share each to be counted: the data's own design
    if known:
        data = np.full(num_classes, 1.0 / num_classes)
    coverage = class_coverage(found, data)
    exact = "beside it: what exact sampling has"
    # Shares that are counted, not known, have an error of their own.
    counted = 0.0 if known else exact_kl(len(e.reference_features), num_classes)
    floors = exact_kl(e.count, num_classes) + counted, exact_total_variation(e.count, data)
    return [
        Figure(
            f"modes_{_suffix(e)}",
            coverage.modes,
            floor=num_classes,
            better="higher",
            warning="COLLAPSED: some classes have the samples of others"
            if coverage.collapsed
            else "",
        ),
        Figure(f"class_kl_{_suffix(e)}", coverage.kl, floor=floors[0], better="lower", note=exact),
        Figure(
            f"class_tv_{_suffix(e)}",
            coverage.total_variation,
            floor=floors[1],
            better="lower",
            note=exact,
        ),
        Figure(f"least_class_{_suffix(e)}", float(coverage.shares.min()), floor=float(data.min())),
        Figure(
            f"largest_class_{_suffix(e)}", float(coverage.shares.max()), floor=float(data.max())
        ),
    ]


def diversity(e: Evidence) -> list[Figure]:
    """The spread of the samples' pixels beside the data's: what `fit` watches, without labels."""
    count = min(e.count, e.train.num_samples, _DIVERSITY)
    real = e.points("train")
    rows = np.random.default_rng(0).permutation(len(real))[:count]
    found = diversity_module.diversity(e.points("samples")[:count], real[rows])
    return [
        Figure(f"spread_{_short(count)}", found.spread, floor=1.0),
        Figure(
            f"nearest_{_short(count)}",
            found.nearest,
            floor=1.0,
            warning=f"COLLAPSED: {found}" if found.collapsed else "",
        ),
        Figure(
            f"misplaced_{_short(count)}",
            found.misplaced,
            better="lower",
            note="of the samples, where the data have fewer; about 0.1 by chance",
        ),
    ]


def neighbours(e: Evidence) -> list[Figure]:
    """Memorisation, in pixels and in the extractor's features."""
    figures = []
    spaces = {"pixels": (e.points("samples"), e.points("train")[e.seen], e.points("test"))}
    if e.extractor is not None and e.extractor.name != "pixels":
        spaces[e.extractor.name] = (e.features, e.train_features[e.seen], e.test_features)
    for name, (samples, train, test) in spaces.items():
        kept = e.cache.arrays(
            f"nearest-{name}-{e.seen.start}-{e.seen.stop}",
            lambda test=test, train=train: {
                "distances": neighbours_module.nearest(test, train)[0][:, 0]
            },
        )
        distances = neighbours_module.nearest(samples, train)[0][:, 0]
        share = neighbours_module.memorisation(distances, kept["distances"])
        suffix = f"{name}_{_short(e.count)}"
        figures += [
            Figure(
                f"memorisation_{suffix}",
                share,
                floor=0.5,
                note="0.5: as near to training images as unseen ones; 1: copies",
                warning="MEMORISED: samples are nearer to training images than unseen images are"
                if share > _MEMORISED
                else "",
            ),
            Figure(
                f"train_test_ratio_{suffix}",
                neighbours_module.distance_ratio(samples, train, test),
                floor=1.0,
                note="distance to training over distance to test images",
            ),
        ]
    return figures


def parzen(e: Evidence) -> list[Figure]:
    """Parzen-window log-likelihood of the test images, as in the 2014 paper, and its references."""
    train, validation, test = e.parzen_sets()
    samples = (np.clip(flat_unit(e.samples), 0.0, 1.0))[:_PARZEN_KERNELS]
    found = parzen_module.parzen(samples, validation, test)
    kept = e.cache.arrays("parzen", lambda: _parzen_references(train, validation, test))
    edge = "sigma lies at the edge of its grid: a better one may lie beyond"
    return [
        Figure(
            f"parzen_{_short(len(samples))}",
            found.mean,
            found.standard_error,
            float(kept["parzen_training_images"][0]),
            note=f"nats; sigma {found.sigma:.3f}; known to mislead: compare with what follows",
            warning=f"parzen: {edge}" if found.at_edge else "",
        ),
        *(
            Figure(name, float(mean), float(error), note="nats; real images in place of samples")
            for name, (mean, error) in kept.items()
        ),
    ]


def flat_unit(samples: np.ndarray) -> np.ndarray:
    """Images in [-1, 1] to float32 (n, d) in [0, 1], not rounded to grey levels."""
    return diversity_module.flat(samples) * 0.5 + 0.5


def _parzen_references(train, validation, test) -> dict[str, np.ndarray]:
    """The same protocol with real images, their centroids and their mean in place of samples.

    Random images: the first 1,000 of MNIST differ from others by several standard errors.
    """
    from sklearn.cluster import KMeans

    count = min(_PARZEN_KERNELS, len(train))
    order = np.random.default_rng(0).permutation(len(train))
    kernels = {
        "parzen_training_images": train[order[:count]],
        "parzen_1k_training_images": train[order[:_FEW_KERNELS]],
    }
    if len(train) > count:
        means = KMeans(count, init="random", n_init=1, max_iter=10, random_state=0).fit(train)
        kernels["parzen_kmeans_centroids"] = np.clip(means.cluster_centers_, 0.0, 1.0)  # rounding
    kernels["parzen_mean_image"] = train.mean(axis=0, keepdims=True)
    found = {n: parzen_module.parzen(c, validation, test) for n, c in kernels.items()}
    return {name: np.array([one.mean, one.standard_error]) for name, one in found.items()}


def mixture(e: Evidence) -> list[Figure]:
    """Modes of a known mixture, and the share of samples within 3 sigma of one."""
    means, stddev = _density(e)
    found = mixture_coverage(e.samples, means, stddev)
    expected = 1.0 / len(means)
    suffix = _short(e.count)
    known = found.stddevs[np.isfinite(found.stddevs)]
    stddevs = known if len(known) else np.array([np.nan])
    return [
        Figure(
            f"modes_{suffix}",
            found.modes,
            floor=len(means),
            better="higher",
            warning="COLLAPSED: some modes have the samples of others" if found.collapsed else "",
        ),
        Figure(
            f"quality_{suffix}",
            found.quality,
            _share_error(found.quality, e.count),
            exact_quality(means.shape[1]),
            "higher",
        ),
        Figure(f"least_share_{suffix}", float(found.shares.min() / expected), floor=1.0),
        Figure(f"largest_share_{suffix}", float(found.shares.max() / expected), floor=1.0),
        Figure(f"least_stddev_{suffix}", _number(stddevs.min()), floor=1.0),
        Figure(f"largest_stddev_{suffix}", _number(stddevs.max()), floor=1.0),
    ]


def divergence(e: Evidence) -> list[Figure]:
    """Jensen-Shannon divergence from a known density on the line, and V at the best D."""
    from keras_gan.evaluation.densities import divergences, mixtures

    if e.samples.shape[1] != 1:
        raise EvaluationError("The divergence is computed on the line only.")
    known = mixtures.of_data(e.train.name)
    found = divergences.to_samples(known, e.samples)
    exact = divergences.to_samples(known, known.sample(e.count, seed=0))
    return [
        Figure(
            f"jsd_{_short(e.count)}",
            found.jensen_shannon,
            None,
            exact.jensen_shannon,
            "lower",
            "nats",
        ),
        Figure(
            f"optimal_value_{_short(e.count)}",
            found.optimal_value,
            floor=exact.optimal_value,
            note="V(D*, G) = 2 JSD - log 4, nats",
        ),
    ]


def energy(e: Evidence) -> list[Figure]:
    """Energy distance to the real points."""
    real = e.points(e.against)
    value = energy_distance(e.points("samples"), real).distance
    floor = _or_none(lambda: energy_distance(e.points("train")[e.floor_rows], real).distance)
    return [Figure(f"energy_{_short(e.count)}", value, None, floor, "lower")]


#: By what they look at: an extractor's features, its classes, the samples themselves.
FEATURE_METRICS: dict[str, Callable[[Evidence], list[Figure]]] = {
    "frechet": frechet,
    "kernel": kernel,
    "fidelity": fidelity,
}
CLASS_METRICS = {"score": score, "modes": modes, "classes": classes}
IMAGE_METRICS = {
    "diversity": diversity,
    "neighbours": neighbours,
    "parzen": parzen,
    "test_error": test_error,
}
POINT_METRICS = {
    "mixture": mixture,
    "divergence": divergence,
    "energy": energy,
    "diversity": diversity,
}
METRICS = FEATURE_METRICS | CLASS_METRICS | IMAGE_METRICS | POINT_METRICS


def _or_none(compute: Callable[[], Any]) -> Any:
    """A figure beside another; None where there are too few images for it."""
    try:
        return compute()
    except EvaluationError:
        return None


def _number(value: np.ndarray | float | None) -> float | None:
    return None if value is None else float(value)


def _share_error(share: float, count: int) -> float:
    """The binomial standard error of a share of `count` samples."""
    return float(np.sqrt(share * (1.0 - share) / count))


def _density(e: Evidence) -> tuple[np.ndarray, float]:
    if e.train.name not in DENSITIES:
        raise EvaluationError(f"{e.train.name} is no known mixture.")
    return DENSITIES[e.train.name]


def _suffix(e: Evidence) -> str:
    against = "_to_train" if e.against == "train" else ""
    return f"{e.extractor.name}_{_short(e.count)}{against}"


def _short(count: int) -> str:
    """10000 -> 10k."""
    return f"{count // 1000}k" if count % 1000 == 0 else str(count)
