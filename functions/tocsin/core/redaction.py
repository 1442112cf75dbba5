"""What of labels, annotations and events must not leave: credentials, and what somebody has named.

Routing, grouping, silences and fingerprints work on what is true; redaction comes where a notification is frozen, where
the API answers and where a line is logged. The same text is always redacted to the same text, and one that is redacted
already stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from .alerts import Alert
from .credentials import DEFAULT_KINDS, REDACTED, Kind, Span, find, is_hidden_name
from .labels import Labels

# Nothing shorter is a credential, an address or a card's number.
_SHORTEST = 6


class Found(Protocol):
    """One match of a user's pattern."""

    def span(self) -> Span: ...


class Finder(Protocol):
    """A user's compiled regular expression."""

    def finditer(self, text: str, /) -> Iterator[Found]: ...


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is redacted: kinds of credentials, patterns, and labels (or annotations) by name.

    The value of a name in `hidden` is hidden whole; one in `kept` is shown as it is, whatever it looks like.
    """

    kinds: frozenset[Kind] = DEFAULT_KINDS
    patterns: tuple[Finder, ...] = ()
    hidden: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()

    def text(self, text: str) -> str:
        """Return a text with `[redacted]` in the place of what must not be shown."""
        spans = _joined(self._spans(text))
        if not spans:
            return text
        parts, at = [], 0
        for start, end in spans:
            parts += [text[at:start], REDACTED]
            at = end
        return "".join([*parts, text[at:]])

    def named(self, name: str, value: str) -> str:
        """Return the value of a label or an annotation as it may be shown."""
        if name in self.kept or not value:
            return value
        if name in self.hidden or is_hidden_name(self.kinds, name, value):
            return REDACTED
        return self.text(value)

    def pairs(self, pairs: Mapping[str, str]) -> dict[str, str]:
        """Return labels or annotations as they may be shown."""
        return {name: self.named(name, value) for name, value in pairs.items()}

    def value(self, value: Any) -> Any:
        """Return JSON values as they may be shown; an object's texts are named by their keys."""
        return _Walk(self).value(value)

    def alerts(self, alerts: Sequence[Alert]) -> tuple[list[Alert], int]:
        """Return alerts as they may be shown, under the fingerprints that they have, and how many values changed."""
        walk = _Walk(self)
        shown = [_shown(walk, alert) for alert in alerts]
        return shown, sum(_changes(before, after) for before, after in zip(alerts, shown, strict=True))

    def _spans(self, text: str) -> Iterator[Span]:
        if len(text) >= _SHORTEST:
            for kind in self.kinds:
                yield from find(kind, text)
        for pattern in self.patterns:
            yield from (found.span() for found in pattern.finditer(text))


class _Walk:
    """One pass over JSON values; the same text is looked at once, for labels repeat."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._known: dict[tuple[str, str], str] = {}

    def value(self, value: Any, name: str = "") -> Any:
        if isinstance(value, str):
            return self._text(name, value)
        if isinstance(value, Mapping):
            return {key: self.value(each, str(key)) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(each) for each in value]
        return value

    def _text(self, name: str, text: str) -> str:
        key = (name, text)
        if key not in self._known:
            self._known[key] = self._redaction.named(name, text) if name else self._redaction.text(text)
        return self._known[key]


def _shown(walk: _Walk, alert: Alert) -> Alert:
    labels, annotations = walk.value(alert.labels), walk.value(alert.annotations)
    url = walk.value(alert.generator_url)
    if labels == dict(alert.labels) and annotations == alert.annotations and url == alert.generator_url:
        return alert
    known_as = alert.fingerprint
    return replace(alert, labels=Labels(labels), annotations=annotations, generator_url=url, known_as=known_as)


def _changes(before: Alert, after: Alert) -> int:
    """Return how many values of an alert were redacted."""
    if before is after:
        return 0
    pairs = ((before.labels, after.labels), (before.annotations, after.annotations))
    changed = sum(new[name] != value for old, new in pairs for name, value in old.items())
    return changed + (before.generator_url != after.generator_url)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, those that overlap as one; empty ones are none."""
    joined: list[Span] = []
    for start, end in sorted(each for each in spans if each[0] < each[1]):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
