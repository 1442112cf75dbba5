"""Stories of an incident: who is told when nobody takes it, and what ends that."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.stories.configurations import MINUTE, configuration, equal, policy, receiver, rule
from tests.stories.world import START, World
from tocsin.core.alerts import Status
from tocsin.core.incidents import IncidentState
from tocsin.core.notifications import Reason
from tocsin.core.policies import EscalationPolicy, Step, Terms
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec
from tocsin.errors import StoreError
from tocsin.pipeline.incidents import Verb

HOUR = timedelta(hours=1)
OPENED = START + MINUTE + timedelta(seconds=30)
PEOPLE = [receiver(name) for name in ("oncall", "second", "lead", "boss")]
CLIMB = policy((0, "oncall"), (5, "second"), (15, "lead"), (60, "boss"))


def climbing_world(*more, escalation=CLIMB, repeat=24 * HOUR, interval=5 * MINUTE):
    route = RouteSpec(receiver="team", group_by=("alertname",), group_interval=interval, repeat_interval=repeat)
    return World(configuration(rule("Down"), *more, route=route, receivers=PEOPLE, policies=[escalation]))


def test_the_climb_goes_step_by_step_and_the_resolution_reaches_everyone():
    world = climbing_world()
    world.metric_goes_bad("Down")
    world.advance(hours=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, at=OPENED)
    for minutes, name, step in ((0, "oncall", 1), (5, "second", 2), (15, "lead", 3), (60, "boss", 4)):
        note = world.expect_page(name, Status.FIRING, Reason.ESCALATED, alerts=["Down"], at=OPENED + minutes * MINUTE)
        assert (note.step, note.incident) == (step, world.incident().id)
    world.expect_silence()
    world.metric_recovers("Down")
    world.advance(hours=2)
    told = [world.expect_page(*each) for each in resolutions(world)]
    assert sorted(note.receiver for note in told) == ["boss", "lead", "oncall", "second", "team"]
    world.expect_silence()
    assert (world.incident().state, world.incident().changed_by) == (IncidentState.RESOLVED, "tocsin")


def resolutions(world):
    return [(page.receiver, Status.RESOLVED, Reason.ALL_RESOLVED) for page in world.pages[5:]]


def test_a_resolution_stops_the_climb_and_reaches_only_those_who_were_told():
    world = climbing_world()
    world.metric_goes_bad("Down")
    world.advance(minutes=8)
    world.metric_recovers("Down")
    world.advance(hours=3)
    assert [page.receiver for page in world.pages] == ["team", "oncall", "second", "oncall", "second", "team"]
    assert {page.notification.reason for page in world.pages[3:]} == {Reason.ALL_RESOLVED}


def test_an_acknowledgement_stops_the_climb_and_the_repeats():
    world = climbing_world(repeat=10 * MINUTE)
    world.metric_goes_bad("Down")
    world.advance(minutes=8)
    assert [page.receiver for page in world.pages] == ["team", "oncall", "second"]
    world.acknowledge()
    world.advance(hours=5)
    assert len(world.pages) == 3, world.told()
    assert world.log.events("notification_withheld")[0]["reason"] == Reason.ACKNOWLEDGED
    world.metric_recovers("Down")
    world.advance(minutes=30)
    assert {page.notification.reason for page in world.pages[3:]} == {Reason.ALL_RESOLVED}
    assert len(world.pages) == 6


def test_a_new_alert_is_told_although_the_incident_is_acknowledged():
    world = climbing_world()
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=2)
    world.acknowledge()
    world.metric_goes_bad("Down", instance="b")
    world.advance(hours=3)
    assert [(page.receiver, page.notification.reason) for page in world.pages] == [
        ("team", Reason.FIRST),
        ("oncall", Reason.ESCALATED),
        ("oncall", Reason.NEW_ALERTS),
        ("team", Reason.NEW_ALERTS),
    ]


def test_a_manual_resolution_stops_the_climb_though_the_alert_still_fires():
    world = climbing_world()
    world.metric_goes_bad("Down")
    world.advance(minutes=2)
    world.resolve()
    world.advance(hours=3)
    assert [page.receiver for page in world.pages] == ["team", "oncall"]
    assert (world.incident().state, world.incident().changed_by) == (IncidentState.RESOLVED, "ada")


def test_after_a_manual_resolution_a_new_alert_opens_a_new_incident_that_climbs_from_its_first_step():
    world = climbing_world(escalation=policy((5, "second"), (15, "lead")))
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=8)
    assert [page.receiver for page in world.pages] == ["team", "second"]
    first = world.incident()
    world.resolve()
    world.advance(minutes=20)
    world.metric_goes_bad("Down", instance="b")
    world.advance(hours=3)
    second = world.incident()
    assert second.id != first.id
    news, lead = world.pages[2:4], world.pages[4:]
    assert {(page.receiver, page.notification.reason) for page in news} == {
        ("team", Reason.NEW_ALERTS),
        ("second", Reason.NEW_ALERTS),
    }
    assert [(page.receiver, page.at) for page in lead] == [("lead", second.opened_at + 15 * MINUTE)]


def test_a_step_whose_receiver_is_the_routes_own_tells_nobody_twice():
    world = climbing_world(escalation=policy((0, "team"), (5, "second"), (15, "second"), (60, "boss")))
    world.metric_goes_bad("Down")
    world.advance(hours=3)
    assert [page.receiver for page in world.pages] == ["team", "second", "boss"]
    assert world.pages[2].at == OPENED + HOUR


def test_only_alerts_that_the_policy_matches_escalate():
    grave = policy((0, "oncall"), matchers=(equal("severity", "critical"),))
    world = climbing_world(rule("Untidy", severity="info"), escalation=grave)
    world.metric_goes_bad("Untidy")
    world.advance(hours=1)
    assert [page.receiver for page in world.pages] == ["team"]
    assert world.escalations.started == []


def test_a_step_reaches_every_integration_of_its_receiver():
    route = RouteSpec(receiver="team")
    everywhere = receiver("oncall", Kind.SLACK, Kind.PAGERDUTY, Kind.SNS)
    world = World(configuration(rule("Down"), route=route, receivers=[everywhere], policies=[policy((5, "oncall"))]))
    world.metric_goes_bad("Down")
    world.advance(minutes=20)
    told = [page.notification.integration.kind for page in world.pages if page.receiver == "oncall"]
    assert sorted(told) == sorted([Kind.SLACK, Kind.PAGERDUTY, Kind.SNS])


def test_steps_that_were_slept_through_are_taken_together():
    world = climbing_world(interval=HOUR)  # no flush starts another
    world.metric_goes_bad("Down")
    world.advance(minutes=2)
    (incident,) = world.escalations.started
    world._executions[incident, 0] = OPENED + 20 * MINUTE  # the state machine was stuck
    world.advance(minutes=30)
    later = [page for page in world.pages if page.at > OPENED]
    assert {page.receiver for page in later} == {"second", "lead"}
    assert {page.at for page in later} == {OPENED + 20 * MINUTE}


@pytest.mark.parametrize("minutes", [0, 3, 7])
def test_a_lost_timer_of_a_step_delays_it_by_a_tick_or_two(minutes):
    world = climbing_world()
    world.metric_goes_bad("Down")
    world.advance(minutes=2 + minutes)
    before = len(world.pages)
    world.loses_timers = True
    world.advance(minutes=5)
    world.loses_timers = False
    world.advance(hours=2)
    assert len(world.pages) == 5 >= before
    assert [page.receiver for page in world.pages] == ["team", "oncall", "second", "lead", "boss"]


def test_who_was_reached_but_not_told_before_a_manual_resolution_waits_for_the_next_climb():
    world = climbing_world(escalation=policy((5, "second")))
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=6)
    world.loses_timers = True
    world.advance(seconds=40)  # the step is taken, and nobody looks at the group
    assert world.incident().steps_done == 1
    world.resolve()
    world.loses_timers = False
    world.advance(minutes=10)
    assert [page.receiver for page in world.pages] == ["team"]
    world.metric_goes_bad("Down", instance="b")
    world.advance(minutes=30)
    assert [(page.receiver, page.at) for page in world.pages[1:]] == [
        ("team", world.incident().opened_at),
        ("second", world.incident().opened_at + 5 * MINUTE),
    ]


LAPSING = EscalationPolicy("lapsing", (Step(0 * MINUTE, ("oncall",)),), terms=Terms(ack_timeout=30 * MINUTE))


def restarts(world):
    return world.log.events("escalation_overdue")


@pytest.mark.parametrize("minutes", [1, 8, 16])
def test_where_the_state_machine_fails_the_groups_next_flush_starts_another_that_takes_the_steps_once(minutes):
    world = climbing_world()
    world.metric_goes_bad("Down")
    world.advance(minutes=2 + minutes)
    world._executions.clear()
    world.advance(hours=3)
    dues = {"team": 0, "oncall": 0, "second": 5, "lead": 15, "boss": 60}
    assert sorted(page.receiver for page in world.pages) == sorted(dues)
    late = {page.receiver: page.at - OPENED - dues[page.receiver] * MINUTE for page in world.pages}
    assert all(0 * MINUTE <= each <= 10 * MINUTE for each in late.values()), late
    assert len(restarts(world)) == 1
    assert [climb for _, climb in world.escalations.executions] == [0, 1]


def test_where_the_state_machine_asks_in_time_no_other_is_started():
    world = climbing_world()
    world.metric_goes_bad("Down")
    world.advance(hours=3)
    assert restarts(world) == []
    assert [climb for _, climb in world.escalations.executions] == [0]


@pytest.mark.parametrize(("verb", "ends"), [(Verb.ACKNOWLEDGE, 30), (Verb.SNOOZE, 40), (Verb.SUPPRESS, 40)])
def test_what_was_to_end_while_the_state_machine_fails_ends_at_the_groups_next_flush(verb, ends):
    world = climbing_world(escalation=LAPSING)
    world.metric_goes_bad("Down")
    world.advance(minutes=5)
    world.act(verb, minutes=None if verb is Verb.ACKNOWLEDGE else ends)
    acted = world.now
    world.advance(minutes=1)
    world._executions.clear()
    world.advance(hours=3)
    assert world.incident().state is IncidentState.OPEN
    (again,) = [page for page in world.pages if page.at > acted and page.receiver == "oncall"]
    assert acted + ends * MINUTE < again.at <= acted + (ends + 15) * MINUTE


class Outage(World):
    """A world in which the escalate function fails until an instant."""

    until = OPENED + 2 * HOUR

    def escalator(self):
        if OPENED + 2 * MINUTE < self.now < self.until:
            raise StoreError("the table answers nothing")
        return super().escalator()


def test_while_the_function_fails_executions_are_started_now_and_then_and_the_steps_are_taken_once():
    route = RouteSpec(receiver="team", group_by=("alertname",), repeat_interval=24 * HOUR)
    world = Outage(configuration(rule("Down"), route=route, receivers=PEOPLE, policies=[CLIMB]))
    world.metric_goes_bad("Down")
    world.advance(minutes=115)
    assert [page.receiver for page in world.pages] == ["team", "oncall"]
    assert len(restarts(world)) == 4, "one in half an hour"
    world.advance(hours=3)
    assert [page.receiver for page in world.pages[2:]] == ["boss", "lead", "second"]
    assert {page.at - world.until < MINUTE for page in world.pages[2:]} == {True}
    assert world._executions == {}
