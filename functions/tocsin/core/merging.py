"""What becomes of an alert that is sent to us: its times completed, and merged with what is known of it.

A sender that gives no end has to send again within resolve_timeout, or the alert counts as resolved; an end that it
gives is taken at its word. Two versions whose activities overlap are one: the earliest start, the newest annotations,
the latest end that somebody gave.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/api.go, alert/alert.go and provider/mem/mem.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from .alerts import Alert, Status
from .labels import Labels, quote
from .matcher_syntax import Syntax, is_label_name
from .sizes import fit_annotations, fit_labels, fit_link

DEFAULT_RESOLVE_TIMEOUT = timedelta(minutes=5)

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Posted:
    """An alert as it is sent: labels may be empty, times may be missing (None, or Go's zero time, the year 1)."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    generator_url: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """An alert as it is kept; `is_timeout` says that its end was not given, but made from resolve_timeout."""

    alert: Alert
    is_timeout: bool = False


class RefusedAlertError(ValueError):
    """An alert that is not taken; the text says why."""


def receive(
    posted: Posted,
    *,
    now: datetime,
    resolve_timeout: timedelta = DEFAULT_RESOLVE_TIMEOUT,
    syntax: Syntax = Syntax.FALLBACK,
) -> Received:
    """Return what is kept of an alert that is sent now: labels that are empty left out, times completed.

    An alert of which only the end is given starts at its end. Raises RefusedAlertError.
    """
    ends_at = _given(posted.ends_at)
    starts_at = _given(posted.starts_at) or ends_at or now
    alert = Alert(
        labels=Labels(fit_labels(posted.labels)),
        annotations=dict(fit_annotations(posted.annotations)),
        starts_at=starts_at,
        updated_at=now,
        ends_at=ends_at or now + resolve_timeout,
        generator_url=fit_link(posted.generator_url),
    )
    reason = next(_objections(alert, syntax), None)
    if reason is not None:
        raise RefusedAlertError(reason)
    return Received(alert, is_timeout=ends_at is None)


def merge(stored: Received | None, received: Received, *, now: datetime) -> Received:
    """Return what is kept of two versions of one alert, `stored` being what was known until now."""
    if stored is None:
        return received
    # What was sent earlier and arrives later is the older version.
    older, newer = (received, stored) if received.alert.updated_at < stored.alert.updated_at else (stored, received)
    if not _overlap(older.alert, newer.alert):
        return newer
    starts_at = min(older.alert.starts_at, newer.alert.starts_at)
    return replace(newer, alert=replace(newer.alert, starts_at=starts_at, ends_at=_merged_end(older, newer, now=now)))


def _given(instant: datetime | None) -> datetime | None:
    return None if instant is None or instant.year == 1 else instant.astimezone(UTC)


def _objections(alert: Alert, syntax: Syntax) -> Iterator[str]:
    if alert.ends_at is not None and alert.ends_at < alert.starts_at:
        yield "start time must be before end time"
    if not alert.labels:
        yield "at least one label pair required"
    for what, pairs in (("label set", alert.labels), ("annotations", alert.annotations)):
        for name, value in pairs.items():
            if not is_label_name(name, syntax):
                yield f"invalid {what}: invalid name {quote(name)}"
            if not _is_text(value):
                yield f"invalid {what}: invalid value {quote(value)}"


def _is_text(value: str) -> bool:
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in value)


def _end(alert: Alert) -> datetime:
    return alert.ends_at or _NEVER


def _overlap(one: Alert, other: Alert) -> bool:
    return one.starts_at < _end(other) and other.starts_at < _end(one)


def _merged_end(older: Received, newer: Received, *, now: datetime) -> datetime | None:
    if _end(older.alert) <= _end(newer.alert):
        return newer.alert.ends_at
    # A resolution that comes now is believed, whatever end was announced before.
    if newer.alert.status_at(now) is Status.RESOLVED:
        counts = older.alert.status_at(now) is Status.RESOLVED
    else:
        counts = not older.is_timeout
    return older.alert.ends_at if counts else newer.alert.ends_at
