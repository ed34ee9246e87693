"""Few labels of many: which rows keep theirs, class by class."""

from __future__ import annotations

import dataclasses

import numpy as np

from keras_gan.data.source import Source
from keras_gan.utils.errors import DataError

#: The label of a sample whose class nobody is told.
UNLABELLED = -1


def balanced_rows(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows of all classes alike, drawn without replacement: int64 (count,), sorted.

    Where `count` is no multiple of the classes, some have one more.

    Args:
        labels: int (n,).
        count: at most n.
        seed: other rows for another one.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    # The rank of each row within its class, in that order: first all first ones, and so on.
    by_class = order[np.argsort(labels[order], kind="stable")]
    _, counts = np.unique(labels, return_counts=True)
    ranks = np.concatenate([np.arange(n) for n in counts])
    return np.sort(by_class[np.argsort(ranks, kind="stable")[:count]])


def with_few_labels(source: Source, per_class: int, seed: int) -> Source:
    """The same samples, of which `per_class` of each class keep their label; others have -1.

    Raises:
        DataError: data without classes, or with too few samples of one.
    """
    if source.num_classes is None:
        raise DataError(
            f"data.labels_per_class needs labels to choose from, but {source.name} has no classes."
        )
    counts = np.bincount(source.labels, minlength=source.num_classes)
    if counts.min() < per_class:
        name = source.class_names[counts.argmin()]
        raise DataError(
            f"data.labels_per_class is {per_class}, but {source.name} has {counts.min()} samples "
            f"of the class {name}."
        )
    rows = balanced_rows(source.labels, per_class * source.num_classes, seed)
    labels = np.full_like(source.labels, UNLABELLED)
    labels[rows] = source.labels[rows]
    note = f"{len(rows)} labels are known, {per_class} a class (data.labels_seed={seed})"
    return dataclasses.replace(source, labels=labels, notes=(*source.notes, note))
