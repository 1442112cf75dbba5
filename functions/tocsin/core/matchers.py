"""Matchers: conditions on one label, as routes, silences and inhibit rules write them.

An absent label counts as an empty one, and a regular expression matches the whole value. Patterns are handed in
compiled, so that the core depends on no regular-expression engine.

Source: https://github.com/prometheus/alertmanager/blob/main/pkg/labels/matcher.go
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .labels import quote
from .patterns import Pattern

_RESERVED = frozenset("{}!=~,\\\"'`")
_ORDER = ("=", "!=", "=~", "!~")  # the original's order of types, by which route keys are sorted


class MatchType(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    REGEXP = "=~"
    NOT_REGEXP = "!~"

    @property
    def is_regexp(self) -> bool:
        return self in (MatchType.REGEXP, MatchType.NOT_REGEXP)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition; `pattern` is there when the type is a regular expression, and only then."""

    name: str
    type: MatchType
    value: str
    pattern: Pattern | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.type.is_regexp != (self.pattern is not None):
            raise ValueError(f"matcher {self}: a compiled pattern belongs to regular expressions, and only to them")

    def __str__(self) -> str:
        if any(character in _RESERVED or character.isspace() for character in self.name):
            return f"{quote(self.name)}{self.type}{quote(self.value)}"
        return f'{self.name}{self.type}"{_escape(self.value)}"'

    def __lt__(self, other: Matcher) -> bool:
        return self._sort_key() < other._sort_key()

    def _sort_key(self) -> tuple[str, str, int]:
        return self.name, self.value, _ORDER.index(self.type)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether the label set fulfils this condition."""
        value = labels.get(self.name, "")
        if self.pattern is not None:
            found = self.pattern.fullmatch(value) is not None
            return found == (self.type is MatchType.REGEXP)
        return (value == self.value) == (self.type is MatchType.EQUAL)


def matches_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Say whether the label set fulfils every condition; no condition is fulfilled by all."""
    return all(matcher.matches(labels) for matcher in matchers)


def _escape(text: str) -> str:
    """Return text as OpenMetrics escapes it: a tab stays a tab."""
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
