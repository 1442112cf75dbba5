"""Rule groups as a Prometheus rule file: what promtool checks and tests, and what AMP's own ruler could load."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import yaml

from ..core.durations import format_duration
from ..core.rules import Rule, RuleGroup


def compiled_rule_file(groups: Iterable[RuleGroup]) -> str:
    """Return the text of one rule file; each group's labels are in its rules already."""
    document = {"groups": [_group(group) for group in groups]}
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such, so that a person can read them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _group(group: RuleGroup) -> dict[str, Any]:
    rules = [_rule(rule) for rule in group.rules]
    rules += [{"record": rule.record, "expr": rule.expr} for rule in group.recording_rules]
    first = group.rules[0] if group.rules else None
    optional = {
        "interval": _duration(group.interval),
        "limit": first.limit if first else 0,
        "query_offset": _duration(first.query_offset) if first else None,
    }
    return {"name": group.name, **{key: value for key, value in optional.items() if value}, "rules": rules}


def _rule(rule: Rule) -> dict[str, Any]:
    optional = {
        "for": _duration(rule.hold_for),
        "keep_firing_for": _duration(rule.keep_firing_for),
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
    }
    return {"alert": rule.name, "expr": rule.expr, **{key: value for key, value in optional.items() if value}}


def _duration(duration: timedelta | None) -> str | None:
    return format_duration(duration) if duration else None
