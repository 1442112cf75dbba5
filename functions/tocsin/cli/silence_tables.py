"""Silences as amtool prints them.

Source: https://github.com/prometheus/alertmanager/blob/main/cli/format
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .tables import columns

Silences = Sequence[Mapping[str, Any]]
_SIGNS = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}


def _simple(silences: Silences) -> list[str]:
    rows = [("ID", "Matchers", "Ends At", "Created By", "Comment", "")]
    rows += [
        (each["id"], _matchers(each), _time(each["endsAt"]), each["createdBy"], each["comment"], "")
        for each in silences
    ]
    return _lines(rows)


def _extended(silences: Silences) -> list[str]:
    rows = [("ID", "Matchers", "Starts At", "Ends At", "Updated At", "Created By", "Comment", "")]
    rows += [
        (
            each["id"],
            _matchers(each, "{", ",", "}"),
            *(_time(each[name]) for name in ("startsAt", "endsAt", "updatedAt")),
            each["createdBy"],
            each["comment"],
            "",
        )
        for each in silences
    ]
    return _lines(rows)


def _json(silences: Silences) -> list[str]:
    return [json.dumps(silences, ensure_ascii=False)]


FORMATS: Mapping[str, Callable[[Silences], list[str]]] = {"simple": _simple, "extended": _extended, "json": _json}


def _lines(rows: Sequence[Sequence[str]]) -> list[str]:
    # The last cell is empty: amtool ends each with a tab, and so pads it.
    return [line[:-2] for line in columns(rows)]


def _matchers(silence: Mapping[str, Any], before: str = "", between: str = " ", after: str = "") -> str:
    sets = silence.get("matcherSets") or [silence["matchers"]]
    shown = [before + between.join(_matcher(matcher) for matcher in matchers) + after for matchers in sets]
    names = silence.get("schedule", {}).get("timeIntervals", ())
    return " or ".join(shown) + (f" within {', '.join(names)}" if names else "")


def _matcher(matcher: Mapping[str, Any]) -> str:
    sign = _SIGNS[matcher.get("isEqual", True), matcher["isRegex"]]
    return f'{matcher["name"]}{sign}"{matcher["value"]}"'


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
