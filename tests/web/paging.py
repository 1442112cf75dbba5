"""A world whose receiver pages PagerDuty, and a PagerDuty that tells it what happens there, in the world's time."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from dev.pagerduty_account import Account, Incident
from tests.adapters.local import LOCAL
from tests.adapters.scripted import ListedSecrets
from tests.cli.states import api_of
from tests.stories.configurations import receiver
from tests.stories.outside import ServiceError
from tests.stories.world import World
from tocsin.adapters.channel import Outlets
from tocsin.adapters.http import Http, Request, Response
from tocsin.adapters.http_config import HttpClients
from tocsin.adapters.memory_receipts import MemoryReceipts
from tocsin.adapters.pagerduty import PagerdutySender
from tocsin.core.configuration import Configuration
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind, Receiver
from tocsin.errors import DeliveryError, FailureReason, SecretError, StoreError
from tocsin.web import api
from tocsin.web.http import Refused, parse_event
from tocsin.web.http import Response as Answer

ROUTING_KEY = "r" * 32
KEYS = {"secret:pagerduty#other": "s" * 32}
OLD, NEW = "old-webhook-secret", "new-webhook-secret"
SECRETS = {"secret:pagerduty#old": OLD, "secret:pagerduty#new": NEW}
URL = "https://api.example/pagerduty/webhook"


def pages_pagerduty(name: str) -> Receiver:
    return has_key(receiver(name, Kind.PAGERDUTY))


def has_key(paged: Receiver) -> Receiver:
    """Return a receiver whose integrations of PagerDuty's know a key of its Events API."""
    key = {"routing_key_file": "secret:pagerduty#key"}
    return replace(
        paged,
        integrations=tuple(
            replace(each, settings=key) if each.kind is Kind.PAGERDUTY else each for each in paged.integrations
        ),
    )


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
    """Both directions between a world and an account.

    `failing` breaks the next answers of ours, one each; the Events API gives no answer to the event that makes
    `breaks_after` nothing, though it takes it.
    """

    world: World
    receipts: Any = field(default_factory=MemoryReceipts)
    failing: list[dict[str, Any]] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    statuses: list[int] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    breaks_after: int = 0
    there: Account = field(init=False)

    def __post_init__(self) -> None:
        self.there = Account(webhook_secrets=(OLD, NEW), clock=lambda: self.world.now, wait=self._wait, post=self.post)
        self.there.subscribe(URL)
        self.world.sender = self._send

    def _wait(self, seconds: float) -> None:
        self.world.advance(seconds=seconds)

    # What we tell

    def _send(self, notification: Notification, *, now: datetime) -> str:
        if notification.integration.kind is not Kind.PAGERDUTY:
            return self.world.own_sender()(notification, now=now)
        take = self.world._wrap(partial(self._take, notification))

        def ask(request: Request, *, timeout_seconds: float) -> Response:
            try:
                answer: Response = take(request)
            except ServiceError as error:
                raise DeliveryError(str(error), reason=FailureReason.TIMEOUT, retryable=True) from None
            return answer

        reference = str(notification.integration.settings.get("routing_key_file"))
        http = Http(ask, sleep=lambda s: None, random=lambda: 1.0, monotonic=lambda: 0.0)
        outlets = Outlets(ListedSecrets(KEYS.get(reference, ROUTING_KEY)), HttpClients(http, targets=LOCAL))
        return PagerdutySender(outlets)(notification, now=now)

    def _take(self, notification: Notification, request: Request) -> Response:
        """Have the Events API take an event; who is called by it has heard the notification."""
        self.world.receive(notification)
        self.events.append(json.loads(request.body)["event_action"])
        status, answer = self.there.take("/v2/enqueue", request.body)
        self.breaks_after -= 1
        if self.breaks_after == 0:
            raise ServiceError("no answer")
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
            "desk": self.world.desk(),
            "configurations": self.world.configurations("api"),
            "receipts": self.world._wrap(self.receipts),
            "read_secret": self._secret,
            **(self.failing.pop(0) if self.failing else {}),
        }
        asked = replace(api_of(self.world), **parts)
        responses = []

        def work() -> None:
            try:
                responses.append(api.answer(asked, parse_event(event), now=self.world.now))
            except Refused as refused:
                responses.append(refused.response)

        self.world._invoke(work, "api")
        response = responses[-1] if responses else Answer(0)  # the process died
        self.statuses.append(response.status)
        return response

    def _secret(self, reference: str, now: datetime) -> str:
        if reference not in self.secrets:
            raise SecretError(f"{reference}: has no such key")
        return self.secrets[reference]
