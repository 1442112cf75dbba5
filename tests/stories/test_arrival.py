"""Whatever the order in which alerts arrive, and however often the process is new: people are told the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.stories.configurations import configuration, receiver
from tests.stories.world import START
from tocsin.adapters.memory import (
    FixedConfigurations,
    MemoryEscalations,
    MemoryLog,
    MemoryStore,
    MemoryTimers,
    MemoryTopic,
)
from tocsin.core.labels import Labels
from tocsin.core.merging import Posted
from tocsin.core.notifications import Notification, from_json
from tocsin.core.routing import RouteSpec
from tocsin.pipeline import dispatch, ingest, notify
from tocsin.ports import LoadedConfiguration

ROUTE = RouteSpec(receiver="team", group_by=("alertname",), group_wait=timedelta(seconds=10))
NAMES, INSTANCES = ["Disk", "Memory", "Node"], ["a", "b", "c"]
alerts = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(INSTANCES)), min_size=1, max_size=9, unique=True)
Told = list[tuple[str, str, tuple[str, ...]]]


class Taker:
    """Takes alerts, and looks at groups when it is time; every step may be a new process's first."""

    def __init__(self) -> None:
        settings = LoadedConfiguration(configuration(route=ROUTE, receivers=[receiver("team")]))
        self.configurations = FixedConfigurations(settings)
        self.store, self.timers, self.topic, self.log = MemoryStore(), MemoryTimers(), MemoryTopic(), MemoryLog()
        self.told: Told = []

    def post(self, posted: Sequence[tuple[str, str]], *, now: datetime, ended: bool = False) -> None:
        world = ingest.Ingester(
            self.configurations, self.store, self.store, self.store, self.store, self.timers, self.log
        )
        ends_at = now if ended else now + timedelta(hours=1)
        sent = [Posted(Labels({"alertname": name, "instance": each}), {}, START, ends_at) for name, each in posted]
        ingest.ingest(world, sent, now=now)

    def look(self, now: datetime) -> None:
        store = self.store
        world = dispatch.Dispatcher(
            self.configurations,
            store,
            store,
            store,
            store,
            self.timers,
            self.topic,
            MemoryEscalations(),
            self.log,
        )
        for at, group in self.timers.take_due(now):
            dispatch.run(world, group, at=at, now=now)
        while self.topic.messages:
            notification = from_json(json.loads(self.topic.messages.pop(0)))
            notify.run(notify.Notifier(self._receive, store, store, self.log), notification, now=now)

    def _receive(self, notification: Notification, *, now: datetime) -> str:
        names = tuple(f"{alert.name}/{alert.labels['instance']}" for alert in notification.alerts)
        self.told.append((notification.group_key, notification.status.value, names))
        return "ok"


def told_of(batches: Sequence[Sequence[tuple[str, str]]]) -> Told:
    """Return what is told of alerts that arrive in these batches, a second apart, and end together."""
    taker = Taker()
    for number, batch in enumerate(batches):
        taker.post(batch, now=START + timedelta(seconds=number / 10))
    taker.look(START + timedelta(seconds=30))
    taker.post([each for batch in batches for each in batch], now=START + timedelta(seconds=60), ended=True)
    taker.look(START + timedelta(minutes=10))
    return sorted(taker.told)


@given(alerts, st.randoms(use_true_random=False), st.integers(min_value=1, max_value=4))
def test_neither_order_nor_batches_change_what_is_told(sent, random, size):
    shuffled = list(sent)
    random.shuffle(shuffled)
    batches = [shuffled[start : start + size] for start in range(0, len(shuffled), size)]
    assert told_of(batches) == told_of([sent])


@given(alerts)
def test_an_alert_is_told_in_one_group_of_its_route_and_all_are_told(sent):
    firing = [told for told in told_of([sent]) if told[1] == "firing"]
    named = [name for _, _, names in firing for name in names]
    assert sorted(named) == sorted(f"{name}/{instance}" for name, instance in sent)


@given(alerts)
def test_the_same_alerts_sent_again_tell_nothing_more(sent):
    assert told_of([sent, sent, sent]) == told_of([sent])
