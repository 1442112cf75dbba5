"""What PagerDuty is told of a notification by either of its APIs: what ties events together, one line, details.

An event may have 512 KB: alerts are left out of the details until it fits, and the details say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..core import pagerduty
from ..core.alerts import Alert
from ..core.labels import common
from ..core.links import back_link, web_url
from ..core.notifications import Notification
from ..core.wording import (
    acknowledgement,
    clean,
    clip,
    facts,
    firing,
    measured,
    one_line,
    plural,
    resolved,
    title,
    why,
)
from . import pagerduty_fields
from .http import encode
from .texts import Texts

EVENT_BYTES = 500 * 1024  # of 512 KB; the key and the note of what was left out take some
SUMMARY_LENGTH = 1024
LABELS = 64
_FIELD_LENGTH = 255
_VALUE_LENGTH = 1024
_TEXT_LENGTH = 4096


def dedup_key(notification: Notification) -> str:
    """Return what ties a group's events together at one receiver, at most 255 characters."""
    return pagerduty.dedup_key(notification.group, notification.receiver, notification.ties)


def older_keys(notification: Notification) -> list[str]:
    """Return the keys of incidents there that are to be closed: another one has taken their place."""
    ties = notification.ties
    return [pagerduty.dedup_key(notification.group, notification.receiver, ties[:end]) for end in range(1, len(ties))]


def shown_alerts(notification: Notification) -> Sequence[Alert]:
    """Return the alerts that an event is about: those that fire, or all where none does."""
    return firing(notification) or notification.alerts


def summary(notification: Notification, texts: Texts) -> str:
    """Return one line: the settings' description, else what the first alerts say."""
    heading = title(notification)
    if texts.is_given("description"):
        return clip(one_line(texts.said("description", heading)) or heading, SUMMARY_LENGTH, size=_units)
    said = [facts(alert, now=notification.created_at) for alert in shown_alerts(notification)[:3]]
    summaries = dict.fromkeys(each.summary for each in said if each.summary)
    return clip(": ".join([heading, "; ".join(summaries)]) if summaries else heading, SUMMARY_LENGTH, size=_units)


def client(notification: Notification, texts: Texts) -> dict[str, str]:
    """Return who sends the event, and where that leads, if anywhere."""
    url = web_url(own(texts, "client_url")) or back_link(notification)
    return {"client": short(own(texts, "client")) or "Tocsin", **({"client_url": url} if url else {})}


def details(notification: Notification, texts: Texts, *, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings' details beside ours, with as many alerts as the rest of the event leaves room for."""
    given = pagerduty_fields.details(texts)
    found = {**_details(notification), **given}
    room = EVENT_BYTES - len(encode({**event, "details": found}))
    left_out = notification.truncated
    alerts: dict[str, list[dict[str, Any]]] = {"firing": [], "resolved": []}
    for alert in notification.alerts:
        entry = _alert_details(alert, now=notification.created_at)
        room -= len(encode(entry)) + 1
        if room < 0:
            left_out += 1
        else:
            alerts[alert.status_at(notification.created_at).value].append(entry)
    found |= {status: entries for status, entries in alerts.items() if entries and status not in given}
    if left_out:
        found["left_out"] = f"{plural(left_out, 'more alert')} not shown here: there was no room"
    return found


def own(texts: Texts, key: str) -> str:
    """Return what the user has set for a key."""
    return texts.value(key) if texts.is_given(key) else ""


def short(value: object) -> str:
    """Return a text of one field."""
    return clip(one_line(str(value)), _FIELD_LENGTH) if value else ""


def _details(notification: Notification) -> dict[str, Any]:
    labels = [alert.labels for alert in notification.alerts]
    details = {
        "why": why(notification),
        "group_key": clip(one_line(notification.group_key), _VALUE_LENGTH),
        "receiver": clip(one_line(notification.receiver), _VALUE_LENGTH),
        "incident": notification.incident,
        "acknowledge": acknowledgement(notification),
        "num_firing": len(firing(notification)),
        "num_resolved": len(resolved(notification)),
        "group_labels": _labels(notification.group_labels),
        "common_labels": _labels(common(labels)),
        "notification": notification.id,
    }
    return {name: value for name, value in details.items() if value not in (None, "", {})}


def _alert_details(alert: Alert, *, now: datetime) -> dict[str, Any]:
    said = facts(alert, now=now)
    details = {
        "alert": clip(said.name, _VALUE_LENGTH),
        "summary": clip(said.summary, _VALUE_LENGTH),
        "description": clip(said.description, _TEXT_LENGTH),
        "value": clip(measured(said), _VALUE_LENGTH),
        "when": said.when,
        "recommendations": clip(said.recommendations, _TEXT_LENGTH),
        "labels": _labels(alert.labels),
        "links": {link.label: link.url for link in said.links},
    }
    return {name: value for name, value in details.items() if value}


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    kept = {
        clip(clean(name), _FIELD_LENGTH): clip(clean(labels[name]), _VALUE_LENGTH) for name in sorted(labels)[:LABELS]
    }
    left_out = len(labels) - LABELS
    return {**kept, "…": f"and {plural(left_out, 'more label')}"} if left_out > 0 else kept


def _units(character: str) -> int:
    return 2 if character > "\uffff" else 1
