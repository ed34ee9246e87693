"""YAML as recipes need it: plain values, one line about what is wrong with it."""

from __future__ import annotations

from typing import Any

import yaml

from keras_gan.utils.errors import one_line

#: What a text may have at most, so that none takes long; recipes have a thousand
#: characters, a hundred values and four levels.
LARGEST, _MOST_VALUES, _DEEPEST = 2**16, 2_000, 20


class _Loader(yaml.SafeLoader):
    """YAML without what a recipe can't mean: anchors, tags, and a key given twice.

    (Ten lines of anchors upon anchors would fill the memory.)
    """

    def __init__(self, text: str):
        super().__init__(text)
        self.values = self.depth = 0

    def compose_node(self, parent, index):
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            _refuse("references (*) can't be used", event)
        if event.tag is not None:
            _refuse(f"tags ({event.tag[:40]!r}) can't be used", event)
        self.values += 1
        if self.values > _MOST_VALUES:
            _refuse(f"there are more than {_MOST_VALUES:,} values", event)
        self.depth += 1
        if self.depth > _DEEPEST:
            _refuse("it is nested too deeply", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    _refuse(f"`{one_line(key.value, 80)}` is given twice", key)
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node, deep=False):
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int):
                str(value)  # Python refuses numbers of many thousand digits here at the latest
        except (ValueError, OverflowError) as error:
            _refuse(str(error), node)
        return value


class _Dumper(yaml.SafeDumper):
    """YAML that `_Loader` reads: a value that stands in two places is written twice."""

    def ignore_aliases(self, data):
        return True


def read(text: str) -> Any:
    """Returns plain values, or raises ValueError with one line that says where and what."""
    if len(text) > LARGEST:
        raise ValueError(f"it is longer than {LARGEST:,} characters")
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ValueError(where + one_line(" ".join(problem.split()), 200)) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def write(values: Any) -> str:
    """Returns the text from which `read` makes the same values, keys in their order."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _refuse(problem: str, at: Any) -> None:
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)
