"""A transport that answers from a script, and a clock that only its own sleeping moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.adapters.local import LOCAL
from tocsin.adapters.channel import Outlets
from tocsin.adapters.http import Http, Request, Response
from tocsin.adapters.http_config import HttpClients
from tocsin.adapters.secrets import Secrets
from tocsin.core.templates.alertmanager import TemplateSet
from tocsin.errors import DeliveryError, FailureReason

Outcome = Response | DeliveryError


def timed_out() -> DeliveryError:
    return DeliveryError("no answer in time", reason=FailureReason.TIMEOUT, retryable=True)


def unreachable() -> DeliveryError:
    return DeliveryError("refused", reason=FailureReason.CONNECTION, retryable=True, may_have_arrived=False)


@dataclass(slots=True)
class Clock:
    """Monotonic seconds; `slept` holds every wait."""

    seconds: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


@dataclass(slots=True)
class ScriptedTransport:
    """Gives the outcomes in order, the last one for ever; each try takes `seconds`."""

    outcomes: list[Outcome]
    clock: Clock
    seconds: float = 0.0
    requests: list[Request] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    def __call__(self, request: Request, *, timeout_seconds: float) -> Response:
        self.requests.append(request)
        self.timeouts.append(timeout_seconds)
        self.clock.seconds += self.seconds
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, DeliveryError):
            # A new one each time: it is written on.
            raise DeliveryError(
                str(outcome),
                reason=outcome.reason,
                retryable=outcome.retryable,
                retry_after_seconds=outcome.retry_after_seconds,
                may_have_arrived=outcome.may_have_arrived,
            )
        return outcome


def scripted(*outcomes: Outcome, seconds: float = 0.0) -> tuple[Http, ScriptedTransport, Clock]:
    """Return an Http over a script, without jitter."""
    clock = Clock()
    transport = ScriptedTransport(list(outcomes), clock, seconds)
    return Http(transport, sleep=clock.sleep, random=lambda: 1.0, monotonic=clock.monotonic), transport, clock


class ListedSecrets(Secrets):
    """Secrets whose values are listed: each reading that is not kept takes the next."""

    def __init__(self, *values: str, fail: Callable[[], None] = lambda: None) -> None:
        self._values = list(values)
        self._fail = fail
        self.readings: list[tuple[str, bool]] = []

    def read(self, reference: str, *, now: datetime) -> str:
        self.readings.append((reference, False))
        self._fail()
        return self._values[0]

    def reread(self, reference: str, *, now: datetime) -> str:
        self.readings.append((reference, True))
        self._values = self._values[1:] or self._values
        return self._values[0]


def outlets(*outcomes: Outcome, secrets: Secrets | None = None, **templates: str) -> tuple[Outlets, ScriptedTransport]:
    """Return what senders work with, over a script; `templates` are files of the user's own, by name."""
    http, transport, _ = scripted(*outcomes)

    def at(now: datetime) -> Any:
        return TemplateSet({f"{name}.tmpl": text for name, text in templates.items()})

    return Outlets(secrets or ListedSecrets("secret"), HttpClients(http, targets=LOCAL), at), transport
