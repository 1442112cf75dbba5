"""Prometheus rule files: groups of alerting and recording rules, with Prometheus's own checks.

Expressions are PromQL, which the metrics endpoint reads: here they are only looked at for being there and for brackets
and quotes that match. Label and annotation names may be any text, as in Prometheus 3.

Source: https://github.com/prometheus/prometheus/blob/main/model/rulefmt/rulefmt.go
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import Field

from ..core import templates
from ..core.rules import RecordingRule, Rule, RuleGroup, RuleKey
from ..errors import Problem
from .blocks import Block, Reading
from .documents import Path, read_document
from .values import Blocks, Count, Duration, FilledText, LabelMap, Text

_BRACKETS = {")": "(", "]": "[", "}": "{"}


class _File(Block):
    groups: Blocks = None


class _Group(Block):
    name: FilledText
    interval: Duration | None = None
    limit: Count = 0
    query_offset: Duration = timedelta(0)
    labels: LabelMap = Field(default_factory=dict)
    rules: Blocks = None


class _Rule(Block):
    alert: Text = ""
    record: Text = ""
    expr: Text = ""
    hold_for: Duration = Field(default=timedelta(0), alias="for")
    keep_firing_for: Duration = timedelta(0)
    labels: LabelMap = Field(default_factory=dict)
    annotations: LabelMap = Field(default_factory=dict)


@dataclass(slots=True)
class _Found:
    """The rules of one group as far as they have been read."""

    alerting: list[Rule] = field(default_factory=list)
    recording: list[RecordingRule] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)


def read_rule_file(name: str, content: bytes) -> tuple[tuple[RuleGroup, ...], list[Problem]]:
    """Return a rule file's groups and everything that is wrong with it. Raises ConfigError when it is not YAML."""
    document = read_document(name, content)
    if document.value is None:
        return (), []
    reading = Reading(document)
    reading.block(_File, ())
    if not isinstance(document.value, dict):
        return (), reading.problems
    groups: dict[str, RuleGroup] = {}
    for path in reading.items(("groups",)):
        _read_group(reading, path, groups)
    return tuple(groups.values()), reading.problems


def _read_group(reading: Reading, path: Path, groups: dict[str, RuleGroup]) -> None:
    title = _title(reading, path, "name")
    context = f'group "{title}"' if title else f"group {int(path[-1]) + 1}"
    group = reading.block(_Group, path, context=context)
    if title and title in groups:
        reading.problem((*path, "name"), "the name is repeated in the same file", context=context)
    found = _Found()
    value = reading.document.at(path)
    if isinstance(value, dict):
        for rule_path in reading.items((*path, "rules"), context=context):
            _read_rule(reading, rule_path, context, group, found)
    groups.setdefault(
        title,
        RuleGroup(
            name=title,
            file=reading.document.file,
            rules=tuple(found.alerting),
            interval=(group.interval or None) if group else None,
            recording_rules=tuple(found.recording),
        ),
    )


def _title(reading: Reading, path: Path, *keys: str) -> str:
    """Return what a block is called in messages, whatever else is wrong with it."""
    value = reading.document.at(path)
    names = [value.get(key) for key in keys] if isinstance(value, dict) else []
    return next((str(name) for name in names if isinstance(name, str) and name), "")


def _read_rule(reading: Reading, path: Path, context: str, group: _Group | None, found: _Found) -> None:
    title = _title(reading, path, "alert", "record")
    number = f"rule {int(path[-1]) + 1}"
    context = f'{context}, {number} "{title}"' if title else f"{context}, {number}"
    value = reading.document.at(path)
    if isinstance(value, dict):
        _check_rule(reading, path, value, context)
    rule = reading.block(_Rule, path, context=context)
    if rule is None or group is None:
        return
    if rule.record:
        found.recording.append(RecordingRule(record=rule.record, expr=rule.expr))
        return
    ordinal = found.names[rule.alert]
    found.names[rule.alert] += 1
    found.alerting.append(
        Rule(
            key=RuleKey(f"{reading.document.file};{group.name};{rule.alert};{ordinal}"),
            name=rule.alert,
            group=group.name,
            expr=rule.expr,
            hold_for=rule.hold_for,
            keep_firing_for=rule.keep_firing_for,
            labels={**group.labels, **rule.labels},
            annotations=rule.annotations,
            limit=group.limit,
            query_offset=group.query_offset,
        )
    )


def _check_rule(reading: Reading, path: Path, value: dict[str, Any], context: str) -> None:
    """Note what rulefmt says of a rule; each check looks at the values as written, so that none hides another."""
    is_alert, is_record = bool(value.get("alert")), bool(value.get("record"))
    if is_alert and is_record:
        reading.problem((*path, "record"), "only one of 'record' and 'alert' may be set", context=context, at_key=True)
    if not is_alert and not is_record:
        reading.problem(path, "one of 'record' or 'alert' must be set", context=context)
    if is_record:
        _check_recording(reading, path, value, context)
    expr = value.get("expr")
    if expr is None or not str(expr).strip():
        at = (*path, "expr") if "expr" in value else path
        reading.problem(at, "the field 'expr' must be set", context=context)
    elif isinstance(expr, str) and (reason := unbalanced(expr)):
        reading.problem((*path, "expr"), f"expr: {reason}", context=context)
    for key in ("labels", "annotations"):
        _check_templates(reading, (*path, key), value.get(key), context)


def _check_recording(reading: Reading, path: Path, value: dict[str, Any], context: str) -> None:
    for key in ("for", "keep_firing_for", "annotations"):
        if value.get(key) not in (None, {}, "0s", "0"):
            message = f"invalid field '{key}' in a recording rule"
            reading.problem((*path, key), message, context=context, at_key=True)
    if isinstance(value["record"], str) and set("{}") & set(value["record"]):
        message = "braces in a recording rule's name; do they belong into expr?"
        reading.problem((*path, "record"), message, context=context)


def _check_templates(reading: Reading, path: Path, texts: Any, context: str) -> None:
    for name, text in texts.items() if isinstance(texts, dict) else ():
        if not isinstance(text, str):
            continue
        try:
            templates.parse(str(text))
        except templates.TemplateError as error:
            reading.problem((*path, name), f'{path[-1]} "{name}": invalid template: {error}', context=context)


def unbalanced(expr: str) -> str | None:
    """Return what is wrong with an expression's brackets and quotes, or None; comments and strings are passed over."""
    opened: list[str] = []
    index = 0
    while index < len(expr):
        character = expr[index]
        if character == "#":
            end = expr.find("\n", index)
            index = len(expr) if end < 0 else end
        elif character in "\"'`":
            closing = _end_of_string(expr, index)
            if closing < 0:
                return f"the quote {character} at character {index + 1} is never closed"
            index = closing
        elif character in _BRACKETS.values():
            opened.append(character)
        elif character in _BRACKETS and (not opened or opened.pop() != _BRACKETS[character]):
            return f"the bracket {character} at character {index + 1} closes nothing"
        index += 1
    return f"the bracket {opened[-1]} is never closed" if opened else None


def _end_of_string(expr: str, start: int) -> int:
    """Return the index of the closing quote, or -1."""
    quote, index = expr[start], start + 1
    while index < len(expr):
        if expr[index] == quote:
            return index
        index += 2 if expr[index] == "\\" and quote != "`" else 1
    return -1
