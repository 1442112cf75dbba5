"""Matchers in configuration: the lists of today, and the mappings that came before them.

Source: https://prometheus.io/docs/alerting/latest/configuration/#matcher
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.matcher_syntax import MatcherSyntaxError, Syntax, is_label_name, parse_matchers
from ..core.matchers import Matcher, MatchType
from .blocks import Reading
from .documents import Path, Scalar
from .patterns import compile_pattern
from .values import describe


def read_matchers(reading: Reading, path: Path, context: str) -> list[Matcher]:
    """Return the matchers of a list of texts; each text may hold several."""
    found: list[Matcher] = []
    for item in reading.items(path, context=context):
        text = reading.document.at(item)
        try:
            if not isinstance(text, Scalar):
                raise MatcherSyntaxError(f'expected a text such as severity="critical", found {describe(text)}')
            found.extend(parse_matchers(str(text), compile_pattern))
        except MatcherSyntaxError as error:
            reading.problem(item, f"{path[-1]}: {error}", context=context)
    return found


def read_all_matchers(reading: Reading, path: Path, context: str, *, prefix: str = "") -> tuple[Matcher, ...]:
    """Return what a block's `match`, `match_re` and `matchers` say together; their names may have a prefix."""
    value: Mapping[str, Any] = reading.document.at(path)
    equal, regexp, today = f"{prefix}match", f"{prefix}match_re", f"{prefix}matchers"
    found = [*_equal(reading, (*path, equal), value.get(equal), context)]
    found += _regexp(reading, (*path, regexp), value.get(regexp), context)
    if today in value:
        found += read_matchers(reading, (*path, today), context)
    return tuple(found)


def _equal(reading: Reading, path: Path, match: Any, context: str) -> Iterator[Matcher]:
    # That it is a mapping of texts is the block's to check.
    for name, text in match.items() if isinstance(match, dict) else ():
        if _check_classic_name(reading, (*path, name), name, context) and not isinstance(text, (dict, list)):
            yield Matcher(name, MatchType.EQUAL, str(text or ""))


def _regexp(reading: Reading, path: Path, match_re: Any, context: str) -> Iterator[Matcher]:
    if match_re is not None and not isinstance(match_re, dict):
        reading.problem(path, f"{path[-1]}: expected a mapping, found {describe(match_re)}", context=context)
    for name, text in match_re.items() if isinstance(match_re, dict) else ():
        at = (*path, name)
        if not _check_classic_name(reading, at, name, context):
            continue
        try:
            if not isinstance(text, Scalar):
                raise ValueError(f"expected a regular expression, found {describe(text)}")
            compile_pattern(str(text))
            anchored = f"^(?:{text})$"
            yield Matcher(name, MatchType.REGEXP, anchored, compile_pattern(anchored))
        except ValueError as error:
            reading.problem(at, f"{path[-1]}.{name}: {error}", context=context)


def _check_classic_name(reading: Reading, path: Path, name: str, context: str) -> bool:
    is_valid = is_label_name(name, Syntax.CLASSIC)
    if not is_valid:
        reading.problem(path, f"not a valid label name: {name!r}", context=context, at_key=True)
    return is_valid
