"""What the labels of samples are: none, classes, or vectors of numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from keras_gan.utils.checks import check_value
from keras_gan.utils.errors import ConfigError, suggestion

_MOST = 2**16  # classes, or numbers of a vector


@dataclasses.dataclass(frozen=True)
class NoLabels:
    """Samples without labels; false, where the other kinds are true."""

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return "no labels"

    def draw(self, count: int) -> None:
        """Return None."""

    def parse(self, label: Any, count: int) -> None:
        """Return None, or raise ConfigError for a label."""
        if label is not None:
            raise ConfigError(
                "The generator was trained without labels, so that none can be chosen (--label, "
                "--condition). Conditional recipes have them: mnist_conditional, for example."
            )

    def facts(self) -> None:
        """Return None."""


@dataclasses.dataclass(frozen=True)
class ClassLabels:
    """Labels that are ids of classes, int32 ().

    Attributes:
        names: of the classes, by id.
    """

    names: tuple[str, ...]

    shape: ClassVar[tuple[int, ...]] = ()
    dtype: ClassVar[str] = "int32"

    @property
    def size(self) -> int:
        """The number of classes."""
        return len(self.names)

    def __str__(self) -> str:
        return f"{self.size or 'unnamed'} classes"

    def draw(self, count: int) -> np.ndarray:
        """Return all classes in turn, int32 (count,).

        Raises:
            ConfigError: the classes are not known.
        """
        self._check_names()
        return (np.arange(count) % self.size).astype(np.int32)

    examples = draw

    def parse(self, label: str | int | np.ndarray | None, count: int) -> np.ndarray:
        """Return int32 (count,) ids.

        Args:
            label: a class's name or id; `a..b` for those from a to b, in turn; ids, one per
                sample; None for all classes in turn.
            count: of samples.

        Raises:
            ConfigError: there is no such class, or an array of another form.
        """
        if label is None:
            return self.draw(count)
        if isinstance(label, np.ndarray):
            self._check_names()
            return checked_ids(label, count, self.size)
        ids = self.ids(str(label))
        return np.array(ids, np.int32)[np.arange(count) % len(ids)]

    def ids(self, text: str) -> list[int]:
        """Return the id of a class's name or id, or those of a range `a..b`.

        Raises:
            ConfigError: there is no such class.
        """
        start, dots, end = text.partition("..")
        if text in self.names or not dots:
            return [self.id(text)]
        first, last = self.id(start), self.id(end)
        if first > last:
            raise ConfigError(f"A range of labels goes upwards: {end}..{start}. Received: {text}.")
        return list(range(first, last + 1))

    def facts(self) -> dict[str, Any]:
        """Return what a file says of these labels."""
        return {"shape": [None], "dtype": self.dtype, "names": list(self.names)}

    def id(self, text: str) -> int:
        """Return the id of a class by its name or id, or raise ConfigError."""
        self._check_names()
        if text in self.names:
            return self.names.index(text)
        if text.isdecimal() and int(text) < self.size:
            return int(text)
        raise ConfigError(
            f"There is no label `{text}`: it should be a class name or an id from 0 to "
            f"{self.size - 1}.{suggestion(text, self.names)}"
        )

    def _check_names(self) -> None:
        if not self.names:
            raise ConfigError("The classes have no names. Give the GAN labels=ClassLabels(names).")


@dataclasses.dataclass(frozen=True)
class VectorLabels:
    """Labels that are vectors of numbers, float32 (size,).

    Attributes:
        size: of a vector.
        kept: returns float32 (n, size), examples to draw from; None where there are none.
    """

    size: int
    kept: Callable[[], np.ndarray] | None = dataclasses.field(default=None, compare=False)

    dtype: ClassVar[str] = "float32"

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size,)

    def __str__(self) -> str:
        return f"labels of {self.size} numbers"

    def draw(self, count: int) -> np.ndarray:
        """Return the examples in turn, float32 (count, size).

        Raises:
            ConfigError: there are no examples.
        """
        if self.kept is None:
            raise ConfigError("There are no labels to sample with. Give --condition FILE.npy.")
        kept = self.kept()
        return kept[np.arange(count) % len(kept)]

    examples = draw

    def parse(self, label: np.ndarray | None, count: int) -> np.ndarray:
        """Return float32 (count, size): the given vectors in turn, or the examples.

        Raises:
            ConfigError: anything but vectors of finite numbers of that size.
        """
        if label is None:
            return self.draw(count)
        wanted = f"vectors, float (n, {self.size})"
        if not isinstance(label, np.ndarray):
            raise ConfigError(
                f"Labels should be {wanted}, not classes: give some with --condition FILE.npy in "
                "place of --label."
            )
        if label.ndim != 2 or label.shape[1] != self.size or not len(label):
            raise ConfigError(f"Conditions should be {wanted}. Received: shape {label.shape}.")
        if label.dtype.kind not in "buif" or not np.isfinite(label).all():
            raise ConfigError(f"Conditions should be {wanted}, all finite.")
        return label.astype(np.float32)[np.arange(count) % len(label)]

    def facts(self) -> dict[str, Any]:
        """Return what a file says of these labels."""
        return {"shape": [None, self.size], "dtype": self.dtype}


LabelSpec = NoLabels | ClassLabels | VectorLabels
NO_LABELS = NoLabels()


def from_facts(facts: Any) -> LabelSpec:
    """Return the labels that `facts()` told of, without examples.

    Raises:
        ConfigError: anything else.
    """
    if facts is None:
        return NO_LABELS
    table = check_value("labels", facts, dict[str, Any])
    if "names" in table:
        names = check_value("labels.names", table["names"], list[str])
        if len(names) > _MOST:
            raise ConfigError(f"`labels.names` should be at most {_MOST:,}.")
        return ClassLabels(tuple(names))
    shape = check_value("labels.shape", table.get("shape"), list[int | None])
    if len(shape) != 2 or not 1 <= (shape[1] or 0) <= _MOST:
        raise ConfigError(
            f"`labels.shape` should be that of vectors of 1 to {_MOST:,} numbers. "
            f"Received: {shape}."
        )
    return VectorLabels(shape[1])


def checked_ids(ids: np.ndarray, count: int, classes: int) -> np.ndarray:
    """Return ids of classes as int32 (count,), or raise ConfigError for anything else."""
    wanted = f"ids from 0 to {classes - 1}, int ({count},)"
    if ids.shape != (count,) or ids.dtype.kind not in "iu":
        raise ConfigError(f"Labels should be {wanted}. Received: {ids.dtype} {ids.shape}.")
    if not ((ids >= 0) & (ids < classes)).all():
        raise ConfigError(f"Labels should be {wanted}. Received: {ids.min()} to {ids.max()}.")
    return ids.astype(np.int32)


def of_classes(names: Sequence[str] | None) -> LabelSpec:
    """Return the labels of classes with these names; None for no labels."""
    return NO_LABELS if names is None else ClassLabels(tuple(names))
