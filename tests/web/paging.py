"""A world whose receiver pages PagerDuty, and a PagerDuty that tells it what happens there, in the world's time."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from dev.pagerduty_account import Account, Incident
from tests.adapters.local import LOCAL
from tests.adapters.scripted import ListedSecrets
from tests.cli.states import api_of
from tests.stories.world import Died, World
from tocsin.adapters.channel import Outlets
from tocsin.adapters.http import Http, Request, Response
from tocsin.adapters.http_config import HttpClients
from tocsin.adapters.memory_receipts import MemoryReceipts
from tocsin.adapters.pagerduty import PagerdutySender
from tocsin.core.configuration import Configuration
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Integration, Kind, Receiver
from tocsin.errors import SecretError, StoreError
from tocsin.web import api
from tocsin.web.http import Refused, parse_event
from tocsin.web.http import Response as Answer

ROUTING_KEY = "r" * 32
OLD, NEW = "old-webhook-secret", "new-webhook-secret"
SECRETS = {"secret:pagerduty#old": OLD, "secret:pagerduty#new": NEW}
URL = "https://api.example/pagerduty/webhook"


def pages_pagerduty(name: str) -> Receiver:
    return Receiver(name, (Integration(name, Kind.PAGERDUTY, 0, True, {"routing_key_file": "secret:pagerduty#key"}),))


def hears_pagerduty(configuration: Configuration, *references: str) -> Configuration:
    return replace(configuration, pagerduty_secrets=references or ("secret:pagerduty#new",))


class Without:
    """Something of which one call fails, once it was made where `after` says so, and the others work."""

    def __init__(self, target: Any, name: str, error: BaseException | None = None, *, after: int = 0) -> None:
        self._target, self._name = target, name
        self._error, self._after = error or StoreError("told to fail"), after

    def __getattr__(self, name: str) -> Any:
        if name != self._name:
            return getattr(self._target, name)
        self._after -= 1
        if self._after >= 0:
            return getattr(self._target, name)

        def fail(*_: Any, **__: Any) -> Any:
            raise self._error

        return fail


@dataclass
class Line:
    """Both directions between a world and an account; `failing` breaks the next answers of ours, one each."""

    world: World
    receipts: Any = field(default_factory=MemoryReceipts)
    failing: list[dict[str, Any]] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    statuses: list[int] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    there: Account = field(init=False)

    def __post_init__(self) -> None:
        self.there = Account(webhook_secrets=(OLD, NEW), clock=lambda: self.world.now, wait=self._wait, post=self.post)
        self.there.subscribe(URL)
        http = Http(self._events_api, sleep=lambda s: None, random=lambda: 1.0, monotonic=lambda: 0.0)
        self._sender = PagerdutySender(Outlets(ListedSecrets(ROUTING_KEY), HttpClients(http, targets=LOCAL)))
        self.world.sender = self._send

    def _wait(self, seconds: float) -> None:
        self.world.advance(seconds=seconds)

    # What we tell

    def _send(self, notification: Notification, *, now: datetime) -> str:
        if notification.integration.kind is Kind.PAGERDUTY:
            return self._sender(notification, now=now)
        return self.world.receive(notification)

    def _events_api(self, request: Request, *, timeout_seconds: float) -> Response:
        self.events.append(json.loads(request.body)["event_action"])
        status, answer = self.there.take("/v2/enqueue", request.body)
        return Response(status, {}, json.dumps(answer).encode())

    @property
    def incident(self) -> Incident:
        return self.there.incidents[-1]

    # What they tell

    def post(self, url: str, headers: Mapping[str, str], body: bytes, *, is_encoded: bool = True) -> int:
        """Answer a webhook, as API Gateway hands it over."""
        text = base64.b64encode(body).decode() if is_encoded else body.decode()
        event = {
            "rawPath": "/pagerduty/webhook",
            "headers": dict(headers),
            "requestContext": {"http": {"method": "POST", "sourceIp": "203.0.113.9"}},
            "body": text,
            "isBase64Encoded": is_encoded,
        }
        return self.ask(event).status

    def ask(self, event: Mapping[str, Any]) -> Any:
        parts = {
            "receipts": self.receipts,
            "read_secret": self._secret,
            **(self.failing.pop(0) if self.failing else {}),
        }
        try:
            response = api.answer(replace(api_of(self.world), **parts), parse_event(event), now=self.world.now)
        except Refused as refused:
            response = refused.response
        except Died:
            response = Answer(0)
        self.statuses.append(response.status)
        return response

    def _secret(self, reference: str, now: datetime) -> str:
        if reference not in self.secrets:
            raise SecretError(f"{reference}: has no such key")
        return self.secrets[reference]
