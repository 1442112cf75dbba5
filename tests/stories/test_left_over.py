"""Stories of ended alerts that stay in their group because dropping them failed: their end is told no second time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from tests.stories.configurations import configuration, rule
from tests.stories.world import World
from tocsin.adapters.memory import MemoryStore
from tocsin.core.alerts import Alert, Status
from tocsin.core.grouping import Flush, Group
from tocsin.core.notifications import Reason
from tocsin.core.routing import GroupId, RouteSpec
from tocsin.ports import OutboxEntry


class DropsNothing(MemoryStore):
    """Fails each time before it drops what is over."""

    def commit(self, before: Group, flush: Flush, *, now: datetime) -> Sequence[Alert]:
        super().commit(before, replace(flush, dropped=()), now=now)
        return ()


class DropsLater(MemoryStore):
    """Has room for nothing but the flush itself, and notes when the rest is done."""

    def __init__(self, done: list[str]) -> None:
        super().__init__()
        self._done = done

    def commit(self, before: Group, flush: Flush, *, now: datetime) -> Sequence[Alert]:
        super().commit(before, replace(flush, dropped=()), now=now)
        return flush.dropped

    def mark_published(self, entry: OutboxEntry, *, retry_at: datetime) -> bool:
        self._done.append("published")
        return super().mark_published(entry, retry_at=retry_at)

    def drop(self, group: GroupId, alerts: Sequence[Alert], *, now: datetime) -> None:
        self._done += [f"dropped {alert.name}" for alert in alerts]
        super().drop(group, alerts, now=now)


def world_with(*names: str) -> World:
    route = RouteSpec(receiver="team", group_by=())
    world = World(configuration(*map(rule, names), route=route), store=DropsNothing())
    for name in names:
        world.metric_goes_bad(name)
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=sorted(names))
    return world


@pytest.mark.parametrize("hours", [0, 72])
def test_what_was_left_in_a_group_that_is_over_is_not_told_again_with_what_fires_next(hours: int) -> None:
    world = world_with("A", "B")
    world.metric_recovers("A")
    world.metric_recovers("B")
    world.advance(minutes=10)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["A", "B"])
    world.advance(hours=hours)
    world.metric_goes_bad("A")
    world.advance(minutes=10)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["A"], resolved=[])
    world.metric_recovers("A")
    world.advance(minutes=10)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["A"])
    world.expect_silence()


def test_what_was_left_in_a_group_that_goes_on_is_not_told_again() -> None:
    world = world_with("A", "B")
    world.metric_recovers("A")
    world.advance(minutes=10)
    world.expect_page("team", Status.FIRING, Reason.NEW_RESOLVED, alerts=["B"], resolved=["A"])
    world.metric_goes_bad("A")
    world.advance(minutes=10)
    world.expect_page("team", Status.FIRING, Reason.NEW_ALERTS, alerts=["A", "B"], resolved=[])
    world.metric_recovers("A")
    world.advance(minutes=10)
    world.expect_page("team", Status.FIRING, Reason.NEW_RESOLVED, alerts=["B"], resolved=["A"])
    world.metric_recovers("B")
    world.advance(minutes=10)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["B"])
    world.expect_silence()


def test_an_end_is_told_before_the_rest_of_its_alerts_is_dropped() -> None:
    done: list[str] = []
    world = World(configuration(rule("A")), store=DropsLater(done))
    world.metric_goes_bad("A")
    world.advance(minutes=3)
    world.metric_recovers("A")
    done.clear()
    world.advance(minutes=10)
    assert [each for each in done if each != "published"] == ["dropped A"]
    assert done[0] == "published"
    (group,) = world.store.groups.values()
    assert group.alerts == {}


def test_what_was_left_is_told_to_whoever_may_not_have_heard_of_it() -> None:
    world = world_with("A", "B")
    world.receiver_fails("team", retryable=True)
    world.metric_recovers("A")
    world.advance(minutes=10)
    world.metric_goes_bad("C")
    world.advance(minutes=1)
    world.receiver_works("team")
    world.advance(minutes=10)
    page = world.pages[-1]
    assert page.names(Status.RESOLVED) == ["A"]
