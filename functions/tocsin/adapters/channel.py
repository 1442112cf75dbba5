"""What every integration that is reached over HTTP shares: its settings' texts, its secrets, its connection.

Each integration renders a message and sends it; this puts the two together, with the settings' `http_config` and
`timeout`, and tries once more where a secret has been rotated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.durations import parse_duration
from ..core.notifications import Notification
from .credentials import Credentials, with_fresh_secrets
from .http import Http, Response
from .http_config import HttpClients
from .secrets import Secrets
from .texts import Templates, Texts, shipped_templates

LONGEST_TIMEOUT_SECONDS = 40.0
# All requests of a delivery together, tokens and second attempts included: a function may run for a minute.
DELIVERY_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Channel:
    """One attempt at one delivery."""

    notification: Notification
    credentials: Credentials
    http: Http
    now: datetime

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.notification.integration.settings

    def secret(self, key: str) -> str:
        """Return the secret of a key of the settings. Raises DeliveryError where there is none."""
        return self.credentials.need(self.settings, key, receiver=self.notification.receiver)

    def post(self, url: str, payload: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
        return self.http.post_json(url, payload, now=self.now, headers=headers)


@dataclass(frozen=True, slots=True)
class Outlets:
    """What senders work with; `templates` gives the user's templates as they are now, when one is needed."""

    secrets: Secrets
    clients: HttpClients
    templates: Callable[[datetime], Templates] = lambda now: shipped_templates()

    def texts(self, notification: Notification, *, now: datetime) -> Texts:
        return Texts(notification, lambda: self.templates(now))

    def deliver(self, notification: Notification, attempt: Callable[[Channel], str], *, now: datetime) -> str:
        """Return what an attempt over the settings' connection does. Raises DeliveryError."""

        until = self.clients.http.monotonic() + DELIVERY_SECONDS

        def over(credentials: Credentials) -> str:
            settings = notification.integration.settings
            http = self.clients.connect(settings.get("http_config"), credentials, now=now, until=until)
            seconds = timeout_seconds(settings.get("timeout"))
            return attempt(Channel(notification, credentials, http.within(seconds) if seconds else http, now))

        return with_fresh_secrets(self.secrets, over, now=now)


def timeout_seconds(text: object) -> float:
    """Return a setting's timeout, at most what a function has time for; 0 where there is none."""
    try:
        seconds = parse_duration(str(text)).total_seconds() if text else 0.0
    except ValueError:
        return 0.0
    return min(seconds, LONGEST_TIMEOUT_SECONDS)
