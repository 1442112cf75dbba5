"""YAML as plain values, each with the place where it stands.

Strict, as Prometheus and Alertmanager read it: a key that stands twice is an error, and so is a tag that asks for
anything but text, numbers, lists and mappings. Only the first document of a file counts, as there. Scalars stay the
text that was written, because what it means is the field's to say: `5` is a good name, and `yes` a good label value.

Source: https://yaml.org/spec/1.1/, https://pyyaml.org/wiki/PyYAMLDocumentation (composer and marks)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ..errors import ConfigError, Problem

# The way from a document's root to a value: keys and indices.
Path = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_SCALARS = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge"))
_MERGE = _TAG + "merge"
_MAX_DEPTH = 60
_MAX_VALUES = 100_000  # aliases are counted as often as they are used: no document may explode


class Scalar(str):
    """A scalar's text; `is_plain` when it stood without quotes, so that it may mean a number or a truth value."""

    is_plain: bool

    def __new__(cls, text: str, *, is_plain: bool = True) -> Scalar:
        made = super().__new__(cls, text)
        made.is_plain = is_plain
        return made


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands, counted from one; unknown when only the file is known."""

    line: int | None
    column: int | None


@dataclass(frozen=True, slots=True)
class Document:
    """A file's values (Scalar, None, list, dict) and where each of them, and each key, stands."""

    file: str
    value: Any
    values: Mapping[Path, Place]
    keys: Mapping[Path, Place]

    def place(self, path: Path) -> Place:
        """Return where the value at a path stands; the key's place for a list or mapping, as a person would say it."""
        found = self.values.get(path)
        if found is None:
            return self.place(path[:-1]) if path else Place(1, 1)
        return self.keys.get(path, found) if isinstance(self.at(path), (dict, list)) else found

    def key_place(self, path: Path) -> Place:
        """Return where the key at the end of a path stands."""
        return self.keys.get(path) or self.place(path)

    def at(self, path: Path) -> Any:
        """Return the value at a path that exists."""
        value = self.value
        for step in path:
            value = value[step]
        return value


def read_document(file: str, content: bytes) -> Document:
    """Return the first YAML document of a file. Raises ConfigError with everything that is wrong with its YAML."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError([Problem(file, line, "not UTF-8 text")]) from None
    return _Reader(file).read(text)


def read_embedded(file: str, text: str, *, below: Place, source: bytes) -> Document:
    """Return the document that a scalar of a file holds; its places are those in the file around it."""
    lines = source.decode("utf-8-sig").splitlines()
    start = (below.line or 1) - 1
    is_block = start < len(lines) and lines[start].rstrip().endswith(("|", "|-", "|+", ">", ">-", ">+"))
    if not is_block:
        return _Reader(file, lines_above=start).read(text)
    first = next((line for line in lines[start + 1 :] if line.strip()), "")
    return _Reader(file, lines_above=start + 1, indent=len(first) - len(first.lstrip(" "))).read(text)


class _Reader:
    """Composes one document and notes the places while it turns nodes into values."""

    def __init__(self, file: str, *, lines_above: int = 0, indent: int = 0) -> None:
        self._file = file
        self._lines_above = lines_above
        self._indent = indent
        self._values: dict[Path, Place] = {}
        self._keys: dict[Path, Place] = {}
        self._problems: list[Problem] = []
        self._visited = 0

    def read(self, text: str) -> Document:
        node = self._compose(text)
        value = None if node is None else self._value(node, (), frozenset())
        if self._problems:
            raise ConfigError(self._problems)
        return Document(self._file, value, self._values, self._keys)

    def _compose(self, text: str) -> yaml.Node | None:
        loader = _LOADER(text)
        try:
            self._check_depth(text)
            return loader.get_node() if loader.check_node() else None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            reason = ", ".join(part for part in (error.context, error.problem) if part)
            raise ConfigError([self._problem(self._place(mark), f"not valid YAML: {reason}")]) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1 + self._lines_above
            raise ConfigError([Problem(self._file, line, f"not valid YAML: {error.reason}")]) from None
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise ConfigError([Problem(self._file, None, f"not valid YAML: {error}")]) from None
        finally:
            loader.dispose()

    def _check_depth(self, text: str) -> None:
        """Refuse what is nested too deep before it is composed: the composer calls itself until the stack ends."""
        depth = 0
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _MAX_DEPTH:
                    message = f"nested deeper than {_MAX_DEPTH} levels"
                    raise ConfigError([self._problem(self._place(event.start_mark), message)])
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.DocumentEndEvent):
                return

    def _place(self, mark: Any) -> Place:
        if mark is None:
            return Place(None, None)
        return Place(mark.line + 1 + self._lines_above, mark.column + 1 + self._indent)

    def _problem(self, place: Place, message: str) -> Problem:
        return Problem(self._file, place.line, message, place.column)

    def _refuse(self, node: yaml.Node, message: str) -> None:
        self._problems.append(self._problem(self._place(node.start_mark), message))

    def _value(self, node: yaml.Node, path: Path, above: frozenset[int]) -> Any:
        self._values[path] = self._place(node.start_mark)
        if id(node) in above:
            return self._refuse(node, "an alias refers to what contains it")
        if len(above) >= _MAX_DEPTH:
            return self._refuse(node, f"nested deeper than {_MAX_DEPTH} levels")
        self._count()
        above |= {id(node)}
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path, above)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self._value(item, (*path, index), above) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return self._scalar(node)
        return self._refuse(node, f"the tag {node.tag.replace(_TAG, '!!')} is not supported")

    def _scalar(self, node: yaml.ScalarNode) -> Scalar | None:
        if node.tag == _TAG + "null":
            return None
        return Scalar(node.value, is_plain=node.style is None or node.style == "")

    def _mapping(self, node: yaml.MappingNode, path: Path, above: frozenset[int]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, (key_node, value_node) in self._pairs(node, above).items():
            self._keys[(*path, key)] = self._place(key_node.start_mark)
            values[key] = self._value(value_node, (*path, key), above)
        return values

    def _pairs(self, node: yaml.MappingNode, above: frozenset[int]) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Return a mapping's keys with their nodes: its own, then what `<<` merges into it."""
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: yaml.Node | None = None
        for key_node, value_node in node.value:
            self._count()
            is_merge = key_node.tag == _MERGE
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(key_node, "a key must be text")
            elif key_node.value in own or (is_merge and merged is not None):
                self._refuse(key_node, f"the key {key_node.value!r} stands twice")
            elif is_merge:
                merged = value_node
            else:
                own[key_node.value] = (key_node, value_node)
        if merged is None:
            return own
        return {**self._merged(merged, above), **own}

    def _merged(self, node: yaml.Node, above: frozenset[int]) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        pairs: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode):
                self._refuse(source, "'<<' merges mappings only")
            elif id(source) in above or len(above) >= _MAX_DEPTH:
                self._refuse(source, "an alias refers to what contains it")
            else:
                pairs = {**self._pairs(source, above | {id(source)}), **pairs}
        return pairs

    def _count(self) -> None:
        self._visited += 1
        if self._visited > _MAX_VALUES:
            raise ConfigError([Problem(self._file, None, f"more than {_MAX_VALUES} values, counting aliases")])
