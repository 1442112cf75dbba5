"""Stories of twice: the same instant again, an instant that is over, a twin of every invocation beside it (law 4)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.stories.configurations import MINUTE, configuration, policy, receiver, rule
from tests.stories.interruptions import Interruptions
from tests.stories.world import START, World
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec
from tocsin.core.rules import AlertState

ROUTE = RouteSpec(receiver="team", group_wait=timedelta(seconds=30), group_interval=2 * MINUTE)


def test_the_same_instant_again_changes_and_tells_nothing_more():
    world = World(configuration(rule("DiskFull"), rule("Slow", hold_for=5 * MINUTE)))
    world.metric_goes_bad("DiskFull")
    world.metric_goes_bad("Slow")
    world.advance(minutes=1)
    writes = world.store.writes
    outcome = world.run_tick()
    assert outcome is not None
    assert (world.store.writes, outcome.rules[0].transitions if outcome.rules else ()) == (writes, ())
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull"])
    world.expect_silence()


def test_an_instant_behind_the_stored_one_does_nothing():
    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=2)
    before = (world.store.writes, world.record("DiskFull"))
    world.metric_recovers("DiskFull")
    world.run_tick(at=START + timedelta(seconds=30))
    assert (world.store.writes, world.record("DiskFull")) == before
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=30)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.expect_silence()


def test_a_late_instant_does_not_end_a_for_that_began_after_it():
    world = World(configuration(rule("Slow", hold_for=5 * MINUTE)))
    world.advance(minutes=3)
    world.metric_goes_bad("Slow")
    world.advance(minutes=2)
    world.metric_recovers("Slow")
    world.run_tick(at=START + 3 * MINUTE)
    assert [each.state for each in world.record("Slow").active.values()] == [AlertState.PENDING]


def test_an_evaluation_that_was_overtaken_writes_nothing():
    """A tick sees the metric recovered, and before it has written that, the next one sees it bad and fires."""

    def be_overtaken() -> None:
        world.metric_goes_bad("Slow")
        world.run_tick(at=START + 3 * MINUTE)

    world = World(configuration(rule("Slow", hold_for=2 * MINUTE), route=ROUTE))
    world.metric_goes_bad("Slow")
    world.advance(minutes=1, seconds=59)
    world.metric_recovers("Slow")
    calls = Interruptions(1, before=be_overtaken)
    world._wrap = calls.wrap
    world.run_tick(at=START + 2 * MINUTE)
    assert calls.calls[1] == "save_rule"
    assert world.log.events("rule_evaluated_elsewhere") != []
    assert [each.state for each in world.record("Slow").active.values()] == [AlertState.FIRING]


@pytest.mark.parametrize(
    "kinds", [(Kind.SLACK, Kind.PAGERDUTY), (Kind.SNS,)], ids=["by notifiers", "by the topic's own mail"]
)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_twin_beside_any_call_tells_nobody_twice(kinds, moment):
    people = [receiver("team", *kinds), receiver("boss", *kinds)]
    situation = configuration(rule("Down"), route=ROUTE, receivers=people, policies=[policy((2, "boss"))])

    def live(interruptions):
        world = World(situation, wrap=interruptions.wrap)
        worlds.append(world)
        world.metric_goes_bad("Down", instance="a")
        world.advance(minutes=6)
        world.metric_recovers("Down", instance="a")
        world.advance(minutes=6)
        return world

    worlds: list[World] = []
    undisturbed = Interruptions()
    expected = sorted(map(said, live(undisturbed).pages))
    assert len(expected) == 4 * len(kinds)
    for number, call in enumerate(undisturbed.calls):
        twin = {moment: lambda: worlds[-1].invoke_again()}
        world = live(Interruptions(number, **twin))
        what = f"a twin {moment} call {number}, {call}:\n{world.told()}"
        assert sorted(map(said, world.pages)) == expected, what
        assert world.store.active_groups() == [], what


def said(page):
    return page.receiver, page.notification.integration.kind, page.notification.reason
