"""The events that start functions, as values. An event of another shape is an EventError that says what was expected.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, with-sns.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.clicks import Click
from ..core.clicks import from_json as click_from_json
from ..core.incidents import IncidentId
from ..core.notifications import Notification, from_json, parse_time
from ..core.routing import GroupId
from ..errors import EventError


def parse_tick(event: Any) -> tuple[datetime, bool]:
    """Return the instant to evaluate at, and whether the schedule itself asks (not a tick between two of its own)."""
    if isinstance(event, Mapping) and "Records" in event:
        bodies = [body for _, body in parse_queue(event)]
        if len(bodies) != 1:
            raise EventError(f"expected one tick in the queue's event, found {len(bodies)}")
        return _time(_object(bodies[0], "a tick"), "now", "a tick"), False
    return _time(event, "now", "the schedule's event"), True


def parse_queue(event: Any) -> Iterator[tuple[str, str]]:
    """Yield message id and body of each message of an SQS event."""
    for record in _records(event, "an SQS event"):
        try:
            yield record["messageId"], record["body"]
        except (KeyError, TypeError):
            raise EventError("expected `messageId` and `body` in each record of an SQS event") from None


@dataclass(frozen=True, slots=True)
class Received:
    """A message of a queue: `receipt` says which of its receptions this is, the `receives`-th."""

    id: str
    body: str
    receipt: str = ""
    receives: int = 1


def parse_received(event: Any) -> Iterator[Received]:
    """Yield each message of an SQS event, with how often it has come."""
    for record, (message_id, body) in zip(_records(event, "an SQS event"), parse_queue(event), strict=True):
        attributes = record.get("attributes")
        count = attributes.get("ApproximateReceiveCount") if isinstance(attributes, Mapping) else None
        receives = int(count) if isinstance(count, str) and count.isdecimal() else 1
        yield Received(message_id, body, str(record.get("receiptHandle") or ""), receives)


def parse_timer(body: str) -> tuple[GroupId, datetime]:
    """Return the group and the instant of a timer's message."""
    timer = _object(body, "a timer")
    group = timer.get("group")
    if not isinstance(group, str) or not group:
        raise EventError(f"a timer needs the text `group`, found {group!r}")
    return GroupId(group), _time(timer, "at", "a timer")


def parse_click(body: str) -> Click:
    """Return the click of a message of the action queue; what is wrong with it is said without repeating it."""
    try:
        return click_from_json(_object(body, "a click"))
    except (KeyError, ValueError, TypeError, OverflowError, EventError) as error:
        raise EventError(f"not a click of this version: {type(error).__name__}") from None


def parse_question(event: Any) -> tuple[IncidentId, int, datetime]:
    """Return the incident that a state machine asks about, for which of its climbs, and when it asks."""
    incident = event.get("incident") if isinstance(event, Mapping) else None
    if not isinstance(incident, str) or not incident:
        raise EventError(f"the state machine's question needs the text `incident`, found {incident!r}")
    climb = event.get("climb", 0)
    if isinstance(climb, bool) or not isinstance(climb, int):
        raise EventError(f"the state machine's question needs `climb` as a whole number, found {_shown(climb)}")
    return IncidentId(incident), climb, _time(event, "now", "the state machine's question")


def parse_notifications(event: Any) -> Iterator[Notification]:
    """Yield the notifications of an SNS event."""
    for record in _records(event, "an SNS event"):
        try:
            text = record["Sns"]["Message"]
        except (KeyError, TypeError):
            raise EventError("expected `Sns.Message` in each record of an SNS event") from None
        message = _object(text, "a notification")
        try:
            yield from_json(message)
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
            problem = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise EventError(f"not a notification of this version: {problem}") from None


def _records(event: Any, what: str) -> list[Any]:
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list):
        raise EventError(f"expected `Records` as {what} has them, found {_shown(event)}")
    return records


def _object(text: object, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise EventError(f"{what} is a JSON object, found {_shown(text)}")
    return value


def _time(values: Any, name: str, what: str) -> datetime:
    text = values.get(name) if isinstance(values, Mapping) else None
    try:
        return parse_time(text if isinstance(text, str) else "")
    except ValueError:
        raise EventError(
            f"{what} needs `{name}` as a time such as 2026-01-02T03:04:05Z, found {_shown(text)}"
        ) from None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
