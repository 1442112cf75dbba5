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
from tocsin.core.routing import RouteSpec


class DropsNothing(MemoryStore):
    """Fails each time before it drops what is over."""

    def commit(self, before: Group, flush: Flush, *, now: datetime) -> Sequence[Alert]:
        super().commit(before, replace(flush, dropped=()), now=now)
        return ()


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
