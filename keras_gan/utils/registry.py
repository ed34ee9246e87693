"""Things that a recipe names and gives options, `{name: adam, learning_rate: 1.0e-3}`."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from keras_gan.utils.checks import Weight, annotations, check_value, named, wrong_type
from keras_gan.utils.errors import ConfigError, suggestion

T = TypeVar("T")


class Registry(dict[str, T]):
    """Entries by name; `registry[name]` raises ConfigError with the nearest name.

    Args:
        kind: what an entry is, for messages: `loss`.
        entries: by name.
    """

    def __init__(self, kind: str, entries: Mapping[str, T]):
        super().__init__(entries)
        self.kind = kind

    def __missing__(self, name: str) -> T:
        name = str(name)
        raise ConfigError(f"There is no {self.kind} `{named(name)}`.{suggestion(name, self)}")

    def named_in(self, path: str, table: Any, default: str | None = None) -> str:
        """Return the name of a table `{name: ..., option: value}`.

        Raises:
            ConfigError: no table, or no entry of that name.
        """
        if not isinstance(table, Mapping):
            wrong_type(path, "a table with a `name`", table)
        name = check_value(f"{path}.name", table.get("name", default), str)
        self[name]
        return name

    def build(self, path: str, table: Any, default: str | None = None) -> Any:
        """Call the entry that a table names with the table's other values.

        Args:
            path: of the table in a recipe, for messages.
            table: `{name: ..., option: value, ...}`.
            default: the name where the table has none.

        Raises:
            ConfigError: no such entry or option, a value of the wrong type.
        """
        name = self.named_in(path, table, default)
        options = {key: value for key, value in table.items() if key != "name"}
        return call(self[name], path, options, f"{self.kind} {name}")


def call(entry: Callable[..., T], path: str, options: Mapping[str, Any], owner: str) -> T:
    """Call `entry` with options that its signature has.

    Raises:
        ConfigError: as `check_options`, or a value that it refuses.
    """
    checked = check_options(entry, path, options, owner)
    try:
        return entry(**checked)
    except (TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ConfigError(f"`{path}`: {reason}.") from error


def check_options(
    entry: Callable,
    path: str,
    options: Mapping[str, Any],
    owner: str,
    leave_out: Collection[str] = (),
) -> dict[str, Any]:
    """Return options as the types in a signature.

    Args:
        entry: whose signature it is.
        path: of the options in a recipe, for messages.
        options: values by name.
        owner: of the options, for messages.
        leave_out: parameters that the program sets, not a recipe.

    Raises:
        ConfigError: an option that is not in the signature or is missing, or a value of the
            wrong type.
    """
    if not isinstance(options, Mapping):
        wrong_type(path, "a table of options", options)
    known = {name: p for name, p in parameters(entry).items() if name not in leave_out}
    checked = {}
    for name, value in options.items():
        where = f"{path}.{name}" if path else str(name)
        if name not in known:
            raise ConfigError(
                f"`{named(where)}`: the {owner} has no such option.{suggestion(name, known)}"
            )
        checked[name] = check_value(where, value, _annotation(known[name]))
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in checked:
            raise ConfigError(f"`{path}`: the {owner} needs {path}.{name}.")
    return checked


def parameters(entry: Callable) -> dict[str, inspect.Parameter]:
    """Return the parameters of a signature by name, but for `**kwargs`."""
    if not dataclasses.is_dataclass(entry):
        found = inspect.signature(entry, eval_str=True).parameters
        return {name: p for name, p in found.items() if p.kind is not p.VAR_KEYWORD}
    # Those of a base stand in its own module's names.
    found, types = inspect.signature(entry).parameters, annotations(entry)
    return {name: p.replace(annotation=types[name]) for name, p in found.items()}


def _annotation(parameter: inspect.Parameter) -> Any:
    """Return a parameter's type; Keras' classes have defaults in place of annotations."""
    default = parameter.default
    if parameter.annotation is not parameter.empty:
        return parameter.annotation
    if default in (None, parameter.empty) or isinstance(default, float):
        return Weight | None
    return Any if isinstance(default, str) else type(default)
