"""Values that people write, checked against the types that the program wants."""

from __future__ import annotations

import contextlib
import math
import types
import typing
from typing import Any, Literal, NoReturn

from keras_gan.errors import ConfigError


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
        return check_value(path, value, next(a for a in arguments if a is not type(None)))
    if origin is Literal:
        if not any(value == a and type(value) is type(a) for a in arguments):
            known = [str(a).lower() if isinstance(a, bool) else str(a) for a in arguments]
            raise ConfigError(
                f"`{path}` should be one of {', '.join(known)}. Received: {shown(value)}."
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
            if not isinstance(key, str):
                wrong_type(f"{path} (its keys)", "text", key)
        return {k: check_value(f"{path}.{k}", v, arguments[1]) for k, v in value.items()}
    if annotation is Any:
        return value
    if annotation is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        with contextlib.suppress(ValueError, OverflowError):
            if math.isfinite(float(value)):
                return float(value)
    elif isinstance(value, annotation) and not (annotation is int and isinstance(value, bool)):
        return value
    kinds = {int: "a whole number", float: "a finite number", bool: "true or false", str: "text"}
    wrong_type(path, kinds.get(annotation, annotation.__name__), value)


def wrong_type(path: str, wanted: str, value: Any) -> NoReturn:
    """Raises the ConfigError of a value that should be something else."""
    raise ConfigError(f"`{path}` should be {wanted}. Received: {shown(value)}.")


def shown(value: Any) -> str:
    """Returns what a message shows of a received value, at most 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
