"""A webhook: Alertmanager's body, version 4, or one of the configuration's own (`payload`).

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from ..core import webhook
from ..core.notifications import Notification
from .channel import Channel, Outlets, timeout_seconds
from .hiding import hide
from .http import Request, refused
from .plain import degraded
from .texts import Texts

# Who sets no `timeout` waits as long as it takes with Alertmanager; a function has to end.
TIMEOUT_SECONDS = 15.0
_HEADERS = {"content-type": webhook.CONTENT_TYPE, "user-agent": "tocsin", "accept": "*/*"}


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Delivers notifications to the URL of each one's settings."""

    outlets: Outlets

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Post. Raises DeliveryError."""
        texts = self.outlets.texts(notification, now=now)
        return self.outlets.deliver(notification, partial(send, render(notification, texts), texts), now=now)


def send(body: bytes, texts: Texts, channel: Channel) -> str:
    """Post a body and return what was answered. Raises DeliveryError."""
    # Labels may choose the path, as with Alertmanager; a template that fails leads nowhere.
    url = texts.field(channel.secret("url"))
    waits = timeout_seconds(channel.settings.get("timeout"))
    http = channel.http if waits else channel.http.within(TIMEOUT_SECONDS)
    response = http.send(Request(url, _HEADERS, body), now=channel.now)
    if 200 <= response.status < 300:
        return hide(response.text, url) or f"{response.status}"
    raise refused(response, url)


def render(notification: Notification, texts: Texts | None = None) -> bytes:
    """Return the body; what cannot be rendered becomes the notification's own JSON, with the reason. Never raises."""
    settings, texts = notification.integration.settings, texts or Texts(notification)
    try:
        if settings.get("payload") is not None:
            return _encode(texts.nested(settings["payload"]))
        return webhook.body(
            notification,
            max_alerts=int(settings.get("max_alerts") or 0),
            route_labels=texts.route_labels(),
            status_of_listed=notification.is_compatible,
        )
    except Exception as error:
        return _plain_body(notification, error)


def _plain_body(notification: Notification, error: Exception) -> bytes:
    rest = degraded(notification, error)
    message: dict[str, object] = {
        "receiver": str(notification.receiver),
        "status": notification.status.value,
        "alerts": [],
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": str(notification.external_url),
        "version": webhook.VERSION,
        "groupKey": str(notification.group_key),
        "truncatedAlerts": len(notification.alerts) + notification.truncated,
        "error": rest.text,
    }
    return _encode(message)


def _encode(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8", "replace")
