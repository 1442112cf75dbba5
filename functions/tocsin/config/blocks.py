"""Blocks: the mappings of configuration files, checked one by one, so that one mistake never hides another.

A block is a pydantic model of one mapping without the blocks inside it. Every problem is told with its file, line and
column, what was found and what was expected. A key that the original program knows and we don't honour yet is refused
in those words: nothing in a file is ever ignored silently.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from ..core.durations import parse_duration
from ..core.matcher_syntax import is_label_name
from ..errors import Problem
from .documents import Document, Path, Place, Scalar

_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_ADDRESS = re.compile(r"(?:[^<>]*<[^@\s<>,]+@[^@\s<>,]+>|[^@\s<>,]+@[^@\s<>,]+)")


def words(text: str) -> frozenset[str]:
    """Return the words of a text, for long lists of keys."""
    return frozenset(text.split())


def describe(value: Any) -> str:
    """Return what was found, in a word or as it was written."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return repr(str(value))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"expected text, found {describe(value)}")
    return str(value)


def _filled(value: Any) -> str:
    text = _text(value)
    if not text.strip():
        raise ValueError("expected a text that is not empty")
    return text


def _flag(value: Any) -> bool:
    if isinstance(value, Scalar) and value.is_plain and value.lower() in _TRUTHS:
        return _TRUTHS[value.lower()]
    raise ValueError(f"expected true or false, found {describe(value)}")


def _duration(value: Any) -> timedelta:
    if not isinstance(value, str):
        raise ValueError(f"expected a duration such as 30s, 5m or 1h30m, found {describe(value)}")
    return parse_duration(str(value))


def _positive_duration(value: Any) -> timedelta:
    duration = _duration(value)
    if not duration:
        raise ValueError("expected a duration above zero")
    return duration


def _count(value: Any) -> int:
    if isinstance(value, Scalar) and value.is_plain and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    raise ValueError(f"expected a whole number, found {describe(value)}")


def parse_number(value: Any) -> float:
    """Return the finite number that a scalar is; ValueError says what it is instead."""
    if isinstance(value, str) and _NUMBER.fullmatch(value) and math.isfinite(float(value)):
        return float(value)
    raise ValueError(f"expected a number, found {describe(value)}")


def _label_name(value: Any) -> str:
    name = str(value)
    if not is_label_name(name) or name == "__name__":
        raise ValueError(f"not a valid label name: {name!r}")
    return name


def _list(value: Any) -> Any:
    if not isinstance(value, list):
        raise ValueError(f"expected a list, found {describe(value)}")
    return value


def _mapping(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"expected a mapping, found {describe(value)}")
    return value


def _url(value: Any) -> str:
    text = _text(value)
    if not re.match(r"https?://[^/\s]+", text):
        raise ValueError("expected a URL that begins with http:// or https://")
    return text


def _addresses(value: Any) -> str:
    text = _filled(value)
    if not all(_ADDRESS.fullmatch(part.strip()) for part in text.split(",")):
        raise ValueError(f"expected e-mail addresses with commas between them, found {describe(value)}")
    return text


Text = Annotated[str, BeforeValidator(_text)]
FilledText = Annotated[str, BeforeValidator(_filled)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
PositiveDuration = Annotated[timedelta, BeforeValidator(_positive_duration)]
Count = Annotated[int, BeforeValidator(_count)]
Number = Annotated[float, BeforeValidator(parse_number)]
LabelName = Annotated[str, BeforeValidator(_label_name)]
Url = Annotated[str, BeforeValidator(_url)]
Addresses = Annotated[str, BeforeValidator(_addresses)]
Texts = Annotated[list[FilledText], BeforeValidator(_list)]
TextMap = Annotated[dict[str, Text], BeforeValidator(_mapping)]
LabelMap = Annotated[dict[LabelName, Text], BeforeValidator(_mapping)]
# A list or a mapping of blocks: read by its own turn.
Blocks = Any


class Block(BaseModel):
    """One mapping; `known_to` and `not_honoured` say which further keys another program gives a meaning to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    known_to: ClassVar[str] = ""
    not_honoured: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """Return the keys that the block takes."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())


AnyBlock = TypeVar("AnyBlock", bound=Block)


class Reading:
    """One document while it is read: gives its blocks and gathers the problems."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def problem(self, path: Path, message: str, *, context: str = "", at_key: bool = False) -> None:
        """Note that what stands at a path is wrong."""
        place = self.document.key_place(path) if at_key else self.document.place(path)
        self.problem_at(place, f"{context}: {message}" if context else message)

    def problem_at(self, place: Place, message: str) -> None:
        self.problems.append(Problem(self.document.file, place.line, message, place.column))

    def block(self, model: type[AnyBlock], path: Path, *, context: str = "") -> AnyBlock | None:
        """Return the block at a path, or None when it has problems, which are noted."""
        value = self.document.at(path)
        if not isinstance(value, dict):
            self.problem(path, f"expected a mapping, found {describe(value)}", context=context)
            return None
        has_strangers = self._refuse_unknown_keys(model, value, path, context)
        known = {key: each for key, each in value.items() if key in model.keys() and each is not None}  # noqa: SIM118
        try:
            block = model.model_validate(known)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                self._note(detail, path, context)
            return None
        return None if has_strangers else block

    def _refuse_unknown_keys(self, model: type[Block], value: dict[str, Any], path: Path, context: str) -> bool:
        keys = model.keys()
        has_strangers = False
        for key in value:
            if key in keys:
                continue
            if key in model.not_honoured and value[key] in (None, [], {}):
                continue  # says nothing, so nothing is ignored
            has_strangers = True
            self.problem((*path, key), _stranger(model, key, keys), context=context, at_key=True)
        return has_strangers

    def _note(self, detail: Any, path: Path, context: str) -> None:
        inner = tuple(step for step in detail["loc"] if step != "[key]")
        is_key = detail["loc"][-1:] == ("[key]",)
        if detail["type"] == "missing":
            self.problem(path, f"{inner[-1]} is missing", context=context)
            return
        reason = str(detail["ctx"]["error"]) if "error" in detail.get("ctx", {}) else detail["msg"]
        self.problem((*path, *inner), f"{spell(inner)}: {reason}", context=context, at_key=is_key)

    def items(self, path: Path, *, context: str = "") -> Iterator[Path]:
        """Give the paths of a list's items; of none when it is absent, and a problem when it is no list."""
        value = self.document.value
        for step in path:
            value = value.get(step) if isinstance(value, dict) else value[step]
        if value is None:
            return
        if not isinstance(value, list):
            self.problem(path, f"{path[-1]}: expected a list, found {describe(value)}", context=context)
            return
        yield from ((*path, index) for index in range(len(value)))


def spell(path: Path) -> str:
    """Return a path as a person would point at it: route.routes[1].receiver."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _stranger(model: type[Block], key: str, keys: Sequence[str]) -> str:
    if key in model.not_honoured:
        return f"{key}: known to {model.known_to}, not honoured by Tocsin yet"
    hint = did_you_mean(key, [*keys, *sorted(model.not_honoured)])
    return f"unknown key {key!r}{hint or ' (expected one of ' + ', '.join(keys) + ')'}"


def did_you_mean(text: str, candidates: Iterable[str]) -> str:
    """Return a hint at the nearest candidate, or nothing."""
    near = difflib.get_close_matches(text, list(candidates), n=1)
    return f", did you mean {near[0]!r}?" if near else ""
