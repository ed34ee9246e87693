"""`keras-gan edit`: walks in latent space that begin at real images.

A walk is a straight line from an image's latent: towards a label, along the difference of other
images' latents, or to another image (then on the sphere, see `latents.interpolate`).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from keras_gan.apps.inversion import folders, images, inverting
from keras_gan.apps.inversion.images import Given
from keras_gan.apps.inversion.search import Found, Settings
from keras_gan.evaluation import extractors, protocol
from keras_gan.evaluation.cache import Cache
from keras_gan.games import latents
from keras_gan.runs import Run, sampling
from keras_gan.utils import image_grids
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import ClassLabels
from keras_gan.utils.pixels import to_uint8

REPORT, STRIP, ARRAYS = "edit.json", "strip.png", "latents.npz"
GIF, WEBP = "edit.gif", "edit.webp"

_DIRECTIONS = 8  # what samples of a linear model are drawn for (see `sampling`, `search`)
_SAMPLES = 4000
_ARRIVED = math.log(99.0)  # log odds of the label at a walk's end, as the linear model has it


@dataclasses.dataclass(frozen=True)
class Walk:
    """Images on their way.

    Attributes:
        latents: float32 (n, steps, latent_dim).
        images: float32 (n, steps, h, w, c).
        facts: of the report.
    """

    latents: np.ndarray
    images: np.ndarray
    facts: dict[str, Any]


def edit(
    run: Run,
    named: Sequence[str],
    *,
    towards_label: str | None = None,
    to_image: str | None = None,
    plus: Sequence[str] = (),
    minus: Sequence[str] = (),
    labels: Sequence[str] = (),
    steps: int,
    settings: Settings,
    data_dir: str | None = None,
) -> tuple[Given, Walk]:
    """Walks from images in one of three ways.

    Args:
        run: a run with a checkpoint.
        named, data_dir: see `images.load`; so are `to_image`, `plus` and `minus`.
        towards_label: see `towards`.
        to_image: see `between`.
        plus, minus: images whose mean latents are added and taken away.
        labels: see `labels.choices`; a single one is that of all images.
        steps: images of a walk.
        settings: of the search for latents.

    Returns:
        (the images that walks begin at, with the notes on all; the walks).

    Raises:
        ConfigError: images or labels that do not fit the run or each other; before a search.
        DataError: images that can't be had.
    """

    def loaded(texts: Sequence[str]) -> Given | None:
        return images.load(run, texts, data_dir) if texts else None

    def found_of(some: Given, labels: Sequence[str]) -> Found:
        return inverting.invert(run, some, labels, settings)

    given = images.load(run, named, data_dir)
    end, added, taken = map(loaded, ([to_image] if to_image else (), plus, minus))
    target = None if towards_label is None else _target_of(run, towards_label)
    if end is not None:
        _check_ends(given, end)
    one = labels if len(labels) == 1 else ()  # one an image is for those that walks begin at
    found = found_of(given, labels)
    notes = [some.notes for some in (given, end, added, taken) if some is not None]
    given = dataclasses.replace(given, notes=tuple(itertools.chain.from_iterable(notes)))
    if target is not None:
        return given, towards(run, found, target, steps, data_dir)
    if end is not None:
        return given, between(run, found, found_of(end, one), steps)
    ends = found.latents
    for some, sign in ((added, 1.0), (taken, -1.0)):
        if some is not None:
            ends = ends + sign * found_of(some, one).latents.mean(axis=0)
    return given, along(run, found, ends, steps)


def along(run: Run, found: Found, ends: np.ndarray, steps: int) -> Walk:
    """Straight walks from images' latents to `ends`, float32 (n, latent_dim), both included."""
    t = np.linspace(0.0, 1.0, steps, dtype=np.float32)[None, :, None]
    path = (1 - t) * found.latents[:, None] + t * ends[:, None]
    return _walk(run, path.astype(np.float32), found.labels, {})


def between(run: Run, found: Found, other: Found, steps: int) -> Walk:
    """Walks from each image to the image `other`, one or one each.

    Raises:
        ConfigError: images of different labels, which no latent can change.
    """
    ends = np.broadcast_to(other.latents, found.latents.shape)
    if found.labels is not None and (found.labels != other.labels).any():
        raise ConfigError(
            "Between images of different labels a conditional generator has no path of latents: "
            "give --label, the same for all of them."
        )
    path = latents.interpolate(run.gan.options.latent_distribution, found.latents, ends, steps)
    return _walk(run, path, found.labels, {})


def towards(run: Run, found: Found, target: int, steps: int, data_dir: str | None) -> Walk:
    """Walks towards the images of a class, given by its id.

    Conditional runs keep the latent and mix the label's embedding into that of the image's
    own label. In others, a logistic regression of 4,000 samples' latents on what the
    evaluation's classifier takes the samples for gives weights w; the walk goes from the
    image's class k to the label c along w_c - w_k, to where c has 99 times k's odds.

    Raises:
        ConfigError: no sample is of the class, or all are.

    Source: Shen 2020 (InterFaceGAN), section 3; departure: several classes at once.
    """
    label = run.labels.names[target]
    if run.gan.labels:
        images = sampling.label_walk(run, found.latents, found.labels, target, steps)["samples"]
        path = np.repeat(found.latents[:, None], steps, axis=1)
        return Walk(path, images.reshape(*path.shape[:2], *images.shape[1:]), {"label": label})
    model, accuracy, extract = linear_model(run, data_dir)
    if target not in model.classes_:
        raise ConfigError(
            f"None of {_SAMPLES:,} samples of {run.path} is a `{label}`: no way there."
        )
    weights, offsets = _weights(model)  # a row a class that samples have
    own = np.searchsorted(model.classes_, _seen(extract, found.images, model.classes_))
    aim = np.searchsorted(model.classes_, target)
    direction, offset = weights[aim] - weights[own], offsets[aim] - offsets[own]
    length = np.maximum((direction**2).sum(axis=1), 1e-12)
    odds = (direction * found.latents).sum(axis=1) + offset
    distance = np.maximum(_ARRIVED - odds, 0.0) / length
    walk = along(run, found, found.latents + distance[:, None] * direction, steps)
    chances = _chances(extract, walk.images)[..., target]
    facts = {
        "label": label,
        "accuracy_of_linear_model": accuracy,
        "probability_of_label": chances.round(4).tolist(),
    }
    return dataclasses.replace(walk, facts=facts)


def _target_of(run: Run, label: str) -> int:
    """The class to walk to, by its name or id, or raises ConfigError."""
    if not isinstance(run.labels, ClassLabels):
        raise ConfigError(f"The data of {run.path} have no classes to walk to.")
    return run.labels.id(label)


def _check_ends(given: Given, end: Given) -> None:
    if len(end.names) not in (1, len(given.names)):
        raise ConfigError(
            f"--to-image should be one image, or one for each of {len(given.names)}. "
            f"Received: {len(end.names)}."
        )


def write(path: Path, run: Run, given: Given, walk: Walk, facts: dict[str, Any]) -> None:
    """Writes a folder: a strip original | walk, two animations, latents, facts.

    Raises:
        DiskError: it can't be written.
    """
    frames = list(walk.images.swapaxes(0, 1))
    shown = [image_grids.grid(to_uint8(frame)) for frame in frames]
    with folders.written(path) as folder:
        folders.save_strip(folder / STRIP, [given.images, *frames])
        for name in (GIF, WEBP):
            image_grids.save_animation(folder / name, shown)
        folders.save_arrays(folder / ARRAYS, {"latents": walk.latents, "images": walk.images})
        told = {"images": given.names, "notes": given.notes}
        folders.save_report(folder / REPORT, run, {**facts, **told, **walk.facts})


def _walk(run: Run, path: np.ndarray, labels: np.ndarray | None, facts: dict[str, Any]) -> Walk:
    rows, steps, dim = path.shape
    repeated = None if labels is None else np.repeat(labels, steps)
    given = sampling.inputs(run.gan, path.reshape(-1, dim), repeated)
    images = sampling.run_batched(run.generator, given)
    return Walk(path, images.reshape(rows, steps, *images.shape[1:]), facts)


def linear_model(run: Run, data_dir: str | None) -> tuple[LogisticRegression, float, Any]:
    """(latents -> class, its accuracy on samples that it has not seen, the classifier)."""
    train, test, _ = protocol.sources(run, protocol.Protocol(data_dir=data_dir))
    cache = Cache(train, test)
    extract = extractors.get("classifier", run.config.data.name, train, test, cache).extract
    latent = sampling.draw_latents(run.gan, _SAMPLES, 0, use=_DIRECTIONS)
    images = sampling.run_batched(run.generator, sampling.inputs(run.gan, latent, None))
    classes = _chances(extract, images).argmax(axis=-1)
    if len(np.unique(classes)) < 2:
        raise ConfigError(f"All samples of {run.path} look like one class: there is no way out.")
    kept = _SAMPLES * 4 // 5
    model = LogisticRegression(max_iter=1000).fit(latent[:kept], classes[:kept])
    return model, float(model.score(latent[kept:], classes[kept:])), extract


def _weights(model: LogisticRegression) -> tuple[np.ndarray, np.ndarray]:
    """A row a class, (weights, offsets): scikit-learn has one row for two classes."""
    if len(model.classes_) > 2:
        return model.coef_, model.intercept_
    signs = np.array([[-0.5], [0.5]])
    return signs * model.coef_, signs[:, 0] * model.intercept_


def _chances(extract: Any, images: np.ndarray) -> np.ndarray:
    """Class probabilities (..., classes) of float images (..., h, w, c)."""
    flat = to_uint8(images).reshape(-1, *images.shape[-3:])
    return extract(flat)[1].reshape(*images.shape[:-3], -1)


def _seen(extract: Any, images: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The class of each image, of those that the linear model knows."""
    return among[_chances(extract, images)[:, among].argmax(axis=1)]
