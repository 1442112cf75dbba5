"""Heartbeats: asking a URL of somebody who notices when nobody asks it any more (a dead man's switch).

Healthchecks.io, Cronitor, Better Stack, Dead Man's Snitch, Opsgenie and their like take a GET, or another method, at an
address that is a secret. The tick's beat says more than that it ran: `failure` after the address where it went wrong.

Source: https://healthchecks.io/docs/http_api/, https://docs.opsgenie.com/docs/heartbeat-api
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ..core.notifications import Notification
from ..errors import DeliveryError, FailureReason
from .channel import Channel, Outlets
from .credentials import Credentials, with_fresh_secrets
from .http import Http, Request, refused
from .http_config import HttpClients
from .secrets import Secrets

_HEADERS = {"user-agent": "tocsin", "accept": "*/*"}
_NOBODY = "arrived; nobody outside is told (heartbeat.delivery in tocsin.yml)"
# All of a tick's beat together, and one answer within that: nobody may wait for who watches.
_TICK_SECONDS, _ANSWER_SECONDS = 4.0, 2.0


@dataclass(frozen=True, slots=True)
class HeartbeatSender:
    """The watchdog's integration: its arrival is told to the URL of its settings, if there is one."""

    outlets: Outlets

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Raises DeliveryError."""
        settings = notification.integration.settings
        if not any(settings.get(key) for key in ("url", "url_file")):
            return _NOBODY
        return self.outlets.deliver(notification, partial(_deliver), now=now)


def _deliver(channel: Channel) -> str:
    return _ask(channel.http, channel.secret("url"), channel.settings, now=channel.now)


@dataclass(frozen=True, slots=True)
class TickHeartbeat:
    """The tick's beat: asked once, and not waited for longer than `seconds`."""

    secrets: Secrets
    clients: HttpClients
    seconds: float = _TICK_SECONDS

    def __call__(self, settings: Mapping[str, Any], *, is_well: bool, now: datetime) -> str:
        """Return what was answered; empty where there is nothing to say. Raises DeliveryError.

        In a thread of its own, because looking up a name knows no time limit. What comes too late is left to itself.
        """
        if not is_well and not settings.get("failure"):
            return ""  # to be silent is what the other side understands
        done: list[str | Exception] = []
        thread = threading.Thread(
            target=lambda: done.append(self._try(settings, is_well=is_well, now=now)), name="heartbeat", daemon=True
        )
        thread.start()
        thread.join(self.seconds)
        if not done:
            raise DeliveryError("no answer in time", reason=FailureReason.TIMEOUT, retryable=False)
        if isinstance(done[0], Exception):
            raise done[0]
        return done[0]

    def _try(self, settings: Mapping[str, Any], *, is_well: bool, now: datetime) -> str | Exception:
        def attempt(credentials: Credentials) -> str:
            http = self.clients.connect(settings.get("http_config"), credentials, now=now)
            once = replace(http, timeout_seconds=_ANSWER_SECONDS, budget_seconds=_ANSWER_SECONDS)
            url = credentials.need(settings, "url", receiver="heartbeat")
            return _ask(once, url if is_well else _with(url, str(settings["failure"])), settings, now=now)

        try:
            return with_fresh_secrets(self.secrets, attempt, now=now)
        except Exception as error:
            return error


def _ask(http: Http, url: str, settings: Mapping[str, Any], *, now: datetime) -> str:
    response = http.send(Request(url, _HEADERS, b"", str(settings.get("method") or "GET")), now=now)
    if 200 <= response.status < 300:
        return str(response.status)
    raise refused(response, url)


def _with(url: str, failure: str) -> str:
    """Return an address with /fail after its path, or with ?state=fail beside the parameters that it has."""
    parts = urlsplit(url)
    if failure.startswith("?"):
        return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, failure[1:])))))
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + failure))
