"""What a run is made of: frozen dataclasses, read from YAML and written to it.

Reading is strict: a key that does not exist or a value of the wrong type is an
error that names the key, what it should be and what was received.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib.resources
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from keras_gan.utils import strict_yaml
from keras_gan.utils.checks import check_value, named, shown, wrong_type
from keras_gan.utils.errors import ConfigError, suggestion


def _field(default: Any, minimum: float | None = None, below: float | None = None) -> Any:
    """A field with its bounds: `minimum` <= value < `below`."""
    metadata = {"minimum": minimum, "below": below}
    if isinstance(default, dict | list):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where real images come from (see `keras_gan.data`)."""

    name: str = "digits"  # a data set's name, or the path of a folder or .npz
    directory: str | None = None  # where tensorflow-datasets has its prepared data
    split: str = "train"  # a split, or a part of one: train[:50000]
    image_size: int | None = _field(None, 1)  # resize and centre-crop to this
    channels: Literal[1, 3] | None = None  # grey or RGB
    follow_links: bool = False  # out of a folder of pictures, too
    stream: Literal["auto", True, False] = "auto"  # read images as they are drawn: if too many
    labels_per_class: int | None = _field(None, 1)  # samples that keep theirs; None for all
    labels_seed: int = _field(0, 0)  # of the choice of these
    pack: bool = False  # write a folder's images to one file of the cache, once


@dataclasses.dataclass(frozen=True)
class LatentConfig:
    """The distribution of z."""

    dim: int = _field(128, 1)
    distribution: str = "normal"  # normal, uniform, rademacher (-1 or 1)


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """Both players; the options are those of the family's builders."""

    family: str = "mlp"  # mlp, maxout, dcgan, resnet
    conditioning: Literal["none", "concat", "projection", "classifier"] = "none"  # D's labels
    generator: dict[str, Any] = _field({})
    discriminator: dict[str, Any] = _field({})
    encoder: dict[str, Any] | None = None  # trained with G (BiGAN): {} for its default options


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """One optimizer a player: its `name` and Keras' arguments (see `games.optimizers`)."""

    generator: dict[str, Any] = _field({"name": "adam", "learning_rate": 2e-4, "beta_1": 0.5})
    discriminator: dict[str, Any] = _field({"name": "adam", "learning_rate": 2e-4, "beta_1": 0.5})


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """Algorithm 1 and how it is run."""

    epochs: int = _field(10, 1)
    batch_size: int = _field(64, 1)  # the paper's m
    discriminator_steps: int = _field(1, 1)  # the paper's k
    updates: Literal["alternating", "simultaneous"] = "alternating"
    packing: int = _field(1, 1)  # images that D sees at once (PacGAN)
    instance_noise: float = _field(0.0, 0)  # stddev of Gaussian noise on D's inputs
    instance_noise_steps: int | None = _field(None, 1)  # fades linearly to 0 over these
    flip: bool = False  # mirrors half of the real images, left to right
    augment: list[str] = _field([])  # DiffAugment: color, translation, cutout
    accumulate: int = _field(1, 1)  # parts in which a minibatch is played, to save memory
    ema_decay: float = _field(0.999, 0, 1)  # of the generator's weights; 0 for none
    discriminator_ema_decay: float = _field(0.0, 0, 1)  # of those that tell classes
    label_sampling: Literal["data", "balanced"] = "data"  # as they come, or all classes alike
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    jit_compile: Literal["auto", True, False] = "auto"  # XLA
    steps_per_call: int = _field(100, 1)  # rounds in one compiled call, at most
    init_from: str | None = None  # a run whose weights are the start


@dataclasses.dataclass(frozen=True)
class OutputConfig:
    """What a run writes, and how often."""

    scalars_every_steps: int = _field(100, 1)
    samples_every_epochs: float = _field(1.0, 0)  # grids, and the check for mode collapse
    sample_count: int = _field(100, 1, 10_001)
    held_out_every_epochs: float = _field(4.0, 0)  # a discriminator trained afresh
    checkpoint_every_epochs: float = _field(1.0, 0)
    checkpoint_every_minutes: float = _field(5.0, 0)
    keep_checkpoints: int = _field(2, 1)


@dataclasses.dataclass(frozen=True)
class Config:
    """A recipe, and the whole of what a run is a function of."""

    name: str = "run"
    description: str = ""
    seed: int = _field(0, 0, 2**31)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    latent: LatentConfig = dataclasses.field(default_factory=LatentConfig)
    network: NetworkConfig = dataclasses.field(default_factory=NetworkConfig)
    objective: dict[str, Any] = _field({"name": "non_saturating"})
    penalties: dict[str, dict[str, Any]] = _field({})
    auxiliary: dict[str, dict[str, Any]] = _field({})  # classifier, feature_matching
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    output: OutputConfig = dataclasses.field(default_factory=OutputConfig)

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
    "network.family": ("network.generator", "network.discriminator"),
    "objective.name": ("objective",),
    "optimizer.generator.name": ("optimizer.generator",),
    "optimizer.discriminator.name": ("optimizer.discriminator",),
}


#: Tables of tables, to which `--set` may add one.
_OPEN = (("penalties",), ("auxiliary",))


def override(config: Config, values: Mapping[str, Any]) -> Config:
    """Returns `config` with dotted paths set: {"training.epochs": 3}.

    A new `network.family`, `objective.name` or optimizer `name` starts from that
    choice's own default options, to which the other paths are then applied.

    Raises:
        ConfigError: unknown path, wrong type.
    """
    tree = config.to_dict()
    for path, value in sorted(values.items(), key=lambda item: item[0] not in _CHOICES):
        *parents, last = path.split(".")
        node = tree
        for depth, key in enumerate(parents):
            if not isinstance(node, dict) or key not in node:
                if isinstance(node, dict) and tuple(parents[:depth]) in _OPEN:
                    node[key] = {}
                else:
                    _unknown(".".join([*parents[:depth], key]), key, node)
            node = node[key]
        if not isinstance(node, dict):
            _unknown(path, last, node)
        if path in _CHOICES and node.get(last) != value:
            for emptied in _CHOICES[path]:
                _node(tree, emptied).clear()
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
    fields = {f.name: f for f in dataclasses.fields(kind)}
    if not isinstance(values, Mapping):
        wrong_type(path or "the recipe", f"a table with the keys {', '.join(fields)}", values)
    hints = typing.get_type_hints(kind)
    built = {}
    for key, value in values.items():
        inner = f"{path}.{key}" if path else str(key)
        if key not in fields:
            _unknown(inner, key, fields)
        if dataclasses.is_dataclass(hints[key]):
            built[key] = _build(hints[key], value, inner)
        else:
            built[key] = check_value(inner, value, hints[key])
            _check_bounds(inner, built[key], fields[key].metadata)
            if hints[key] == dict[str, Any] and "name" in built[key]:
                check_value(f"{inner}.name", built[key]["name"], str)
    return kind(**built)


def _check_bounds(path: str, value: Any, bounds: Mapping[str, float | None]) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    minimum = bounds.get("minimum")
    below = bounds.get("below") or (2**31 if isinstance(value, int) else None)
    if minimum is not None and not value >= minimum:
        raise ConfigError(f"`{path}` should be at least {minimum}. Received: {shown(value)}.")
    if below is not None and not value < below:
        raise ConfigError(f"`{path}` should be below {below}. Received: {shown(value)}.")


def _node(tree: dict, path: str) -> dict:
    for key in path.split("."):
        tree = tree[key]
    return tree


def _unknown(path: str, key: Any, known: Any) -> None:
    """Names the nearest key beside `key`, or else the place where a setting of that name is."""
    names = [str(name) for name in known] if isinstance(known, Mapping) else []
    parent = path[: len(path) - len(str(key))]
    everywhere = {full.rpartition(".")[2]: full for full in _paths(Config)}
    if near := difflib.get_close_matches(str(key), names, n=1):
        hint = f" Did you mean `{parent}{near[0]}`?"
    elif near := difflib.get_close_matches(str(key), everywhere, n=1):
        hint = f" Did you mean `{everywhere[near[0]]}`?"
    else:
        hint = suggestion(str(key), names)
    raise ConfigError(f"There is no setting `{named(path)}`.{hint}")


def _paths(kind: type, parent: str = "") -> list[str]:
    """The dotted paths of all settings."""
    paths = []
    for name, hint in typing.get_type_hints(kind).items():
        inner = _paths(hint, f"{parent}{name}.") if dataclasses.is_dataclass(hint) else []
        paths += inner or [f"{parent}{name}"]
    return paths
