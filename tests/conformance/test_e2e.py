"""Alertmanager's recorded end-to-end scenarios, in virtual time through the production pipeline.

Alerts come in by ingest, silences by their use case; timers, flushes and deliveries are the pipeline's own. Requests
less apart than the tolerance have no order, so each expected one is looked for among those near it in time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conformance.cases import data_folder
from tests.conformance.scenario import SINK, Request, configuration_text, differences, received
from tocsin import config
from tocsin.adapters.memory import (
    FixedConfigurations,
    MemoryEscalations,
    MemoryLog,
    MemoryStore,
    MemoryTimers,
    MemoryTopic,
)
from tocsin.config.patterns import compile_pattern
from tocsin.core.labels import Labels
from tocsin.core.matchers import MatchType
from tocsin.core.merging import Posted
from tocsin.core.notifications import Notification, from_json
from tocsin.core.silences import Draft, MatcherText, compile_sets
from tocsin.core.webhook import payload
from tocsin.errors import DeliveryError, FailureReason
from tocsin.pipeline import dispatch, ingest, notify, silences
from tocsin.ports import LoadedConfiguration

START = datetime(2026, 11, 20, 3, tzinfo=UTC)
STEP = timedelta(milliseconds=50)
# How long a sender waits before it tries again on the spot.
RETRY = 0.4
FOLDER = data_folder() / "e2e"
FILES = sorted(FOLDER.glob("*.json"))
if not FILES:
    pytest.skip(f"no conformance data: no scenarios in {FOLDER}", allow_module_level=True)
CASES = [json.loads(path.read_text(encoding="utf-8")) for path in FILES]


class Scenario:
    """One scenario's world: a store, timers, a topic, and the sink."""

    def __init__(self, case: Mapping[str, Any]) -> None:
        files = {"alertmanager.yml": configuration_text(case), "tocsin.yml": b"compatibility: alertmanager\n"}
        configuration = config.load(files, environment={"TOCSIN_ALLOW_INLINE_SECRETS": "true"})
        self.case = case
        self.now = START
        self.store, self.timers, self.topic = MemoryStore(), MemoryTimers(), MemoryTopic()
        self.configurations = FixedConfigurations(LoadedConfiguration(configuration))
        self.log = MemoryLog()
        self.codes: dict[str, list[int]] = {}
        self.requests: list[Request] = []
        self.silence: Any = None

    @property
    def seconds(self) -> float:
        return (self.now - START).total_seconds()

    def run(self) -> list[Request]:
        """Play the script, and return what the sink got."""
        script = list(self.case["script"])
        while self.seconds <= self.case["duration_s"]:
            while script and script[0]["at_s"] <= self.seconds:
                step = script.pop(0)
                getattr(self, f"do_{step['action']}")(step)
            self.look()
            self.now += STEP
        return self.requests

    def look(self) -> None:
        world = dispatch.Dispatcher(
            configurations=self.configurations,
            groups=self.store,
            incidents=self.store,
            inhibitors=self.store,
            silences=self.store,
            timers=self.timers,
            topic=self.topic,
            escalations=MemoryEscalations(),
            log=self.log,
        )
        for at, group in self.timers.take_due(self.now):
            dispatch.run(world, group, at=at, now=self.now)
        notifier = notify.Notifier(self.receive, self.store, self.store, self.log)
        while self.topic.messages:
            notify.run(notifier, from_json(json.loads(self.topic.messages.pop(0))), now=self.now)

    def receive(self, notification: Notification, *, now: datetime) -> str:
        """Take a notification as the sink does; a server error is tried again on the spot."""
        path = str(notification.integration.settings["url"]).removeprefix(f"{SINK}/")
        body, at = payload(notification, status_of_listed=True), self.seconds
        while True:
            code = self.codes[path].pop(0) if self.codes.get(path) else 200
            self.requests.append(received(at, path, code, body))
            if code < 300:
                return "ok"
            if code < 500:
                raise DeliveryError(str(code), reason=FailureReason.CLIENT_ERROR, retryable=False)
            at += RETRY

    def do_alerts(self, step: Mapping[str, Any]) -> None:
        posted = [
            Posted(
                labels=Labels(each["labels"]),
                annotations=each.get("annotations", {}),
                starts_at=self.at(each.get("startsAt_s")),
                ends_at=self.at(each.get("endsAt_s")),
            )
            for each in step["alerts"]
        ]
        world = ingest.Ingester(
            self.configurations, self.store, self.store, self.store, self.store, self.timers, self.log
        )
        ingest.ingest(world, posted, now=self.now)

    def do_silence(self, step: Mapping[str, Any]) -> None:
        texts = [MatcherText(each["name"], _type(each), each["value"]) for each in step["matchers"]]
        draft = Draft(
            matchers=compile_sets([texts], compile_pattern),
            starts_at=self.at(step["startsAt_s"]),
            ends_at=self.at(step["endsAt_s"]),
            created_by="test",
            comment="test",
        )
        configuration = self.configurations.loaded.configuration
        self.silence = silences.save(self.keeper(), draft, configuration, list, now=self.now).silence.id

    def do_expire_silence(self, step: Mapping[str, Any]) -> None:
        silences.expire(self.keeper(), self.silence, now=self.now)

    def keeper(self) -> silences.Keeper:
        return silences.Keeper(self.store, self.log, lambda: f"silence-{len(self.store.silences)}")

    def do_sink_status(self, step: Mapping[str, Any]) -> None:
        self.codes[step["receiver"]] = list(step["codes"])

    def at(self, seconds: float | None) -> datetime | None:
        return None if seconds is None else self.now + timedelta(seconds=seconds)


def _type(matcher: Mapping[str, Any]) -> MatchType:
    if matcher["isRegex"]:
        return MatchType.REGEXP if matcher.get("isEqual", True) else MatchType.NOT_REGEXP
    return MatchType.EQUAL if matcher.get("isEqual", True) else MatchType.NOT_EQUAL


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_the_sink_gets_what_alertmanager_sent(case: Mapping[str, Any]) -> None:
    assert differences(case, Scenario(case).run()) == []
