"""What happened in the story: log lines of the functions, messages at the receivers, and what the story itself did."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What sort of thing happened; the timeline has a colour for each."""

    STORY = "story"
    METRIC = "metric"
    RULE = "rule"
    TIMER = "timer"
    GROUP = "group"
    STEP = "escalation"
    MESSAGE = "message"
    ACTION = "person"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline; `seconds` counts from the moment at which the service went bad."""

    at: datetime
    kind: Kind
    text: str
    why: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    """A structured log line of a function: its logical id, the constant event name, the fields."""

    at: datetime
    function: str
    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """What arrived at a channel: about which alert, in which state, and what the receiver found wrong with it."""

    at: datetime
    channel: str
    alert: str
    status: str
    title: str
    problems: tuple[str, ...] = ()


class Journal:
    """Everything so far; entries are also handed to whoever shows them, in order."""

    def __init__(self, show: Callable[[Entry], None] = lambda entry: None) -> None:
        self._show = show
        self._lock = threading.RLock()
        self._entries: list[Entry] = []
        self._logs: list[LogLine] = []
        self._messages: list[Message] = []
        self.bad_since: datetime | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        with self._lock:
            return tuple(self._entries)

    @property
    def messages(self) -> tuple[Message, ...]:
        with self._lock:
            return tuple(self._messages)

    def seconds_at(self, moment: datetime) -> float | None:
        """Return how long after the service went bad this was; None while it has not."""
        return (moment - self.bad_since).total_seconds() if self.bad_since else None

    def logs(self, event: str, **fields: Any) -> list[LogLine]:
        """Return the log lines of an event whose fields have these values."""
        with self._lock:
            return [
                line
                for line in self._logs
                if line.event == event and all(line.fields.get(name) == value for name, value in fields.items())
            ]

    def add(self, kind: Kind, text: str, why: str = "", *, at: datetime | None = None) -> None:
        with self._lock:
            moment = at or datetime.now(UTC)
            entry = Entry(moment, kind, text, why, self.seconds_at(moment))
            self._entries.append(entry)
            self._show(entry)

    def take_message(self, message: Message) -> None:
        with self._lock:
            self._messages.append(message)
        verdict = "refused: " + "; ".join(message.problems) if message.problems else "accepted"
        kind = Kind.PROBLEM if message.problems else Kind.MESSAGE
        self.add(kind, f"{message.channel}: {message.title}", verdict, at=message.at)

    def take_log(self, source: str, text: str) -> None:
        """Take what the local stack reports: a function's log line, or an event of its own."""
        line = read_log(source, text)
        if line is None:
            return
        with self._lock:
            self._logs.append(line)
        told = describe(line)
        if told is not None:
            kind, what, why = told
            self.add(kind, what, why, at=line.at)


METRICS = "metrics"


def read_log(source: str, text: str) -> LogLine | None:
    """Return a function's structured log line, or its metrics in CloudWatch's embedded format; None for neither."""
    try:
        data = json.loads(text)
    except ValueError:
        return None
    if not isinstance(data, dict):
        return None
    if "_aws" in data:
        return LogLine(datetime.now(UTC), source, METRICS, data)
    if not isinstance(data.get("message"), str) or "level" not in data:
        return None
    fields = {name: value for name, value in data.items() if name != "message"}
    return LogLine(datetime.now(UTC), source, data["message"], fields)


_CHANGES = {
    "expression became true": "pending",
    "held for its whole `for`": "firing",
    "expression no longer true": "resolved",
    "no longer true before its `for` was over": "inactive again",
    "no longer true, kept firing": "kept firing",
    "true again while kept firing": "firing again",
}


def describe(line: LogLine) -> tuple[Kind, str, str] | None:
    """Return how the timeline tells a log line: the kind, what happened, and why; None for what is no news."""
    teller = _TELLERS.get(line.event)
    if teller is not None:
        return teller(line.fields)
    if line.fields.get("level") in ("ERROR", "CRITICAL"):
        details = {name: value for name, value in line.fields.items() if name in ("error", "reason", "body")}
        return Kind.PROBLEM, f"{line.function}: {line.event}", "; ".join(str(value) for value in details.values())
    return None


def _alert_changed(fields: Mapping[str, Any]) -> tuple[Kind, str, str] | None:
    change = fields["change"]
    name = fields["labels"].get("alertname", "?")
    return (Kind.RULE, f"{name} is {_CHANGES[change]}", change) if change in _CHANGES else None


def _notification_decided(fields: Mapping[str, Any]) -> tuple[Kind, str, str]:
    name = alert_of(fields["group_key"])
    return Kind.GROUP, f"tell {fields['receiver']}: {name} {fields['status']}", fields["reason"]


def _escalated(fields: Mapping[str, Any]) -> tuple[Kind, str, str]:
    receivers = ", ".join(fields["receivers"]) or "nobody new"
    return Kind.STEP, f"step {fields['step']} of {fields['incident']}: {receivers}", "nobody has acknowledged"


def _escalation_decided(fields: Mapping[str, Any]) -> tuple[Kind, str, str] | None:
    if fields["action"] != "stop":
        return None
    return Kind.STEP, f"the escalation of {fields['incident']} ends", fields["reason"]


def _invocation_failed(fields: Mapping[str, Any]) -> tuple[Kind, str, str]:
    """Two looks at a group may publish the same notification at once: the second waits, and drops it (law 7)."""
    error, function = str(fields["error"]), fields.get("service", "a function")
    if error.startswith("DeliveryInProgressError"):
        return Kind.GROUP, f"{function}: the same notification twice at once; one of them waits", "claimed by the other"
    return Kind.PROBLEM, f"{function}: invocation_failed", error


def _incident_opened(fields: Mapping[str, Any]) -> tuple[Kind, str, str]:
    return Kind.GROUP, f"incident {fields['incident']} opens: {fields['title']}", f"policy {fields['policy']}"


def _incident_closed(fields: Mapping[str, Any]) -> tuple[Kind, str, str]:
    return Kind.GROUP, f"incident {fields['incident']} is resolved: {fields['title']}", "all alerts resolved"


def _rule_failing(fields: Mapping[str, Any]) -> tuple[Kind, str, str]:
    return Kind.RULE, f"{fields['rule']} cannot be evaluated; its alerts stay as they were", fields["error"]


_TELLERS: Mapping[str, Callable[[Mapping[str, Any]], tuple[Kind, str, str] | None]] = {
    "alert_changed": _alert_changed,
    "notification_decided": _notification_decided,
    "escalated": _escalated,
    "escalation_decided": _escalation_decided,
    "incident_opened": _incident_opened,
    "incident_closed": _incident_closed,
    "rule_failing": _rule_failing,
    "invocation_failed": _invocation_failed,
}


def alert_of(text: str) -> str:
    """Return the name of the alert in a group key such as `{}:{alertname="HighErrorRate"}`; empty if there is none."""
    _, found, rest = text.partition('alertname="')
    return rest.partition('"')[0] if found else ""
