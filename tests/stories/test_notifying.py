"""Stories of telling: first, more, again, over."""

from __future__ import annotations

from datetime import timedelta

from tests.stories.configurations import MINUTE, configuration, receiver, rule
from tests.stories.world import START, World
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec

SECONDS = timedelta(seconds=1)


def test_an_alert_is_told_once_after_group_wait():
    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=1, seconds=29)
    world.expect_silence()
    world.advance(hours=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"], at=START + MINUTE + 30 * SECONDS)
    world.expect_silence()
