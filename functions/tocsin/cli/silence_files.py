"""Silences from a file, as `silence query -o json` prints them, for what is asked about the past or about what if."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.matchers import MatchType
from ..core.notifications import parse_time
from ..core.silences import (
    MatcherText,
    Recurrence,
    RefusedSilenceError,
    Silence,
    SilenceId,
    compile_sets,
)
from ..wiring import compile_pattern
from .failures import UsageError

_SIGNS = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}


def read_silences(file: str | None) -> tuple[Silence, ...]:
    """Return the silences of a file, with the times that they have there; none without a file."""
    if file is None:
        return ()
    try:
        return tuple(_silence(each) for each in read_listed(Path(file).read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UsageError(f"--silences: {file} holds something that is no silence: {reason}") from None


def read_listed(text: str) -> Sequence[Mapping[str, Any]]:
    """Return a list of silences as they are shown."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"couldn't unmarshal input data, is it JSON? ({error})") from None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise UsageError("expected a JSON list of silences, as silence query -o json prints it")
    return found


def _silence(data: Mapping[str, Any]) -> Silence:
    sets = data.get("matcherSets") or [data["matchers"]]
    starts_at = parse_time(data["startsAt"])
    names = data.get("schedule", {}).get("timeIntervals")
    try:
        matchers = compile_sets([[_matcher(each) for each in matchers] for matchers in sets], compile_pattern)
    except RefusedSilenceError as error:
        raise ValueError(str(error)) from None
    return Silence(
        id=SilenceId(data["id"]),
        matchers=matchers,
        starts_at=starts_at,
        ends_at=parse_time(data["endsAt"]),
        created_by=str(data.get("createdBy", "")),
        comment=str(data.get("comment", "")),
        updated_at=starts_at,
        schedule=Recurrence(names=tuple(names)) if names else None,
        is_exact=data.get("isExact") is True,
    )


def _matcher(data: Mapping[str, Any]) -> MatcherText:
    return MatcherText(data["name"], MatchType(_SIGNS[data.get("isEqual", True), data["isRegex"]]), data["value"])
