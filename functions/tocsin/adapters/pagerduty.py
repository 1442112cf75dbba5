"""PagerDuty, by Events API v2: a group triggers one alert there, updates it, and resolves it.

The deduplication key is the group's and the receiver's, so a repeat updates the open alert and a resolution closes it.
Under it PagerDuty is told too what people did elsewhere: acknowledge and resolve; it has no word for the rest.
Settings with a service key are delivered by Events API v1 (pagerduty_v1.py).

Sources: https://developer.pagerduty.com/docs/events-api-v2-overview
https://developer.pagerduty.com/docs/send-alert-event
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from ..core.alerts import Status
from ..core.incidents import IncidentState
from ..core.labels import ALERTNAME, common
from ..core.links import back_link, distinct, links_of
from ..core.notifications import Notification, Reason, format_time
from ..core.wording import clip
from . import pagerduty_answers, pagerduty_contents, pagerduty_fields, pagerduty_v1
from .channel import Channel, Outlets
from .http import Http
from .pagerduty_contents import own, short, shown_alerts
from .plain import degraded
from .texts import Texts

ENQUEUE_URL = "https://events.pagerduty.com/v2/enqueue"
LINKS = 10
_SEVERITIES = ("critical", "error", "warning", "info")
_SEVERITY_OF = {"high": "error", "medium": "warning", "low": "info"}
# A page of unknown gravity is an error, as Alertmanager has it.
_UNKNOWN_SEVERITY = "error"
# The states of an incident that PagerDuty knows too.
_ACTIONS = {IncidentState.ACKNOWLEDGED.value: "acknowledge", IncidentState.RESOLVED.value: "resolve"}


@dataclass(frozen=True, slots=True)
class PagerdutySender:
    """Delivers notifications to the service whose routing key, or service key, each one's settings refer to."""

    outlets: Outlets

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Post. Raises DeliveryError."""
        texts = self.outlets.texts(notification, now=now)
        if pagerduty_v1.is_meant(notification.integration.settings) and notification.reason is not Reason.UPDATE:
            send_it = partial(pagerduty_v1.send, pagerduty_v1.render(notification, texts), texts)
            return self.outlets.deliver(notification, send_it, now=now)
        events = render_all(notification, texts)
        if not events:
            return f"nothing to tell: {_state(notification) or 'unknown'}"
        return self.outlets.deliver(notification, partial(_deliver, events, texts), now=now)


def _deliver(events: Sequence[Mapping[str, Any]], texts: Texts, channel: Channel) -> str:
    """Send events in order, each under a key of its own: once more, they change nothing. Return the first answer."""
    url = str(channel.settings.get("url") or ENQUEUE_URL)
    # Labels may choose the service, as with Alertmanager.
    key = texts.field(channel.secret("routing_key"))
    answers = [send(event, url, routing_key=key, http=channel.http, now=channel.now) for event in events]
    return answers[0]


def send(event: Mapping[str, Any], url: str, *, routing_key: str, http: Http, now: datetime) -> str:
    """Post an event under a routing key and return PagerDuty's answer. Raises DeliveryError."""
    response = http.post_json(url, {**event, "routing_key": routing_key}, now=now)
    if response.status == 202:
        return pagerduty_answers.accepted(response, "dedup_key", str(event["dedup_key"]))
    raise pagerduty_answers.refusal(response, url, secret=routing_key, about_key="routing")


def render_all(notification: Notification, texts: Texts) -> list[dict[str, Any]]:
    """Return the events of a notification without their routing key, none where there is nothing to tell.

    Where another incident takes the place of one that was acknowledged, that is closed after the new one was opened: at
    no time is there none.
    """
    # Where a person has closed an incident, that a part of it has ended would open another one there.
    is_closed = notification.reason is Reason.NEW_RESOLVED and _state(notification) == IncidentState.RESOLVED
    is_change = notification.reason is Reason.UPDATE or is_closed
    event = render_change(notification) if is_change else render(notification, texts)
    older = [{"event_action": "resolve", "dedup_key": key} for key in pagerduty_contents.older_keys(notification)]
    return [*([event] if event else []), *older]


def render_change(notification: Notification) -> dict[str, Any] | None:
    """Return the event that tells of a changed incident, without its routing key; None where there is none for it."""
    action = _ACTIONS.get(_state(notification))
    if action is None or pagerduty_v1.is_meant(notification.integration.settings):
        return None
    return {"event_action": action, "dedup_key": pagerduty_contents.dedup_key(notification)}


def _state(notification: Notification) -> str:
    return notification.standing.state if notification.standing else ""


def render(notification: Notification, texts: Texts | None = None) -> dict[str, Any]:
    """Return the event without its routing key; what cannot be rendered becomes a plain event. Never raises."""
    try:
        return _event(notification, texts or Texts(notification))
    except Exception as error:
        return _plain_event(notification, error)


def severity(notification: Notification, texts: Texts) -> str:
    """Return the settings' severity, else the notification's own, in PagerDuty's words; `error` where none is known."""
    asked = texts.value("severity") if texts.is_given("severity") else ""
    known = (_SEVERITY_OF.get(said, said) for said in (asked.lower(), notification.severity.lower()))
    return next((said for said in known if said in _SEVERITIES), _UNKNOWN_SEVERITY)


def _event(notification: Notification, texts: Texts) -> dict[str, Any]:
    event: dict[str, Any] = {
        **_kind(notification),
        **pagerduty_contents.client(notification, texts),
        "links": [*pagerduty_fields.links(texts), *_links(notification)],
        "payload": _payload(notification, texts),
    }
    images = pagerduty_fields.images(texts)
    if images:
        event["images"] = images
    event["payload"]["custom_details"] = pagerduty_contents.details(notification, texts, event=event)
    return event


def _kind(notification: Notification) -> dict[str, Any]:
    is_over = notification.status is Status.RESOLVED
    return {
        "event_action": "resolve" if is_over else "trigger",
        "dedup_key": pagerduty_contents.dedup_key(notification),
    }


def _payload(notification: Notification, texts: Texts) -> dict[str, Any]:
    shared = common([alert.labels for alert in notification.alerts])
    shown = shown_alerts(notification)
    payload: dict[str, Any] = {
        "summary": pagerduty_contents.summary(notification, texts),
        "source": _first(own(texts, "source"), shared, "instance", "service", "job") or "Tocsin",
        "severity": severity(notification, texts),
        "timestamp": format_time(min((alert.starts_at for alert in shown), default=notification.created_at)),
        "class": _first(own(texts, "class"), shared, ALERTNAME),
        "component": _first(own(texts, "component"), shared, "service", "job", "component"),
        "group": _first(own(texts, "group"), shared, "cluster", "namespace", "environment", "env"),
    }
    return {name: value for name, value in payload.items() if value}


def _links(notification: Notification) -> list[dict[str, str]]:
    back = back_link(notification)
    found = distinct(link for alert in shown_alerts(notification) for link in links_of(alert))
    links = [{"href": link.url, "text": link.label} for link in found[:LINKS]]
    if back and all(link["href"] != back for link in links):
        links.append({"href": back, "text": "Tocsin"})
    return links


def _plain_event(notification: Notification, error: Exception) -> dict[str, Any]:
    plain = degraded(notification, error)
    return {
        **_kind(notification),
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
    found = (short(text) for text in (setting, *(labels.get(name) for name in names)))
    return next((text for text in found if text), "")
