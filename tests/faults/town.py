"""Receivers in virtual time behind the real senders: a town of them, each in a mood that may change.

    town = Town(world)
    town.at("slack").mood = moods["refuses connections"].mood
    town.at("slack").told          # what was taken, and when

Waits inside an invocation pass on a clock of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.adapters.scripted import Clock, ListedSecrets
from tests.stories.world import World
from tocsin.adapters.channel import Outlets
from tocsin.adapters.http import Http, Request, Response
from tocsin.adapters.http_config import HttpClients
from tocsin.adapters.pagerduty import PagerdutySender
from tocsin.adapters.secrets import Secrets
from tocsin.adapters.slack import SlackSender
from tocsin.adapters.webhook import WebhookSender
from tocsin.core.alerts import Status
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Integration, Kind, Receiver
from tocsin.errors import DeliveryError, FailureReason
from tocsin.ports import Sender

PATHS = {Kind.SLACK: "slack", Kind.PAGERDUTY: "pagerduty", Kind.WEBHOOK: "webhook"}
ROUTING_KEY = "a" * 32


@dataclass(frozen=True, slots=True)
class Told:
    """One notification that a receiver took: who fires in it, who is over."""

    at: datetime
    decided_at: datetime
    group: str
    status: Status
    firing: frozenset[str]
    resolved: frozenset[str]
    reason: str
    id: str

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.status} ({self.reason}) {sorted(self.firing)} {sorted(self.resolved)}"


# What becomes of a request: an answer, or no answer; and whether the receiver has taken it.
Outcome = Response | DeliveryError
Mood = Callable[["Shop", Request], tuple[Outcome, bool]]


@dataclass(slots=True)
class Shop:
    """One receiver: its mood, what it took, and how often it was asked."""

    kind: Kind
    mood: Mood
    told: list[Told] = field(default_factory=list)
    asked: list[datetime] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def accepts(self) -> Response:
        """Return the answer of this kind of receiver when all is well."""
        if self.kind is Kind.PAGERDUTY:
            return Response(202, {}, json.dumps({"status": "success", "message": "ok", "dedup_key": "k"}).encode())
        return Response(200, {}, b"ok")


def in_order(shop: Shop, request: Request) -> tuple[Outcome, bool]:
    return shop.accepts(), True


def answers(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"no") -> Mood:
    return lambda shop, request: (Response(status, dict(headers or {}), body), False)


def unheard(message: str) -> Mood:
    """Nothing is sent: no connection, or a certificate of somebody else's."""
    error = DeliveryError(message, reason=FailureReason.CONNECTION, retryable=True, may_have_arrived=False)
    return lambda shop, request: (error, False)


def unanswered(reason: FailureReason, *, takes: bool) -> Mood:
    """The request was sent, and no answer came."""
    error = DeliveryError("no answer", reason=reason, retryable=True, may_have_arrived=True)
    return lambda shop, request: (error, takes)


@dataclass(frozen=True, slots=True)
class Outage:
    """A mood that lasts, and whether what was sent in it may have arrived for all that we know."""

    mood: Mood
    is_ambiguous: bool = False
    takes: bool = False
    patience: timedelta = timedelta(0)


OUTAGES: Mapping[str, Outage] = {
    "refuses connections": Outage(unheard("Connection refused")),
    "shows a certificate of somebody else's": Outage(unheard("CERTIFICATE_VERIFY_FAILED")),
    "answers 429": Outage(answers(429)),
    "answers 429 with Retry-After: 5": Outage(answers(429, {"retry-after": "5"})),
    "answers 429 with Retry-After: 900": Outage(answers(429, {"retry-after": "900"}), patience=timedelta(minutes=15)),
    "answers 400": Outage(answers(400)),
    "answers 403": Outage(answers(403)),
    "answers 404": Outage(answers(404)),
    "redirects to nowhere": Outage(answers(302)),
    "answers 500": Outage(answers(500), is_ambiguous=True),
    "answers 503 with Retry-After: 120": Outage(answers(503, {"retry-after": "120"}), is_ambiguous=True),
    "answers in HTML": Outage(answers(502, body=b"<html>Bad Gateway</html>"), is_ambiguous=True),
    "never answers": Outage(unanswered(FailureReason.TIMEOUT, takes=False), is_ambiguous=True),
    "hangs up": Outage(unanswered(FailureReason.CONNECTION, takes=False), is_ambiguous=True),
    "takes it and never answers": Outage(unanswered(FailureReason.TIMEOUT, takes=True), is_ambiguous=True, takes=True),
    "takes it and hangs up": Outage(unanswered(FailureReason.CONNECTION, takes=True), is_ambiguous=True, takes=True),
}


class Town:
    """All receivers of a world; its notifications go through the real senders.

    `secrets` gives what each delivery reads its secrets by; without it, all of them are there.
    """

    def __init__(self, world: World, secrets: Callable[[], Secrets] | None = None) -> None:
        self.world = world
        self.secrets = secrets
        self.shops = {path: Shop(kind, in_order) for kind, path in PATHS.items()}
        world.sender = self.deliver
        self._told: Notification | None = None

    def at(self, name: str) -> Shop:
        return self.shops[name]

    def deliver(self, notification: Notification, *, now: datetime) -> str:
        clock = Clock()
        http = Http(self._transport(notification, clock), clock.sleep, lambda: 1.0, clock.monotonic)
        kind = notification.integration.kind
        path = PATHS[kind]
        secret = ROUTING_KEY if kind is Kind.PAGERDUTY else f"https://{path}.example.org/x"
        outlets = Outlets(self.secrets() if self.secrets else ListedSecrets(secret), HttpClients(http))
        senders: Mapping[Kind, Sender] = {
            Kind.SLACK: SlackSender(outlets, self.world.store),
            Kind.PAGERDUTY: PagerdutySender(outlets),
            Kind.WEBHOOK: WebhookSender(outlets),
        }
        return senders[kind](notification, now=now)

    def _transport(self, notification: Notification, clock: Clock) -> Any:
        shop = self.at(PATHS[notification.integration.kind])

        def ask(request: Request, *, timeout_seconds: float) -> Response:
            shop.asked.append(self.world.now)
            outcome, is_taken = shop.mood(shop, request)
            if is_taken:
                shop.told.append(told_of(notification, self.world.now))
            if isinstance(outcome, Response):
                clock.seconds += 0.2
                return outcome
            clock.seconds += timeout_seconds if outcome.reason is FailureReason.TIMEOUT else 0.2
            raise DeliveryError(
                str(outcome),
                reason=outcome.reason,
                retryable=outcome.retryable,
                may_have_arrived=outcome.may_have_arrived,
            )

        return ask


def told_of(notification: Notification, at: datetime) -> Told:
    def names(status: Status) -> frozenset[str]:
        alerts = (each for each in notification.alerts if each.status_at(notification.created_at) is status)
        return frozenset(each.name for each in alerts)

    return Told(
        at,
        notification.created_at,
        notification.group,
        notification.status,
        names(Status.FIRING),
        names(Status.RESOLVED),
        notification.reason.value,
        notification.id,
    )


def town_receiver(*kinds: Kind, name: str = "team") -> Receiver:
    """Return a receiver of these kinds, whose secrets the town knows."""
    keys = {Kind.SLACK: "api_url_file", Kind.PAGERDUTY: "routing_key_file", Kind.WEBHOOK: "url_file"}
    return Receiver(
        name,
        tuple(
            Integration(name, kind, index, True, {keys[kind]: f"secret:{kind.value}#x"})
            for index, kind in enumerate(kinds)
        ),
    )
