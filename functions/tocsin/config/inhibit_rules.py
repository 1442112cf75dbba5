"""`inhibit_rules:`: which alerts keep which others from being told of, in the three spellings that there are.

Source: https://prometheus.io/docs/alerting/latest/configuration/#inhibit_rule,
https://github.com/prometheus/alertmanager/blob/main/config/common/inhibitrule.go
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ..core.inhibition import InhibitRule, InhibitSource
from ..core.matchers import Matcher, matches_all
from .blocks import Block, Reading
from .documents import Path, Scalar
from .matching import read_all_matchers, read_matchers
from .values import Blocks, Text, TextMap, Texts

_ONE_SOURCE = ("source_match", "source_match_re", "source_matchers", "equal")


class _Source(Block):
    matchers: Blocks = None
    equal: Texts = Field(default_factory=list)


class _Rule(Block):
    name: Text = ""
    source_match: TextMap | None = None
    source_match_re: Blocks = None
    source_matchers: Blocks = None
    sources: Blocks = None
    target_match: TextMap | None = None
    target_match_re: Blocks = None
    target_matchers: Blocks = None
    equal: Texts = Field(default_factory=list)


def read_inhibit_rules(reading: Reading) -> tuple[InhibitRule, ...]:
    """Return the rules that can be read; what is wrong is noted."""
    paths = reading.items(("inhibit_rules",))
    return tuple(rule for path in paths if (rule := _rule(reading, path)) is not None)


def _rule(reading: Reading, path: Path) -> InhibitRule | None:
    value = reading.document.at(path)
    context = _context(value, path)
    block = reading.block(_Rule, path, context=context)
    if not isinstance(value, dict):
        return None
    targets = read_all_matchers(reading, path, context, prefix="target_")
    own = read_all_matchers(reading, path, context, prefix="source_")
    sources = tuple(_source(reading, each, context) for each in reading.items((*path, "sources"), context=context))
    if sources and any(value.get(key) for key in _ONE_SOURCE):
        message = f"sources takes the place of {', '.join(_ONE_SOURCE)}: they must not stand beside it"
        reading.problem((*path, "sources"), message, context=context, at_key=True)
    if block is None:
        return None
    return InhibitRule(sources or (InhibitSource(own, tuple(block.equal)),), targets, block.name)


def _context(value: Any, path: Path) -> str:
    name = value.get("name") if isinstance(value, dict) else None
    return f'inhibit rule "{name}"' if isinstance(name, Scalar) and name else f"inhibit rule {int(path[-1]) + 1}"


def _source(reading: Reading, path: Path, context: str) -> InhibitSource:
    context = f"{context}, source {int(path[-1]) + 1}"
    block = reading.block(_Source, path, context=context)
    value = reading.document.at(path)
    has_matchers = isinstance(value, Mapping) and "matchers" in value
    matchers: list[Matcher] = read_matchers(reading, (*path, "matchers"), context) if has_matchers else []
    if block is not None and not (has_matchers and value["matchers"]):
        reading.problem(path, "matchers is missing", context=context)
    elif matchers and matches_all(matchers, {}):
        message = "matchers: one at least must not match the empty text, as every alert would be a source"
        reading.problem((*path, "matchers"), message, context=context)
    return InhibitSource(tuple(matchers), tuple(block.equal) if block else ())
