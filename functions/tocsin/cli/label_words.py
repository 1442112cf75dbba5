"""Labels as words of a command: `NodeDown severity=critical 'service="db"'`, as amtool has them.

A first word without an equals sign is the alert's name.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.labels import ALERTNAME, quote
from ..core.matcher_syntax import MatcherSyntaxError, parse_matcher
from ..core.matchers import MatchType
from ..wiring import compile_pattern
from .failures import UsageError

_EXAMPLES = {"label": "severity=critical", "annotation": "summary='the disk is full'"}


def read_labels(words: Sequence[str], *, kind: str = "label") -> dict[str, str]:
    """Return the labels. Raises UsageError for what is none, and for matchers that are not one value."""
    labels: dict[str, str] = {}
    for position, word in enumerate(words):
        name, value = _label(word, kind, is_first=position == 0 and kind == "label")
        labels[name] = value
    if not labels:
        raise UsageError("expected labels such as alertname=NodeDown severity=critical")
    return labels


def _label(word: str, kind: str, *, is_first: bool) -> tuple[str, str]:
    if is_first and "=" not in word:
        word = f"{ALERTNAME}={quote(word)}"
    try:
        matcher = parse_matcher(word, compile_pattern)
    except MatcherSyntaxError:
        raise UsageError(
            f"{word}: expected {'an' if kind[0] == 'a' else 'a'} {kind} such as {_EXAMPLES[kind]}"
        ) from None
    if matcher.type is not MatchType.EQUAL:
        raise UsageError(f"{word}: an alert has labels such as severity=critical, not matchers")
    return matcher.name, matcher.value
