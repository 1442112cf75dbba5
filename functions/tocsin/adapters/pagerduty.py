"""PagerDuty, by Events API v2: a group triggers one alert there, updates it, and resolves it.

The deduplication key is the group's and the receiver's, so a repeat updates the open alert and a resolution closes it.
An event may have 512 KB: alerts are left out of the details until it fits, and the details say so.

Sources: https://developer.pagerduty.com/docs/events-api-v2-overview
https://developer.pagerduty.com/docs/send-alert-event
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from ..core.alerts import Alert, Status
from ..core.labels import ALERTNAME, common
from ..core.links import back_link, distinct, links_of, web_url
from ..core.notifications import Notification, format_time
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
from ..errors import FailureReason
from . import pagerduty_fields
from .channel import Channel, Outlets
from .credentials import not_configured
from .http import Http, Response, encode, hide, refused
from .plain import degraded
from .texts import Texts

ENQUEUE_URL = "https://events.pagerduty.com/v2/enqueue"
EVENT_BYTES = 500 * 1024  # of 512 KB; the routing key and the note of what was left out take some
SUMMARY_LENGTH = 1024
DEDUP_KEY_LENGTH = 255
LINKS = 10
LABELS = 64
_FIELD_LENGTH = 255
_VALUE_LENGTH = 1024
_TEXT_LENGTH = 4096
_SEVERITIES = ("critical", "error", "warning", "info")
_SEVERITY_OF = {"high": "error", "medium": "warning", "low": "info"}
# A page of unknown gravity is an error, as Alertmanager has it.
_UNKNOWN_SEVERITY = "error"


@dataclass(frozen=True, slots=True)
class PagerdutySender:
    """Delivers notifications to the service whose routing key each one's settings refer to."""

    outlets: Outlets

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Post. Raises DeliveryError."""
        texts = self.outlets.texts(notification, now=now)
        event = render(notification, texts)
        return self.outlets.deliver(notification, partial(_deliver, event, texts), now=now)


def _deliver(event: Mapping[str, Any], texts: Texts, channel: Channel) -> str:
    settings = channel.settings
    if not any(settings.get(key) for key in ("routing_key", "routing_key_file")) and any(
        settings.get(key) for key in ("service_key", "service_key_file")
    ):
        raise not_configured(
            f"receiver {channel.notification.receiver}: service_key belongs to PagerDuty's Events API v1,"
            " which is not spoken; use routing_key_file of an Events API v2 integration"
        )
    url = str(settings.get("url") or ENQUEUE_URL)
    # Labels may choose the service, as with Alertmanager.
    key = texts.field(channel.secret("routing_key"))
    return send(event, url, routing_key=key, http=channel.http, now=channel.now)


def send(event: Mapping[str, Any], url: str, *, routing_key: str, http: Http, now: datetime) -> str:
    """Post an event under a routing key and return PagerDuty's answer. Raises DeliveryError."""
    response = http.post_json(url, {**event, "routing_key": routing_key}, now=now)
    answer = _answer(response)
    if response.status == 202:
        return clip(f"{answer.get('message') or 'accepted'} ({answer.get('dedup_key') or event['dedup_key']})", 300)
    errors = "; ".join(str(error) for error in answer.get("errors") or ()) or str(
        answer.get("message") or response.text
    )
    reason = FailureReason.AUTH if "routing" in errors.lower() else None
    raise refused(response, url, said=clip(one_line(hide(errors, routing_key)), 500), reason=reason)


def _answer(response: Response) -> Mapping[str, Any]:
    try:
        answer = json.loads(response.body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def render(notification: Notification, texts: Texts | None = None) -> dict[str, Any]:
    """Return the event without its routing key; what cannot be rendered becomes a plain event. Never raises."""
    try:
        return _event(notification, texts or Texts(notification))
    except Exception as error:
        return _plain_event(notification, error)


def dedup_key(notification: Notification) -> str:
    """Return what ties a group's events together at one receiver, at most 255 characters."""
    key = f"{notification.group}/{notification.receiver}"
    if len(key) <= DEDUP_KEY_LENGTH:
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def severity(notification: Notification, texts: Texts) -> str:
    """Return the settings' severity, else the notification's own, in PagerDuty's words; `error` where none is known."""
    asked = texts.value("severity") if texts.is_given("severity") else ""
    known = (_SEVERITY_OF.get(said, said) for said in (asked.lower(), notification.severity.lower()))
    return next((said for said in known if said in _SEVERITIES), _UNKNOWN_SEVERITY)


def _event(notification: Notification, texts: Texts) -> dict[str, Any]:
    link = back_link(notification)
    event: dict[str, Any] = {
        "event_action": "resolve" if notification.status is Status.RESOLVED else "trigger",
        "dedup_key": dedup_key(notification),
        "client": _short(_own(texts, "client")) or "Tocsin",
        "links": [*pagerduty_fields.links(texts), *_links(notification, link)],
        "payload": _payload(notification, texts),
    }
    images = pagerduty_fields.images(texts)
    if images:
        event["images"] = images
    client_url = web_url(_own(texts, "client_url")) or link
    if client_url:
        event["client_url"] = client_url
    return _fitted(event, notification, pagerduty_fields.details(texts))


def _own(texts: Texts, key: str) -> str:
    return texts.value(key) if texts.is_given(key) else ""


def _payload(notification: Notification, texts: Texts) -> dict[str, Any]:
    shared = common([alert.labels for alert in notification.alerts])
    shown: Sequence[Alert] = firing(notification) or notification.alerts
    payload: dict[str, Any] = {
        "summary": _summary(notification, shown, texts),
        "source": _first(_own(texts, "source"), shared, "instance", "service", "job") or "Tocsin",
        "severity": severity(notification, texts),
        "timestamp": format_time(min((alert.starts_at for alert in shown), default=notification.created_at)),
        "class": _first(_own(texts, "class"), shared, ALERTNAME),
        "component": _first(_own(texts, "component"), shared, "service", "job", "component"),
        "group": _first(_own(texts, "group"), shared, "cluster", "namespace", "environment", "env"),
    }
    return {name: value for name, value in payload.items() if value}


def _summary(notification: Notification, shown: Sequence[Alert], texts: Texts) -> str:
    heading = title(notification)
    if texts.is_given("description"):
        return clip(one_line(texts.said("description", heading)) or heading, SUMMARY_LENGTH, size=_units)
    said = [facts(alert, now=notification.created_at) for alert in shown[:3]]
    summaries = dict.fromkeys(each.summary for each in said if each.summary)
    return clip(": ".join([heading, "; ".join(summaries)]) if summaries else heading, SUMMARY_LENGTH, size=_units)


def _links(notification: Notification, back: str | None) -> list[dict[str, str]]:
    found = distinct(link for alert in (firing(notification) or notification.alerts) for link in links_of(alert))
    links = [{"href": link.url, "text": link.label} for link in found[:LINKS]]
    if back and all(link["href"] != back for link in links):
        links.append({"href": back, "text": "Tocsin"})
    return links


def _fitted(event: dict[str, Any], notification: Notification, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event with the settings' details, and as many alerts in them as there is room for."""
    details = {**_details(notification), **own}
    room = EVENT_BYTES - len(encode({**event, "details": details}))
    left_out = notification.truncated
    alerts: dict[str, list[dict[str, Any]]] = {"firing": [], "resolved": []}
    for alert in notification.alerts:
        entry = _alert_details(alert, now=notification.created_at)
        room -= len(encode(entry)) + 1
        if room < 0:
            left_out += 1
        else:
            alerts[alert.status_at(notification.created_at).value].append(entry)
    details |= {status: entries for status, entries in alerts.items() if entries and status not in own}
    if left_out:
        details["left_out"] = f"{plural(left_out, 'more alert')} not shown here: there was no room"
    event["payload"]["custom_details"] = details
    return event


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


def _plain_event(notification: Notification, error: Exception) -> dict[str, Any]:
    plain = degraded(notification, error)
    is_over = notification.status is Status.RESOLVED
    return {
        "event_action": "resolve" if is_over else "trigger",
        "dedup_key": dedup_key(notification),
        "client": "Tocsin",
        "payload": {
            "summary": plain.subject,
            "source": "Tocsin",
            # Its true gravity could not be told: better too loud.
            "severity": "critical",
            "custom_details": {"message": clip(plain.text, 16 * 1024)},
        },
    }


def _first(setting: object, labels: Mapping[str, str], *names: str) -> str:
    found = (_short(text) for text in (setting, *(labels.get(name) for name in names)))
    return next((text for text in found if text), "")


def _short(value: object) -> str:
    return clip(one_line(str(value)), _FIELD_LENGTH) if value else ""


def _units(character: str) -> int:
    return 2 if character > "\uffff" else 1
