"""PagerDuty, by Events API v1: for services whose integration is older than API v2 and has a service key.

An event is a trigger or a resolution of one incident key, the same as the deduplication key of API v2. 403 is what
this API says to who sends too much. A `url` of the settings counts where it is this API's; the default is API v2's.

Source: https://raw.githubusercontent.com/PagerDuty/api-schema/main/reference/events-v1/openapiv3.json
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from ..core.alerts import Status
from ..core.notifications import Notification
from ..core.wording import clip
from . import pagerduty_answers, pagerduty_contents
from .channel import Channel
from .credentials import not_configured
from .plain import degraded
from .texts import Texts

CREATE_EVENT_URL = "https://events.pagerduty.com/generic/2010-04-15/create_event.json"
_RATE_LIMITED = frozenset({403, 429})


def is_meant(settings: Mapping[str, Any]) -> bool:
    """Say whether settings have a service key; where a routing key stands beside it, it goes before that."""
    return any(settings.get(key) for key in ("service_key", "service_key_file"))


def send(event: Mapping[str, Any], texts: Texts, channel: Channel) -> str:
    """Post an event under the service key and return PagerDuty's answer. Raises DeliveryError."""
    # Labels may choose the service, as with Alertmanager.
    key = texts.field(channel.secret("service_key"))
    if not key:
        raise not_configured(f"receiver {channel.notification.receiver}: service_key is empty when it is filled in")
    given = str(channel.settings.get("url") or "")
    url = given if urlsplit(given).path.endswith("/create_event.json") else CREATE_EVENT_URL
    patient = replace(channel.http, rate_limited=_RATE_LIMITED)
    response = patient.post_json(url, {**event, "service_key": key}, now=channel.now)
    if 200 <= response.status < 300:
        return pagerduty_answers.accepted(response, "incident_key", str(event["incident_key"]))
    raise pagerduty_answers.refusal(response, url, secret=key, about_key="service key")


def render(notification: Notification, texts: Texts | None = None) -> dict[str, Any]:
    """Return the event without its service key; what cannot be rendered becomes a plain event. Never raises."""
    try:
        return _event(notification, texts or Texts(notification))
    except Exception as error:
        return _plain_event(notification, error)


def _event(notification: Notification, texts: Texts) -> dict[str, Any]:
    event = {**_kind(notification), "description": pagerduty_contents.summary(notification, texts)}
    if notification.status is not Status.RESOLVED:
        event |= pagerduty_contents.client(notification, texts)
    return {**event, "details": pagerduty_contents.details(notification, texts, event=event)}


def _kind(notification: Notification) -> dict[str, Any]:
    is_over = notification.status is Status.RESOLVED
    return {
        "event_type": "resolve" if is_over else "trigger",
        "incident_key": pagerduty_contents.dedup_key(notification),
    }


def _plain_event(notification: Notification, error: Exception) -> dict[str, Any]:
    plain = degraded(notification, error)
    details = {"message": clip(plain.text, 16 * 1024)}
    return {**_kind(notification), "description": plain.subject, "details": details}
