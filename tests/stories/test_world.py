"""Stories of what surrounds an installation: other senders, people's silences, receivers that know what they have."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.stories.configurations import MINUTE, configuration, policy, receiver, rule
from tests.stories.interruptions import Interruptions
from tests.stories.world import START, Died, World
from tocsin.core.alerts import Status
from tocsin.core.incidents import IncidentState
from tocsin.core.notifications import Reason
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec

ROUTE = RouteSpec(receiver="team", group_by=("alertname",), group_interval=2 * MINUTE)


@pytest.mark.parametrize("warm", [True, False])
def test_an_alert_that_is_sent_is_told_and_its_end_too(warm):
    world = World(configuration(route=ROUTE), whole=True, warm=warm)
    world.source_fires("Sent", instance="a")
    world.advance(minutes=10)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Sent/a"])
    world.source_recovers("Sent", instance="a")
    world.advance(minutes=30)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["Sent/a"])
    world.expect_silence()
    assert (world.senders.alerts, world.senders.next_at) == ({}, None)


def test_an_alert_of_which_nobody_speaks_any_more_is_over():
    world = World(configuration(route=ROUTE), whole=True)
    world.source_fires("Sent", instance="a")
    world.advance(minutes=2)
    world.source_stops("Sent", instance="a")
    world.advance(minutes=10)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED)


def test_a_silence_that_is_ended_early_lets_the_alert_through():
    world = World(configuration(rule("DiskFull"), route=ROUTE), whole=True)
    silence = world.silence(minutes=60, alertname="DiskFull")
    world.metric_goes_bad("DiskFull")
    world.at(START + 10 * MINUTE, lambda: world.end_silence(silence))
    world.advance(minutes=10)
    world.expect_silence()
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST)


def test_a_person_asks_again_when_the_request_fails():
    def die() -> None:
        raise Died

    situation = configuration(
        rule("DiskFull"), route=ROUTE, receivers=[receiver("boss")], policies=[policy((20, "boss"))]
    )
    world = World(situation, whole=True)
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=3)
    world._wrap = Interruptions(1, before=die).wrap
    world.acknowledge()
    assert world.incident().state is IncidentState.ACKNOWLEDGED


@pytest.mark.parametrize(("kind", "told"), [(Kind.SLACK, 2), (Kind.PAGERDUTY, 1)])
def test_only_a_receiver_that_knows_the_event_ignores_its_second_arrival(kind, told):
    def die() -> None:
        raise Died

    calls = Interruptions()
    world = World(configuration(rule("DiskFull"), receivers=[receiver("team", kind)]), whole=True, wrap=calls.wrap)
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=3)
    number = calls.calls.index("send")
    again = Interruptions(number, after=die)
    world = World(world.loaded.configuration, whole=True, wrap=again.wrap)
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=10)
    assert again.calls[number] == "send"
    assert len(world.pages) == told


def test_one_integration_of_a_receiver_fails_by_its_key():
    world = World(configuration(rule("DiskFull"), receivers=[receiver("team", Kind.SLACK, Kind.EMAIL)]), whole=True)
    world.receiver_fails("team/slack/0", retryable=True)
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=5)
    assert [page.notification.integration.kind for page in world.pages] == [Kind.EMAIL]


def test_a_warm_function_keeps_its_configuration_for_a_minute_and_one_that_died_does_not():
    calls = Interruptions()
    world = World(configuration(rule("DiskFull")), whole=True, warm=True, wrap=calls.wrap)
    world.configurations("dispatch").current(now=world.now)
    world.configurations("dispatch").current(now=world.now + timedelta(seconds=59))
    assert calls.calls == ["revision", "read"]
    world._invoke(lambda: (_ for _ in ()).throw(Died()), "dispatch")
    world.configurations("dispatch").current(now=world.now)
    assert calls.calls == ["revision", "read"] * 2


def test_a_refused_configuration_leaves_the_last_valid_one_in_force_for_a_function_that_starts():
    world = World(configuration(rule("DiskFull")), whole=True)
    world.refuse_configuration("alertmanager.yml:3: no receiver")
    loaded = world.configurations("evaluate").current(now=world.now)
    assert (loaded.configuration, loaded.refused) == (world.loaded.configuration, "alertmanager.yml:3: no receiver")
