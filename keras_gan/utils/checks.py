"""Values that people write, checked against the types that the program wants."""

from __future__ import annotations

import contextlib
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NoReturn

from keras_gan.utils.errors import ConfigError, one_line


def check_value(path: str, value: Any, annotation: Any) -> Any:
    """Returns `value` as the annotated type, or raises ConfigError naming `path`.

    Whole numbers pass as floats, and texts like 1e-4, which YAML 1.1 takes for
    a string, too. No other conversion is made.
    """
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _check_any(path, value, [a for a in arguments if a is not type(None)])
    if origin is Literal:
        if not any(value == a and type(value) is type(a) for a in arguments):
            known = [str(a).lower() if isinstance(a, bool) else str(a) for a in arguments]
            raise ConfigError(
                f"`{named(path)}` should be one of {', '.join(known)}. Received: {shown(value)}."
            )
        return value
    if origin is list:
        if not isinstance(value, list | tuple):
            wrong_type(path, "a list", value)
        return [check_value(f"{path}.{i}", v, arguments[0]) for i, v in enumerate(value)]
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


def built(
    path: str, given: Any, kind: type, build: Callable[[str, Mapping[str, Any]], Any], example: str
) -> tuple:
    """Objects of `kind` as they are given, or as `build` makes them of a table {name: options}.

    Raises:
        ConfigError: anything else; it names `path`, and shows a table as `example`.
    """
    if isinstance(given, Mapping) and all(isinstance(o, Mapping) for o in given.values()):
        return tuple(build(name, options) for name, options in given.items())
    if isinstance(given, Iterable) and all(isinstance(one, kind) for one in given):
        return tuple(given)
    wrong_type(path, f"a table like {example}, or {kind.__name__} objects", given)


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
