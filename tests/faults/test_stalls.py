"""An evaluation that stalls at any of its calls while later ticks go on beside it, as ticks below a minute may."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.stories.configurations import configuration, rule
from tests.stories.interruptions import Interruptions
from tests.stories.world import World
from tocsin.core.alerts import Status
from tocsin.core.routing import RouteSpec

SECOND = timedelta(seconds=1)
TICK = 10 * SECOND
ROUTE = RouteSpec(receiver="team", group_by=("alertname",), group_wait=5 * SECOND, group_interval=20 * SECOND)


def begin(interruptions: Interruptions) -> World:
    """Return a world whose first tick will find something bad."""
    world = World(configuration(rule("Down"), route=ROUTE), tick=TICK, wrap=interruptions.wrap)
    world.metric_goes_bad("Down", instance="a")
    return world


def calls_of_the_first_tick() -> list[tuple[int, str]]:
    undisturbed = Interruptions()
    begin(undisturbed).advance(seconds=10)
    return list(enumerate(undisturbed.calls))


@pytest.mark.parametrize("seconds", [10, 20, 50])
@pytest.mark.parametrize(("number", "call"), calls_of_the_first_tick())
def test_a_stalled_tick_leaves_no_alert_behind_that_nobody_ends(number, call, seconds):
    def stall() -> None:
        world.metric_recovers("Down", instance="a")
        world.advance(seconds=seconds)

    world = begin(Interruptions(number, before=stall))
    world.advance(minutes=5)
    what = f"stalled before call {number}, {call}:\n{world.told()}"
    assert world.store.active_groups() == [], what
    assert not any(stored.alerts for stored in world.store.groups.values()), what
    assert [page.notification.status for page in world.pages] in ([], [Status.FIRING, Status.RESOLVED]), what
