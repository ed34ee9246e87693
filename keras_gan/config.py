"""What a run is made of: frozen dataclasses, read from YAML and written to it.

Reading is strict: a key that does not exist or a value of the wrong type is an
error that names the key, what it should be and what was received.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib.resources
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from keras_gan.utils import strict_yaml
from keras_gan.utils.checks import (
    Bounds,
    Checked,
    Count,
    Seed,
    Weight,
    annotations,
    check_value,
    named,
    shown,
    wrong_type,
)
from keras_gan.utils.errors import ConfigError, suggestion


def _table(default: dict[str, Any]) -> Any:
    """Return a field whose default is a copy of a table."""
    return dataclasses.field(default_factory=lambda: dict(default))


@dataclasses.dataclass(frozen=True)
class DataConfig(Checked):
    """Where real images come from (see `keras_gan.data`)."""

    name: str = "digits"  # a data set's name, or the path of a folder or .npz
    directory: str | None = None  # where tensorflow-datasets has its prepared data
    split: str = "train"  # a split, or a part of one: train[:50000]
    image_size: Count | None = None  # resize and centre-crop to this
    channels: Literal[1, 3] | None = None  # grey or RGB
    follow_links: bool = False  # out of a folder of pictures, too
    stream: Literal["auto", True, False] = "auto"  # read images as they are drawn: if too many
    labels_per_class: Count | None = None  # samples that keep theirs; None for all
    labels_seed: Seed = 0  # of the choice of these
    pack: bool = False  # write a folder's images to one file of the cache, once


@dataclasses.dataclass(frozen=True)
class OptimizerConfig(Checked):
    """One optimizer per player: its `name` and Keras' arguments (see `games.optimizers`)."""

    generator: dict[str, Any] = _table({"name": "adam", "learning_rate": 2e-4, "beta_1": 0.5})
    discriminator: dict[str, Any] = _table({"name": "adam", "learning_rate": 2e-4, "beta_1": 0.5})


@dataclasses.dataclass(frozen=True)
class TrainingConfig(Checked):
    """How long and on what a game is trained."""

    epochs: Count = 10
    batch_size: Count = 64  # the paper's m
    label_sampling: Literal["data", "balanced"] = "data"  # as they come, or all classes alike
    gradient_accumulation_steps: Count = 1  # parts of a minibatch, to save memory
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    jit_compile: Literal["auto", True, False] = "auto"  # XLA
    steps_per_execution: Count = 100  # training steps in one compiled call, at most
    init_from: str | None = None  # a run whose weights are the start


@dataclasses.dataclass(frozen=True)
class OutputConfig(Checked):
    """What a run writes, and how often."""

    scalars_every_steps: Count = 100
    samples_every_epochs: Weight = 1.0  # grids, and the check for mode collapse
    sample_count: Annotated[int, Bounds(1, 10_001)] = 100
    held_out_every_epochs: Weight = 4.0  # a discriminator trained afresh
    checkpoint_every_epochs: Weight = 1.0
    checkpoint_every_minutes: Weight = 5.0
    keep_checkpoints: Count = 2


@dataclasses.dataclass(frozen=True)
class Config(Checked):
    """A recipe, and the whole of what a run is a function of."""

    name: str = "run"
    description: str = ""
    seed: Seed = 0
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    game: dict[str, Any] = _table({"name": "gan"})  # and options, see the game's `Options`
    network: dict[str, Any] = _table({"family": "mlp"})  # see the game's `Networks`
    loss: dict[str, Any] = _table({"name": "non_saturating"})
    regularizers: dict[str, dict[str, Any]] = _table({})  # of the discriminator
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    output: OutputConfig = dataclasses.field(default_factory=OutputConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "game", {"name": "gan", **self.game})
        object.__setattr__(self, "loss", {"name": "non_saturating", **self.loss})

    def to_dict(self) -> dict[str, Any]:
        """Returns plain dicts and lists, in the order of the fields."""
        return dataclasses.asdict(self)

    def to_yaml(self) -> str:
        """Returns the text that `load_config` reads back to an equal Config."""
        return strict_yaml.write(self.to_dict())

    def replace(self, **overrides: Any) -> Config:
        """Returns a Config with dotted paths replaced, `__` for the dot: training__epochs=3."""
        return override(self, {k.replace("__", "."): v for k, v in overrides.items()})


def load_config(recipe: str | Path) -> Config:
    """Reads a recipe by name, or a YAML file by path.

    Args:
        recipe: a name from `recipe_names()`, or the path of a .yaml file.

    Raises:
        ConfigError: no such recipe or file, no YAML, unknown key, wrong type.
    """
    text = str(recipe)
    if text in recipe_names():
        source = importlib.resources.files("keras_gan.configs") / f"{text}.yaml"
        return parse_config(source.read_text("utf-8"), f"recipe {text}")
    path = Path(text)
    looks_like_path = path.suffix in (".yaml", ".yml") or path.name != text
    if not looks_like_path:
        raise ConfigError(f"There is no recipe `{text}`.{suggestion(text, recipe_names())}")
    try:
        with open(path, "rb") as file:
            content = file.read(strict_yaml.LARGEST + 1).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"Can't read {text}: it is not UTF-8 text.") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"Can't read {text}: {reason}.") from error
    if len(content) > strict_yaml.LARGEST:
        raise ConfigError(f"{text} is too long to be a recipe.")
    return parse_config(content, text)


def recipe_names() -> list[str]:
    """The names of the recipes that come with keras-gan, sorted."""
    folder = importlib.resources.files("keras_gan.configs")
    return sorted(p.name[: -len(".yaml")] for p in folder.iterdir() if p.name.endswith(".yaml"))


def parse_config(text: str, where: str) -> Config:
    """Parses YAML text; `where` names it in errors."""
    try:
        values = strict_yaml.read(text)
    except ValueError as error:
        raise ConfigError(f"{where} is not a valid recipe: {error}.") from error
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{where} should hold keys and values. Received: {shown(values)}.")
    try:
        return config_from_dict(values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def config_from_dict(values: Mapping[str, Any]) -> Config:
    """Builds a Config from plain values, strictly."""
    return _build(Config, values, "")


#: Setting one of these to something else empties the options that belonged to
#: the former choice, which the new one may not have.
_CHOICES = {
    "game.name": ("game",),
    "network.family": ("network.generator", "network.discriminator", "network.encoder"),
    "loss.name": ("loss",),
    "optimizer.generator.name": ("optimizer.generator",),
    "optimizer.discriminator.name": ("optimizer.discriminator",),
}

#: Settings of `network` that a new game keeps.
_OF_ALL_GAMES = ("family", "latent_dim", "generator", "discriminator")

#: Tables of tables that `--set` may add to.
_OPEN = ("network", "regularizers")


def override(config: Config, values: Mapping[str, Any]) -> Config:
    """Return `config` with dotted paths set: {"training.epochs": 3}.

    A new `game.name`, `network.family`, `loss.name` or optimizer `name` starts from that
    choice's own default options, to which the other paths are then applied. A new game keeps
    the networks, but for what only some games have.

    Raises:
        ConfigError: unknown path, wrong type.
    """
    tree = config.to_dict()
    for path, value in sorted(values.items(), key=lambda item: item[0] not in _CHOICES):
        *parents, last = path.split(".")
        node = tree
        for depth, key in enumerate(parents):
            if isinstance(node, dict) and key not in node and depth and parents[0] in _OPEN:
                node[key] = {}
            if not isinstance(node, dict) or key not in node:
                _unknown(".".join([*parents[:depth], key]), key, node, path)
            node = node[key]
        if not isinstance(node, dict) or path in _MOVED:
            _unknown(path, last, node)
        if path in _CHOICES and node.get(last) != value:
            for emptied in _CHOICES[path]:
                _clear(tree, emptied.split("."))
            if path == "game.name":
                tree["network"] = {k: v for k, v in tree["network"].items() if k in _OF_ALL_GAMES}
        node[last] = value
    return config_from_dict(tree)


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Parses `path=value` texts; a value is read as YAML.

    Raises:
        ConfigError: no `=` in it, or a value that is no YAML.
    """
    values = {}
    for text in assignments:
        path, equals, value = text.partition("=")
        if not equals or not path:
            raise ConfigError(f"`--set` takes path=value. Received: {shown(text)}.")
        try:
            values[path.strip()] = strict_yaml.read(value)
        except ValueError as error:
            raise ConfigError(
                f"`--set {named(path)}`: {shown(value)} is not a valid value."
            ) from error
    return values


def _build(kind: type, values: Any, path: str) -> Any:
    fields = annotations(kind)
    if not isinstance(values, Mapping):
        wrong_type(path or "the recipe", f"a table with the keys {', '.join(fields)}", values)
    built = {}
    for key, value in values.items():
        inner = f"{path}.{key}" if path else str(key)
        if key not in fields:
            _unknown(inner, key, fields)
        if dataclasses.is_dataclass(fields[key]):
            built[key] = _build(fields[key], value, inner)
        else:
            built[key] = check_value(inner, value, fields[key])
    return kind(**built)


def _clear(tree: dict, path: list[str]) -> None:
    for key in path[:-1]:
        tree = tree[key]
    if isinstance(tree.get(path[-1]), dict):
        tree[path[-1]].clear()


#: Settings of 0.1.0, and where they are now.
_MOVED = {
    "objective": "loss",
    "objective.name": "loss.name",
    "penalties": "regularizers",
    "auxiliary": "game (its `name` is acgan or semi_supervised)",
    "latent": "network.latent_dim and game.latent_distribution",
    "latent.dim": "network.latent_dim",
    "latent.distribution": "game.latent_distribution",
    "training.accumulate": "training.gradient_accumulation_steps",
    "training.steps_per_call": "training.steps_per_execution",
    **{
        f"training.{name}": f"game.{name}"
        for name in (
            "discriminator_steps",
            "updates",
            "packing",
            "instance_noise",
            "instance_noise_steps",
            "flip",
            "augment",
            "ema_decay",
            "discriminator_ema_decay",
        )
    },
}


def _unknown(path: str, key: Any, known: Any, whole: str | None = None) -> NoReturn:
    """Raise ConfigError with the new name of a setting, the nearest key, or its place.

    Args:
        path: of the unknown key.
        key: its last part.
        known: the table it is not in.
        whole: the path that was set, where that is longer.
    """
    names = [str(name) for name in known] if isinstance(known, Mapping) else []
    parent = path[: len(path) - len(str(key))]
    places = [*setting_paths(Config), *(new for new in _MOVED.values() if " " not in new)]
    everywhere = {full.rpartition(".")[2]: full for full in places}
    if moved := _MOVED.get(whole or path, _MOVED.get(path)):
        hint = f" It is now {moved}."
    elif near := difflib.get_close_matches(str(key), names, n=1):
        hint = f" Did you mean `{parent}{near[0]}`?"
    elif near := difflib.get_close_matches(str(key), everywhere, n=1):
        hint = f" Did you mean `{everywhere[near[0]]}`?"
    else:
        hint = suggestion(str(key), names)
    raise ConfigError(f"There is no setting `{named(path)}`.{hint}")


def setting_paths(kind: type, parent: str = "") -> list[str]:
    """Return the dotted paths of all settings."""
    paths = []
    for name, hint in annotations(kind).items():
        inner = setting_paths(hint, f"{parent}{name}.") if dataclasses.is_dataclass(hint) else []
        paths += inner or [f"{parent}{name}"]
    return paths
