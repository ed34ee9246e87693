"""What a sweep is made of: a YAML file, read as strictly as a recipe, to single runs.

name: games
recipes: [digits]
set: {training.epochs: 100}
axes:
  game:
    relativistic: {loss.name: relativistic}
    wgan_gp: {loss.name: wasserstein, regularizers: {gradient_penalty: {weight: 10}}}
seeds: [0, 1, 2]
evaluate: {metrics: [frechet], count: 10000}
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_gan.config import Config, load_config, override
from keras_gan.utils import strict_yaml
from keras_gan.utils.checks import check_value, shown
from keras_gan.utils.errors import ConfigError, suggestion

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_MOST_RUNS = 10_000


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run of a sweep.

    Attributes:
        group: what it is, but for the seed: a recipe's name and a choice of each axis.
        config: all of its settings.
    """

    group: tuple[str, ...]
    config: Config

    @property
    def name(self) -> str:
        """A path below a folder: its group, then its seed."""
        return f"{'--'.join(self.group)}/seed-{self.config.seed}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """A sweep.

    Attributes:
        name: of the sweep.
        axes: names of the axes; the first column of a group is its recipe.
        choices: {axis: {choice: settings}}.
        evaluate: options of `keras-gan evaluate`, or None where the numbers that training
            logs by itself are enough.
        cells: the runs, seed by seed: a sweep that is stopped has something of every group.
    """

    name: str
    axes: tuple[str, ...]
    choices: dict[str, dict[str, dict[str, Any]]]
    evaluate: dict[str, Any] | None
    cells: tuple[Cell, ...]


def read(path: Path) -> Plan:
    """Reads a sweep.

    Raises:
        ConfigError: no such file, no YAML, unknown keys, settings that a recipe does not
            have, names that can't be those of folders, too many runs.
    """
    try:
        with open(path, "rb") as file:
            values = strict_yaml.read(file.read(strict_yaml.LARGEST + 1).decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"Can't read {path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not a valid sweep: {error}.") from error
    try:
        return parse(values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def check(plan: Plan, path: Path) -> None:
    """Looks at all that can be told to be wrong without the data; imports TensorFlow.

    Args:
        plan: what was read.
        path: from where.

    Raises:
        ConfigError: options of networks, optimizers, regularizers; metrics that there are not.
    """
    from keras_gan.evaluation.protocol import Protocol
    from keras_gan.games import recipes

    for cell in {cell.group: cell for cell in plan.cells}.values():
        try:
            recipes.check(cell.config)
        except ConfigError as error:
            raise ConfigError(f"{path}: {' '.join(cell.group)}: {error}") from error
    named = {key: tuple((plan.evaluate or {}).get(key, ())) for key in ("metrics", "extractors")}
    try:
        Protocol(metrics=named["metrics"], extractor_kinds=named["extractors"]).check()
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


#: The keys of a sweep: type, and default where it may be left out.
_KEYS: dict[str, tuple[Any, Any]] = {
    "name": (str, "sweep"),
    "recipes": (list[str], None),
    "set": (dict[str, Any], {}),
    "axes": (dict[str, dict[str, dict[str, Any]]], {}),
    "seeds": (list[int], [0]),
    "evaluate": (dict[str, Any] | None, None),
}
#: The keys of `evaluate`: type, option of the command.
_EVALUATE: dict[str, tuple[Any, str]] = {
    "metrics": (list[str], "--metric"),
    "count": (int, "--count"),
    "extractors": (list[str], "--extractor"),
}
_COUNTS = range(10, 1_000_001)  # those of --count


def parse(values: Any) -> Plan:
    """Builds a plan from plain values, strictly.

    Raises:
        ConfigError: see `read`.
    """
    if not isinstance(values, dict):
        wanted = ", ".join(_KEYS)
        raise ConfigError(f"A sweep should be a table of {wanted}. Received: {shown(values)}.")
    _check_keys("a sweep", values, _KEYS)
    given = {
        key: check_value(key, values[key], kind) if key in values else default
        for key, (kind, default) in _KEYS.items()
    }
    if not given["recipes"]:
        raise ConfigError("`recipes` should name at least one. Received: none.")
    if not given["seeds"] or len(set(given["seeds"])) < len(given["seeds"]):
        raise ConfigError(f"`seeds` should be different. Received: {shown(given['seeds'])}.")
    axes = given["axes"]
    for table in (given["set"], *(choice for axis in axes.values() for choice in axis.values())):
        if "seed" in table:
            raise ConfigError("`seed` is set by `seeds: [...]` alone. Received: another one.")
    for text in (given["name"], *axes, *(name for choices in axes.values() for name in choices)):
        if not _NAME.fullmatch(text):
            raise ConfigError(
                "Names in a sweep should be letters, digits, and hyphens, dots and underscores "
                f"within. Received: {shown(text)}."
            )
    for axis, choices in axes.items():
        if not choices:
            raise ConfigError(f"`axes.{axis}` should have at least one choice.")
    cells = _cells(given["recipes"], given["set"], axes, given["seeds"])
    return Plan(given["name"], tuple(axes), axes, _checked(given["evaluate"]), cells)


def _check_keys(what: str, values: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for key in values:
        if key not in known:
            raise ConfigError(f"There is no key `{key}` in {what}.{suggestion(str(key), known)}")


def _cells(
    recipes: list[str],
    common: dict[str, Any],
    axes: dict[str, dict[str, dict[str, Any]]],
    seeds: list[int],
) -> tuple[Cell, ...]:
    groups: dict[tuple[str, ...], Config] = {}
    for recipe, *names in itertools.product(recipes, *axes.values()):
        config = override(load_config(recipe), common)
        for axis, name in zip(axes, names, strict=True):
            config = override(config, axes[axis][name])
        group = (Path(recipe).stem, *names)
        if group in groups:
            raise ConfigError(f"`recipes`: two of them are called {group[0]}.")
        groups[group] = config
    if len(groups) * len(seeds) > _MOST_RUNS:
        raise ConfigError(f"A sweep should have at most {_MOST_RUNS:,} runs.")
    return tuple(
        Cell(group, override(config, {"seed": seed}))
        for seed in seeds
        for group, config in groups.items()
    )


def _checked(evaluate: dict[str, Any] | None) -> dict[str, Any] | None:
    """What `evaluate` says, with the types that it should have."""
    if evaluate is None:
        return None
    _check_keys("`evaluate`", evaluate, _EVALUATE)
    checked = {
        key: check_value(f"evaluate.{key}", value, _EVALUATE[key][0])
        for key, value in evaluate.items()
    }
    if checked.get("count", _COUNTS[0]) not in _COUNTS:
        raise ConfigError(
            f"`evaluate.count` should be {_COUNTS[0]} to {_COUNTS[-1]:,}. "
            f"Received: {checked['count']}."
        )
    return checked


def arguments(evaluate: dict[str, Any]) -> list[str]:
    """The options of `keras-gan evaluate`."""
    found = []
    for key, value in evaluate.items():
        each = value if isinstance(value, list) else [value]
        found += [f"{_EVALUATE[key][1]}={one}" for one in each]
    return found
