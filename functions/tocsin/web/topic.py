"""Notifications of Amazon Managed Service for Prometheus's alert manager, which it publishes to an SNS topic.

Two forms of message are understood:
- JSON with an `alerts` list, as the template of AMP's documentation makes it; times are Go's or RFC 3339. That template
  does not escape values: a quote in an annotation makes it something else than JSON.
- the text of the default template `sns.default.message`. It says no times, so an alert began when it was first told.

Anything else is refused; the event then ends in the dead-letter queue, where a person finds it.

Source: https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-alertmanager-receiver-JSON.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..core.json_text import read_json
from ..core.merging import Posted
from ..errors import EventError
from .audit import Refusal, note_refusal
from .http import Refused, Response
from .reading import parse_instant
from .receiving import FORWARDED_HOLD, forwarded, take
from .serving import Api

# What stands in the log where a request's path would.
PATH = "topic"
# 2026-11-20 03:00:00.123456789 +0000 UTC m=+0.5: the offset counts, the zone's name and the monotonic clock don't.
_GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d\d)(\d\d)(?: .*)?")
_FIRING, _RESOLVED = "Alerts Firing:", "Alerts Resolved:"
_PAIR = re.compile(r" - (?P<name>\S.*?) = (?P<value>.*)")


def is_topic_event(event: Any) -> bool:
    """Say whether an event is one that SNS hands over."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    return bool(records) and isinstance(records, list) and isinstance(records[0], Mapping) and "Sns" in records[0]


def take_topic_event(api: Api, event: Mapping[str, Any], *, now: datetime) -> dict[str, int]:
    """Take the alerts of an event. Raises EventError where it is not understood, Refused for what is not accepted."""
    try:
        posted = [alert for record in event["Records"] for alert in _alerts_of(record, now)]
        take(api, posted, now=now, hold=FORWARDED_HOLD)
    except EventError:
        note_refusal(api.desk.log, Response(400, reason=Refusal.MALFORMED.value), path=PATH)
        raise
    except Refused as error:
        note_refusal(api.desk.log, error.response, path=PATH)
        raise
    return {"alerts": len(posted)}


def _alerts_of(record: Any, now: datetime) -> list[Posted]:
    try:
        text, sent = record["Sns"]["Message"], record["Sns"].get("Timestamp") or ""
        told_at = min(parse_instant(sent) or now, now) if sent else now
    except (KeyError, TypeError, ValueError, AttributeError):
        raise EventError("expected an event of SNS") from None
    if not isinstance(text, str):
        raise EventError("expected an event of SNS")
    found = list(_from_json(text, told_at) if text.lstrip().startswith("{") else _from_text(text, told_at))
    if not found:
        raise EventError("the message names no alert: neither the JSON nor the text of an alert manager's notification")
    return found


# JSON


def _from_json(text: str, told_at: datetime) -> Iterator[Posted]:
    try:
        data = read_json(text, is_strict=False)  # the template does not escape line breaks either
        for alert in data["alerts"]:
            yield forwarded(_posted(alert), str(alert.get("status") or data.get("status") or ""), now=told_at)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EventError(
            f"the message is not an alert manager's notification: {type(error).__name__}: {error}"
        ) from None


def _posted(alert: Mapping[str, Any]) -> Posted:
    return Posted(
        labels=_texts(alert["labels"]),
        annotations=_texts(alert.get("annotations") or {}),
        starts_at=parse_go_time(str(alert.get("startsAt") or "")),
        ends_at=parse_go_time(str(alert.get("endsAt") or "")),
        generator_url=str(alert.get("generatorURL") or ""),
    )


def _texts(pairs: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in pairs.items()}


def parse_go_time(text: str) -> datetime | None:
    """Return a time as Go prints it, or as RFC 3339 does; None for no time and Go's zero time. Raises ValueError."""
    found = _GO_TIME.fullmatch(text)
    if found:
        day, clock, hours, minutes = found.groups()
        text = f"{day}T{clock}{hours}:{minutes}"
    return parse_instant(text) if text else None


# Text


@dataclass(slots=True)
class _Reading:
    """One alert of a text as far as it has been read: `pairs` is what lines belong to, `last` what one goes on with."""

    status: str
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    pairs: dict[str, str] = field(default_factory=dict)
    last: str = ""
    generator_url: str = ""


def _from_text(text: str, told_at: datetime) -> Iterator[Posted]:
    status, reading = "", None
    for line in text.splitlines():
        if line in (_FIRING, _RESOLVED):
            status, reading = ("firing" if line == _FIRING else "resolved"), None
        elif not status:
            continue
        elif line == "Labels:":
            reading = _Reading(status)
            reading.pairs = reading.labels
        elif reading is None:
            continue
        elif line == "Annotations:":
            reading.pairs, reading.last = reading.annotations, ""
        elif line.startswith("Source:"):
            url = line.removeprefix("Source:").strip()
            posted = Posted(reading.labels, reading.annotations, told_at.astimezone(UTC), None, url)
            yield forwarded(posted, reading.status, now=told_at)
            reading = None
        elif found := _PAIR.fullmatch(line):
            reading.last = found["name"]
            reading.pairs[reading.last] = found["value"]
        elif reading.last:
            reading.pairs[reading.last] += f"\n{line}"  # a value of several lines
