"""Values that people write, checked against the types that the program wants."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import types
import typing
from typing import Annotated, Any, Literal, NoReturn

from keras_gan.utils.errors import ConfigError, one_line


@dataclasses.dataclass(frozen=True)
class Bounds:
    """The range of a number, `minimum` <= value < `below`, as a part of its annotation."""

    minimum: float
    below: float | None = None

    def check(self, path: str, value: Any) -> None:
        """Raise ConfigError for a number outside the range; whole numbers fit into 32 bits."""
        below = self.below or (2**31 if isinstance(value, int) else math.inf)
        if not value >= self.minimum:
            raise ConfigError(
                f"`{named(path)}` should be at least {self.minimum}. Received: {shown(value)}."
            )
        if not value < below:
            raise ConfigError(f"`{named(path)}` should be below {below}. Received: {shown(value)}.")


#: How many: from 1. How strong: from 0. A share that leaves something: in [0, 1).
Count = Annotated[int, Bounds(1)]
Weight = Annotated[float, Bounds(0)]
Share = Annotated[float, Bounds(0, 1)]
Seed = Annotated[int, Bounds(0)]


class Checked:
    """A base of dataclasses whose fields hold what their annotations say.

    Raises:
        ConfigError: on construction, a value of another type or outside its `Bounds`.
    """

    def __post_init__(self) -> None:
        for name, annotation in annotations(type(self)).items():
            value = check_value(name, getattr(self, name), annotation)
            object.__setattr__(self, name, value)


@functools.cache
def annotations(kind: type) -> dict[str, Any]:
    """Return the annotations of a dataclass's fields by name, with their bounds."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init}


def check_value(path: str, value: Any, annotation: Any) -> Any:
    """Return `value` as the annotated type, or raise ConfigError naming `path`.

    Whole numbers pass as floats, and texts like 1e-4, which YAML 1.1 takes for
    a string, too. A list becomes a tuple where one is annotated. No other conversion is made.
    """
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _check_any(path, value, [a for a in arguments if a is not type(None)])
    if origin is Annotated:
        value = check_value(path, value, arguments[0])
        arguments[1].check(path, value)
        return value
    if origin is Literal:
        if not any(value == a and type(value) is type(a) for a in arguments):
            known = [str(a).lower() if isinstance(a, bool) else str(a) for a in arguments]
            raise ConfigError(
                f"`{named(path)}` should be one of {', '.join(known)}. Received: {shown(value)}."
            )
        return value
    if origin in (list, tuple):
        if not isinstance(value, list | tuple):
            wrong_type(path, "a list", value)
        return origin(check_value(f"{path}.{i}", v, arguments[0]) for i, v in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            wrong_type(path, "a table of keys and values", value)
        for key in value:
            check_value(f"{path} (its keys)", key, str)
        return {k: check_value(f"{path}.{k}", v, arguments[1]) for k, v in value.items()}
    if annotation is Any:
        return _plain(path, value, 0)
    if annotation is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        with contextlib.suppress(ValueError, OverflowError):
            if math.isfinite(float(value)):
                return float(value)
    elif _is_a(annotation, value):
        return value
    kinds = {int: "a whole number", float: "a finite number", bool: "true or false", str: "text"}
    wrong_type(path, kinds.get(annotation, annotation.__name__), value)


def _check_any(path: str, value: Any, annotations: list[Any]) -> Any:
    """Return `value` as the first annotated type that it fits."""
    *others, last = annotations
    for annotation in others:
        with contextlib.suppress(ConfigError):
            return check_value(path, value, annotation)
    return check_value(path, value, last)


def _is_a(kind: type, value: Any) -> bool:
    if kind is str and isinstance(value, str):
        return not any("\ud800" <= c <= "\udfff" for c in value)  # which UTF-8 can't write
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


_DEEPEST = 10  # levels of lists and tables in one setting


def _plain(path: str, value: Any, depth: int) -> Any:
    """Returns `value` as what YAML can hold: numbers, texts, lists, tables with texts as keys."""
    if depth > _DEEPEST:
        raise ConfigError(f"`{named(path)}` is nested too deeply.")
    if isinstance(value, dict):
        for key in value:
            check_value(f"{path} (its keys)", key, str)
        return {str(k): _plain(f"{path}.{k}", v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(f"{path}.{i}", v, depth + 1) for i, v in enumerate(value)]
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return str(check_value(path, value, str)) if kind is str else kind(value)
    wrong_type(path, "a number, text, true, false, a list or a table", value)


def wrong_type(path: str, wanted: str, value: Any) -> NoReturn:
    """Raises the ConfigError of a value that should be something else."""
    raise ConfigError(f"`{named(path)}` should be {wanted}. Received: {shown(value)}.")


def named(path: str) -> str:
    """Returns what a message shows of a setting's path, at most 80 characters."""
    return one_line(path, 80)


def shown(value: Any) -> str:
    """Returns what a message shows of a received value, at most 80 characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # thousands of digits, or of levels
        text = f"a {type(value).__name__} that is too large to be shown"
    return text if len(text) <= 80 else f"{text[:77]}..."


def flatten(tree: dict, prefix: str = "") -> dict[str, bool | int | float | str]:
    """{"a": {"b": 1}} to {"a.b": 1}; what is no number, flag or text becomes text."""
    flat = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            plain = isinstance(value, bool | int | float | str)
            flat[f"{prefix}{key}"] = value if plain else str(value)
    return flat
